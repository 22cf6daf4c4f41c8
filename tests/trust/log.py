# SPDX-License-Identifier: Apache-2.0
"""Signature logs of the tests' own, as Rekor 1 and Rekor 2 are: entries, promises, proofs, signed checkpoints.

They are honest; a test that needs a lie changes what they gave, or the numbers here.
"""

from __future__ import annotations

import base64
import hashlib
import json
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ed25519

from tests.trust import merkle
from tests.trust.authority import now
from tests.trust.keys import new_key, sign, spki

TYPE_CHECKING = False
if TYPE_CHECKING:
    import datetime

    from tests.trust.keys import PrivateKey

_EARLIER = [merkle.leaf(b"stranger %d" % number) for number in range(6)]
_LATER = [merkle.leaf(b"later"), merkle.leaf(b"latest")]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def canonical(value: object) -> bytes:
    """JSON as RFC 8785 has it, for values as simple as ours."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


class Entry(NamedTuple):
    """An entry as a bundle shows it; what a log has not is empty or zero."""

    body: bytes
    number: int  # its index, among those of older trees too
    place: int  # its index in the tree
    log_id: bytes
    integrated_time: int
    promise: bytes  # the signed entry timestamp
    size: int
    root: bytes
    hashes: list[bytes]
    checkpoint: str

    def as_bundle(self) -> dict[str, object]:
        """A TransparencyLogEntry in JSON."""
        told = json.loads(self.body)
        return {
            "logIndex": str(self.number),
            "logId": {"keyId": b64(self.log_id)},
            "kindVersion": {"kind": told["kind"], "version": told["apiVersion"]},
            **self._times(),
            "inclusionProof": {
                "logIndex": str(self.place),
                "rootHash": b64(self.root),
                "treeSize": str(self.size),
                "hashes": [b64(each) for each in self.hashes],
                "checkpoint": {"envelope": self.checkpoint},
            },
            "canonicalizedBody": b64(self.body),
        }

    def _times(self) -> dict[str, object]:
        if not self.promise:
            return {}
        return {
            "integratedTime": str(self.integrated_time),
            "inclusionPromise": {"signedEntryTimestamp": b64(self.promise)},
        }

    def as_annotation(self) -> str:
        """What the older layout keeps beside a signature (`dev.sigstore.cosign/bundle`)."""
        return json.dumps({"SignedEntryTimestamp": b64(self.promise), "Payload": self.promised()})

    def promised(self) -> dict[str, object]:
        return {
            "body": b64(self.body),
            "integratedTime": self.integrated_time,
            "logID": self.log_id.hex(),
            "logIndex": self.number,
        }


class Log:
    """Rekor 1: a promise and a time with each entry.  `clock` is what time it is for the log.

    Promises count the entries of older trees ("shards"), proofs do not."""

    origin = "log.example.com - 1"
    older = 1000

    def __init__(self, clock: datetime.datetime | None = None) -> None:
        self.key = self._new_key()
        self.leaves = _EARLIER.copy()
        self.clock = clock

    def _new_key(self) -> PrivateKey:
        return new_key()

    @property
    def id(self) -> bytes:
        return hashlib.sha256(spki(self.key)).digest()

    @property
    def name(self) -> str:
        """The origin without the number of a tree."""
        return self.origin.partition(" ")[0]

    @property
    def key_hash(self) -> bytes:
        """What a checkpoint's signature begins with."""
        return self.id[:4]

    def sign(self, data: bytes) -> bytes:
        return sign(self.key, data)

    def add(self, body: bytes, at: datetime.datetime | None = None) -> Entry:
        """The entry as it is when others have come after it."""
        place = len(self.leaves)
        self.leaves += [merkle.leaf(body), *_LATER]
        time = int((at or self.clock or now()).timestamp())
        return self.finished(
            Entry(body, place + self.older, place, self.id, time, b"", len(self.leaves),
                  merkle.root(self.leaves), merkle.proof(self.leaves, place), "")
        )  # fmt: skip

    def finished(self, entry: Entry) -> Entry:
        """With the log's signatures over whatever the entry says."""
        entry = entry._replace(checkpoint=self.checkpoint(entry.size, entry.root))
        return entry._replace(promise=self.sign(canonical(entry.promised())))

    def checkpoint(self, size: int, root: bytes) -> str:
        text = f"{self.origin}\n{size}\n{b64(root)}\n"
        signature = b64(self.key_hash + self.sign(text.encode()))
        return f"{text}\n— {self.name} {signature}\n"


class TileLog(Log):
    """Rekor 2: neither promise nor time; what signs is Ed25519, and its id is made of its name too (C2SP's notes)."""

    origin = "tiles.example.com"
    older = 0

    def _new_key(self) -> PrivateKey:
        return ed25519.Ed25519PrivateKey.generate()

    @property
    def id(self) -> bytes:
        public = spki(self.key)[-32:]  # the key itself is all that follows in it
        return hashlib.sha256(f"{self.origin}\n\x01".encode() + public).digest()

    def finished(self, entry: Entry) -> Entry:
        return entry._replace(checkpoint=self.checkpoint(entry.size, entry.root), integrated_time=0)
