# SPDX-License-Identifier: Apache-2.0
"""Where signatures of images are: registries.d, as podman and skopeo read it (containers-registries.d(5)).

Called when policy.json asks for a signature.  All files of the first directory that exists count together; reading them
takes PyYAML, which is imported for it.
"""

from __future__ import annotations

import os

from bpfman.errors import ConfigurationError
from bpfman.images.home import home_of
from bpfman.images.policy.scopes import scopes_of
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bpfman.images.transport.location import Location

_SYSTEM = "/etc/containers/registries.d"
_ROOTS_LOOKASIDE = "file:///var/lib/containers/sigstore"
_HINT = "see containers-registries.d(5)"


class Namespace(NamedTuple):
    """What is said of a registry or a part of one; empty and None where nothing is said."""

    lookaside: str = ""
    attachments: bool | None = None


class Registries(NamedTuple):
    """registries.d as a whole; `home` is where signatures are looked for that nothing is said about."""

    directory: str
    default: Namespace
    namespaces: Mapping[str, Namespace]
    home: str

    def lookaside(self, location: Location) -> str:
        """The URL below which the signatures of simple signing are."""
        return next((each.lookaside for each in self._of(location) if each.lookaside), self.home)

    def attachments(self, location: Location) -> bool:
        """Whether sigstore's signatures in the registry are to be looked at."""
        return next((each.attachments for each in self._of(location) if each.attachments is not None), False)

    def _of(self, location: Location) -> Iterator[Namespace]:
        for name in scopes_of(location).names:
            if name in self.namespaces:
                yield self.namespaces[name]
        yield self.default


def read_registries(environment: Mapping[str, str]) -> Registries:
    """ConfigurationError for files that are not what they must be."""
    home = home_of(environment)
    own = f"{home}/.config/containers/registries.d"
    directory = own if os.path.isdir(own) else _SYSTEM
    lookaside = _ROOTS_LOOKASIDE if os.geteuid() == 0 else f"file://{home}/.local/share/containers/sigstore"
    default: Namespace | None = None
    namespaces: dict[str, Namespace] = {}
    for path in _files(directory):
        found = _read(path)
        if "default-docker" in found:
            if default is not None:
                raise ConfigurationError(
                    f"{path}: default-docker is in another file of {directory} too", _HINT
                )
            default = _namespace(found["default-docker"], f"{path}: default-docker")
        for name, each in _mapping(found.get("docker"), f"{path}: docker").items():
            if name in namespaces:
                raise ConfigurationError(
                    f"{path}: docker.{name} is in another file of {directory} too", _HINT
                )
            namespaces[name] = _namespace(each, f"{path}: docker.{name}")
    return Registries(directory, default or Namespace(), namespaces, lookaside)


def _files(directory: str) -> list[str]:
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigurationError(f"cannot read {directory}: {error.strerror}", _HINT) from None
    return [f"{directory}/{name}" for name in sorted(names) if name.endswith(".yaml")]


def _read(path: str) -> Mapping[str, object]:
    import yaml  # type: ignore[import-untyped]

    try:
        with open(path, "rb") as file:
            found = yaml.safe_load(file)
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}", _HINT) from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        raise ConfigurationError(f"{path} is not valid YAML: {' '.join(str(error).split())}", _HINT) from None
    return _mapping(found, path)


def _namespace(found: object, where: str) -> Namespace:
    fields = _mapping(found, where)
    attachments = fields.get("use-sigstore-attachments")
    if attachments is not None and not isinstance(attachments, bool):
        raise ConfigurationError(f"{where}: use-sigstore-attachments must be true or false", _HINT)
    lookaside = fields.get("lookaside") or fields.get("sigstore") or ""
    if not isinstance(lookaside, str):
        raise ConfigurationError(f"{where}: lookaside must be a URL", _HINT)
    return Namespace(lookaside, attachments)


def _mapping(found: object, where: str) -> Mapping[str, object]:
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise ConfigurationError(f"{where} must be a mapping", _HINT)
    return found
