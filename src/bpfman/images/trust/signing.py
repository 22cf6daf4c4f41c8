# SPDX-License-Identifier: Apache-2.0
"""Makes signatures with a key, in either layout, and attaches them to an image.

Called for `image sign`.  What is made here `cosign verify --key` accepts.  An image that has the same signature by the
same key already gets no second one.
"""

from __future__ import annotations

import base64
import hashlib

from bpfman.errors import Untrusted
from bpfman.images import documents
from bpfman.images.building.image import blob_of, rfc3339
from bpfman.images.contents import fetch_manifest
from bpfman.images.manifest import (
    OCI_CONFIG,
    OCI_EMPTY,
    OCI_MANIFEST,
    Document,
    ImageIndex,
    document_of,
    parse_manifest,
)
from bpfman.images.transfer import as_json
from bpfman.images.trust import keys, simple_signing
from bpfman.images.trust.bundle import PAYLOAD_TYPE as IN_TOTO
from bpfman.images.trust.bundle import STATEMENTS, pae
from bpfman.images.trust.demand import Demand, Key
from bpfman.images.trust.private_key import public_pem, signature_of
from bpfman.images.trust.signatures import (
    BUNDLE_TYPE,
    PAYLOAD_TYPE,
    PREDICATE_ANNOTATION,
    SIGN_PREDICATE,
    TAG,
    find,
    layers_under,
    signature_tag,
)
from bpfman.images.trust.verifying import verify
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from bpfman.images.building.image import Blob
    from bpfman.images.manifest import Descriptor
    from bpfman.images.transfer import Source, Target
    from bpfman.images.trust.private_key import PrivateKey

_EMPTY = b"{}"


class Signing(NamedTuple):
    """What is to be signed: with which key, in which layout, for which name (empty for none), saying what besides.

    `date` is Unix time."""

    key: PrivateKey
    layout: str
    name: str
    annotations: Mapping[str, str]
    date: int


class Signed(NamedTuple):
    """A manifest or index that has the signature now; `was` is whether it had it before."""

    digest: str
    was: bool


def sign(target: Target, wanted: Signing, *, recursive: bool = False) -> list[Signed]:
    """Sign the image that `target` was opened for; an index, and with `recursive` also what it lists."""
    root = target.manifest()
    there = [root, *(_listed(target, root) if recursive else ())]
    return [_sign(target, each, wanted) for each in there]


def _listed(source: Source, document: Document) -> Iterator[Document]:
    found = parse_manifest(document, f"the manifest of {source}")
    if isinstance(found, ImageIndex):
        for entry in found.manifests:
            yield fetch_manifest(source, entry)


def _sign(target: Target, document: Document, wanted: Signing) -> Signed:
    if _has(target, document.digest, wanted):
        return Signed(document.digest, True)
    if wanted.layout == TAG:
        _attach_payload(target, document, wanted)
    else:
        _attach_bundle(target, document, wanted)
    return Signed(document.digest, False)


def _has(source: Source, digest: str, wanted: Signing) -> bool:
    found = find(source, digest)
    demand = Demand(keys=(Key(public_pem(wanted.key.public_key()), "the key"),))
    for each in found.signatures:
        if each.layout != wanted.layout:
            continue
        try:
            there = verify(found._replace(signatures=(each,)), None, demand, wanted.date)
        except Untrusted:
            continue
        if (there.name, there.annotations) == (wanted.name, wanted.annotations):
            return True
    return False


# bundles


def _attach_bundle(target: Target, document: Document, wanted: Signing) -> None:
    """A manifest of one blob, the bundle, that has the image as its subject."""
    bundle, config = blob_of(make_bundle(document.digest, wanted), BUNDLE_TYPE), blob_of(_EMPTY, OCI_EMPTY)
    body = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": BUNDLE_TYPE,
        "config": as_json(config.descriptor),
        "layers": [as_json(bundle.descriptor)],
        "subject": {
            "mediaType": _media_type(document),
            "digest": document.digest,
            "size": len(document.data),
        },
        "annotations": {
            "dev.sigstore.bundle.content": "dsse-envelope",
            PREDICATE_ANNOTATION: SIGN_PREDICATE,
            "org.opencontainers.image.created": rfc3339(wanted.date),
        },
    }
    _put(target, body, (bundle, config))


def _media_type(document: Document) -> str:
    return parse_manifest(document, "the image's manifest").media_type


def make_bundle(digest: str, wanted: Signing) -> bytes:
    """A Sigstore bundle, 0.3, with a statement of in-toto on a digest, as cosign 3 makes them."""
    statement = make_statement(digest, wanted)
    signature = signature_of(wanted.key, pae(IN_TOTO, statement))
    hint = hashlib.sha256(keys.spki(wanted.key.public_key())).digest()
    return documents.dump({
        "mediaType": BUNDLE_TYPE,
        "verificationMaterial": {"publicKey": {"hint": _base64(hint)}},
        "dsseEnvelope": {
            "payload": _base64(statement), "payloadType": IN_TOTO, "signatures": [{"sig": _base64(signature)}],
        },
    })  # fmt: skip


def make_statement(digest: str, wanted: Signing) -> bytes:
    algorithm, _, value = digest.partition(":")
    subject: dict[str, Any] = {"digest": {algorithm: value}}
    if wanted.name:
        subject["name"] = wanted.name
    if wanted.annotations:
        subject["annotations"] = dict(wanted.annotations)
    return documents.dump({
        "_type": STATEMENTS[0], "subject": [subject], "predicateType": SIGN_PREDICATE, "predicate": {},
    })  # fmt: skip


# the older layout


def _attach_payload(target: Target, document: Document, wanted: Signing) -> None:
    """One more layer of the manifest under the signature tag, which keeps those that it has."""
    tag = signature_tag(document.digest)
    layers = layers_under(target, tag)
    payload = blob_of(make_payload(document.digest, wanted), PAYLOAD_TYPE)
    signature = signature_of(wanted.key, payload.data)
    described = payload.descriptor._replace(annotations={simple_signing.SIGNATURE_KEY: _base64(signature)})
    config = blob_of(documents.dump(_config([*layers, described])), OCI_CONFIG)
    body = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": as_json(config.descriptor),
        "layers": [as_json(each) for each in (*layers, described)],
    }
    _put(target, body, (payload, config), tag)


def _config(layers: list[Descriptor]) -> dict[str, Any]:
    """A configuration that says nothing, as cosign writes it: registries want one."""
    return {
        "architecture": "",
        "os": "",
        "created": "0001-01-01T00:00:00Z",
        "config": {},
        "rootfs": {"type": "layers", "diff_ids": [each.digest for each in layers]},
    }


def make_payload(digest: str, wanted: Signing) -> bytes:
    """The "simple signing" of containers-signature(5), with cosign's type."""
    return documents.dump({
        "critical": {
            "identity": {"docker-reference": wanted.name},
            "image": {"docker-manifest-digest": digest},
            "type": simple_signing.TYPE,
        },
        "optional": dict(wanted.annotations) or None,
    })  # fmt: skip


def _put(target: Target, body: dict[str, Any], blobs: tuple[Blob, ...], version: str = "") -> None:
    for blob in blobs:
        target.put_blob(*blob)
    target.put_manifest(document_of(documents.dump(body), OCI_MANIFEST), version)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
