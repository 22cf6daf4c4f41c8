# SPDX-License-Identifier: Apache-2.0
"""What an image is and what its bytecode can do, without loading or trusting it.

Called for `image inspect`.  Labels are what the publisher says; capabilities are found in the bytecode, which is
fetched for it where it is small, and never run.
"""

from __future__ import annotations

from bpfman.errors import ImageError, ObjectError
from bpfman.images.capability import capabilities_of
from bpfman.images.contents import Image, fetch_manifest, read_config, read_object, small_enough
from bpfman.images.labels import Labels, read_labels
from bpfman.images.manifest import Descriptor, ImageIndex, ImageManifest, parse_manifest
from bpfman.images.platform import Platform, byteorder_of, wanted_platform
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bpfman.images.bytecode import Bytecode
    from bpfman.images.capability import CapabilityManifest
    from bpfman.images.manifest import Document
    from bpfman.images.platform import ByteOrder
    from bpfman.images.transfer import Source

    ReadBytecode = Callable[[bytes, ByteOrder], Bytecode]

_ATTACHED = "vnd.docker.reference.type"  # what buildkit lists beside images: attestations
_MOST_FETCHED = 64  # platforms of one index; there are thirteen that BPF runs on


class Inspected(NamedTuple):
    """One image.  `capabilities` is None where its bytecode cannot be had or read; `problem` says why."""

    descriptor: Descriptor
    labels: Labels
    layers: tuple[Descriptor, ...]
    annotations: Mapping[str, str]
    capabilities: CapabilityManifest | None
    problem: str


class Inspection(NamedTuple):
    """What a name leads to: one image, or an index of several (`image` is None then)."""

    digest: str
    media_type: str
    annotations: Mapping[str, str]
    image: Inspected | None
    manifests: tuple[Inspected, ...]


def inspect(source: Source, read: ReadBytecode, environment: Mapping[str, str]) -> Inspection:
    """Look at the image that the source was opened for; `read` looks into an object.  Raises ImageError."""
    root = source.manifest()
    found = parse_manifest(root, f"the manifest of {source}")
    if isinstance(found, ImageIndex):
        images = tuple(_inspect_entry(source, entry, read) for entry in found.manifests[:_MOST_FETCHED])
        return Inspection(root.digest, found.media_type, found.annotations, None, images)
    described = _descriptor(root, found)
    platform = wanted_platform(environment)
    image = _inspect_image(source, described, Image(root, root, found), platform, read)
    return Inspection(root.digest, found.media_type, found.annotations, image, ())


def _inspect_entry(source: Source, entry: Descriptor, read: ReadBytecode) -> Inspected:
    document = fetch_manifest(source, entry)
    found = parse_manifest(document, f"manifest {entry.digest} of {source}")
    if isinstance(found, ImageIndex):
        return Inspected(entry, Labels(), (), found.annotations, None, "it is an index itself")
    if attached := entry.annotations.get(_ATTACHED):
        layers, annotations = found.layers, found.annotations
        return Inspected(entry, Labels(), layers, annotations, None, f"it is no image: {attached}")
    platform = entry.platform or Platform("linux", "")
    return _inspect_image(source, entry, Image(document, document, found), platform, read)


def _inspect_image(
    source: Source, described: Descriptor, image: Image, platform: Platform, read: ReadBytecode
) -> Inspected:
    labels = read_config(source, image.manifest)
    said = read_labels(labels)
    capabilities, problem = None, "its layer is larger than any bytecode"
    if small_enough(image.manifest):
        try:
            bytecode = read(read_object(source, image, labels, platform), byteorder_of(platform))
        except (ImageError, ObjectError) as error:
            problem = str(error)
        else:
            capabilities, problem = capabilities_of(bytecode), ""
            said = Labels(said.programs or bytecode.program_labels, said.maps or bytecode.map_labels)
    return Inspected(
        described, said, image.manifest.layers, image.manifest.annotations, capabilities, problem
    )


def _descriptor(document: Document, found: ImageManifest) -> Descriptor:
    return Descriptor(found.media_type, document.digest, len(document.data))
