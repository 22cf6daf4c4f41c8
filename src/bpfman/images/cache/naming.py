# SPDX-License-Identifier: Apache-2.0
"""Which cached images a person means: by name, by digest, or by the beginning of a digest as `image list` shows it.

Called for `image remove` and `image inspect`.  A name goes before a digest: some names look like the beginning of one.
"""

from __future__ import annotations

import re

from bpfman.errors import InvalidRequest
from bpfman.images.digest import hex_of, is_digest
from bpfman.images.reference import parse_reference
from bpfman.images.transport.location import parse_location

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bpfman.images.cache.entry import Entry
    from bpfman.images.reference import Reference

_BEGINNING = re.compile(r"(?:sha256:)?([0-9a-f]{12,64})")
SHOWN = 12  # digits, as docker and podman show them


def short(digest: str) -> str:
    """The beginning of a digest, for a table."""
    return hex_of(digest)[:SHOWN]


def matching(image: str, entries: Sequence[Entry]) -> Callable[[Entry], bool]:
    """Whether an entry is meant.  InvalidRequest for what is no name, and for the beginning of several digests."""
    if is_digest(image):
        return lambda entry: image in (entry.digest, entry.root)
    beginning = _BEGINNING.fullmatch(image)
    name = "" if beginning and image.startswith("sha256:") else str(parse_location(image))
    if not beginning or any(entry.reference == name for entry in entries):
        return lambda entry: entry.reference == name
    digests = {
        each for entry in entries for each in (entry.digest, entry.root) if _begins(each, beginning[1])
    }
    if len(digests) > 1:
        raise InvalidRequest(f"{image} is the beginning of {len(digests)} digests", "give more of it")
    return lambda entry: bool(digests & {entry.digest, entry.root})


def by_digest(image: str, entries: Sequence[Entry]) -> Reference | None:
    """The reference with the whole digest, for a digest or the beginning of one; None where that means none of them."""
    if not is_digest(image) and not _BEGINNING.fullmatch(image):
        return None
    means = matching(image, entries)
    digits = image.removeprefix("sha256:")
    for entry in filter(means, entries):
        for digest in filter(lambda each: _begins(each, digits), (entry.digest, entry.root)):
            return parse_reference(entry.reference).at(digest)
    return None


def _begins(digest: str, digits: str) -> bool:
    return hex_of(digest).startswith(digits)
