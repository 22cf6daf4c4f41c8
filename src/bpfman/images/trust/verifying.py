# SPDX-License-Identifier: Apache-2.0
"""Judges the signatures of an image by a demand: one good signature is enough.

Called with what `signatures.find` gave, before anything of the image is unpacked; asks no network and reads no file.
Imports OpenSSL, so it is imported when there is something to verify.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bpfman.errors import MalformedImage, SignatureRefused, Unsigned
from bpfman.images.trust import keys
from bpfman.images.trust.bundle import NoSignature, read_bundle
from bpfman.images.trust.demand import Demand, Verified
from bpfman.images.trust.evidence import Claim, Evidence
from bpfman.images.trust.identity import check_identity, check_own, holder_of
from bpfman.images.trust.material import Authority, Material, authority_of, material_of
from bpfman.images.trust.names import check_name
from bpfman.images.trust.path import check_path, find_path, load_certificate
from bpfman.images.trust.proof import Proof, prove
from bpfman.images.trust.refusal import CERTIFICATE, DIGEST, DOCUMENT, REVOKED, SIGNATURE, TIMESTAMP, Refusal
from bpfman.images.trust.sct import check_promised
from bpfman.images.trust.signatures import BUNDLE
from bpfman.images.trust.simple_signing import read_simple_signing
from bpfman.images.trust.times import shown
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from cryptography import x509

    from bpfman.images.reference import Reference
    from bpfman.images.trust.keys import PublicKey
    from bpfman.images.trust.path import Path
    from bpfman.images.trust.signatures import Found, Signature

_SHOWN = 10  # refusals in a message; the error has them all


class _Case(NamedTuple):
    """One signature, and what it is judged by."""

    evidence: Evidence
    demand: Demand
    material: Material
    now: float


def verify(found: Found, reference: Reference | None, demand: Demand, now: float) -> Verified:
    """The first signature that satisfies the demand.

    `reference` is the name that the image was asked for by, None for one in a file; `now` is Unix time.  Raises
    Unsigned where there is no signature, SignatureRefused where none is good, TrustMaterialError for keys and roots
    that cannot be used."""
    material = material_of(demand.instance) if demand.instance else Material("")
    refused: list[tuple[str, Refusal]] = []
    for signature in found.signatures:
        try:
            return _judge(signature, found.digest, reference, _Case(_read(signature), demand, material, now))
        except NoSignature:
            continue
        except Refusal as refusal:
            refused.append((signature.name, refusal))
    image = str(reference or found.digest)
    if not refused and not found.left_out:
        raise Unsigned(f"image {image} has no signature", "`bpfman image sign` or cosign can give it one")
    raise _refused(image, refused, found.left_out)


def _refused(image: str, refused: list[tuple[str, Refusal]], left_out: int) -> SignatureRefused:
    lines = [f"{name}: {refusal}" for name, refusal in refused[:_SHOWN]]
    more = len(refused) - len(lines)
    if more:
        lines.append(f"and {more} more")
    if left_out:
        lines.append(f"{left_out} more were not looked at: nobody needs that many")
    told = f": {lines[0]}" if len(lines) == 1 else "".join(f"\n  {line}" for line in lines)
    hint = next((refusal.hint for _, refusal in refused if refusal.hint), "")
    message = f"no signature of image {image} is good{told}"
    return SignatureRefused(message, [(name, each.step, each.why) for name, each in refused], hint)


def _read(signature: Signature) -> Evidence:
    if signature.problem:
        raise Refusal(DOCUMENT, signature.problem)
    try:
        return read_bundle(signature.data) if signature.layout == BUNDLE else read_simple_signing(signature)
    except MalformedImage as error:
        raise Refusal(DOCUMENT, str(error)) from None


def _judge(signature: Signature, digest: str, reference: Reference | None, case: _Case) -> Verified:
    claim = _claim(case.evidence, digest)
    check_name(claim.name, reference, case.demand.name)
    signer, proof = _first(_ways(case))
    when = min(proof.times, default=None)
    return Verified(
        signer, signature.layout, signature.name, when, str(proof), claim.name, dict(claim.annotations)
    )


def _claim(evidence: Evidence, digest: str) -> Claim:
    for claim in evidence.claims:
        if claim.digest == digest:
            return claim
    others = ", ".join(claim.digest for claim in evidence.claims[:3])
    raise Refusal(DIGEST, f"it is for {others or 'nothing'}, and the image is {digest}")


def _ways(case: _Case) -> list[Callable[[], tuple[str, Proof]]]:
    """The ways in which a signature could satisfy the demand, the one that tells most of a failure last."""
    demand, ways = case.demand, list[Callable[[], tuple[str, Proof]]]()
    if demand.keys:
        ways.append(partial(_by_key, case))
    if case.evidence.certificate or not demand.keys:
        if demand.pki:
            ways.append(partial(_by_own_authority, case))
        if demand.identities or demand.any_identity:
            ways.append(partial(_by_identity, case))
    return ways


def _first(ways: list[Callable[[], tuple[str, Proof]]]) -> tuple[str, Proof]:
    last = Refusal(SIGNATURE, "nobody's signature is good by this demand")
    for way in ways:
        try:
            return way()
        except Refusal as refusal:
            last = refusal
    raise last


# by a key


def _by_key(case: _Case) -> tuple[str, Proof]:
    evidence, demand = case.evidence, case.demand
    for each in demand.keys:
        key = keys.load_key(each.data, each.name)
        if _made(key, evidence):
            break
    else:
        names = ", ".join(each.name for each in demand.keys)
        raise Refusal(SIGNATURE, f"it was not made by {names}, or what was signed has been changed")
    signers = [keys.spki(key), *filter(None, [evidence.certificate])]
    proof = _prove(case, signers, log=bool(demand.log))
    _check_revoked(demand, [key, *proof.keys()], proof.certificates())
    return f"key {each.name}", proof


def _made(key: PublicKey, evidence: Evidence) -> bool:
    return keys.made(key, evidence.signature, evidence.signed, evidence.prehashed)


def _prove(case: _Case, signers: list[bytes], *, log: bool) -> Proof:
    return prove(case.evidence, signers, case.material, case.now, log=log, timestamp=case.demand.timestamp)


# by a certificate


def _by_identity(case: _Case) -> tuple[str, Proof]:
    demand, material = case.demand, case.material
    certificate = _certificate(case.evidence)
    log = bool(material.logs) if demand.log is None else demand.log
    proof = _prove(case, [case.evidence.certificate, keys.spki(_key_of(certificate))], log=log)
    if not proof.times:
        raise Refusal(
            TIMESTAMP,
            f"nothing proves that it was made while its certificate was valid, {_validity(certificate)}",
        )
    path = _issued_by(certificate, case, proof.times)
    if material.certificate_logs:
        check_promised(certificate, path[1], material.certificate_logs)
    holder = holder_of(certificate)
    check_identity(holder, demand.identities, demand.any_identity)
    _check_revoked_path(demand, path, proof)
    return str(holder), proof


def _by_own_authority(case: _Case) -> tuple[str, Proof]:
    assert case.demand.pki is not None
    pki = case.demand.pki
    certificate = _certificate(case.evidence)
    signers = [case.evidence.certificate, keys.spki(_key_of(certificate))]
    proof = _prove(case, signers, log=bool(case.demand.log))
    authority = authority_of(pki)
    path = _path(certificate, case.evidence, authority)
    _check_then(path, authority, proof.times or (case.now,))
    check_own(certificate, pki)
    _check_revoked_path(case.demand, path, proof)
    return f"{', '.join(holder_of(certificate).subjects)} by {pki.name}", proof


def _certificate(evidence: Evidence) -> x509.Certificate:
    if not evidence.certificate:
        raise Refusal(CERTIFICATE, "it has none, and a certificate is demanded")
    certificate = load_certificate(evidence.certificate)
    if not _made(_key_of(certificate), evidence):
        raise Refusal(
            SIGNATURE, "the key of its certificate did not make it, or what was signed has been changed"
        )
    return certificate


def _key_of(certificate: x509.Certificate) -> PublicKey:
    key = keys.key_of(certificate)
    assert key is not None, "load_certificate looked"
    return key


def _issued_by(certificate: x509.Certificate, case: _Case, times: tuple[float, ...]) -> Path:
    """A path that was good at all these times; of several bad ones the refusal of the one that got furthest."""
    best = Refusal(
        CERTIFICATE, f"its issuer {certificate.issuer.rfc4514_string()[:200]} is none of {case.material.name}"
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


# revoked


def _check_revoked_path(demand: Demand, path: Path, proof: Proof) -> None:
    _check_revoked(demand, proof.keys(), [*path, *proof.certificates()])


def _check_revoked(
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
