# SPDX-License-Identifier: Apache-2.0
"""Reads policy.json, as strictly as containers/image does: what is not known makes the whole file an error.

Called once for a command.  Also finds the file, and which of its requirements an image is under.
"""

from __future__ import annotations

import os

from bpfman.errors import ConfigurationError, MalformedImage
from bpfman.images import documents
from bpfman.images.home import home_of
from bpfman.images.limits import read_file
from bpfman.images.policy.containers.fields import Fields
from bpfman.images.policy.containers.requirement import (
    ANYTHING,
    REJECT,
    SIGNED_BASE_LAYER,
    SIGNED_BY,
    SIGSTORE_SIGNED,
    Policy,
    Requirement,
)
from bpfman.images.policy.containers.signed import (
    read_signed_base_layer,
    read_signed_by,
    read_sigstore_signed,
)
from bpfman.images.policy.scopes import most_specific, scopes_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpfman.images.transport.location import Location

_SYSTEM = "/etc/containers/policy.json"
_MAX = 4 << 20  # bytes
_PATHS = ("oci", "oci-archive", "dir")  # transports whose scopes are absolute paths


def find_policy(environment: Mapping[str, str]) -> str | None:
    """The first that exists of the user's and the system's."""
    home = home_of(environment)
    places = (f"{home}/.config/containers/policy.json", _SYSTEM)
    return next((place for place in places if os.path.lexists(place)), None)


def read_policy(path: str) -> Policy:
    """ConfigurationError for what is no policy."""
    try:
        found = documents.read_object(read_file(path, _MAX), path)
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}", _HINT) from None
    except MalformedImage as error:
        raise ConfigurationError(str(error), _HINT) from None
    return parse_policy(found, path)


_HINT = "a policy that is there is enforced; see containers-policy.json(5)"


def parse_policy(found: object, path: str) -> Policy:
    top = Fields(found, path, path, ("default", "transports"))
    default = _requirements(top.required("default"), f"{path}: default", path)
    transports = top.mapping("transports")
    return Policy(path, default, {name: _scopes(name, scopes, path) for name, scopes in transports.items()})


def _scopes(transport: str, found: object, path: str) -> dict[str, tuple[Requirement, ...]]:
    where = f"{path}: transports.{transport}"
    if not isinstance(found, dict):
        raise ConfigurationError(f"{where} is no object", _HINT)
    for scope in found:
        _check_scope(transport, scope, where)
    return {scope: _requirements(each, f'{where}."{scope}"', path) for scope, each in found.items()}


def _check_scope(transport: str, scope: str, where: str) -> None:
    if scope == "":
        return
    if transport == "docker-archive":
        raise ConfigurationError(f'{where}: "{scope}" is no scope: this transport has only ""', _HINT)
    if transport in _PATHS and (
        not scope.startswith("/") or scope == "/" or os.path.normpath(scope) != scope
    ):
        raise ConfigurationError(
            f'{where}: "{scope}" is no scope', 'a path must be absolute, in its shortest form and not "/"'
        )


def _requirements(found: object, where: str, path: str) -> tuple[Requirement, ...]:
    if not isinstance(found, list) or not found:
        raise ConfigurationError(
            f"{where} must be an array of at least one requirement",
            f'to require nothing, write [{{"type": "{ANYTHING}"}}]',
        )
    return tuple(
        _requirement(each, f"{where}[{number}]" if len(found) > 1 else where, path)
        for number, each in enumerate(found)
    )


def _requirement(found: object, where: str, path: str) -> Requirement:
    kind = found.get("type") if isinstance(found, dict) else None
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ConfigurationError(
            f"{where} has the type {kind!r}, which is none", "types: " + ", ".join(map(str, _KINDS))
        )
    return _KINDS[kind](found, where, path)


def _plain(found: object, where: str, path: str) -> Requirement:
    return Requirement(Fields(found, where, path, ("type",)).text("type"))


_KINDS = {
    ANYTHING: _plain,
    REJECT: _plain,
    SIGNED_BY: read_signed_by,
    SIGNED_BASE_LAYER: read_signed_base_layer,
    SIGSTORE_SIGNED: read_sigstore_signed,
}


def requirements_for(policy: Policy, location: Location) -> tuple[str, tuple[Requirement, ...]]:
    """The requirements that an image is under, and where they are written."""
    scopes = scopes_of(location)
    rules = policy.transports.get(scopes.transport, {})
    found = most_specific(scopes, rules)
    if found is None and "" in rules:
        found = "", rules[""]
    if found is None:
        return f"default of {policy.file}", policy.default
    return f'transports.{scopes.transport}."{found[0]}" of {policy.file}', found[1]
