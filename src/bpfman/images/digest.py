# SPDX-License-Identifier: Apache-2.0
"""Digests: `sha256:…`, as images name everything by.

Called wherever bytes are named, or arrive under a name.  Must not import OpenSSL, which `hashlib` does: a cached image
is checked too, and loading it is to cost no more than reading it.
"""

from __future__ import annotations

import sys

from bpfman.errors import DigestMismatch, MalformedImage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    class Hash(Protocol):
        def update(self, data: bytes | memoryview, /) -> None: ...
        def hexdigest(self) -> str: ...


# What the OCI image specification registers; hexadecimal digits of each.
_ALGORITHMS = {"sha256": 64, "sha512": 128}
_HEX = frozenset("0123456789abcdef")


def new_hash(algorithm: str) -> Hash:
    """An empty hash; `algorithm` is one of those that `parse_digest` accepts."""
    builtin = None if "hashlib" in sys.modules else _builtin(algorithm)
    if builtin is not None:
        return builtin()
    import hashlib

    return hashlib.new(algorithm)


def _builtin(algorithm: str) -> Callable[[], Hash] | None:
    """The interpreter's own; slower than OpenSSL's, and there without it.

    Asked for by the name that this version has: a search for one that is not there takes longer than the hash."""
    module = "_sha2" if sys.version_info >= (3, 12) else f"_{algorithm}"
    try:
        found: Callable[[], Hash] = getattr(__import__(module), algorithm)
    except ImportError:
        return None
    return found


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    """`sha256:…` of `data`."""
    state = new_hash(algorithm)
    state.update(data)
    return f"{algorithm}:{state.hexdigest()}"


def is_digest(text: str) -> bool:
    algorithm, _, digits = text.partition(":")
    return len(digits) == _ALGORITHMS.get(algorithm) and _HEX.issuperset(digits)


def parse_digest(text: object, where: str) -> str:
    """A digest that somebody else wrote; `where` is where, for the error."""
    if not isinstance(text, str) or not is_digest(text):
        raise MalformedImage(
            f"{where}: {shown(text)} is no digest", "expected sha256: and 64 hexadecimal digits"
        )
    return text


def hex_of(digest: str) -> str:
    """The digits of a digest that was checked: also the name of its file in a layout."""
    return digest.partition(":")[2]


def check(data: bytes, digest: str, what: str) -> None:
    """DigestMismatch unless `digest` is that of `data`."""
    found = digest_of(data, digest.partition(":")[0])
    if found != digest:
        raise mismatch(what, f"has digest {found}, expected {digest}")


def mismatch(what: str, how: str) -> DigestMismatch:
    return DigestMismatch(
        f"{what} {how}",
        "it was tampered with or damaged on its way; nothing of it was used. Try again, or ask who runs the registry",
    )


def shown(text: object) -> str:
    """Foreign text in an error: quoted, and not longer than a line."""
    quoted = repr(text)
    return quoted if len(quoted) <= 100 else quoted[:97] + "..."


def one_line(text: str) -> str:
    """Foreign text within a sentence: what a terminal would act on stands there as in a string of Python."""
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
