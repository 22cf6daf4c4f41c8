# SPDX-License-Identifier: Apache-2.0
"""Reads a signature in the layout that cosign had before version 3: a payload, and the rest in annotations.

The payload is the "simple signing" of containers-signature(5), with cosign's type; the annotations are those of
cosign's SIGNATURE_SPEC.md.
"""

from __future__ import annotations

from bpfman.errors import MalformedImage
from bpfman.images import documents
from bpfman.images.digest import parse_digest, shown
from bpfman.images.trust.evidence import Claim, Evidence, LogEntry
from bpfman.images.trust.pem import certificates_in
from bpfman.images.trust.reading import base64_bytes, data, hexadecimal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpfman.images.trust.signatures import Signature

TYPE = "cosign container image signature"
SIGNATURE_KEY = "dev.cosignproject.cosign/signature"
CERTIFICATE_KEY = "dev.sigstore.cosign/certificate"
CHAIN_KEY = "dev.sigstore.cosign/chain"
BUNDLE_KEY = "dev.sigstore.cosign/bundle"
TIMESTAMP_KEY = "dev.sigstore.cosign/rfc3161timestamp"


def read_simple_signing(found: Signature) -> Evidence:
    """The signature in a payload and its annotations; MalformedImage says what is wrong."""
    annotations = found.annotations
    leaf = certificates_in(annotations.get(CERTIFICATE_KEY, "").encode(), CERTIFICATE_KEY)
    if len(leaf) > 1:
        raise MalformedImage(f"{CERTIFICATE_KEY} has {len(leaf)} certificates, expected one")
    return Evidence(
        claims=(read_payload(found.data),),
        payload=found.data,
        signed=found.data,
        signature=base64_bytes(_text(annotations, SIGNATURE_KEY), SIGNATURE_KEY),
        certificate=leaf[0] if leaf else b"",
        chain=certificates_in(annotations.get(CHAIN_KEY, "").encode(), CHAIN_KEY),
        entries=_entries(annotations.get(BUNDLE_KEY, "")),
        timestamps=_timestamps(annotations.get(TIMESTAMP_KEY, "")),
    )


def read_payload(payload: bytes) -> Claim:
    where = "the payload"
    found = documents.read_object(payload, where)
    critical = documents.object_at(found, "critical", where)
    kind = documents.text(critical, "type", f"{where}: critical")
    if kind != TYPE:
        raise MalformedImage(f"{where} is of type {shown(kind)}, expected {shown(TYPE)}")
    image = documents.object_at(critical, "image", where)
    identity = documents.object_at(critical, "identity", where)
    optional = documents.object_at(found, "optional", where)
    return Claim(
        parse_digest(image.get("docker-manifest-digest"), f"{where}: docker-manifest-digest"),
        documents.text(identity, "docker-reference", f"{where}: identity", ""),
        {key: value for key, value in optional.items() if isinstance(value, str)},
    )


def _text(annotations: Mapping[str, str], key: str) -> str:
    if not annotations.get(key):
        raise MalformedImage(f"it has no annotation {key}")
    return annotations[key]


def _entries(text: str) -> tuple[LogEntry, ...]:
    """Rekor's answer as cosign keeps it: the entry with the log's promise, without a proof."""
    if not text:
        return ()
    found = documents.read_object(text.encode(), BUNDLE_KEY)
    payload = documents.object_at(found, "Payload", BUNDLE_KEY)
    return (LogEntry(
        body=data(payload, "body", BUNDLE_KEY),
        log_id=hexadecimal(payload, "logID", BUNDLE_KEY),
        place=documents.integer(payload, "logIndex", BUNDLE_KEY),
        time=documents.integer(payload, "integratedTime", BUNDLE_KEY),
        promise=data(found, "SignedEntryTimestamp", BUNDLE_KEY),
    ),)  # fmt: skip


def _timestamps(text: str) -> tuple[bytes, ...]:
    if not text:
        return ()
    return (
        data(documents.read_object(text.encode(), TIMESTAMP_KEY), "SignedRFC3161Timestamp", TIMESTAMP_KEY),
    )
