# SPDX-License-Identifier: Apache-2.0
"""The documents of an image: layer, configuration and manifest for each platform, an index over several.

Called with objects that were read and checked.  Everything is made in memory; `publish` writes it in an order
in which nobody ever sees a part of it under the image's name.
"""

from __future__ import annotations

import os
import time

from bpfman.errors import InvalidRequest
from bpfman.images import documents
from bpfman.images.building.inputs import Input
from bpfman.images.bytecode import Bytecode
from bpfman.images.capability import capabilities_of
from bpfman.images.compression import pack
from bpfman.images.digest import digest_of
from bpfman.images.labels import make_labels
from bpfman.images.manifest import (
    OCI_CONFIG,
    OCI_EMPTY,
    OCI_INDEX,
    OCI_LAYER_GZIP,
    OCI_MANIFEST,
    Descriptor,
    Document,
    document_of,
)
from bpfman.images.platform import Platform, host_architecture
from bpfman.images.tar import write_tar
from bpfman.images.transfer import as_json
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from bpfman.images.transfer import Target

_LATEST = (1 << 33) - 1  # what a tar header holds, in seconds
_EMPTY = b"{}"


class ObjectFile(NamedTuple):
    """An object to be put into an image."""

    input: Input
    data: bytes
    bytecode: Bytecode

    @property
    def name(self) -> str:
        return os.path.basename(self.input.path)

    @property
    def platform(self) -> Platform:
        return Platform(
            "linux", self.input.architecture.name if self.input.architecture else host_architecture()
        )


class Blob(NamedTuple):
    descriptor: Descriptor
    data: bytes


class Part(NamedTuple):
    """One platform's image, or something that refers to one."""

    document: Document
    blobs: tuple[Blob, ...]

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(self.document.media_type, self.document.digest, len(self.document.data))


class Built(NamedTuple):
    """An image: `root` is what its name will lead to, one of `parts` or an index over them."""

    root: Document
    parts: tuple[Part, ...]
    referrers: tuple[Part, ...] = ()


def source_date(environment: Mapping[str, str]) -> int:
    """The one time in an image: SOURCE_DATE_EPOCH, or 0.  InvalidRequest for what is none."""
    text = environment.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return 0
    if not (text.isascii() and text.isdigit()) or int(text) > _LATEST:
        raise InvalidRequest(f'SOURCE_DATE_EPOCH is "{text[:40]}", expected seconds since 1970')
    return int(text)


def assemble(objects: Sequence[ObjectFile], annotations: Mapping[str, str], date: int) -> Built:
    """The image of some objects, one a platform; an index if there are several."""
    parts = tuple(_part(each, annotations, date) for each in objects)
    if len(parts) == 1:
        return Built(parts[0].document, parts)
    rows = [
        as_json(part.descriptor._replace(platform=each.platform))
        for part, each in zip(parts, objects, strict=True)
    ]
    index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": rows, **_annotations(annotations)}
    return Built(document_of(documents.dump(index), OCI_INDEX), parts)


def _part(each: ObjectFile, annotations: Mapping[str, str], date: int) -> Part:
    archive = write_tar([(each.name, each.data)], date)
    layer = blob_of(pack(archive), OCI_LAYER_GZIP)
    config = blob_of(documents.dump(_config(each, digest_of(archive), date)), OCI_CONFIG)
    body = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": as_json(config.descriptor),
        "layers": [as_json(layer.descriptor)],
        **_annotations(annotations),
    }
    return Part(document_of(documents.dump(body), OCI_MANIFEST), (layer, config))


def _config(each: ObjectFile, layer: str, date: int) -> dict[str, Any]:
    code = each.bytecode
    labels = make_labels(code.program_labels, code.map_labels, capabilities_of(code).dump())
    created = rfc3339(date)
    return {
        "architecture": each.platform.architecture,
        "os": each.platform.os,
        "created": created,
        "config": {"Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": [layer]},
        "history": [{"created": created, "created_by": "bpfman image build"}],
    }


def referrer(subject: Part, data: bytes, media_type: str) -> Part:
    """An artifact of one blob that refers to an image, as the image specification recommends it (manifest.md)."""
    blob, config = blob_of(data, media_type), blob_of(_EMPTY, OCI_EMPTY)
    body = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": media_type,
        "config": as_json(config.descriptor),
        "layers": [as_json(blob.descriptor)],
        "subject": as_json(subject.descriptor),
    }
    return Part(document_of(documents.dump(body), OCI_MANIFEST), (blob, config))


def publish(built: Built, target: Target) -> None:
    """Write an image: blobs, then manifests by their digests, then what refers to them; its name comes last."""
    for part in (*built.parts, *built.referrers):
        for blob in part.blobs:
            target.put_blob(*blob)
        target.put_manifest(part.document)
    target.put_root(built.root)


def blob_of(data: bytes, media_type: str) -> Blob:
    return Blob(Descriptor(media_type, digest_of(data), len(data)), data)


def rfc3339(date: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(date))


def _annotations(annotations: Mapping[str, str]) -> dict[str, Any]:
    return {"annotations": dict(annotations)} if annotations else {}
