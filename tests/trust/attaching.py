# SPDX-License-Identifier: Apache-2.0
"""Attaches signatures to images in a small registry, in both layouts."""

from __future__ import annotations

import json

from bpfman.images.digest import digest_of
from bpfman.images.manifest import OCI_MANIFEST
from tests.images.samples import described
from tests.trust.signing import BUNDLE, SIGN_PREDICATE, SIMPLE_SIGNING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tests.images.small_registry import SmallRegistry

_EMPTY = b"{}"


def attach_bundle(
    registry: SmallRegistry, repository: str, digest: str, bundle: bytes,
    annotations: Mapping[str, str] | None = None,
) -> str:  # fmt: skip
    """As a referrer of the image with that digest; gives its own."""
    media_type, image = registry.manifests[repository, digest]
    if annotations is None:
        annotations = {
            "dev.sigstore.bundle.content": "dsse-envelope",
            "dev.sigstore.bundle.predicateType": SIGN_PREDICATE,
        }
    for blob in (bundle, _EMPTY):
        registry.add(blob)
    body = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": BUNDLE,
        "config": described(_EMPTY, "application/vnd.oci.empty.v1+json"),
        "layers": [described(bundle, BUNDLE)],
        "subject": described(image, media_type),
        "annotations": dict(annotations),
    }
    data = json.dumps(body).encode()
    return registry.put(repository, digest_of(data), OCI_MANIFEST, data)


def attach_payloads(
    registry: SmallRegistry,
    repository: str,
    digest: str,
    signatures: Sequence[tuple[bytes, Mapping[str, str]]],
    media_type: str = SIMPLE_SIGNING,
) -> str:
    """By a tag made of the digest; payloads, and what is kept beside each.  Takes the place of those there were."""
    config = b'{"architecture":"","os":"","rootfs":{"type":"layers","diff_ids":[]},"config":{}}'
    registry.add(config)
    for payload, _ in signatures:
        registry.add(payload)
    body = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": described(config, "application/vnd.oci.image.config.v1+json"),
        "layers": [described(payload, media_type, annotations=dict(kept)) for payload, kept in signatures],
    }
    return registry.put(
        repository, digest.replace(":", "-") + ".sig", OCI_MANIFEST, json.dumps(body).encode()
    )
