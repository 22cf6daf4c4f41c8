# SPDX-License-Identifier: Apache-2.0
"""A transparency log of the tests' own, which answers as Rekor does: version 1, or 2 with `tells_time=False`."""

from __future__ import annotations

import base64
import hashlib
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from tests.images.trust.authority import spki

ORIGIN = "log.example.com"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def canonical(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True).encode()


def leaf_hash(body: bytes) -> bytes:
    return hashlib.sha256(b"\0" + body).digest()


def tree_root(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1, word by word."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + tree_root(leaves[:half]) + tree_root(leaves[half:])).digest()


def tree_path(place: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    half = 1 << (len(leaves) - 1).bit_length() - 1
    if place < half:
        return [*tree_path(place, leaves[:half]), tree_root(leaves[half:])]
    return [*tree_path(place - half, leaves[half:]), tree_root(leaves[:half])]


class Rekor:
    """`shift` is how many entries older shards have: the promise counts them, the proof does not."""

    def __init__(self, now: float, *, tells_time: bool = True, strangers: int = 6, shift: int = 1000) -> None:
        self.now = now
        self.tells_time = tells_time
        self.shift = shift if tells_time else 0
        self.key = (
            ec.generate_private_key(ec.SECP256R1()) if tells_time else ed25519.Ed25519PrivateKey.generate()
        )
        self.leaves = [leaf_hash(f"stranger {number}".encode()) for number in range(strangers)]

    @property
    def id(self) -> bytes:
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return hashlib.sha256(spki(self.key)).digest()
        raw = self.key.public_key().public_bytes_raw()
        return hashlib.sha256(ORIGIN.encode() + b"\n\1" + raw).digest()

    def sign(self, data: bytes) -> bytes:
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return self.key.sign(data, ec.ECDSA(hashes.SHA256()))
        return self.key.sign(data)

    def add(self, body: dict, *, when: float | None = None) -> dict:
        """The entry as a bundle has it, with everything that proves it; two strangers' come after it."""
        data = canonical(body)
        place = len(self.leaves)
        self.leaves += [leaf_hash(data), leaf_hash(b"later"), leaf_hash(b"latest")]
        entry = {
            "logIndex": str(place + self.shift),
            "logId": {"keyId": b64(self.id)},
            "kindVersion": {"kind": body["kind"], "version": body["apiVersion"]},
            "inclusionProof": self._proof(place),
            "canonicalizedBody": b64(data),
        }
        if self.tells_time:
            time = int(self.now if when is None else when)
            entry["integratedTime"] = str(time)
            entry["inclusionPromise"] = {
                "signedEntryTimestamp": b64(self.promise(data, time, place + self.shift))
            }
        return entry

    def promise(self, body: bytes, time: int, index: int) -> bytes:
        signed = {"body": b64(body), "integratedTime": time, "logID": self.id.hex(), "logIndex": index}
        return self.sign(canonical(signed))

    def _proof(self, place: int) -> dict:
        root = tree_root(self.leaves)
        return {
            "logIndex": str(place),
            "rootHash": b64(root),
            "treeSize": str(len(self.leaves)),
            "hashes": [b64(each) for each in tree_path(place, self.leaves)],
            "checkpoint": {"envelope": self.checkpoint(len(self.leaves), root)},
        }

    def checkpoint(self, size: int, root: bytes) -> str:
        note = f"{ORIGIN}\n{size}\n{b64(root)}\n"
        return f"{note}\n— {ORIGIN} {b64(self.id[:4] + self.sign(note.encode()))}\n"
