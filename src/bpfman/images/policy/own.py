# SPDX-License-Identifier: Apache-2.0
"""Whether an image satisfies bpfman's own rule: signed by whom it names, or without a signature where it allows that.

Called by `rules`.  The index that a name leads to is looked at first, then the platform's own manifest: a signature of
either is a signature of the bytecode.  A signature that is there and is not good is an error whatever is allowed.
"""

from __future__ import annotations

from bpfman.errors import SignatureRefused, Unsigned, Untrusted
from bpfman.images.policy.decision import Part
from bpfman.images.policy.material import key_data, read_material
from bpfman.images.policy.public import PUBLIC_ROOT
from bpfman.images.policy.signing import is_pem
from bpfman.images.trust.demand import Demand, Instance, Key
from bpfman.images.trust.refusal import CERTIFICATE
from bpfman.images.trust.signatures import find
from bpfman.model.audit import ACCEPTED, UNSIGNED, UNVERIFIED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.images.policy.evidence import Evidence
    from bpfman.images.policy.signing import Rule
    from bpfman.images.transport.location import Location
    from bpfman.images.trust.demand import Verified


def judge(rule: Rule, location: Location, digests: tuple[str, ...], evidence: Evidence, now: float) -> Part:
    """What the rule says of an image with these digests.  Raises Untrusted, or an error of what the rule names."""
    if rule.reject:
        raise Untrusted(f"image {location} is rejected by {rule.where}", "that scope rejects all images")
    if not rule.verify_enabled:
        return Part(rule.where, UNVERIFIED, "it switches verification off")
    signature = _verified(rule, location, digests, evidence, now)
    if signature is not None:
        return Part(rule.where, ACCEPTED, f"signed by {signature.signer}", signature)
    if not rule.allow_unsigned:
        raise Unsigned(
            f"image {location} has no signatures and unsigned images are not allowed, by {rule.where}",
            "sign it with `bpfman image sign` or cosign, or allow it in a scope of its own",
        )
    return Part(rule.where, UNSIGNED, "it has no signature, and that is allowed")


def _verified(
    rule: Rule, location: Location, digests: tuple[str, ...], evidence: Evidence, now: float
) -> Verified | None:
    """The signature that satisfies the rule; None where there is none at all.  SignatureRefused where none is good."""
    for digest in digests:
        found = find(evidence, digest)
        if not found.signatures and not found.left_out:
            continue
        from bpfman.images.trust.verifying import verify

        try:
            return verify(found, location.reference, demand_of(rule), now)
        except Unsigned:  # it was something else that refers to the image
            continue
        except SignatureRefused as error:
            error.hint = error.hint or _hint(rule, error)
            raise
    return None


def _hint(rule: Rule, error: SignatureRefused) -> str:
    if rule.any_identity and any(
        step == CERTIFICATE and why.startswith("it has none") for _, step, why in error.refusals
    ):
        return 'it was signed with a key, and none is known here: write keys = ["FILE"] below [signing]'
    return f"{rule.where} says whose signatures are good; `bpfman image verify` asks by other keys and identities"


def demand_of(rule: Rule) -> Demand:
    """What a rule demands of signatures, with the contents of the files it names."""
    return Demand(
        keys=tuple(Key(key_data(key, rule.where), _name(key, rule)) for key in rule.keys),
        identities=rule.identities,
        any_identity=rule.any_identity,
        instance=_instance(rule),
        log=rule.require_log,
        timestamp=rule.require_timestamp,
        revoked=rule.revoked,
    )


def _name(key: str, rule: Rule) -> str:
    return f"a key in {rule.where}" if is_pem(key) else key


def _instance(rule: Rule) -> Instance | None:
    if not rule.trusted_root:
        return None
    name = "the public sigstore instance" if rule.trusted_root == PUBLIC_ROOT else rule.trusted_root
    return Instance(name, trusted_root=read_material(rule.trusted_root, rule.where))
