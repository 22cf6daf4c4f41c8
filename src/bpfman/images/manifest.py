# SPDX-License-Identifier: Apache-2.0
"""Manifests and indexes, of OCI and of Docker (schema 2), as values.

Called with bytes whose digest was checked.  A document must be one thing: what could be read as a manifest by one
program and as an index by another (CVE-2021-41190) is refused, and so is a media type that differs between the
registry's header and the document.

Formats: OCI image specification 1.1 (manifest.md, image-index.md, descriptor.md); Docker Image Manifest V2, Schema 2.
"""

from __future__ import annotations

from bpfman.errors import MalformedImage
from bpfman.images import documents, limits
from bpfman.images.digest import digest_of, parse_digest, shown
from bpfman.images.platform import Platform
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER_GZIP = "application/vnd.docker.image.rootfs.diff.tar.gzip"
_DOCKER_OLD = "application/vnd.docker.distribution.manifest.v1"

MANIFEST_TYPES = (OCI_MANIFEST, DOCKER_MANIFEST)
INDEX_TYPES = (OCI_INDEX, DOCKER_LIST)
ACCEPTED_TYPES = (*MANIFEST_TYPES, *INDEX_TYPES)
# What a server says that does not know; then the document decides.
_UNTYPED = ("", "application/json", "application/octet-stream", "text/plain", "binary/octet-stream")


class Document(NamedTuple):
    """A manifest or index as it came: its bytes, what they are said to be, and their digest."""

    data: bytes
    media_type: str
    digest: str


class Descriptor(NamedTuple):
    """What a manifest or index says of something else.  `size` is bytes."""

    media_type: str
    digest: str
    size: int
    platform: Platform | None = None
    annotations: Mapping[str, str] = {}
    artifact_type: str = ""

    def __str__(self) -> str:
        return self.digest


class ImageManifest(NamedTuple):
    """One image: a configuration and its layers, the lowest first."""

    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    annotations: Mapping[str, str]
    artifact_type: str
    subject: Descriptor | None


class ImageIndex(NamedTuple):
    """Several images, usually one a platform."""

    media_type: str
    manifests: tuple[Descriptor, ...]
    annotations: Mapping[str, str]
    subject: Descriptor | None


def document_of(data: bytes, media_type: str) -> Document:
    """A document that we made, or that has no digest but the one it has."""
    return Document(data, media_type, digest_of(data))


def parse_manifest(document: Document, where: str) -> ImageManifest | ImageIndex:
    """The manifest or index in a document; `where` names it in errors.  MalformedImage says what is wrong."""
    found = documents.read_object(document.data, where)
    media_type = _media_type(found, document.media_type, where)
    if documents.integer(found, "schemaVersion", where) != 2:
        raise MalformedImage(f"{where} has schemaVersion {found['schemaVersion']}, expected 2", _OLD_HINT)
    if media_type in INDEX_TYPES:
        return _parse_index(found, media_type, where)
    return _parse_image(found, media_type, where)


_OLD_HINT = "it was pushed by a Docker of 2017 or older: pull it with one of today and push it again"


def _media_type(found: Mapping[str, Any], header: str, where: str) -> str:
    """What the document is, by its own word and the server's, which must agree."""
    own = documents.text(found, "mediaType", where, "")
    header = header.partition(";")[0].strip().lower()
    if header.startswith(_DOCKER_OLD):
        raise MalformedImage(f"{where} is in Docker's schema 1, which is no longer read", _OLD_HINT)
    if own and header not in _UNTYPED and own != header:
        raise MalformedImage(f"{where} says that it is {shown(own)}, the registry says {shown(header)}")
    media_type = own or ("" if header in _UNTYPED else header)
    shape = _shape(found, where)
    if media_type == "":
        return shape
    if media_type not in ACCEPTED_TYPES:
        raise MalformedImage(f"{where} is {shown(media_type)}, expected an image manifest or index")
    if (media_type in INDEX_TYPES) != (shape == OCI_INDEX):
        raise MalformedImage(f"{where} is {shown(media_type)} and has the contents of the other sort")
    return media_type


def _shape(found: Mapping[str, Any], where: str) -> str:
    is_index, is_image = "manifests" in found, "layers" in found or "config" in found
    if is_index == is_image:
        what = "both manifests and layers" if is_index else "neither manifests nor layers"
        raise MalformedImage(f"{where} has {what}")
    return OCI_INDEX if is_index else OCI_MANIFEST


def _parse_image(found: Mapping[str, Any], media_type: str, where: str) -> ImageManifest:
    layers = documents.objects(found, "layers", where, limits.MAX_LAYERS)
    return ImageManifest(
        media_type,
        parse_descriptor(documents.object_at(found, "config", where), f"{where}: config"),
        tuple(parse_descriptor(layer, f"{where}: layer {number}") for number, layer in enumerate(layers)),
        documents.strings(found, "annotations", where),
        documents.text(found, "artifactType", where, ""),
        _subject(found, where),
    )


def _parse_index(found: Mapping[str, Any], media_type: str, where: str) -> ImageIndex:
    entries = documents.objects(found, "manifests", where, limits.MAX_MANIFESTS)
    return ImageIndex(
        media_type,
        tuple(parse_descriptor(entry, f"{where}: manifest {number}") for number, entry in enumerate(entries)),
        documents.strings(found, "annotations", where),
        _subject(found, where),
    )


def _subject(found: Mapping[str, Any], where: str) -> Descriptor | None:
    subject = documents.object_at(found, "subject", where)
    return parse_descriptor(subject, f"{where}: subject") if subject else None


def parse_descriptor(found: Mapping[str, Any], where: str) -> Descriptor:
    platform = documents.object_at(found, "platform", where)
    return Descriptor(
        documents.text(found, "mediaType", where),
        parse_digest(found.get("digest"), where),
        documents.integer(found, "size", where),
        parse_platform(platform, where) if platform else None,
        documents.strings(found, "annotations", where),
        documents.text(found, "artifactType", where, ""),
    )


def parse_platform(found: Mapping[str, Any], where: str) -> Platform:
    return Platform(*(documents.text(found, key, where, "") for key in ("os", "architecture", "variant")))
