# SPDX-License-Identifier: Apache-2.0
"""A certificate log as fulcio asks it: `POST /ct/v1/add-pre-chain`.  The log behind it is that of `tests/trust`."""

from __future__ import annotations

import base64
import time

from cryptography import x509

from tests.sigstore.serving import JsonHandler
from tests.trust.log import b64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tests.trust.certificate_log import CertificateLog


class CertificateLogHandler(JsonHandler):
    log: CertificateLog

    def respond(self) -> None:
        precertificate, issuer = (
            x509.load_der_x509_certificate(base64.b64decode(each)) for each in self.asked()["chain"][:2]
        )
        timestamp, signature = self.log.sign(
            precertificate.tbs_certificate_bytes, issuer, time.time_ns() // 1_000_000
        )
        promise = {"id": b64(self.log.id), "timestamp": timestamp, "signature": b64(signature)}
        self.answer(200, {"sct_version": 0, "extensions": "", **promise})
