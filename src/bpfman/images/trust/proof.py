# SPDX-License-Identifier: Apache-2.0
"""What proves when a signature was made, and that a log has it.

Called once its maker is known.  Whatever a signature brings is checked where the instance says by what, demanded
or not: a bad proof is no slip.
"""

from __future__ import annotations

from bpfman.images.trust.log import Logged, check_log
from bpfman.images.trust.refusal import LOG, OLD_KEYS, TIMESTAMP, Refusal
from bpfman.images.trust.times import shown
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from cryptography.x509 import Certificate

    from bpfman.images.trust.evidence import Evidence
    from bpfman.images.trust.keys import PublicKey
    from bpfman.images.trust.material import Material
    from bpfman.images.trust.timestamp import Stamped

_SLACK = 600  # seconds by which clocks of honest machines may differ


class Proof(NamedTuple):
    stamped: tuple[Stamped, ...] = ()
    logged: tuple[Logged, ...] = ()

    @property
    def times(self) -> tuple[float, ...]:
        """When it was there, by all who tell a time."""
        told = (*(each.when for each in self.stamped), *(each.when for each in self.logged))
        return tuple(each for each in told if each is not None)

    def __str__(self) -> str:
        told = [f"entry {each.place} of {each.log.name}" for each in self.logged]
        return ", ".join([*told, *(f"timestamp of {each.authority.name}" for each in self.stamped)])

    def keys(self) -> Iterator[PublicKey]:
        return (each.log.key for each in self.logged)

    def certificates(self) -> Iterator[Certificate]:
        for each in self.stamped:
            yield from each.authority.roots
            yield from each.authority.intermediates


def prove(
    evidence: Evidence,
    signers: Collection[bytes],
    material: Material,
    now: float,
    *,
    log: bool,
    timestamp: bool,
) -> Proof:
    """Refusal where something is bad, or demanded (`log`, `timestamp`) and not there."""
    stamped = _timestamps(evidence, material)
    if timestamp and not stamped:
        raise Refusal(TIMESTAMP, _missing("timestamp", evidence.timestamps, material.name))
    times = [each.when for each in stamped]
    entries = (check_log(each, evidence, signers, material.logs, times) for each in evidence.entries)
    logged = tuple(each for each in entries if each is not None)
    if log and not logged:
        raise Refusal(
            LOG, _missing("log entry", evidence.entries, material.name), OLD_KEYS if evidence.entries else ""
        )
    proof = Proof(stamped, logged)
    _check_clock(proof.times, now)
    return proof


def _timestamps(evidence: Evidence, material: Material) -> tuple[Stamped, ...]:
    authorities = material.timestamp_authorities
    if not authorities or not evidence.timestamps:
        return ()
    from bpfman.images.trust.timestamp import check_timestamp

    return tuple(check_timestamp(each, evidence.signature, authorities) for each in evidence.timestamps)


def _missing(what: str, there: tuple[object, ...], name: str) -> str:
    whose = name or "an instance"
    return f"it has no {what} of {whose}" if there else f"it has no {what}, and one of {whose} is demanded"


def _check_clock(times: tuple[float, ...], now: float) -> None:
    late = [each for each in times if each > now + _SLACK]
    if late:
        raise Refusal(
            TIMESTAMP,
            f"it was made at {shown(max(late))}, which by this machine's clock ({shown(now)}) is yet to come",
            "set the clock of this machine, if it is wrong",
        )
