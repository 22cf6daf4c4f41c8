# SPDX-License-Identifier: Apache-2.0
"""What proves when a signature was made, and that a log has it.

Called once its maker is known.  Whatever a signature brings is checked where the instance says by what, demanded
or not: a bad proof is no slip.  Proofs of logs and timestamp authorities that the instance does not know count for
nothing, and against nothing.
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
    from bpfman.images.trust.timestamp import Stamped, Stranger

_SLACK = 600  # seconds by which clocks of honest machines may differ


class Proof(NamedTuple):
    """`strangers` stamped too, and are not known."""

    stamped: tuple[Stamped, ...] = ()
    logged: tuple[Logged, ...] = ()
    strangers: tuple[Stranger, ...] = ()

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
    stamped, strangers = _timestamps(evidence, material)
    if timestamp and not stamped:
        why = _missing("timestamp", evidence.timestamps, material.name)
        raise Refusal(TIMESTAMP, why + by_strangers(strangers), OLD_KEYS if evidence.timestamps else "")
    times = [each.when for each in stamped]
    entries = (check_log(each, evidence, signers, material.logs, times) for each in evidence.entries)
    logged = tuple(each for each in entries if each is not None)
    if log and not logged:
        raise Refusal(
            LOG, _missing("log entry", evidence.entries, material.name), OLD_KEYS if evidence.entries else ""
        )
    proof = Proof(stamped, logged, strangers)
    _check_clock(proof.times, now)
    return proof


def _timestamps(evidence: Evidence, material: Material) -> tuple[tuple[Stamped, ...], tuple[Stranger, ...]]:
    authorities = material.timestamp_authorities
    if not authorities or not evidence.timestamps:
        return (), ()
    from bpfman.images.trust.timestamp import Stamped, Stranger, check_timestamp

    found = [check_timestamp(each, evidence.signature, authorities) for each in evidence.timestamps]
    stamped = tuple(each for each in found if isinstance(each, Stamped))
    return stamped, tuple(each for each in found if isinstance(each, Stranger))


def by_strangers(strangers: tuple[Stranger, ...]) -> str:
    """What a refusal adds where there are timestamps that do not count."""
    names = ", ".join(each.name for each in strangers)
    return f"; its timestamp is by {names}, which the trusted root does not know" if names else ""


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
