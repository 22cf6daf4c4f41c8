# SPDX-License-Identifier: Apache-2.0
"""Signs images as cosign does, in both of its layouts, with nothing of ours: what tests verify, and what they spoil.

`Signing` is one signature with all that proves it; a test replaces a part by a wrong one and attaches it.
"""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.trust.keys import pem, sign, spki
from tests.trust.log import b64, canonical

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.trust.keys import PrivateKey, PublicKey
    from tests.trust.log import Entry

    Verifier = x509.Certificate | PrivateKey | PublicKey

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
IN_TOTO = "application/vnd.in-toto+json"
SIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1"
SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"


def statement(digest: str, predicate_type: str = SIGN_PREDICATE, **subject: object) -> bytes:
    """What a bundle says of an image."""
    algorithm, _, value = digest.partition(":")
    body = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {algorithm: value}, **subject}],
        "predicateType": predicate_type,
        "predicate": {},
    }
    return json.dumps(body).encode()


def payload(digest: str, repository: str) -> bytes:
    """What the older layout says of an image."""
    critical = {
        "identity": {"docker-reference": repository},
        "image": {"docker-manifest-digest": digest},
        "type": "cosign container image signature",
    }
    return json.dumps({"critical": critical, "optional": None}).encode()


def preauthenticated(payload_type: str, body: bytes) -> bytes:
    """What DSSE has signed in place of the payload alone (its "PAE")."""
    return b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type.encode(), len(body), body)


class Envelope(NamedTuple):
    """A DSSE envelope with one signature."""

    payload: bytes
    signature: bytes
    payload_type: str = IN_TOTO

    def as_json(self) -> dict[str, object]:
        return {
            "payload": b64(self.payload),
            "payloadType": self.payload_type,
            "signatures": [{"sig": b64(self.signature)}],
        }

    @property
    def signed(self) -> bytes:
        return preauthenticated(self.payload_type, self.payload)


def enveloped(key: PrivateKey, body: bytes, payload_type: str = IN_TOTO) -> Envelope:
    return Envelope(body, sign(key, preauthenticated(payload_type, body)), payload_type)


class Proofs(NamedTuple):
    """What comes with a signature: whose it is, when it was made."""

    certificate: x509.Certificate | None = None  # none: it is a key's
    entries: Sequence[Entry] = ()
    stamps: Sequence[bytes] = ()
    hint: str = ""


def bundle(envelope: Envelope, proofs: Proofs) -> bytes:
    """A Sigstore bundle 0.3."""
    material: dict[str, object] = {"publicKey": {"hint": proofs.hint}}
    if proofs.certificate:
        material = {"certificate": {"rawBytes": b64(proofs.certificate.public_bytes(Encoding.DER))}}
    if proofs.entries:
        material["tlogEntries"] = [each.as_bundle() for each in proofs.entries]
    if proofs.stamps:
        stamped = [{"signedTimestamp": b64(each)} for each in proofs.stamps]
        material["timestampVerificationData"] = {"rfc3161Timestamps": stamped}
    body = {"mediaType": BUNDLE, "verificationMaterial": material, "dsseEnvelope": envelope.as_json()}
    return json.dumps(body).encode()


def beside(signature: bytes, proofs: Proofs, chain: Sequence[x509.Certificate] = ()) -> dict[str, str]:
    """What the older layout keeps beside a payload."""
    kept = {"dev.cosignproject.cosign/signature": b64(signature)}
    if proofs.certificate:
        kept["dev.sigstore.cosign/certificate"] = pem(proofs.certificate)
        kept["dev.sigstore.cosign/chain"] = "".join(map(pem, chain))
    for entry in proofs.entries:
        kept["dev.sigstore.cosign/bundle"] = entry.as_annotation()
    for each in proofs.stamps:
        kept["dev.sigstore.cosign/rfc3161timestamp"] = json.dumps({"SignedRFC3161Timestamp": b64(each)})
    return kept


# what is entered into logs


def entry_dsse(envelope: Envelope, verifier: Verifier) -> bytes:
    """Rekor 1, of an envelope."""
    whole = json.dumps(envelope.as_json(), separators=(",", ":")).encode()
    spec = {
        "envelopeHash": hashed(whole),
        "payloadHash": hashed(envelope.payload),
        "signatures": [{"signature": b64(envelope.signature), "verifier": b64(pem(verifier).encode())}],
    }
    return canonical({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec})


def entry_hashedrekord(data: bytes, signature: bytes, verifier: Verifier) -> bytes:
    """Rekor 1, of anything; of an envelope too, whose `signed` is then the data."""
    public = {"content": b64(pem(verifier).encode())}
    spec = {"data": {"hash": hashed(data)}, "signature": {"content": b64(signature), "publicKey": public}}
    return canonical({"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": spec})


def entry_tile(data: bytes, signature: bytes, verifier: Verifier) -> bytes:
    """Rekor 2, as `entry_hashedrekord`: what cosign enters."""
    spec = {
        "data": _digest(data),
        "signature": {"content": b64(signature), "verifier": _verifier(verifier)},
    }
    return canonical({"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": spec}})


def entry_tile_dsse(envelope: Envelope, verifier: Verifier) -> bytes:
    """Rekor 2, of an envelope."""
    spec = {
        "payloadHash": _digest(envelope.payload),
        "signatures": [{"content": b64(envelope.signature), "verifier": _verifier(verifier)}],
    }
    return canonical({"apiVersion": "0.0.2", "kind": "dsse", "spec": {"dsseV002": spec}})


def hashed(data: bytes) -> dict[str, str]:
    """As Rekor 1 writes it."""
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}


def _digest(data: bytes) -> dict[str, str]:
    return {"algorithm": "SHA2_256", "digest": b64(hashlib.sha256(data).digest())}


def _verifier(verifier: Verifier) -> dict[str, object]:
    if isinstance(verifier, x509.Certificate):
        who = {"x509Certificate": {"rawBytes": b64(verifier.public_bytes(Encoding.DER))}}
    else:
        who = {"publicKey": {"rawBytes": b64(spki(verifier))}}
    return {"keyDetails": "PKIX_ECDSA_P256_SHA_256", **who}
