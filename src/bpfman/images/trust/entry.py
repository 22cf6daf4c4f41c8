# SPDX-License-Identifier: Apache-2.0
"""What an entry of a transparency log is about: which bytes, which signature, by whom.

The entries are Rekor's: hashedrekord and dsse, 0.0.1 (version 1) and 0.0.2 (version 2, rekor-tiles).
"""

from __future__ import annotations

import base64
import hashlib

from bpfman.errors import MalformedImage, TrustMaterialError
from bpfman.images import documents
from bpfman.images.digest import shown
from bpfman.images.trust import keys
from bpfman.images.trust.pem import certificates_in
from bpfman.images.trust.reading import data, hexadecimal
from bpfman.images.trust.refusal import LOG, Refusal
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from typing import Any

    from bpfman.images.trust.evidence import Evidence

    Object = Mapping[str, Any]

_WHERE = "the log's entry"
_MOST_SIGNATURES = 100
_ALGORITHMS = {"sha256": "sha256", "sha384": "sha384", "sha512": "sha512",
               "SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}  # fmt: skip


class Made(NamedTuple):
    """A signature, and the certificate or public key (SubjectPublicKeyInfo) it is by, both in DER."""

    signature: bytes
    by: bytes


class Entry(NamedTuple):
    """`digest` is of the payload in an envelope, or of what is signed (the envelope's encoding, a simple payload)."""

    kind: str
    algorithm: str
    digest: bytes
    signatures: tuple[Made, ...]


def check_entry(body: bytes, evidence: Evidence, signers: Collection[bytes]) -> None:
    """Refusal unless the entry is about this very signature; `signers` is its key, its certificate or both, in DER."""
    try:
        entry = read_entry(body)
    except MalformedImage as error:
        raise Refusal(LOG, str(error)) from None
    if not _is_about(entry, evidence):
        raise Refusal(LOG, "its entry in the log is about something else than what was signed")
    ours = [each for each in entry.signatures if each.signature == evidence.signature]
    if not ours:
        raise Refusal(LOG, "its entry in the log is about another signature")
    if not any(each.by in signers for each in ours):
        raise Refusal(LOG, "its entry in the log is about another key or certificate")


def _is_about(entry: Entry, evidence: Evidence) -> bool:
    if evidence.prehashed:
        return entry.algorithm == "sha256" and entry.digest == evidence.prehashed
    about = evidence.payload if entry.kind == "dsse" else evidence.signed
    return hashlib.new(entry.algorithm, about).digest() == entry.digest


def read_entry(body: bytes) -> Entry:
    found = documents.read_object(body, _WHERE)
    kind = documents.text(found, "kind", _WHERE)
    version = documents.text(found, "apiVersion", _WHERE)
    reader = _READERS.get((kind, version))
    if reader is None:
        raise MalformedImage(
            f"{_WHERE} is a {shown(kind)} of version {shown(version)}, which is not known here"
        )
    return reader(kind, documents.object_at(found, "spec", _WHERE))


def _hashedrekord_1(kind: str, spec: Object) -> Entry:
    digest = documents.object_at(documents.object_at(spec, "data", _WHERE), "hash", _WHERE)
    signature = documents.object_at(spec, "signature", _WHERE)
    public = documents.object_at(signature, "publicKey", _WHERE)
    made = Made(data(signature, "content", _WHERE), _pem(data(public, "content", _WHERE)))
    return Entry(kind, _algorithm(digest), hexadecimal(digest, "value", _WHERE), (made,))


def _dsse_1(kind: str, spec: Object) -> Entry:
    digest = documents.object_at(spec, "payloadHash", _WHERE)
    rows = documents.objects(spec, "signatures", _WHERE, _MOST_SIGNATURES)
    made = tuple(Made(data(each, "signature", _WHERE), _pem(data(each, "verifier", _WHERE))) for each in rows)
    return Entry(kind, _algorithm(digest), hexadecimal(digest, "value", _WHERE), made)


def _hashedrekord_2(kind: str, spec: Object) -> Entry:
    found = documents.object_at(spec, "hashedRekordV002", _WHERE)
    digest = documents.object_at(found, "data", _WHERE)
    made = _made_2(documents.object_at(found, "signature", _WHERE))
    return Entry(kind, _algorithm(digest), data(digest, "digest", _WHERE), (made,))


def _dsse_2(kind: str, spec: Object) -> Entry:
    found = documents.object_at(spec, "dsseV002", _WHERE)
    digest = documents.object_at(found, "payloadHash", _WHERE)
    rows = documents.objects(found, "signatures", _WHERE, _MOST_SIGNATURES)
    return Entry(
        kind, _algorithm(digest), data(digest, "digest", _WHERE), tuple(_made_2(each) for each in rows)
    )


def _made_2(found: Object) -> Made:
    verifier = documents.object_at(found, "verifier", _WHERE)
    by = "x509Certificate" if "x509Certificate" in verifier else "publicKey"
    raw = data(documents.object_at(verifier, by, _WHERE), "rawBytes", _WHERE)
    return Made(data(found, "content", _WHERE), raw)


_READERS: dict[tuple[str, str], Callable[[str, Object], Entry]] = {
    ("hashedrekord", "0.0.1"): _hashedrekord_1, ("dsse", "0.0.1"): _dsse_1,
    ("hashedrekord", "0.0.2"): _hashedrekord_2, ("dsse", "0.0.2"): _dsse_2,
}  # fmt: skip


def _algorithm(found: Object) -> str:
    name = documents.text(found, "algorithm", _WHERE)
    if name not in _ALGORITHMS:
        raise MalformedImage(f"{_WHERE} has a hash of {shown(name)}, which is not known here")
    return _ALGORITHMS[name]


def _pem(text: bytes) -> bytes:
    """The DER of a certificate or a public key."""
    if b"BEGIN CERTIFICATE" in text:
        found = certificates_in(text, _WHERE)
        if len(found) != 1:
            raise MalformedImage(f"{_WHERE} has {len(found)} certificates, expected one")
        return found[0]
    try:
        return keys.spki(keys.load_key(text, _WHERE))
    except TrustMaterialError as error:
        raise MalformedImage(str(error)) from None


def promised(body: bytes, time: int, log_id: bytes, index: int) -> bytes:
    """What Rekor signs to promise an entry: JSON in its canonical form (RFC 8785)."""
    return documents.dump({
        "body": base64.b64encode(body).decode(), "integratedTime": time, "logID": log_id.hex(), "logIndex": index,
    })  # fmt: skip
