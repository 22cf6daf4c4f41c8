# SPDX-License-Identifier: Apache-2.0
"""From what a reference names to the bytecode for one platform: index, manifest, configuration, layer.

Called by whatever pulls or inspects, with a source to read from.  Also knows the artifacts of other eBPF tools, which
hold an object as it is, under a media type of their own.
"""

from __future__ import annotations

from bpfman.errors import ImageError, MalformedImage, NoBytecode, PlatformMissing
from bpfman.images import documents, limits
from bpfman.images.labels import read_labels
from bpfman.images.layer import object_in
from bpfman.images.manifest import (
    DOCKER_CONFIG,
    INDEX_TYPES,
    MANIFEST_TYPES,
    OCI_CONFIG,
    Document,
    ImageIndex,
    ImageManifest,
    parse_manifest,
)
from bpfman.images.platform import Platform, byteorder_of
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpfman.images.manifest import Descriptor
    from bpfman.images.transfer import Source

_CONFIG_TYPES = (OCI_CONFIG, DOCKER_CONFIG)
# Inspektor Gadget (pkg/oci/build.go) and BumbleBee (pkg/spec, and its releases before 0.0.10).
_OBJECT_TYPES = (
    "application/vnd.gadget.ebpf.program.v1+binary",
    "application/ebpf.oci.image.program.v1+binary",
    "binary/ebpf.solo.io.v1",
    "ebpf.solo.io.progfile/v1",
)


class Image(NamedTuple):
    """An image for one platform: `root` is what the reference names (an index, perhaps), `document` the image's own."""

    root: Document
    document: Document
    manifest: ImageManifest

    @property
    def digest(self) -> str:
        return self.document.digest


def resolve(source: Source, platform: Platform, root: Document | None = None) -> Image:
    """The image of that platform.  PlatformMissing lists what there is instead."""
    root = root or source.manifest()
    search = _Search(source, platform)
    found = search.image(root, 0)
    if found is None:
        raise PlatformMissing(
            f"no {platform.os}/{platform.architecture} manifest found in image index {source}",
            f"it has {', '.join(sorted(search.platforms)) or 'none for Linux'}",
        )
    return Image(root, *found)


class _Search:
    """The way from an index, which may list others, to the image of a platform; `platforms` are those that it saw."""

    def __init__(self, source: Source, platform: Platform) -> None:
        self._source = source
        self._platform = platform
        self._left = limits.MAX_INDEXES
        self.platforms: set[str] = set()

    def image(self, document: Document, depth: int) -> tuple[Document, ImageManifest] | None:
        found = parse_manifest(document, f"the manifest of {self._source}")
        if isinstance(found, ImageManifest):
            return document, found
        self._left -= 1
        if depth == limits.MAX_INDEX_DEPTH or self._left < 0:
            raise MalformedImage(
                f"{self._source} is an index of indexes, more than {limits.MAX_INDEX_DEPTH} deep or"
                f" {limits.MAX_INDEXES} in all"
            )
        for entry in self._candidates(found):
            image = self.image(fetch_manifest(self._source, entry), depth + 1)
            if image is not None:
                return image
        return None

    def _candidates(self, index: ImageIndex) -> list[Descriptor]:
        """The entry for the platform; its variant decides only where there are several.

        Where there is none, what is for no platform in particular: indexes, and an image that is the only one."""
        self.platforms |= {
            str(each.platform) for each in index.manifests if each.platform and each.platform.os == "linux"
        }
        found = [
            each for each in index.manifests if each.platform and each.platform[:2] == self._platform[:2]
        ]
        exact = [each for each in found if each.platform and each.platform.variant == self._platform.variant]
        if found:
            return [*exact, *found][:1]
        others = [each for each in index.manifests if each.platform is None and not each.artifact_type]
        images = [each for each in others if each.media_type in MANIFEST_TYPES]
        return [each for each in others if each.media_type in INDEX_TYPES] + (
            images if len(images) == 1 else []
        )


def fetch_manifest(source: Source, descriptor: Descriptor) -> Document:
    """A manifest that an index lists."""
    document = source.manifest(descriptor.digest)
    if len(document.data) != descriptor.size:
        raise MalformedImage(
            f"the manifest {descriptor.digest} has {len(document.data)} bytes, its index says {descriptor.size}"
        )
    return document._replace(media_type=document.media_type or descriptor.media_type)


def read_config(source: Source, manifest: ImageManifest) -> Mapping[str, str]:
    """The labels of an image's configuration; none for an artifact, whose configuration is something else."""
    if manifest.config.media_type not in _CONFIG_TYPES:
        return {}
    where = f"the configuration of {source}"
    found = documents.read_object(source.blob(manifest.config), where)
    return documents.strings(documents.object_at(found, "config", where), "Labels", where)


def layer_of(manifest: ImageManifest, where: str) -> Descriptor:
    """The blob with the object: an artifact's, else the first layer.  NoBytecode where there is none."""
    if not manifest.layers:
        raise NoBytecode(f"image has no layers: {where}")
    objects = [each for each in manifest.layers if each.media_type in _OBJECT_TYPES]
    if len(objects) > 1:
        raise MalformedImage(f"{where} has {len(objects)} objects of {objects[0].media_type}, expected one")
    return next(iter([*objects, *manifest.layers]))


def read_object(source: Source, image: Image, labels: Mapping[str, str], platform: Platform) -> bytes:
    """The object's bytes, not yet looked into."""
    layer = layer_of(image.manifest, str(source))
    what = f"layer {layer.digest[:19]} of {source}"
    filename = read_labels(labels).filename
    return object_in(source.blob(layer), byteorder_of(platform), filename, what)


def small_enough(manifest: ImageManifest) -> bool:
    """Whether there is any use in fetching the layer: an ordinary container image's may be a gigabyte."""
    try:
        return layer_of(manifest, "").size <= limits.MAX_BLOB
    except ImageError:
        return False
