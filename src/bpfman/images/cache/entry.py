# SPDX-License-Identifier: Apache-2.0
"""What the cache knows of one image: its metadata.json.

Called by `cache`.  A file that cannot be read is no entry: the image will be pulled again.
"""

from __future__ import annotations

import time

from bpfman.errors import MalformedImage
from bpfman.images import documents
from bpfman.images.digest import digest_of, hex_of, parse_digest
from bpfman.images.verdict import Verdict
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_VERSION = 1
_TIME = "%Y-%m-%dT%H:%M:%SZ"


class Entry(NamedTuple):
    """An image under one name, for one platform.

    `digest` is that of the platform's manifest, `root` of what the name leads to, `object` of the bytecode.
    `verdict` is why it may be used, `evidence` the digest of the signatures that were looked at, or empty.  Times are
    seconds since the epoch, sizes bytes."""

    reference: str
    platform: str
    digest: str
    root: str
    root_media_type: str
    object: str
    size: int
    programs: Mapping[str, str]
    maps: Mapping[str, str]
    pulled_at: int
    verdict: Verdict = Verdict()
    evidence: str = ""
    used_at: float = 0  # from the file's time, not in it

    @property
    def directory(self) -> str:
        return directory_of(self.reference, self.platform)

    @property
    def blobs(self) -> tuple[str, ...]:
        """Digests of what this image needs."""
        needed = (self.object, self.root, self.digest)
        return (*needed, self.evidence) if self.evidence else needed


def directory_of(reference: str, platform: str) -> str:
    """The name of an entry's directory.  One for another platform than the machine's has it in its name."""
    from bpfman.images.platform import host_architecture

    own = platform == f"linux/{host_architecture()}"
    key = reference if own else f"{reference} {platform}"
    return f"sha256_{hex_of(digest_of(key.encode()))[:32]}"


def dump_entry(entry: Entry) -> bytes:
    fields = entry._asdict()
    del fields["used_at"]
    verdict: Verdict = fields.pop("verdict")
    at = time.strftime(_TIME, time.gmtime(entry.pulled_at))
    return documents.dump({"version": _VERSION, **fields, **verdict._asdict(), "pulled_at": at}) + b"\n"


def parse_entry(data: bytes, used_at: float) -> Entry:
    """MalformedImage where it is none of ours."""
    where = "metadata.json"
    found = documents.read_object(data, where)
    if documents.integer(found, "version", where) != _VERSION:
        raise MalformedImage(f"{where} is of version {found['version']}")
    return Entry(
        reference=documents.text(found, "reference", where),
        platform=documents.text(found, "platform", where),
        digest=parse_digest(found.get("digest"), where),
        root=parse_digest(found.get("root"), where),
        root_media_type=documents.text(found, "root_media_type", where),
        object=parse_digest(found.get("object"), where),
        size=documents.integer(found, "size", where),
        programs=documents.strings(found, "programs", where),
        maps=documents.strings(found, "maps", where),
        pulled_at=_parse_time(documents.text(found, "pulled_at", where)),
        verdict=Verdict(*(documents.text(found, name, where, "") for name in Verdict._fields)),
        evidence=_optional_digest(found, where),
        used_at=used_at,
    )


def _optional_digest(found: Mapping[str, object], where: str) -> str:
    text = documents.text(found, "evidence", where, "")
    return parse_digest(text, where) if text else ""


def _parse_time(text: str) -> int:
    """Seconds of a time as `dump_entry` writes it.  (`strptime` takes longer to import than an image to load.)"""
    digits = [text[start:end] for start, end in ((0, 4), (5, 7), (8, 10), (11, 13), (14, 16), (17, 19))]
    if not all(part.isascii() and part.isdigit() for part in digits) or len(text) != 20:
        raise MalformedImage(f"metadata.json: {text[:40]!r} is no time")
    year, month, day, hour, minute, second = map(int, digits)
    # Counted from March, leap days come last in a year; 719468 days lie between 0000-03-01 and 1970-01-01.
    year, month = (year, month - 3) if month > 2 else (year - 1, month + 9)
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * month + 2) // 5 + day - 1 - 719468
    return ((days * 24 + hour) * 60 + minute) * 60 + second
