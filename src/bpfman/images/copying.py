# SPDX-License-Identifier: Apache-2.0
"""Copies an image as it is, from anywhere to anywhere: every platform, every byte, and what refers to it.

Called for `image copy`, which is how images get to machines without a network.  Digests do not change, so signatures
stay good; they travel along, in both forms they have (referrers, and tags made of the digest).
"""

from __future__ import annotations

from bpfman.errors import ImageNotFound, MalformedImage
from bpfman.images import limits
from bpfman.images.contents import fetch_manifest
from bpfman.images.manifest import ImageIndex, parse_manifest
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.images.manifest import Document
    from bpfman.images.transfer import Source, Target

# Signatures, attestations and bills of materials of cosign before version 3.
_TAGS = (".sig", ".att", ".sbom")


class Copied(NamedTuple):
    """What was copied, in numbers of manifests; `referrers` are those besides the image's own."""

    digest: str
    manifests: int
    referrers: int


def copy_image(
    source: Source, target: Target, root: Document | None = None, *, referrers: bool = True
) -> Copied:
    """Copy the image that `source` was opened for, whose manifest is `root`, to what `target` was opened for."""
    copy = _Copy(source, target)
    root = root or source.manifest()
    copy.contents(root, 0)
    own = list(copy.done)
    if referrers:
        for digest in own:
            copy.referrers(digest, 0)
            copy.tags(digest)
    target.put_root(root)
    return Copied(root.digest, len(own), len(copy.done) - len(own))


class _Copy:
    """One copy; `done` are the manifests that the target has by now."""

    def __init__(self, source: Source, target: Target) -> None:
        self._source = source
        self._target = target
        self._blobs: set[str] = set()
        self.done: dict[str, None] = {}

    def contents(self, document: Document, depth: int, tag: str = "") -> None:
        """A manifest with all that it names, those first."""
        if document.digest in self.done and not tag:
            return
        if depth > limits.MAX_INDEX_DEPTH:
            raise MalformedImage(f"{self._source} is nested more than {limits.MAX_INDEX_DEPTH} deep")
        found = parse_manifest(document, f"manifest {document.digest} of {self._source}")
        if isinstance(found, ImageIndex):
            for entry in found.manifests:
                self.contents(fetch_manifest(self._source, entry), depth + 1)
        else:
            for blob in (found.config, *found.layers):
                if blob.digest not in self._blobs:
                    self._target.put_blob(blob, self._source.blob(blob))
                    self._blobs.add(blob.digest)
        self._target.put_manifest(document._replace(media_type=found.media_type), tag)
        self.done[document.digest] = None

    def referrers(self, digest: str, depth: int) -> None:
        """What refers to a manifest, and what refers to that: a signature of an SBOM."""
        if depth > limits.MAX_INDEX_DEPTH:
            return
        for entry in self._source.referrers(digest):
            if entry.digest not in self.done:
                self.contents(fetch_manifest(self._source, entry), 0)
                self.referrers(entry.digest, depth + 1)

    def tags(self, digest: str) -> None:
        for ending in _TAGS:
            tag = digest.replace(":", "-", 1) + ending
            try:
                document = self._source.manifest(tag)
            except ImageNotFound:
                continue
            self.contents(document, 0, tag)
