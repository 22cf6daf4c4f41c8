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
from bpfman.images.manifest import INDEX_TYPES, Descriptor, ImageIndex, ImageManifest, parse_manifest
from bpfman.images.platform import Platform, byteorder_of, wanted_platform
from bpfman.images.transport.location import REGISTRY
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
    """What a name leads to: one image, or an index of several (`image` is None then).

    `source` is where that was read; from the cache, `pulled_at` is the Unix time at which the registry said so."""

    digest: str
    media_type: str
    annotations: Mapping[str, str]
    image: Inspected | None
    manifests: tuple[Inspected, ...]
    source: str = REGISTRY
    pulled_at: int | None = None


def inspect(source: Source, read: ReadBytecode, environment: Mapping[str, str]) -> Inspection:
    """Look at the image that the source was opened for; `read` looks into an object.  Raises ImageError."""
    root = source.manifest()
    found = parse_manifest(root, f"the manifest of {source}")
    if isinstance(found, ImageIndex):
        images = tuple(_inspect_entry(source, entry, read) for entry in found.manifests[:_MOST_FETCHED])
        return Inspection(root.digest, found.media_type, found.annotations, None, images)
    described = descriptor_of(root, found)
    platform = wanted_platform(environment)
    image = _inspect_image(source, described, Image(root, root, found), platform, read)
    return Inspection(root.digest, found.media_type, found.annotations, image, ())


def not_looked_into(entry: Descriptor) -> str:
    """Why what an index lists is no image, by what the index says of it; empty for an image."""
    if entry.media_type in INDEX_TYPES:
        return "it is an index itself"
    attached = entry.annotations.get(_ATTACHED)
    return f"it is no image: {attached}" if attached else ""


def _inspect_entry(source: Source, entry: Descriptor, read: ReadBytecode) -> Inspected:
    document = fetch_manifest(source, entry)
    found = parse_manifest(document, f"manifest {entry.digest} of {source}")
    if isinstance(found, ImageIndex):
        return Inspected(entry, Labels(), (), found.annotations, None, "it is an index itself")
    if problem := not_looked_into(entry):
        return Inspected(entry, Labels(), found.layers, found.annotations, None, problem)
    platform = entry.platform or Platform("linux", "")
    return _inspect_image(source, entry, Image(document, document, found), platform, read)


def _inspect_image(
    source: Source, described: Descriptor, image: Image, platform: Platform, read: ReadBytecode
) -> Inspected:
    labels = read_config(source, image.manifest)
    said = read_labels(labels)
    if not small_enough(image.manifest):
        problem = "its layer is larger than any bytecode"
        return Inspected(described, said, image.manifest.layers, image.manifest.annotations, None, problem)
    order = byteorder_of(platform)
    return looked_into(
        described, image.manifest, said, lambda: read(read_object(source, image, labels, platform), order)
    )


def looked_into(
    described: Descriptor, manifest: ImageManifest, said: Labels, bytecode: Callable[[], Bytecode]
) -> Inspected:
    """An image with what its bytecode can do; what nobody `said` of it, that says too."""
    capabilities, problem = None, ""
    try:
        found = bytecode()
    except (ImageError, ObjectError) as error:
        problem = str(error)
    else:
        capabilities = capabilities_of(found)
        said = Labels(said.programs or found.program_labels, said.maps or found.map_labels)
    return Inspected(described, said, manifest.layers, manifest.annotations, capabilities, problem)


def descriptor_of(document: Document, found: ImageManifest) -> Descriptor:
    return Descriptor(found.media_type, document.digest, len(document.data))
