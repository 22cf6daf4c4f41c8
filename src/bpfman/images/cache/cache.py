# SPDX-License-Identifier: Apache-2.0
"""Finding, keeping, listing and removing cached images.

Called by what pulls and by the commands that look after the cache.  An entry is believed only as far as the digests of
what it points at are right; whatever is not counts as not there.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from contextlib import contextmanager, suppress

from bpfman.errors import CacheError, MalformedImage
from bpfman.images.cache import files
from bpfman.images.cache.entry import Entry, directory_of, dump_entry, parse_entry
from bpfman.images.digest import digest_of
from bpfman.images.limits import MAX_DOCUMENT, MAX_OBJECT
from bpfman.images.manifest import Document
from bpfman.images.verdict import UNDECIDED, Verdict
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bpfman.images.contents import Image
    from bpfman.images.labels import Labels

_MAX_SIZE = 1 << 30  # what the cache grows to before the longest unused makes room


class Pruned(NamedTuple):
    """What was removed, and how many bytes that freed."""

    entries: tuple[Entry, ...]
    freed: int


class Cache:
    """The cache in one directory, which need not exist yet."""

    def __init__(self, directory: str, max_size: int = _MAX_SIZE) -> None:
        self.directory = directory
        self._max_size = max_size

    # reading

    def find(self, reference: str, platform: str) -> Entry | None:
        """The image of that name for that platform, if it is here."""
        entry = self._entry(directory_of(reference, platform))
        return entry if entry and (entry.reference, entry.platform) == (reference, platform) else None

    def find_digest(self, digest: str) -> Entry | None:
        """An image with that manifest, under whatever name; a cache that cannot be read has none."""
        try:
            return next((entry for entry in self.entries() if entry.digest == digest), None)
        except CacheError:
            return None

    def entries(self) -> list[Entry]:
        """All images, by name."""
        names = (name for name in files.names(self.directory) if name.startswith("sha256_"))
        return sorted((entry for entry in map(self._entry, names) if entry), key=lambda entry: entry[:2])

    def object(self, entry: Entry, *, used: bool = True) -> bytes | None:
        """The bytecode, and a note that it was used; None where it is gone or damaged."""
        data = self._blob(entry.object, MAX_OBJECT)
        if data is not None and used:
            with suppress(OSError):  # a cache that cannot be written to is still one
                os.utime(self._metadata(entry.directory))
        return data

    def root(self, entry: Entry) -> Document | None:
        """What the image's name led to: its manifest, or the index that its manifest is in."""
        data = self._blob(entry.root, MAX_DOCUMENT)
        return None if data is None else Document(data, entry.root_media_type, entry.root)

    def document(self, digest: str) -> Document | None:
        """The manifest or index of that digest; None where it is not here, or damaged."""
        data = self._blob(digest, MAX_DOCUMENT)
        return None if data is None else Document(data, "", digest)

    def evidence(self, entry: Entry) -> bytes | None:
        """The signatures that were looked at; None where they were not kept."""
        return self._blob(entry.evidence, MAX_OBJECT) if entry.evidence else None

    def _entry(self, directory: str) -> Entry | None:
        path = self._metadata(directory)
        data = files.read(path, MAX_DOCUMENT)
        if data is None:
            return None
        try:
            return parse_entry(data, os.stat(path).st_mtime)
        except (MalformedImage, OSError):
            return None

    def _blob(self, digest: str, limit: int) -> bytes | None:
        data = files.read(self._path(digest), limit)
        return data if data is not None and digest_of(data) == digest else None

    # changing

    def store(
        self, reference: str, platform: str, image: Image, data: bytes, labels: Labels,
        verdict: Verdict = UNDECIDED, *, evidence: bytes = b"",
    ) -> Entry:  # fmt: skip
        """Keep an image under its name, in place of what was there; the longest unused make room.

        CacheError where it cannot be written; then nothing changed."""
        entry = Entry(
            reference, platform, image.digest, image.root.digest, image.root.media_type, digest_of(data), len(data),
            labels.programs, labels.maps, int(time.time()), verdict,
            digest_of(evidence) if evidence else "",
        )  # fmt: skip
        blobs = {entry.object: data, entry.root: image.root.data, entry.digest: image.document.data}
        with self._writing():
            self._put(blobs if not evidence else {**blobs, entry.evidence: evidence})
            self._write(entry)
            self._make_room(entry)
        return entry

    def update(self, entry: Entry, evidence: bytes = b"") -> Entry:
        """Write an entry's metadata anew, with other evidence if there is any; what else it points at is there."""
        if evidence:
            entry = entry._replace(evidence=digest_of(evidence))
        with self._writing():
            if evidence:
                self._put({entry.evidence: evidence})
            self._write(entry)
        return entry

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """With the lock; what was written when the disk is full is taken away again, for it would fill the rest."""
        with files.changing(self.directory):
            try:
                yield
            except CacheError:
                with suppress(CacheError):
                    self._remove([])
                raise

    def _put(self, blobs: Mapping[str, bytes]) -> None:
        for digest, blob in blobs.items():
            if self._blob(digest, MAX_OBJECT) is None:
                files.put(self.directory, self._path(digest), blob)

    def remove(self, matches: Callable[[Entry], bool]) -> Pruned:
        """Remove the images that match, and what no other needs."""
        with files.changing(self.directory):
            return self._remove([entry for entry in self.entries() if matches(entry)])

    def prune(self, *, unused_for: float | None = None, max_size: int | None = None) -> Pruned:
        """Remove images not used for that many seconds, then the longest unused until the rest fits into that many
        bytes; in any case what no image needs."""
        with files.changing(self.directory):
            before = -1.0 if unused_for is None else time.time() - unused_for
            old = [entry for entry in self.entries() if entry.used_at < before]
            first = self._remove(old)
            second = self._remove(self._too_many(max_size)) if max_size is not None else Pruned((), 0)
            return Pruned(first.entries + second.entries, first.freed + second.freed)

    def _write(self, entry: Entry) -> None:
        directory = f"{self.directory}/{entry.directory}"
        files.put(self.directory, f"{directory}/metadata.json", dump_entry(entry))
        files.put_link(self.directory, f"{directory}/bytecode.o", f"../blobs/{_file_name(entry.object)}")

    def _make_room(self, keep: Entry) -> None:
        if self._total() > self._max_size:
            self._remove(self._too_many(self._max_size, keep.directory))

    def _too_many(self, max_size: int, keep: str = "") -> list[Entry]:
        """The longest unused entries without which the rest fits."""
        entries = sorted(self.entries(), key=lambda entry: entry.used_at)
        users = Counter(name for entry in entries for name in _blob_names(entry))
        total = sum(map(self._file_size, users))
        found: list[Entry] = []
        for entry in entries:
            if total <= max_size:
                break
            if entry.directory != keep:
                found.append(entry)
                users.subtract(_blob_names(entry))
                total -= sum(self._file_size(name) for name in _blob_names(entry) if not users[name])
        return found

    def _remove(self, entries: list[Entry]) -> Pruned:
        """Names first, then what they alone led to: a reader finds both or neither."""
        before = self._total()
        for entry in entries:
            files.remove(f"{self.directory}/{entry.directory}")
        needed = {name for entry in self.entries() for name in _blob_names(entry)}
        for name in set(files.names(self._blobs)) - needed:
            files.remove(f"{self._blobs}/{name}")
        for name in self._broken():
            files.remove(f"{self.directory}/{name}")
        return Pruned(tuple(entries), before - self._total())

    def _broken(self) -> Iterator[str]:
        """Directories of entries that cannot be read."""
        for name in files.names(self.directory):
            if name.startswith("sha256_") and self._entry(name) is None:
                yield name

    # sizes and paths

    def _total(self) -> int:
        return sum(map(self._file_size, files.names(self._blobs)))

    def _file_size(self, name: str) -> int:
        try:
            return os.stat(f"{self._blobs}/{name}").st_size
        except OSError:
            return 0

    @property
    def _blobs(self) -> str:
        return f"{self.directory}/blobs"

    def _path(self, digest: str) -> str:
        return f"{self._blobs}/{_file_name(digest)}"

    def _metadata(self, directory: str) -> str:
        return f"{self.directory}/{directory}/metadata.json"


def _file_name(digest: str) -> str:
    return digest.replace(":", "_")


def _blob_names(entry: Entry) -> set[str]:
    return set(map(_file_name, entry.blobs))
