# SPDX-License-Identifier: Apache-2.0
"""One signature with all that is said for it, in a form that does not tell which layout it came in.

Made by `bundle` and `simple_signing`, judged by `verifying`.  Nothing in it is true yet.
"""

from __future__ import annotations

from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class Claim(NamedTuple):
    """What was signed says: this digest is meant, under this name.  The name is empty where it has none."""

    digest: str
    name: str = ""
    annotations: Mapping[str, str] = {}


class InclusionProof(NamedTuple):
    """That a log of `size` entries has one at `place`: the hashes beside its way to the root (RFC 6962, 2.1.1)."""

    place: int
    size: int
    root: bytes
    hashes: tuple[bytes, ...]
    checkpoint: str  # the log's own word on size and root; empty where it gives none


class LogEntry(NamedTuple):
    """What a transparency log says it has.

    `body` is the entry as the log hashed it.  `promise` is the log's signature on body, place and `time` (Unix
    seconds), which Rekor calls the signed entry timestamp; empty, and 0, where there is none."""

    body: bytes
    log_id: bytes
    place: int
    time: int = 0
    promise: bytes = b""
    proof: InclusionProof | None = None


class Evidence(NamedTuple):
    """`signature` is over `signed`, or over what has the SHA-256 `prehashed`; `payload` is what the log hashed.

    `certificate` is DER, `chain` what came with it; empty for a signature by a key.  `timestamps` are tokens of
    RFC 3161 over `signature`."""

    claims: tuple[Claim, ...]
    payload: bytes
    signed: bytes
    signature: bytes
    prehashed: bytes = b""
    certificate: bytes = b""
    chain: tuple[bytes, ...] = ()
    entries: tuple[LogEntry, ...] = ()
    timestamps: tuple[bytes, ...] = ()
