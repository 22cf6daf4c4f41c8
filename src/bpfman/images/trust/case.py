# SPDX-License-Identifier: Apache-2.0
"""One signature and what it is judged by, and what both ways of judging share: proofs, and what is revoked.

Called by `verifying` and `by_certificate`.
"""

from __future__ import annotations

from bpfman.images.trust import keys
from bpfman.images.trust.proof import Proof, prove
from bpfman.images.trust.refusal import REVOKED, Refusal
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from cryptography import x509

    from bpfman.images.trust.demand import Demand
    from bpfman.images.trust.evidence import Evidence
    from bpfman.images.trust.keys import PublicKey
    from bpfman.images.trust.material import Material


class Case(NamedTuple):
    """`now` is Unix time."""

    evidence: Evidence
    demand: Demand
    material: Material
    now: float


def made(key: PublicKey, evidence: Evidence) -> bool:
    return keys.made(key, evidence.signature, evidence.signed, evidence.prehashed)


def prove_case(case: Case, signers: Collection[bytes], *, log: bool) -> Proof:
    """What the demand asks for, and whatever else the signature brings; Refusal where it is bad or missing."""
    return prove(case.evidence, signers, case.material, case.now, log=log, timestamp=case.demand.timestamp)


def check_revoked(
    demand: Demand, public: Iterable[PublicKey], certificates: Iterable[x509.Certificate]
) -> None:
    """Whatever a signature depends on: a certificate by itself, or by its key."""
    if not demand.revoked:
        return
    for key in public:
        _check_fingerprint(demand, keys.key_fingerprint(key), f"the {keys.describe(key)} key")
    for each in certificates:
        name = each.subject.rfc4514_string()[:200]
        _check_fingerprint(demand, keys.certificate_fingerprint(each), f"the certificate {name}".rstrip())
        own = keys.key_of(each)
        if own is not None:
            _check_fingerprint(
                demand, keys.key_fingerprint(own), f"the key of the certificate {name}".rstrip()
            )


def _check_fingerprint(demand: Demand, fingerprint: str, what: str) -> None:
    if fingerprint in demand.revoked:
        raise Refusal(
            REVOKED, f"{what} with the fingerprint {fingerprint} is revoked by the policy of this machine"
        )
