# SPDX-License-Identifier: Apache-2.0
"""Images for tests, made by hand: as other tools write them, and as nobody should."""

from __future__ import annotations

import gzip
import io
import json
import tarfile

from bpfman.images.digest import digest_of
from bpfman.images.manifest import OCI_CONFIG, OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST, Descriptor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.images.small_registry import SmallRegistry


def described(data: bytes, media_type: str, **more: object) -> dict[str, object]:
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data), **more}


def descriptor(data: bytes, media_type: str = "application/octet-stream") -> Descriptor:
    return Descriptor(media_type, digest_of(data), len(data))


def tar(entries: Mapping[str, bytes] | Sequence[tarfile.TarInfo], format: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar archive of files by name, or of whatever entries."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=format) as archive:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry, io.BytesIO(b"x" * entry.size))
            else:
                info = tarfile.TarInfo(entry)
                info.size = len(entries[entry])  # type: ignore[call-overload]
                archive.addfile(info, io.BytesIO(entries[entry]))  # type: ignore[call-overload]
    return buffer.getvalue()


def layer(data: bytes, name: str = "meter.o") -> bytes:
    return gzip.compress(tar({name: data}), mtime=0)


def config(labels: Mapping[str, str] = {}, architecture: str = "amd64") -> bytes:
    return json.dumps(
        {"architecture": architecture, "os": "linux", "config": {"Labels": dict(labels)}}
    ).encode()


def manifest(
    layers: Sequence[bytes], configuration: bytes, layer_type: str = OCI_LAYER_GZIP, **more: object
) -> bytes:
    body = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": described(configuration, OCI_CONFIG),
        "layers": [described(each, layer_type) for each in layers],
        **more,
    }
    return json.dumps(body).encode()


def index(manifests: Sequence[tuple[bytes, str]], **more: object) -> bytes:
    """An index of manifests, each with its architecture."""
    rows = [
        described(data, OCI_MANIFEST, platform={"os": "linux", "architecture": name})
        for data, name in manifests
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": rows, **more}).encode()


def put_image(
    registry: SmallRegistry, data: bytes, repository: str = "acme/meter", tag: str = "latest",
    labels: Mapping[str, str] = {}, blob: bytes | None = None,
) -> str:  # fmt: skip
    """Put an image of one object into a registry; gives the manifest's digest."""
    blob = layer(data) if blob is None else blob
    configuration = config(labels)
    for each in (blob, configuration):
        registry.add(each)
    return registry.put(repository, tag, OCI_MANIFEST, manifest([blob], configuration))
