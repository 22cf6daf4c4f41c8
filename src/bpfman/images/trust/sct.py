# SPDX-License-Identifier: Apache-2.0
"""Certificate transparency: whether a log promised to publish a certificate (RFC 6962, 3.2 and 3.3).

Only promises inside the certificate count; that is where Fulcio puts them.
"""

from __future__ import annotations

import hashlib
from datetime import UTC

from cryptography import x509
from cryptography.x509.certificate_transparency import LogEntryType

from bpfman.images.trust import keys
from bpfman.images.trust.material import known_by
from bpfman.images.trust.path import extension
from bpfman.images.trust.refusal import OLD_KEYS, TRANSPARENCY, Refusal
from bpfman.images.trust.times import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.x509.certificate_transparency import SignedCertificateTimestamp

    from bpfman.images.trust.material import Log

_MOST = 20


def check_promised(certificate: x509.Certificate, issuer: x509.Certificate, logs: Sequence[Log]) -> None:
    """Refusal unless one of `logs` promised, in `certificate`, to publish it."""
    there = extension(certificate, x509.PrecertificateSignedCertificateTimestamps)
    if there is None:
        raise Refusal(TRANSPARENCY, "no log of certificates promises to have it (it has no SCT)")
    problems = [_problem(each, certificate, issuer, logs) for each in list(there)[:_MOST]]
    if "" not in problems:
        strange = not any(known_by(logs, each.log_id) for each in there)
        why = "; ".join(dict.fromkeys(problems)) or "its list of SCTs is empty"
        raise Refusal(TRANSPARENCY, why, OLD_KEYS if problems and strange else "")


def _problem(
    sct: SignedCertificateTimestamp,
    certificate: x509.Certificate,
    issuer: x509.Certificate,
    logs: Sequence[Log],
) -> str:
    known = known_by(logs, sct.log_id)
    if not known:
        return f"the log of certificates {sct.log_id.hex()[:16]}… is not known"
    if sct.entry_type != LogEntryType.PRE_CERTIFICATE:
        return "its SCT is for no precertificate"
    if not keys.made(known[0].key, sct.signature, _signed(sct, certificate, issuer)):
        return f"its SCT is not by {known[0].name}, or for another certificate"
    when = _milliseconds(sct) / 1000
    if not any(when in log.window for log in known):
        return f"the key of {known[0].name} was valid {known[0].window}, its SCT is of {shown(when)}"
    return ""


def _signed(
    sct: SignedCertificateTimestamp, certificate: x509.Certificate, issuer: x509.Certificate
) -> bytes:
    """The digitally-signed structure of RFC 6962, 3.2, for a precertificate."""
    body = certificate.tbs_precertificate_bytes
    return b"".join((
        b"\0\0",  # version 1, certificate timestamp
        _milliseconds(sct).to_bytes(8, "big"),
        b"\0\1",  # precert_entry
        hashlib.sha256(keys.spki(issuer.public_key())).digest(),
        len(body).to_bytes(3, "big"),
        body,
        len(sct.extension_bytes).to_bytes(2, "big"),
        sct.extension_bytes,
    ))  # fmt: skip


def _milliseconds(sct: SignedCertificateTimestamp) -> int:
    moment = sct.timestamp.replace(tzinfo=UTC)
    return int(moment.replace(microsecond=0).timestamp()) * 1000 + moment.microsecond // 1000
