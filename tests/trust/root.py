# SPDX-License-Identifier: Apache-2.0
"""A trusted root of the tests' own parts: whose certificates, logs and timestamps are believed, and for which time."""

from __future__ import annotations

import datetime
import json

from cryptography.hazmat.primitives.serialization import Encoding

from tests.trust.keys import spki
from tests.trust.log import Log, TileLog, b64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography import x509

    from tests.trust.certificate_log import CertificateLog

Period = tuple[datetime.datetime, datetime.datetime | None]
LONG_AGO = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
ALWAYS: Period = (LONG_AGO, None)


def period(valid: Period) -> dict[str, str]:
    start, end = valid
    told = {"start": _rfc3339(start)}
    return told if end is None else {**told, "end": _rfc3339(end)}


def _rfc3339(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def authority(name: str, chain: Sequence[x509.Certificate], valid: Period = ALWAYS) -> dict[str, object]:
    certificates = [{"rawBytes": b64(each.public_bytes(Encoding.DER))} for each in chain]
    return {
        "subject": {"organization": "tests", "commonName": name},
        "uri": f"https://{name}.example.com",
        "certChain": {"certificates": certificates},
        "validFor": period(valid),
    }


def log(each: Log | CertificateLog, valid: Period = ALWAYS) -> dict[str, object]:
    details = "PKIX_ED25519" if isinstance(each, TileLog) else "PKIX_ECDSA_P256_SHA_256"
    name = each.name if isinstance(each, Log) else "ct.example.com"
    return {
        "baseUrl": f"https://{name}",
        "hashAlgorithm": "SHA2_256",
        "publicKey": {"rawBytes": b64(spki(each.key)), "keyDetails": details, "validFor": period(valid)},
        "logId": {"keyId": b64(each.id)},
    }


def trusted_root(
    *,
    authorities: Sequence[object] = (),
    logs: Sequence[object] = (),
    certificate_logs: Sequence[object] = (),
    stampers: Sequence[object] = (),
) -> bytes:
    body = {
        "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "tlogs": list(logs),
        "certificateAuthorities": list(authorities),
        "ctlogs": list(certificate_logs),
        "timestampAuthorities": list(stampers),
    }
    return json.dumps(body).encode()
