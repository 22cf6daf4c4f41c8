# SPDX-License-Identifier: Apache-2.0
"""Where an image is, as a person types it: a reference, or `oci:`, `oci-archive:` or `docker-archive:` and a path.

Called by every command that takes an image.  The names are those of skopeo and podman (containers-transports(5)).
"""

from __future__ import annotations

import os
from contextlib import contextmanager

from bpfman.errors import InvalidRequest
from bpfman.images.digest import is_digest
from bpfman.images.reference import Reference, parse_reference
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bpfman.images.registry.connection import Patience
    from bpfman.images.registry.credentials import Credentials
    from bpfman.images.registry.registry import Registry
    from bpfman.images.transfer import Progress, Source, Target
    from bpfman.images.transport.layout import Layout

LAYOUT, LAYOUT_ARCHIVE, DOCKER_ARCHIVE = "oci", "oci-archive", "docker-archive"
#: Where something of an image was read.
CACHE, REGISTRY, FILE = "cache", "registry", "file"
_FILES = (LAYOUT, LAYOUT_ARCHIVE, DOCKER_ARCHIVE)
# Where docker and podman keep images; only they can read it, and they write archives of it.
_STORES = {
    "containers-storage": ("podman save --format oci-archive -o FILE.tar IMAGE", LAYOUT_ARCHIVE),
    "docker-daemon": ("docker save -o FILE.tar IMAGE", DOCKER_ARCHIVE),
}


class Location(NamedTuple):
    """`reference` for a registry; otherwise `transport` and `path`, and the `name` of the image in there."""

    reference: Reference | None
    transport: str = ""
    path: str = ""
    name: str = ""

    @property
    def place(self) -> str:
        return FILE if self.reference is None else REGISTRY

    def __str__(self) -> str:
        if self.reference is not None:
            return str(self.reference)
        mark = "@" if is_digest(self.name) else ":" if self.name else ""
        return f"{self.transport}:{self.path}{mark}{self.name}"


class Access(NamedTuple):
    """How to get at a registry: whose credentials, by which environment, how patiently, telling whom how far it is and
    why it takes longer."""

    credentials: Credentials | None = None
    environment: Mapping[str, str] = os.environ
    patience: Patience | None = None
    progress: Progress | None = None
    notice: Callable[[str], None] | None = None


def parse_location(text: str) -> Location:
    """InvalidRequest for what is no image."""
    transport, colon, rest = text.partition(":")
    if colon and transport in _STORES:
        command, written = _STORES[transport]
        raise InvalidRequest(
            f'"{transport}:" cannot be read: only its own tools can',
            f"write an archive with `{command}` and name that: {written}:FILE.tar",
        )
    if not colon or transport not in _FILES:
        return Location(parse_reference(text))
    path, name = _split(rest)
    if not path:
        raise InvalidRequest(
            f'"{text}" names no path', f"write it as {transport}:PATH or {transport}:PATH:NAME"
        )
    return Location(None, transport, path, name)


def _split(rest: str) -> tuple[str, str]:
    """PATH, PATH:NAME or PATH@sha256:DIGEST; as with skopeo, a path has no colon."""
    path, at, digest = rest.partition("@sha256:")
    if at:
        return path, f"sha256:{digest}"
    path, _, name = rest.partition(":")
    return path, name


@contextmanager
def open_source(location: Location, access: Access) -> Iterator[Source]:
    """To read an image.  Nothing is asked of a registry before the first method is called."""
    if location.reference is not None:
        with _registry(location.reference, access) as registry:
            yield registry
    elif location.transport == DOCKER_ARCHIVE:
        from bpfman.images.transport.docker_archive import DockerArchive
        from bpfman.images.transport.files import Archive

        with DockerArchive(Archive(location.path), location.name, str(location)) as archive:
            yield archive
    else:
        with _layout(location, writing=False) as layout:
            yield layout


@contextmanager
def open_target(location: Location, access: Access) -> Iterator[Target]:
    """To write an image.  An archive is written when the block ends without an error."""
    if location.reference is not None:
        with _registry(location.reference, access) as registry:
            yield registry
    elif location.transport == DOCKER_ARCHIVE:
        raise InvalidRequest(
            f"{location} cannot be written",
            f"write {LAYOUT_ARCHIVE}:{location.path}, which podman and docker load",
        )
    else:
        with _layout(location, writing=True) as layout:
            layout.begin()
            yield layout


def _registry(reference: Reference, access: Access) -> Registry:
    from bpfman.images.registry.connection import Patience
    from bpfman.images.registry.registry import Registry

    return Registry(
        reference,
        credentials=access.credentials,
        environment=access.environment,
        patience=access.patience or Patience(),
        progress=access.progress,
        notice=access.notice,
    )


def _layout(location: Location, *, writing: bool) -> Layout:
    from bpfman.images.transport.files import Archive, Folder
    from bpfman.images.transport.layout import Layout

    archived = location.transport == LAYOUT_ARCHIVE
    files = Archive(location.path, missing_ok=writing) if archived else Folder(location.path)
    return Layout(files, location.name, str(location))
