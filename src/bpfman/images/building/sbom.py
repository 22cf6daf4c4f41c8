# SPDX-License-Identifier: Apache-2.0
"""The bill of materials of an image, as SPDX 2.3 in JSON.

Called for `image build --sbom`, once for each platform.  An object is one file that names its licence in its own words;
those are given as found, for the kernel's licence strings are no SPDX expressions ("GPL" alone does not say which).
"""

from __future__ import annotations

import hashlib

from bpfman.images import documents
from bpfman.images.building.image import rfc3339
from bpfman.images.digest import hex_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from bpfman.images.building.image import ObjectFile, Part

MEDIA_TYPE = "application/spdx+json"
_NONE = "NOASSERTION"
_LICENSE = "LicenseRef-BPF-object"


def make_sbom(image: str, part: Part, each: ObjectFile, annotations: Mapping[str, str], date: int) -> bytes:
    """The document about one platform's image; `image` is its name without a tag."""
    declared = annotations.get("org.opencontainers.image.licenses", _NONE)
    sha1 = hashlib.sha1(each.data, usedforsecurity=False).hexdigest()
    package = {
        "SPDXID": "SPDXRef-image",
        "name": image,
        "versionInfo": part.document.digest,
        "downloadLocation": _download_location(annotations),
        "licenseDeclared": declared,
        "licenseConcluded": _NONE,
        "copyrightText": _NONE,
        "filesAnalyzed": True,
        "licenseInfoFromFiles": [_license(each)],
        "packageVerificationCode": {
            "packageVerificationCodeValue": hashlib.sha1(sha1.encode(), usedforsecurity=False).hexdigest()
        },
    }
    body = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{image}@{part.document.digest}",
        "documentNamespace": f"https://bpfman.io/spdx/{hex_of(part.document.digest)}",
        "creationInfo": {"created": rfc3339(date), "creators": ["Tool: bpfman"]},
        "packages": [package],
        "files": [_file(each, sha1)],
        "hasExtractedLicensingInfos": _extracted(each),
        "relationships": [
            _relation("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-image"),
            _relation("SPDXRef-image", "CONTAINS", "SPDXRef-object"),
        ],
    }
    return documents.dump(body)


def _file(each: ObjectFile, sha1: str) -> dict[str, Any]:
    programs = ", ".join(f"{name} ({kind})" for name, kind in each.bytecode.program_labels.items())
    return {
        "SPDXID": "SPDXRef-object",
        "fileName": f"./{each.name}",
        "fileTypes": ["BINARY"],
        "checksums": [
            {"algorithm": "SHA1", "checksumValue": sha1},
            {"algorithm": "SHA256", "checksumValue": hashlib.sha256(each.data).hexdigest()},
        ],
        "licenseConcluded": _NONE,
        "licenseInfoInFiles": [_license(each)],
        "copyrightText": _NONE,
        "comment": f"BPF object for {each.platform}, {each.bytecode.byteorder}-endian; programs: {programs or 'none'}",
    }


def _license(each: ObjectFile) -> str:
    return _LICENSE if each.bytecode.license else "NONE"


def _extracted(each: ObjectFile) -> list[dict[str, str]]:
    if not each.bytecode.license:
        return []
    return [
        {
            "licenseId": _LICENSE,
            "extractedText": each.bytecode.license,
            "name": "the object's section license",
        }
    ]


def _download_location(annotations: Mapping[str, str]) -> str:
    """Where the sources are, if that was said: a version control location of SPDX (clause 7.7)."""
    source = annotations.get("org.opencontainers.image.source", "")
    revision = annotations.get("org.opencontainers.image.revision", "")
    if not source:
        return _NONE
    return f"git+{source}@{revision}" if revision and source.startswith("https://") else source


def _relation(one: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
