# SPDX-License-Identifier: Apache-2.0
"""Judges a signature by the certificate it came with: one of a sigstore instance, or of an authority of one's own.

Called by `verifying`, and imported when there is a certificate to judge: reading them takes as long to import as all
that a signature by a key needs.
"""

from __future__ import annotations

from bpfman.images.trust import keys
from bpfman.images.trust.case import Case, check_revoked, made, prove_case
from bpfman.images.trust.identity import check_identity, check_own, holder_of
from bpfman.images.trust.material import authority_of
from bpfman.images.trust.path import check_path, find_path, load_certificate
from bpfman.images.trust.proof import by_strangers
from bpfman.images.trust.refusal import CERTIFICATE, OLD_KEYS, SIGNATURE, TIMESTAMP, Refusal
from bpfman.images.trust.sct import check_promised
from bpfman.images.trust.times import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cryptography import x509

    from bpfman.images.trust.demand import Demand
    from bpfman.images.trust.evidence import Evidence
    from bpfman.images.trust.keys import PublicKey
    from bpfman.images.trust.material import Authority
    from bpfman.images.trust.path import Path
    from bpfman.images.trust.proof import Proof


def by_identity(case: Case) -> tuple[str, Proof]:
    demand, material = case.demand, case.material
    certificate = _certificate(case.evidence)
    log = bool(material.logs) if demand.log is None else demand.log
    proof = prove_case(case, [case.evidence.certificate, keys.spki(_key_of(certificate))], log=log)
    if not proof.times:
        raise Refusal(
            TIMESTAMP,
            f"nothing proves that it was made while its certificate was valid, {_validity(certificate)}"
            + by_strangers(proof.strangers),
            OLD_KEYS if proof.strangers else "",
        )
    path = _issued_by(certificate, case, proof.times)
    if material.certificate_logs:
        check_promised(certificate, path[1], material.certificate_logs)
    holder = holder_of(certificate)
    check_identity(holder, demand.identities, demand.any_identity)
    _check_revoked_path(demand, path, proof)
    return str(holder), proof


def by_own_authority(case: Case) -> tuple[str, Proof]:
    assert case.demand.pki is not None
    pki = case.demand.pki
    certificate = _certificate(case.evidence)
    signers = [case.evidence.certificate, keys.spki(_key_of(certificate))]
    proof = prove_case(case, signers, log=bool(case.demand.log))
    authority = authority_of(pki)
    path = _path(certificate, case.evidence, authority)
    _check_then(path, authority, proof.times or (case.now,))
    check_own(certificate, pki)
    _check_revoked_path(case.demand, path, proof)
    return f"{', '.join(holder_of(certificate).subjects)} by {pki.name}", proof


def _certificate(evidence: Evidence) -> x509.Certificate:
    certificate = load_certificate(evidence.certificate)
    if not made(_key_of(certificate), evidence):
        raise Refusal(
            SIGNATURE, "the key of its certificate did not make it, or what was signed has been changed"
        )
    return certificate


def _key_of(certificate: x509.Certificate) -> PublicKey:
    key = keys.key_of(certificate)
    assert key is not None, "load_certificate looked"
    return key


def _issued_by(certificate: x509.Certificate, case: Case, times: tuple[float, ...]) -> Path:
    """A path that was good at all these times; of several bad ones the refusal of the one that got furthest."""
    best = Refusal(
        CERTIFICATE,
        f"its issuer {certificate.issuer.rfc4514_string()[:200]} is none of {case.material.name}",
        OLD_KEYS,
    )
    for authority in case.material.authorities:
        try:
            path = _path(certificate, case.evidence, authority)
        except Refusal:
            continue
        try:
            _check_then(path, authority, times)
        except Refusal as refusal:
            best = refusal
        else:
            return path
    raise best


def _path(certificate: x509.Certificate, evidence: Evidence, authority: Authority) -> Path:
    between = [*authority.intermediates, *map(load_certificate, evidence.chain)]
    return find_path(certificate, between, authority.roots)


def _check_then(path: Path, authority: Authority, times: tuple[float, ...]) -> None:
    outside = [each for each in times if each not in authority.window]
    if outside:
        raise Refusal(
            CERTIFICATE, f"{authority.name} was trusted {authority.window}, it was made {shown(outside[0])}"
        )
    check_path(path, times)


def _validity(certificate: x509.Certificate) -> str:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return f"from {shown(start.timestamp())} until {shown(end.timestamp())}"


def _check_revoked_path(demand: Demand, path: Path, proof: Proof) -> None:
    check_revoked(demand, proof.keys(), [*path, *proof.certificates()])
