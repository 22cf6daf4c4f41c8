# SPDX-License-Identifier: Apache-2.0
"""Finds the signatures attached to a digest, in both layouts that cosign has had.

Called before an image is used, with where it comes from.  Since version 3 a signature is a Sigstore bundle that refers
to the image (image specification 1.1, "referrers"); before, a manifest under a tag made of the digest, each of whose
layers is a signed payload.  Nothing is judged here, but for what cannot even be fetched: that is a signature too, and a
bad one.
"""

from __future__ import annotations

from bpfman.errors import DigestMismatch, ImageNotFound, ImageTooLarge, MalformedImage
from bpfman.images import limits
from bpfman.images.contents import fetch_manifest
from bpfman.images.manifest import ImageManifest, parse_manifest
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bpfman.images.manifest import Descriptor, Document
    from bpfman.images.transfer import Source

BUNDLE, TAG = "bundle", "tag"
BUNDLE_TYPES = "application/vnd.dev.sigstore.bundle"  # ".v0.3+json"; "+json;version=0.2" before
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
PAYLOAD_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"
# A manifest of such payloads that refers to the image: cosign 2 with --registry-referrers-mode=oci-1-1.
PAYLOADS_TYPE = "application/vnd.dev.cosign.artifact.sig.v1+json"
PREDICATE_ANNOTATION = "dev.sigstore.bundle.predicateType"
SIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1"
_BAD = (DigestMismatch, ImageNotFound, ImageTooLarge, MalformedImage)


class Signature(NamedTuple):
    """One signature as it came.  `data` is the bundle, or the signed payload; then the rest is in `annotations`.

    `name` is what messages call it.  `problem` says why there is no data; empty where there is."""

    layout: str
    name: str
    data: bytes
    annotations: Mapping[str, str] = {}
    problem: str = ""


class Found(NamedTuple):
    """What is attached to `digest`; `left_out` signatures are beyond what is looked at (limits.MAX_SIGNATURES)."""

    digest: str
    signatures: tuple[Signature, ...]
    left_out: int = 0


def signature_tag(digest: str) -> str:
    """Where cosign before version 3 keeps the signatures of a digest: `sha256-….sig`."""
    return digest.replace(":", "-", 1) + ".sig"


def find(source: Source, digest: str) -> Found:
    """All signatures of a digest, those that refer to it first.

    RegistryFailed, AccessDenied: whoever cannot look must not guess."""
    referring, left_out = _referring(source, digest)
    tagged, more = _tagged(source, digest, limits.MAX_SIGNATURES - len(referring))
    return Found(digest, (*referring, *tagged), left_out + more)


def _referring(source: Source, digest: str) -> tuple[list[Signature], int]:
    """Signatures that refer to the image, and how many more there are than are looked at."""
    try:
        entries = [each for each in source.referrers(digest) if _may_be_signature(each)]
    except _BAD as error:
        return [Signature(BUNDLE, f"the list of what refers to {digest}", b"", problem=str(error))], 0
    looked_at = entries[: limits.MAX_SIGNATURES]
    found = [each for entry in looked_at for each in _signatures(source, entry)]
    kept = found[: limits.MAX_SIGNATURES]
    return kept, len(entries) - len(looked_at) + len(found) - len(kept)


def _may_be_signature(entry: Descriptor) -> bool:
    """Attestations are bundles too and are none; what does not say what it is will be looked at."""
    kind = entry.artifact_type
    if kind == PAYLOADS_TYPE or not kind:
        return True
    return _is_bundle(kind) and _says_signature(entry.annotations)


def _says_signature(annotations: Mapping[str, str]) -> bool:
    return annotations.get(PREDICATE_ANNOTATION, SIGN_PREDICATE) == SIGN_PREDICATE


def _signatures(source: Source, entry: Descriptor) -> list[Signature]:
    """None for a referrer that turns out to be something else."""
    if entry.artifact_type != PAYLOADS_TYPE:
        bundle = _bundle(source, entry)
        return [] if bundle is None else [bundle]
    name = f"signatures {entry.digest}"
    try:
        layers = _layers(fetch_manifest(source, entry), name)
    except _BAD as error:
        return [Signature(TAG, name, b"", problem=str(error))]
    return list(_payloads(source, layers))


def _is_bundle(media_type: str) -> bool:
    return media_type.startswith(BUNDLE_TYPES)


def _bundle(source: Source, entry: Descriptor) -> Signature | None:
    """None for a referrer that turns out to be something else."""
    name = f"bundle {entry.digest}"
    try:
        manifest = parse_manifest(fetch_manifest(source, entry), name)
        if not _says_signature(manifest.annotations):  # not every registry lists annotations
            return None
        layers = manifest.layers if isinstance(manifest, ImageManifest) else ()
        if not any(_is_bundle(each.media_type) for each in layers):
            return _no_bundle(entry, name)
        if len(layers) != 1:
            return Signature(BUNDLE, name, b"", problem=f"it has {len(layers)} layers, expected one")
        return Signature(BUNDLE, name, _blob(source, layers[0], name))
    except _BAD as error:
        return Signature(BUNDLE, name, b"", problem=str(error))


def _no_bundle(entry: Descriptor, name: str) -> Signature | None:
    if not entry.artifact_type:
        return None
    return Signature(BUNDLE, name, b"", problem=f"it has no layer of type {BUNDLE_TYPE}")


def _tagged(source: Source, digest: str, most: int) -> tuple[list[Signature], int]:
    tag = signature_tag(digest)
    try:
        layers = layers_under(source, tag)
    except _BAD as error:
        return [Signature(TAG, f"tag {tag}", b"", problem=str(error))], 0
    return list(_payloads(source, layers[:most])), len(layers) - len(layers[:most])


def layers_under(source: Source, tag: str) -> tuple[Descriptor, ...]:
    """The signed payloads that a tag leads to; none where it leads nowhere, MalformedImage for something else."""
    try:
        document = source.manifest(tag)
    except ImageNotFound:
        return ()
    return _layers(document, f"the manifest under the tag {tag}")


def _layers(document: Document, where: str) -> tuple[Descriptor, ...]:
    found = parse_manifest(document, where)
    if not isinstance(found, ImageManifest):
        raise MalformedImage(f"{where} is an index, expected a manifest of signatures")
    return found.layers


def _payloads(source: Source, layers: tuple[Descriptor, ...]) -> Iterator[Signature]:
    for layer in layers:
        name = f"payload {layer.digest}"
        if layer.media_type != PAYLOAD_TYPE:
            problem = f"its type is {layer.media_type[:100]}, expected {PAYLOAD_TYPE}"
            yield Signature(TAG, name, b"", problem=problem)
            continue
        try:
            yield Signature(TAG, name, _blob(source, layer, name), layer.annotations)
        except _BAD as error:
            yield Signature(TAG, name, b"", problem=str(error))


def _blob(source: Source, layer: Descriptor, name: str) -> bytes:
    if layer.size > limits.MAX_EVIDENCE:
        raise ImageTooLarge(
            f"{name} has {layer.size} bytes, more than the {limits.MAX_EVIDENCE} of a signature"
        )
    return source.blob(layer)
