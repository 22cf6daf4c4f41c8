# SPDX-License-Identifier: Apache-2.0
"""What verification looked at, kept: so that a machine without a network can verify again by other rules.

Called by what pulls, around the source that signatures are fetched from.  What was kept is believed no more than what
a registry says: digests are checked again, and signatures are judged anew.
"""

from __future__ import annotations

import binascii

from bpfman.errors import ImageNotFound, MalformedImage, NotCached
from bpfman.images import digest as digests
from bpfman.images import documents, limits
from bpfman.images.manifest import Document, parse_descriptor
from bpfman.images.transfer import as_json, check_blob

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Protocol

    from bpfman.images.manifest import Descriptor
    from bpfman.images.transfer import Source
    from bpfman.images.transport.location import Access

    class Evidence(Source, Protocol):
        """Where an image is, and where its signatures are.  `lookaside` gives what is at a URL, None for nothing."""

        def lookaside(self, url: str) -> bytes | None: ...


_WHERE = "the kept signatures"
_MOST = 4 << 20  # bytes; an image with more signatures than that must be looked up again


class Recorder:
    """Asks `source`, each question once however many rules ask it, and keeps the answers."""

    def __init__(self, source: Source, fetch: Callable[[str], bytes | None]) -> None:
        self._source = source
        self._fetch = fetch
        self._manifests: dict[str, Document | ImageNotFound] = {}
        self._blobs: dict[str, bytes] = {}
        self._referrers: dict[str, tuple[Descriptor, ...]] = {}
        self._lookaside: dict[str, bytes | None] = {}

    def __str__(self) -> str:
        return str(self._source)

    def manifest(self, version: str = "") -> Document:
        if version not in self._manifests:
            try:
                self._manifests[version] = self._source.manifest(version)
            except ImageNotFound as error:
                self._manifests[version] = error
        found = self._manifests[version]
        if isinstance(found, ImageNotFound):
            raise found
        return found

    def blob(self, descriptor: Descriptor) -> bytes:
        found = self._blobs.get(descriptor.digest)
        if found is None or len(found) != descriptor.size:  # of which the source says what is wrong
            found = self._blobs[descriptor.digest] = self._source.blob(descriptor)
        return found

    def referrers(self, digest: str) -> tuple[Descriptor, ...]:
        if digest not in self._referrers:
            self._referrers[digest] = self._source.referrers(digest)
        return self._referrers[digest]

    def lookaside(self, url: str) -> bytes | None:
        if url not in self._lookaside:
            self._lookaside[url] = self._fetch(url)
        return self._lookaside[url]

    def dump(self) -> bytes:
        """All of it; nothing at all where that would be too much."""
        found = documents.dump({
            "manifests": {version: _manifest(each) for version, each in self._manifests.items()},
            "blobs": {digest: _text(each) for digest, each in self._blobs.items()},
            "referrers": {digest: list(map(as_json, each)) for digest, each in self._referrers.items()},
            "lookaside": {url: None if each is None else _text(each) for url, each in self._lookaside.items()},
        })  # fmt: skip
        return found if len(found) <= _MOST else b""


def _manifest(found: Document | ImageNotFound) -> list[str] | None:
    return None if isinstance(found, ImageNotFound) else [_text(found.data), found.media_type, found.digest]


def recorder(source: Source, access: Access) -> Recorder:
    """For the signatures of an image in `source`, and those beside its registry."""
    from bpfman.images.policy.containers.lookaside import fetcher

    return Recorder(source, fetcher(access))


class Kept:
    """Answers as a Recorder was answered.  Raises NotCached for what that was not asked."""

    def __init__(self, data: bytes, name: str) -> None:
        self._kept = documents.read_object(data, _WHERE)
        self._name = name

    def __str__(self) -> str:
        return self._name

    def manifest(self, version: str = "") -> Document:
        found = self._answer("manifests", version)
        if found is None:
            raise ImageNotFound(f"{self._name} had no {version} when its signatures were kept")
        if not isinstance(found, list) or len(found) != 3:
            raise _damaged()
        data, media_type, digest = found
        document = Document(_bytes(data), str(media_type), str(digest))
        digests.check(document.data, version if digests.is_digest(version) else digest, _WHERE)
        return document

    def blob(self, descriptor: Descriptor) -> bytes:
        data = _bytes(self._answer("blobs", descriptor.digest))
        check_blob(data, descriptor, _WHERE)
        return data

    def referrers(self, digest: str) -> tuple[Descriptor, ...]:
        found = {"referrers": self._answer("referrers", digest)}
        rows = documents.objects(found, "referrers", _WHERE, limits.MAX_REFERRERS)
        return tuple(parse_descriptor(each, _WHERE) for each in rows)

    def lookaside(self, url: str) -> bytes | None:
        found = self._answer("lookaside", url)
        return None if found is None else _bytes(found)

    def _answer(self, sort: str, key: str) -> Any:
        answers = documents.object_at(self._kept, sort, _WHERE)
        if key not in answers:
            raise NotCached(
                f"the signatures of {self._name} were not kept",
                f"`bpfman image pull {self._name}` keeps them",
            )
        return answers[key]


def _text(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def _bytes(text: object) -> bytes:
    try:
        return binascii.a2b_base64(str(text), strict_mode=True)
    except ValueError:  # a binascii.Error, or a letter that is not even ASCII
        raise _damaged() from None


def _damaged() -> MalformedImage:
    return MalformedImage(f"{_WHERE} are damaged")
