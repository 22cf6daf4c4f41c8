# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: a log's signed word on how large it is and what its root is (c2sp.org/signed-note, tlog-checkpoint)."""

from __future__ import annotations

import base64

from bpfman.images.trust import keys
from bpfman.images.trust.refusal import LOG, Refusal
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.images.trust.material import Log

_MOST_SIGNATURES = 100  # of witnesses, mostly
_LONGEST = 100_000


class Checkpoint(NamedTuple):
    origin: str
    size: int
    root: bytes


def read_checkpoint(envelope: str, log: Log) -> Checkpoint:
    """What a checkpoint says, if `log` signed it; Refusal otherwise."""
    note, mark, signatures = envelope.partition("\n\n")
    if not mark or len(envelope) > _LONGEST:
        raise Refusal(LOG, "its checkpoint is no signed note")
    note += "\n"
    if not any(
        keys.made(log.key, signature, note.encode()) for signature in _signatures(signatures, log.hint)
    ):
        raise Refusal(LOG, f"its checkpoint is not signed by {log.name}")
    return _parse(note)


def _signatures(text: str, hint: bytes) -> list[bytes]:
    """Those that claim to be of the key that `hint` is the beginning of the id of."""
    decoded = [
        _decode(line.rpartition(" ")[2]) for line in text.splitlines()[:_MOST_SIGNATURES] if line[:2] == "— "
    ]
    return [each[4:] for each in decoded if each[:4] == hint]


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def _parse(note: str) -> Checkpoint:
    origin, size, root, *_ = [*note.split("\n"), "", "", ""]
    if not (origin and size.isascii() and size.isdigit() and len(size) < 20):
        raise Refusal(LOG, "its checkpoint has no origin or no size")
    return Checkpoint(origin, int(size), _decode(root))
