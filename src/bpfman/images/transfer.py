# SPDX-License-Identifier: Apache-2.0
"""What registries, layouts and archives have in common: the interface, and the checks that each must make.

Called by all three.  Whoever pulls, copies, inspects or verifies takes a `Source` and does not ask which it is.
"""

from __future__ import annotations

from bpfman.errors import ImageTooLarge
from bpfman.images import digest as digests
from bpfman.images import documents, limits
from bpfman.images.manifest import OCI_INDEX, Document, document_of, parse_manifest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, Protocol

    from bpfman.images.manifest import Descriptor

    Progress = Callable[[str, int, int], None]  # digest, bytes in all, bytes so far

    class Source(Protocol):
        """Where images are read from.  `str` of it is what the person would call it.

        `manifest` without a version gives the image that the source was opened for; ImageNotFound for what is not
        there.  `blob` checks size and digest.  `referrers` gives what points at a manifest as its subject."""

        def manifest(self, version: str = "") -> Document: ...
        def blob(self, descriptor: Descriptor) -> bytes: ...
        def referrers(self, digest: str) -> tuple[Descriptor, ...]: ...

    class Target(Source, Protocol):
        """Where images are written to: blobs first, then what refers to them.

        `put_manifest` writes one under its digest, or under a tag; `put_root` under the name that the target was opened
        for, which makes it the image that others see, and so comes last."""

        def put_blob(self, descriptor: Descriptor, data: bytes) -> None: ...
        def put_manifest(self, document: Document, version: str = "") -> None: ...
        def put_root(self, document: Document) -> None: ...


def check_size(descriptor: Descriptor, what: str, limit: int = limits.MAX_BLOB) -> None:
    """Before anything is read: whether it may be this large."""
    if descriptor.size > limit:
        raise ImageTooLarge(
            f"{what} has {descriptor.size} bytes, more than the {limit} that bytecode may have",
            "this is no bytecode image, or one with far more than bytecode in it",
        )


def check_blob(data: bytes, descriptor: Descriptor, what: str) -> None:
    """After all was read: whether it is what was described.  DigestMismatch."""
    if len(data) != descriptor.size:
        raise digests.mismatch(what, f"has {len(data)} bytes, expected {descriptor.size}")
    digests.check(data, descriptor.digest, what)


def fallback_tag(digest: str) -> str:
    """The tag under which referrers are listed where a registry does not do it (distribution-spec 1.1, "Referrers
    Tag Schema")."""
    return digest.replace(":", "-", 1)[:128]


def merged_referrers(there: Sequence[Descriptor], document: Document) -> Document:
    """An index of those that are there already and of one more."""
    rows = [as_json(each) for each in there if each.digest != document.digest]
    return document_of(documents.dump(
        {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [*rows, referrer_json(document)]}
    ), OCI_INDEX)  # fmt: skip


def referrer_json(document: Document) -> dict[str, Any]:
    """How a list of referrers describes one: with its artifact type and annotations."""
    found = parse_manifest(document, "the referrer")
    config = getattr(found, "config", None)
    artifact_type = getattr(found, "artifact_type", "") or (config.media_type if config else "")
    described: dict[str, Any] = {
        "mediaType": document.media_type, "digest": document.digest, "size": len(document.data),
    }  # fmt: skip
    if artifact_type:
        described["artifactType"] = artifact_type
    if found.annotations:
        described["annotations"] = dict(found.annotations)
    return described


def as_json(descriptor: Descriptor) -> dict[str, Any]:
    """A descriptor as documents have it."""
    found: dict[str, Any] = {
        "mediaType": descriptor.media_type, "digest": descriptor.digest, "size": descriptor.size,
    }  # fmt: skip
    if descriptor.platform:
        names = ("os", "architecture", "variant")
        found["platform"] = {
            name: value for name, value in zip(names, descriptor.platform, strict=True) if value
        }
    if descriptor.annotations:
        found["annotations"] = dict(descriptor.annotations)
    if descriptor.artifact_type:
        found["artifactType"] = descriptor.artifact_type
    return found
