# SPDX-License-Identifier: Apache-2.0
"""Reads what was signed by simple signing with GPG: which digest, under which name (containers-signature(5)).

Called for `signedBy`, with bytes whose signature was good.  Strict about what decides, as containers/image is.
"""

from __future__ import annotations

from bpfman.errors import MalformedImage
from bpfman.images import documents
from bpfman.images.digest import parse_digest, shown
from bpfman.images.trust.evidence import Claim

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

TYPE = "atomic container signature"
_WHERE = "what was signed"


def read_claim(signed: bytes) -> Claim:
    """MalformedImage for what says more or less than such signatures do."""
    top = _exactly(documents.read_object(signed, _WHERE), _WHERE, "critical", "optional")
    documents.object_at(top, "optional", _WHERE)
    critical = _exactly(
        documents.object_at(top, "critical", _WHERE), f"{_WHERE}: critical", "type", "image", "identity"
    )
    if critical["type"] != TYPE:
        raise MalformedImage(f"{_WHERE} is of type {shown(critical['type'])}, expected {shown(TYPE)}")
    image = _part(critical, "image", "docker-manifest-digest")
    identity = _part(critical, "identity", "docker-reference")
    name = documents.text(identity, "docker-reference", _WHERE)
    return Claim(parse_digest(image["docker-manifest-digest"], _WHERE), name)


def _part(critical: Mapping[str, Any], key: str, only: str) -> Mapping[str, Any]:
    where = f"{_WHERE}: {key}"
    return _exactly(documents.object_at(critical, key, where), where, only)


def _exactly(found: Mapping[str, Any], where: str, *keys: str) -> Mapping[str, Any]:
    if set(found) != set(keys):
        raise MalformedImage(
            f"{where} must have {' and '.join(keys)}, and has {shown(', '.join(sorted(found)))}"
        )
    return found
