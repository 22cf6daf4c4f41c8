# SPDX-License-Identifier: Apache-2.0
"""Merkle tree inclusion, as RFC 9162 (2.1.3.2) verifies it."""

from __future__ import annotations

import hashlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.images.trust.evidence import InclusionProof


def root_of(body: bytes, proof: InclusionProof) -> bytes | None:
    """The root of the tree in which `body` has the place that the proof says; None if there is no such place."""
    if proof.place >= proof.size:
        return None
    place, last, found = proof.place, proof.size - 1, hashlib.sha256(b"\0" + body).digest()
    for sibling in proof.hashes:
        if last == 0:
            return None
        if place & 1 or place == last:
            found = _node(sibling, found)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            found = _node(found, sibling)
        place, last = place >> 1, last >> 1
    return found if last == 0 else None


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()
