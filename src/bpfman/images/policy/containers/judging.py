# SPDX-License-Identifier: Apache-2.0
"""Whether an image meets the requirements of policy.json: all of them, each by one signature.

Called by `rules` with the platform's own manifest, as podman does it: signatures of an index are not looked at.
"""

from __future__ import annotations

from bpfman.errors import MalformedImage, SignatureRefused, Unsigned, Untrusted
from bpfman.images.policy.containers.gpg import BadMessage, keyring_of, open_message
from bpfman.images.policy.containers.requirement import ANYTHING, REJECT, SIGNED_BASE_LAYER, SIGNED_BY
from bpfman.images.policy.decision import Part
from bpfman.images.policy.material import blob_data
from bpfman.images.trust.demand import Demand, Identity, Instance, Key, Pki, Verified
from bpfman.images.trust.signatures import TAG, find
from bpfman.model.audit import ACCEPTED, UNSIGNED
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from bpfman.images.policy.containers.registries import Registries
    from bpfman.images.policy.containers.requirement import Blob, Requirement
    from bpfman.images.policy.evidence import Evidence
    from bpfman.images.transport.location import Location


class Subject(NamedTuple):
    """What is judged: an image, the digest of its manifest, and where signatures are.

    `registries` is asked for registries.d where that matters.  `now` is Unix time; `revoked` has fingerprints that
    bpfman's own rule says are no longer good for anybody."""

    location: Location
    digest: str
    evidence: Evidence
    registries: Callable[[], Registries]
    now: float
    revoked: frozenset[str] = frozenset()


def judge(requirement: Requirement, rule: str, subject: Subject) -> Part:
    """What a requirement says of an image.  Raises Untrusted, or ConfigurationError for keys that cannot be read."""
    if requirement.type == ANYTHING:
        return Part(rule, UNSIGNED, "it accepts every image")
    if requirement.type == REJECT:
        raise Untrusted(
            f"image {subject.location} is rejected by {rule}", "that policy rejects all images there"
        )
    if requirement.type == SIGNED_BASE_LAYER:
        raise Untrusted(
            f"{rule} asks for signedBaseLayer, which nobody can judge", "ask for signedBy or sigstoreSigned"
        )
    if subject.location.reference is None:
        raise Unsigned(
            f"a signature was required for {subject.location} by {rule}, and images in files have none there",
            f'policy.json needs a rule of its own for them: transports.{subject.location.transport}.""',
        )
    if requirement.type == SIGNED_BY:
        return Part(rule, ACCEPTED, "a signature of GPG is good", _signed_by(requirement, rule, subject))
    return Part(
        rule, ACCEPTED, "a signature of sigstore is good", _sigstore_signed(requirement, rule, subject)
    )


# sigstoreSigned


def _sigstore_signed(requirement: Requirement, rule: str, subject: Subject) -> Verified:
    from bpfman.images.trust.verifying import verify

    registries = subject.registries()
    if not registries.attachments(subject.location):
        raise Unsigned(
            f"a signature was required for image {subject.location} by {rule}, and registries.d does not say that its "
            "registry has any",
            f"write `use-sigstore-attachments: true` below `docker:` and its name in {registries.directory}/NAME.yaml",
        )
    found = find(subject.evidence, subject.digest)
    tagged = tuple(each for each in found.signatures if each.layout == TAG)  # bundles name no image
    if not tagged and found.signatures:
        raise Unsigned(
            f"image {subject.location} has signatures in bundles only, and policy.json is about signatures that "
            "name an image",
            "sign it with `cosign sign --new-bundle-format=false`",
        )
    demand = _demand(requirement, rule, subject.revoked)
    return verify(found._replace(signatures=tagged), subject.location.reference, demand, subject.now)


def _demand(requirement: Requirement, rule: str, revoked: frozenset[str]) -> Demand:
    fulcio, pki = requirement.fulcio, requirement.pki
    logs = _keys(requirement.logs, rule)
    return Demand(
        keys=_keys(requirement.keys, rule),
        identities=(Identity(subject=fulcio.email, issuer=fulcio.issuer),) if fulcio else (),
        instance=Instance(rule, authorities=blob_data(fulcio.authority, rule) if fulcio else b"", logs=logs)
        if fulcio or logs
        else None,
        pki=Pki(
            rule,
            blob_data(pki.roots, rule),
            blob_data(pki.intermediates, rule) if pki.intermediates else b"",
            pki.email,
            pki.hostname,
        )
        if pki
        else None,
        log=bool(logs),
        revoked=revoked,
        name=requirement.name,
    )


def _keys(blobs: tuple[Blob, ...], rule: str) -> tuple[Key, ...]:
    return tuple(Key(blob_data(each, rule), each.path or f"a key in {rule}") for each in blobs)


# signedBy


def _signed_by(requirement: Requirement, rule: str, subject: Subject) -> Verified:
    from bpfman.images.policy.containers.lookaside import signatures_at

    if requirement.key_type != "GPGKeys":
        raise Untrusted(
            f'{rule} asks for keys of type "{requirement.key_type}", which nobody can judge', "use GPGKeys"
        )
    reference = subject.location.reference
    assert reference is not None
    keyring = b"".join(keyring_of(blob_data(each, rule), each.path or rule) for each in requirement.keys)
    base = subject.registries().lookaside(subject.location)
    refused: list[tuple[str, str, str]] = []
    for number, message in enumerate(
        signatures_at(base, reference, subject.digest, subject.evidence.lookaside), 1
    ):
        try:
            return _judge_message(message, keyring, requirement, subject)
        except (BadMessage, MalformedImage) as error:
            refused.append((f"signature-{number}", "signature", str(error)))
    if not refused:
        raise Unsigned(
            f"a signature was required for image {subject.location} by {rule}, and there is none below {base}",
            "`skopeo copy --sign-by` makes one; registries.d says where they are",
        )
    lines = "".join(f"\n  {name}: {why}" for name, _, why in refused)
    raise SignatureRefused(f"no signature of image {subject.location} is good by {rule}:{lines}", refused)


def _judge_message(message: bytes, keyring: bytes, requirement: Requirement, subject: Subject) -> Verified:
    from bpfman.images.policy.containers.atomic import read_claim
    from bpfman.images.trust.names import check_name
    from bpfman.images.trust.refusal import Refusal

    signed, key = open_message(message, keyring)
    claim = read_claim(signed)
    if claim.digest != subject.digest:
        raise BadMessage(f"it is for {claim.digest}, and the image is {subject.digest}")
    try:
        check_name(claim.name, subject.location.reference, requirement.name)
    except Refusal as refusal:
        raise BadMessage(refusal.why) from None
    return Verified(f"GPG key {key}", "simple signing", "signature", name=claim.name)
