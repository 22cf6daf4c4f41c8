# SPDX-License-Identifier: Apache-2.0
"""Whether what stands as `scope` in [signing] can match any image at all.

Called for each scope: one that matches nothing would leave the images it is about to weaker rules, unnoticed.
"""

from __future__ import annotations

import re

from bpfman.images.reference import DOCKER_HUB, parse_reference

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.images.policy.table import Table

_LABEL = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"
_DOMAIN = rf"{_LABEL}(?:\.{_LABEL})*"
_WILDCARD = re.compile(rf"\*\.{_DOMAIN}")
_REGISTRY = re.compile(rf"(?:{_DOMAIN}|\[[0-9a-f:.]+\])(?::[0-9]{{1,5}})?")
_FILES = ("oci", "oci-archive", "docker-archive")
_FORMS = (
    "a scope is a registry, the beginning of a repository's name up to a slash, a repository, an image with its tag or "
    "digest, *.DOMAIN, or oci:PATH"
)


def check_scope(scope: str, table: Table) -> str:
    """The scope, in the form in which images are looked up.  ConfigurationError for one that no image is in."""
    transport, colon, path = scope.partition(":")
    if colon and transport in _FILES:
        return f"{transport}:{_check_path(scope, path, table)}"
    if _WILDCARD.fullmatch(scope.lower()):
        return scope.lower()
    registry, slash, rest = scope.partition("/")
    return (
        f"{_check_registry(scope, registry, table)}{slash}{_check_rest(scope, rest, table) if slash else ''}"
    )


def _check_path(scope: str, path: str, table: Table) -> str:
    import os

    if path and (not path.startswith("/") or os.path.normpath(path) != path or path == "/"):
        raise table.wrong(
            f'{table.name}: "{scope}" is no scope', "its path must be absolute and in its shortest form"
        )
    if path and scope.startswith("docker-archive:"):
        raise table.wrong(
            f'{table.name}: "{scope}" is no scope', "archives of docker have one scope: docker-archive:"
        )
    return path


def _check_registry(scope: str, registry: str, table: Table) -> str:
    found = registry.lower().removesuffix(":443")
    if not _REGISTRY.fullmatch(found):
        raise table.wrong(f'{table.name}: "{scope}" is no scope', _FORMS)
    if not any(mark in found for mark in ".:[") and found != "localhost":
        hint = f'repositories of Docker Hub are written in full: "{DOCKER_HUB}/{scope}"'
        raise table.wrong(f'{table.name}: "{scope}" begins with no registry', hint)
    if found in ("index.docker.io", "registry-1.docker.io"):
        raise table.wrong(f'{table.name}: "{scope}" is known by another name', f'write "{DOCKER_HUB}"')
    return found


def _check_rest(scope: str, rest: str, table: Table) -> str:
    """A repository or a part of one, perhaps with a tag or digest: a reference must be able to begin like that."""
    from bpfman.errors import InvalidRequest

    try:
        found = parse_reference(f"a.example/{rest}")
    except InvalidRequest as error:
        raise table.wrong(f'{table.name}: "{scope}" is no scope: {error}', _FORMS) from None
    if found.digest and str(found) != f"a.example/{rest}":
        raise table.wrong(f'{table.name}: "{scope}" has a tag and a digest', "leave out the tag")
    return rest
