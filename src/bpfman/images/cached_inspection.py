# SPDX-License-Identifier: Apache-2.0
"""What is known of an image without a network: an inspection by what the cache keeps.

Called for `image inspect`.  The cache has manifests by their digests and the object of each platform that was pulled;
of an index's other platforms it has what the index says.  Nothing is fetched.
"""

from __future__ import annotations

from bpfman.images.inspecting import (
    Inspected,
    Inspection,
    descriptor_of,
    looked_into,
    not_looked_into,
)
from bpfman.images.labels import Labels
from bpfman.images.manifest import ImageIndex, ImageManifest, parse_manifest
from bpfman.images.platform import Platform, byteorder_of
from bpfman.images.reference import parse_reference
from bpfman.images.transport.location import CACHE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.images.cache import Cache, Entry
    from bpfman.images.inspecting import ReadBytecode
    from bpfman.images.manifest import Descriptor
    from bpfman.images.reference import Reference

_ELSEWHERE = "it is not in the cache: `bpfman image inspect --pull-policy Always` asks the registry"


def inspect_cached(
    cache: Cache, reference: Reference, platform: Platform, read: ReadBytecode
) -> Inspection | None:
    """What the cache has under that name, for that platform before others; None for what is not there, or damaged.

    A digest is that of an index or of a platform's own manifest, and of the same repository under whatever tag.
    CacheError where the cache cannot be read."""
    entries = cache.entries()
    entry = remembered(entries, reference, platform)
    if entry is None:
        return None
    digest = reference.digest or entry.root
    root = cache.root(entry) if digest == entry.root else cache.document(digest)
    if root is None:
        return None
    known = {each.digest: each for each in entries if digest in (each.digest, each.root)}
    found = parse_manifest(root, f"the manifest of {reference}")
    if isinstance(found, ImageIndex):
        images = tuple(_listed(cache, each, known.get(each.digest), read) for each in found.manifests)
        return Inspection(digest, found.media_type, found.annotations, None, images, CACHE, entry.pulled_at)
    image = _image(cache, known[digest], descriptor_of(root, found), read)
    if image is None:
        return None
    return Inspection(digest, found.media_type, found.annotations, image, (), CACHE, entry.pulled_at)


def remembered(entries: list[Entry], reference: Reference, platform: Platform) -> Entry | None:
    """The entry that a name means: that of the platform, else the one that was pulled last."""
    found = [each for each in entries if _is(each, reference)]
    return max(found, key=lambda each: (each.platform == str(platform), each.pulled_at), default=None)


def _is(entry: Entry, reference: Reference) -> bool:
    if not reference.digest:
        return entry.reference == str(reference)
    known = reference.digest in (entry.digest, entry.root)
    return known and parse_reference(entry.reference).name == reference.name


def _listed(cache: Cache, listed: Descriptor, entry: Entry | None, read: ReadBytecode) -> Inspected:
    """What is known of one image of an index."""
    found = _image(cache, entry, listed, read) if entry else None
    return found or Inspected(listed, Labels(), (), {}, None, not_looked_into(listed) or _ELSEWHERE)


def _image(cache: Cache, entry: Entry, described: Descriptor, read: ReadBytecode) -> Inspected | None:
    document, data = cache.document(entry.digest), cache.object(entry, used=False)
    if document is None or data is None:
        return None
    manifest = parse_manifest(document, f"manifest {entry.digest} of {entry.reference}")
    assert isinstance(manifest, ImageManifest), "an entry's own digest is an image's"
    order = byteorder_of(Platform(*entry.platform.split("/", 2)))
    return looked_into(described, manifest, Labels(entry.programs, entry.maps), lambda: read(data, order))
