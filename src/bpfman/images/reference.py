# SPDX-License-Identifier: Apache-2.0
"""References: `registry/repository:tag` and `…@sha256:…`, as people type them, completed.

Called with what a person typed before anything is asked of a registry.  The grammar and the defaults are those of the
OCI distribution specification and of Docker (distribution/reference): a first part with a dot, a colon or the name
localhost is a registry, anything else lies on Docker Hub; no tag means `latest`.
"""

from __future__ import annotations

import re

from bpfman.errors import InvalidRequest
from bpfman.images.digest import is_digest
from bpfman.model.value import NamedTuple

DOCKER_HUB = "docker.io"
_HUB_NAMES = ("docker.io", "index.docker.io", "registry-1.docker.io")
_HUB_HOST = "registry-1.docker.io"

_LONGEST_NAME = 255
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_REGISTRY = re.compile(rf"(?P<host>{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{{1,5}}))?")
_FORMS = "write it as REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@sha256:DIGEST"


class Reference(NamedTuple):
    """An image in a registry.  `digest` is empty for a tag, `tag` is empty for a digest, which decides alone."""

    registry: str  # host, or host:port
    repository: str
    tag: str
    digest: str

    def __str__(self) -> str:
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag}"

    @property
    def name(self) -> str:
        return f"{self.registry}/{self.repository}"

    @property
    def host(self) -> str:
        """Where the registry's API is, with its port if it has one."""
        return _HUB_HOST if self.registry == DOCKER_HUB else self.registry

    @property
    def version(self) -> str:
        """The tag or digest that the registry is asked for."""
        return self.digest or self.tag

    def at(self, version: str) -> Reference:
        """Another tag or digest of the same repository."""
        return (
            self._replace(tag="", digest=version)
            if is_digest(version)
            else self._replace(tag=version, digest="")
        )


def parse_reference(text: str) -> Reference:
    """The completed form of what was typed; InvalidRequest says which part is wrong."""
    if is_digest(text):
        raise _invalid(text, "it is a digest, of no repository")
    name, at, digest = text.removeprefix("docker://").partition("@")
    if at and not is_digest(digest):
        raise _invalid(text, f'"{digest}" is no digest (sha256: and 64 hexadecimal digits)')
    name, tag = _split_tag(name)
    if tag is not None and not _TAG.fullmatch(tag):
        raise _invalid(text, f'"{tag}" is no tag')
    registry, repository = _complete(text, name)
    return Reference(registry, repository, "" if digest else tag or "latest", digest)


def is_loopback(registry: str) -> bool:
    """Whether `host[:port]` is this very machine by its name: localhost, 127.0.0.0/8 or ::1.

    Names are not looked up: whoever answers for a name could make it mean this machine."""
    host = _host_of(registry).lower()
    if host in ("localhost", "::1") or host.endswith(".localhost"):
        return True
    parts = host.split(".")
    return len(parts) == 4 and parts[0] == "127" and all(p.isdigit() and int(p) < 256 for p in parts)


def _host_of(registry: str) -> str:
    if registry.startswith("["):
        return registry[1:].partition("]")[0]
    return registry.partition(":")[0]


def _split_tag(name: str) -> tuple[str, str | None]:
    """A colon before a slash belongs to a port."""
    before, colon, after = name.rpartition(":")
    return (before, after) if colon and "/" not in after else (name, None)


def _complete(text: str, name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    if not slash or not _is_registry(first):
        registry, repository = DOCKER_HUB, name
    else:
        registry, repository = _check_registry(text, first), rest
    if registry == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    if not _REPOSITORY.fullmatch(repository):
        raise _invalid(text, _about_repository(repository.removeprefix("library/")))
    if len(registry) + 1 + len(repository) > _LONGEST_NAME:
        raise _invalid(text, f"its name is longer than {_LONGEST_NAME} characters")
    return registry, repository


def _is_registry(part: str) -> bool:
    return "." in part or ":" in part or part == "localhost" or part != part.lower()


def _check_registry(text: str, registry: str) -> str:
    found = _REGISTRY.fullmatch(registry)
    if not found or int(found["port"] or 1) not in range(1, 65536):
        raise _invalid(text, f'"{registry}" is no registry (HOST or HOST:PORT)')
    return DOCKER_HUB if registry in _HUB_NAMES else registry


def _about_repository(repository: str) -> str:
    if not repository:
        return "it names no repository"
    if repository != repository.lower():
        return f'"{repository}" has capital letters, which repositories cannot have'
    return f'"{repository}" is no repository'


def _invalid(text: str, why: str) -> InvalidRequest:
    return InvalidRequest(f'invalid image reference "{text}": {why}', _hint(text))


def _hint(text: str) -> str:
    """What was meant, perhaps, by something else that names images."""
    scheme, separator, rest = text.partition("://")
    if separator and scheme in ("http", "https"):
        return f"without {scheme}://: {rest}"
    if text.startswith(("/", "./", "../", "~")):
        return "a file is written with its format: oci-archive:FILE, docker-archive:FILE or oci:DIRECTORY"
    return _FORMS
