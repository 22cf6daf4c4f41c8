# SPDX-License-Identifier: Apache-2.0
"""Why one signature is refused.  Raised by whatever judges a part of it, collected by `verifying`; nobody else sees it,
for another signature may be good."""

from __future__ import annotations

from bpfman.images.digest import one_line


class Refusal(Exception):
    """`step` is where it was refused (one of the words below); `hint` as that of errors.

    `why` is made one line without control characters: whoever made the signature chose some of its words."""

    def __init__(self, step: str, why: str, hint: str = "") -> None:
        why = one_line(why)
        super().__init__(f"{step}: {why}")
        self.step = step
        self.why = why
        self.hint = hint


# For what is by somebody that the instance does not know.
OLD_KEYS = (
    "if the instance has newer keys than are known here, `bpfman image update-trusted-root` fetches them"
)

DOCUMENT = "document"  # it is not what such documents are
DIGEST = "digest"  # it was made for another image
NAME = "name"  # it was made for another repository or tag
SIGNATURE = "signature"  # who is demanded did not make it, or it was changed
CERTIFICATE = "certificate"  # nobody trusted vouches for the certificate, or not for that time
TRANSPARENCY = "certificate log"  # no certificate-transparency log has it
IDENTITY = "identity"  # somebody else's certificate
LOG = "log"  # the transparency log does not have it, or not so
TIMESTAMP = "timestamp"  # nobody trusted says when it was made
REVOKED = "revoked"
