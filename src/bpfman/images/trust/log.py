# SPDX-License-Identifier: Apache-2.0
"""Whether a transparency log has a signature: by its promise, by a proof that leads to a checkpoint of it, or both.

Called by `verifying`, with everything else about a signature known.  What is there must be right, each part of it.
"""

from __future__ import annotations

from bpfman.images.trust import keys
from bpfman.images.trust.checkpoint import read_checkpoint
from bpfman.images.trust.entry import check_entry, promised
from bpfman.images.trust.material import known_by
from bpfman.images.trust.merkle import root_of
from bpfman.images.trust.refusal import LOG, Refusal
from bpfman.images.trust.times import shown
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from bpfman.images.trust.evidence import Evidence, InclusionProof, LogEntry
    from bpfman.images.trust.material import Log


class Logged(NamedTuple):
    """`when` it was, by the log's word; None for a log that tells no time (Rekor 2)."""

    log: Log
    place: int
    when: float | None


def check_log(
    entry: LogEntry,
    evidence: Evidence,
    signers: Collection[bytes],
    logs: Sequence[Log],
    times: Sequence[float],
) -> Logged | None:
    """None for an entry of a log that is not known; Refusal for a bad one of one that is.

    `times` are those that timestamps prove: where the log tells none, its key must have been good then."""
    known = known_by(logs, entry.log_id)
    if not known:
        return None
    if not entry.promise and (entry.proof is None or not entry.proof.checkpoint):
        raise Refusal(LOG, "there is neither a promise of the log nor a proof with a checkpoint")
    log = known[0]
    if entry.promise:
        _check_promise(entry, log)
    if entry.proof is not None:
        _check_proof(entry.body, entry.proof, log)
    check_entry(entry.body, evidence, signers)
    if entry.promise:
        when = float(entry.time)
        return Logged(_good_then(known, [when]), entry.place, when)
    assert entry.proof is not None
    return Logged(_good_then(known, times), entry.proof.place, None)


def _check_promise(entry: LogEntry, log: Log) -> None:
    signed = promised(entry.body, entry.time, entry.log_id, entry.place)
    if not keys.made(log.key, entry.promise, signed):
        raise Refusal(LOG, f"its signed entry timestamp is not by {log.name}, or was changed")


def _check_proof(body: bytes, proof: InclusionProof, log: Log) -> None:
    root = root_of(body, proof)
    if root is None or root != proof.root:
        raise Refusal(LOG, f"its inclusion proof does not lead from the entry to the root of {log.name}")
    if not proof.checkpoint:
        return
    checkpoint = read_checkpoint(proof.checkpoint, log)
    if (checkpoint.size, checkpoint.root) != (proof.size, proof.root):
        raise Refusal(LOG, "its inclusion proof is for another tree than the checkpoint")


def _good_then(known: Sequence[Log], times: Sequence[float]) -> Log:
    """The log in the span of its key that has all these times."""
    for log in known:
        if all(each in log.window for each in times):
            return log
    log = known[0]
    wrong = next(each for each in times if each not in log.window)
    raise Refusal(LOG, f"the key of {log.name} was valid {log.window}, and it was logged at {shown(wrong)}")
