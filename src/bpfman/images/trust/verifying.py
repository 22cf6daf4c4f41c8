# SPDX-License-Identifier: Apache-2.0
"""Judges the signatures of an image by a demand: one good signature is enough.

Called with what `signatures.find` gave, before anything of the image is unpacked; asks no network and reads no file.
Imports OpenSSL, so it is imported when there is something to verify.
"""

from __future__ import annotations

from functools import partial

from bpfman.errors import MalformedImage, SignatureRefused, Unsigned
from bpfman.images.trust import keys
from bpfman.images.trust.bundle import NoSignature, read_bundle
from bpfman.images.trust.case import Case, check_revoked, made, prove_case
from bpfman.images.trust.demand import Demand, Verified
from bpfman.images.trust.evidence import Claim, Evidence
from bpfman.images.trust.material import Material, material_of
from bpfman.images.trust.names import check_name
from bpfman.images.trust.proof import Proof
from bpfman.images.trust.refusal import CERTIFICATE, DIGEST, DOCUMENT, SIGNATURE, Refusal
from bpfman.images.trust.signatures import BUNDLE
from bpfman.images.trust.simple_signing import read_simple_signing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from bpfman.images.reference import Reference
    from bpfman.images.trust.signatures import Found, Signature

_SHOWN = 10  # refusals in a message; the error has them all


def verify(found: Found, reference: Reference | None, demand: Demand, now: float) -> Verified:
    """The first signature that satisfies the demand.

    `reference` is the name that the image was asked for by, None for one in a file; `now` is Unix time.  Raises
    Unsigned where there is no signature, SignatureRefused where none is good, TrustMaterialError for keys and roots
    that cannot be used."""
    material = material_of(demand.instance) if demand.instance else Material("")
    refused: list[tuple[str, Refusal]] = []
    for signature in found.signatures:
        try:
            return _judge(signature, found.digest, reference, Case(_read(signature), demand, material, now))
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


def _judge(signature: Signature, digest: str, reference: Reference | None, case: Case) -> Verified:
    claim = _claim(case.evidence, digest)
    check_name(claim.name, reference, case.demand.name)
    signer, proof = _first(_ways(case))
    when = min(proof.times, default=None)
    return Verified(
        signer, signature.layout, signature.name, when, str(proof), claim.name, dict(claim.annotations),
        tuple(each.name for each in proof.strangers),
    )  # fmt: skip


def _claim(evidence: Evidence, digest: str) -> Claim:
    for claim in evidence.claims:
        if claim.digest == digest:
            return claim
    others = ", ".join(claim.digest for claim in evidence.claims[:3])
    raise Refusal(DIGEST, f"it is for {others or 'nothing'}, and the image is {digest}")


def _ways(case: Case) -> list[Callable[[], tuple[str, Proof]]]:
    """The ways in which a signature could satisfy the demand, the one that tells most of a failure last."""
    demand = case.demand
    by_name = bool(demand.identities or demand.any_identity)
    ways: list[Callable[[], tuple[str, Proof]]] = [partial(_by_key, case)] if demand.keys else []
    if not (by_name or demand.pki):
        return ways
    if not case.evidence.certificate:
        return ways or [_without_certificate]
    from bpfman.images.trust.by_certificate import by_identity, by_own_authority

    ways += [partial(by_own_authority, case)] if demand.pki else []
    return ways + ([partial(by_identity, case)] if by_name else [])


def _without_certificate() -> tuple[str, Proof]:
    raise Refusal(CERTIFICATE, "it has none, and a certificate is demanded")


def _first(ways: list[Callable[[], tuple[str, Proof]]]) -> tuple[str, Proof]:
    last = Refusal(SIGNATURE, "nobody's signature is good by this demand")
    for way in ways:
        try:
            return way()
        except Refusal as refusal:
            last = refusal
    raise last


# by a key

_PREHASHED = (
    "cosign signs with an Ed25519 key in a form of its own (Ed25519ph), which is not verified here: let it have an "
    "ECDSA key, or sign with `bpfman image sign`, which cosign believes"
)


def _by_key(case: Case) -> tuple[str, Proof]:
    evidence, demand = case.evidence, case.demand
    hint = ""
    for each in demand.keys:
        key = keys.load_key(each.data, each.name)
        if made(key, evidence):
            break
        hint = hint or (_PREHASHED if keys.describe(key) == keys.ED25519 else "")
    else:
        names = ", ".join(each.name for each in demand.keys)
        raise Refusal(SIGNATURE, f"it was not made by {names}, or what was signed has been changed", hint)
    signers = [keys.spki(key), *filter(None, [evidence.certificate])]
    proof = prove_case(case, signers, log=bool(demand.log))
    check_revoked(demand, [key, *proof.keys()], proof.certificates())
    return f"key {each.name}", proof
