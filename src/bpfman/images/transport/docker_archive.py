# SPDX-License-Identifier: Apache-2.0
"""What `docker save` and `podman save` write: manifest.json, a configuration, and layers as they are on a disk.

Called for `docker-archive:`, to read only.  Such an archive has no manifest with a digest, so one is made of what it
has: byte for byte the one that skopeo and podman make of it, down to calling the layers packed, which they are not.
"""

from __future__ import annotations

import json

from bpfman.errors import ImageNotFound, InvalidRequest, MalformedImage
from bpfman.images import documents, limits
from bpfman.images.digest import digest_of
from bpfman.images.manifest import DOCKER_CONFIG, DOCKER_LAYER_GZIP, DOCKER_MANIFEST, Document, document_of
from bpfman.images.reference import parse_reference
from bpfman.images.transfer import check_blob

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Self

    from bpfman.images.manifest import Descriptor
    from bpfman.images.transport.files import Archive

_LIST = "manifest.json"


class DockerArchive:
    """One archive, in `with`; `name` is a tag in it (`acme/meter:1.2`), or empty for the only image."""

    def __init__(self, files: Archive, name: str, what: str) -> None:
        self._files = files
        self._what = what
        self._paths: dict[str, str] = {}
        self._document = self._make_manifest(self._entry(name))

    def __str__(self) -> str:
        return self._what

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def manifest(self, version: str = "") -> Document:
        if version not in ("", self._document.digest):
            raise ImageNotFound(f"{self._what} has no manifest {version}")
        return self._document

    def blob(self, descriptor: Descriptor) -> bytes:
        if descriptor.digest not in self._paths:
            raise ImageNotFound(f"{self._what} has no blob {descriptor.digest}")
        data = self._files.read(self._paths[descriptor.digest], limits.MAX_BLOB)
        check_blob(data, descriptor, f"blob {descriptor.digest} of {self._what}")
        return data

    def referrers(self, digest: str) -> tuple[Descriptor, ...]:
        """None: such an archive has no place for them."""
        return ()

    def _entry(self, name: str) -> Mapping[str, Any]:
        where = f"{_LIST} of {self._what}"
        if not self._files.has(_LIST) and self._files.has("oci-layout"):
            raise ImageNotFound(
                f"{self._what} is not what `docker save` writes",
                f"it looks like an OCI layout: oci-archive:{self._files}",
            )
        rows = documents.read_objects(
            self._files.read(_LIST, limits.MAX_DOCUMENT), where, limits.MAX_MANIFESTS
        )
        found = [row for row in rows if not name or _full(name) in map(_full, _tags(row, where))]
        if len(found) != 1:
            tags = sorted(tag for row in rows for tag in _tags(row, where))
            count = f"has {len(found)} images" if found else f'has no image "{name}"' if name else "is empty"
            raise ImageNotFound(f"{self._what} {count}", f"it has {', '.join(tags) or 'none with a name'}")
        return found[0]

    def _make_manifest(self, entry: Mapping[str, Any]) -> Document:
        where = f"{_LIST} of {self._what}"
        layers = entry.get("Layers") or []
        if not isinstance(layers, list) or not all(isinstance(each, str) for each in layers):
            raise MalformedImage(f"{where}: 'Layers' is no array of strings")
        if len(layers) > limits.MAX_LAYERS:
            raise MalformedImage(f"{where}: {len(layers)} layers, more than {limits.MAX_LAYERS}")
        body = {
            "schemaVersion": 2,
            "mediaType": DOCKER_MANIFEST,
            "config": self._describe(documents.text(entry, "Config", where), DOCKER_CONFIG),
            "layers": [self._describe(each, DOCKER_LAYER_GZIP) for each in layers],
        }
        return document_of(json.dumps(body, separators=(",", ":")).encode(), DOCKER_MANIFEST)

    def _describe(self, path: str, media_type: str) -> dict[str, object]:
        data = self._files.read(path, limits.MAX_BLOB)
        digest = digest_of(data)
        self._paths[digest] = path
        return {"mediaType": media_type, "size": len(data), "digest": digest}


def _tags(row: Mapping[str, Any], where: str) -> list[str]:
    tags = row.get("RepoTags") or []
    if not isinstance(tags, list) or not all(isinstance(each, str) for each in tags):
        raise MalformedImage(f"{where}: 'RepoTags' is no array of strings")
    return tags


def _full(name: str) -> str:
    """Docker writes acme/meter:1.2 for what others call docker.io/acme/meter:1.2."""
    try:
        return str(parse_reference(name))
    except InvalidRequest:
        return name
