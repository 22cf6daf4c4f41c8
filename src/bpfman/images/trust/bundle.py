# SPDX-License-Identifier: Apache-2.0
"""Reads a signature in the layout of cosign 3: a Sigstore bundle (protobuf-specs, sigstore_bundle.proto 0.1 to 0.3).

What is signed is a statement of in-toto on the image's digest, in an envelope of DSSE; or the image's manifest itself.
"""

from __future__ import annotations

from bpfman.errors import MalformedImage
from bpfman.images import documents
from bpfman.images.digest import is_digest, shown
from bpfman.images.trust.evidence import Claim, Evidence, InclusionProof, LogEntry
from bpfman.images.trust.reading import base64_bytes, data, number
from bpfman.images.trust.signatures import SIGN_PREDICATE
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Object = Mapping[str, Any]

MEDIA_TYPES = (
    "application/vnd.dev.sigstore.bundle.v0.3+json",
    *(f"application/vnd.dev.sigstore.bundle+json;version=0.{minor}" for minor in (1, 2, 3)),
)
PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENTS = ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1")
_MOST_ENTRIES, _MOST_TIMESTAMPS, _MOST_HASHES, _MOST_SUBJECTS, _MOST_CHAIN = 5, 5, 64, 100, 20
_WHERE = "the bundle"


class NoSignature(Exception):
    """The bundle is an attestation: something said about the image, and no signature of it."""


class _Content(NamedTuple):
    claims: tuple[Claim, ...]
    payload: bytes
    signed: bytes
    signature: bytes
    prehashed: bytes = b""


def pae(payload_type: str, payload: bytes) -> bytes:
    """What DSSE signs (dsse protocol.md, PAE)."""
    return b"DSSEv1 %d %b %d %b" % (len(payload_type), payload_type.encode(), len(payload), payload)


def read_bundle(found: bytes) -> Evidence:
    """The signature in a bundle; MalformedImage says what is wrong.  NoSignature for an attestation."""
    bundle = documents.read_object(found, _WHERE)
    media_type = documents.text(bundle, "mediaType", _WHERE)
    if media_type not in MEDIA_TYPES:
        raise MalformedImage(f"{_WHERE} is of type {shown(media_type)}, expected {MEDIA_TYPES[0]}")
    content = _content(bundle)
    material = documents.object_at(bundle, "verificationMaterial", _WHERE)
    certificate, *chain = _certificates(material) or [b""]
    return Evidence(
        *content, certificate, tuple(chain), entries=_entries(material), timestamps=_timestamps(material)
    )


def _content(bundle: Object) -> _Content:
    there = [key for key in ("dsseEnvelope", "messageSignature") if key in bundle]
    if len(there) != 1:
        raise MalformedImage(f"{_WHERE} has {' and '.join(there) or 'no signature'}, expected one")
    found = documents.object_at(bundle, there[0], _WHERE)
    return _envelope(found) if there == ["dsseEnvelope"] else _message(found)


def _envelope(found: Object) -> _Content:
    where = "the envelope"
    payload = data(found, "payload", where)
    payload_type = documents.text(found, "payloadType", where)
    if payload_type != PAYLOAD_TYPE:
        raise MalformedImage(f"{where} holds {shown(payload_type)}, expected {PAYLOAD_TYPE}")
    signatures = documents.objects(found, "signatures", where, _MOST_SUBJECTS)
    if len(signatures) != 1:
        raise MalformedImage(f"{where} has {len(signatures)} signatures, expected one")
    signature = data(signatures[0], "sig", where)
    return _Content(read_statement(payload), payload, pae(payload_type, payload), signature)


def read_statement(payload: bytes) -> tuple[Claim, ...]:
    where = "the statement"
    found = documents.read_object(payload, where)
    kind = documents.text(found, "_type", where)
    if kind not in STATEMENTS:
        raise MalformedImage(f"{where} is of type {shown(kind)}, expected {STATEMENTS[0]}")
    predicate = documents.text(found, "predicateType", where)
    if predicate != SIGN_PREDICATE:
        raise NoSignature(f"it says {shown(predicate)} of the image")
    subjects = documents.objects(found, "subject", where, _MOST_SUBJECTS)
    return tuple(claim for each in subjects for claim in _claims(each, f"{where}: subject"))


def _claims(subject: Object, where: str) -> list[Claim]:
    """One for each digest that a subject is known by."""
    name = documents.text(subject, "name", where, "")
    annotations = documents.object_at(subject, "annotations", where)
    shared = {key: value for key, value in annotations.items() if isinstance(value, str)}
    named = [
        f"{algorithm}:{value}" for algorithm, value in documents.strings(subject, "digest", where).items()
    ]
    return [Claim(digest, name, shared) for digest in named if is_digest(digest)]


def _message(found: Object) -> _Content:
    where = "the message digest"
    digest = documents.object_at(found, "messageDigest", where)
    algorithm = documents.text(digest, "algorithm", where)
    value = data(digest, "digest", where)
    if algorithm != "SHA2_256" or len(value) != 32:
        raise MalformedImage(f"{where} is of {shown(algorithm)}, expected SHA2_256 and 32 bytes")
    signature = data(found, "signature", "the message signature")
    return _Content((Claim(f"sha256:{value.hex()}"),), b"", b"", signature, value)


def _certificates(material: Object) -> list[bytes]:
    if "x509CertificateChain" in material:
        chain = documents.object_at(material, "x509CertificateChain", _WHERE)
        rows = documents.objects(chain, "certificates", _WHERE, _MOST_CHAIN)
    elif "certificate" in material:
        rows = [documents.object_at(material, "certificate", _WHERE)]
    else:
        return []
    return [data(each, "rawBytes", f"{_WHERE}: certificate") for each in rows]


def _entries(material: Object) -> tuple[LogEntry, ...]:
    rows = documents.objects(material, "tlogEntries", _WHERE, _MOST_ENTRIES)
    return tuple(read_entry(each, f"{_WHERE}: log entry") for each in rows)


def read_entry(found: Object, where: str) -> LogEntry:
    promise = documents.object_at(found, "inclusionPromise", where)
    proof = documents.object_at(found, "inclusionProof", where)
    return LogEntry(
        body=data(found, "canonicalizedBody", where),
        log_id=data(documents.object_at(found, "logId", where), "keyId", where),
        place=number(found, "logIndex", where, 0),
        time=number(found, "integratedTime", where, 0),
        promise=data(promise, "signedEntryTimestamp", where, ""),
        proof=_proof(proof, f"{where}: inclusion proof") if proof else None,
    )


def _proof(found: Object, where: str) -> InclusionProof:
    hashes = found.get("hashes", [])
    if not isinstance(hashes, list) or len(hashes) > _MOST_HASHES:
        raise MalformedImage(f"{where}: 'hashes' is not an array of at most {_MOST_HASHES}")
    return InclusionProof(
        number(found, "logIndex", where, 0),
        number(found, "treeSize", where),
        data(found, "rootHash", where),
        tuple(base64_bytes(each, where) for each in _texts(hashes, where)),
        documents.text(documents.object_at(found, "checkpoint", where), "envelope", where, ""),
    )


def _texts(found: list[Any], where: str) -> list[str]:
    if not all(isinstance(each, str) for each in found):
        raise MalformedImage(f"{where}: 'hashes' is not an array of strings")
    return found


def _timestamps(material: Object) -> tuple[bytes, ...]:
    found = documents.object_at(material, "timestampVerificationData", _WHERE)
    rows = documents.objects(found, "rfc3161Timestamps", _WHERE, _MOST_TIMESTAMPS)
    return tuple(data(each, "signedTimestamp", f"{_WHERE}: timestamp") for each in rows)
