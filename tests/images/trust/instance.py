# SPDX-License-Identifier: Apache-2.0
"""What the tests' own sigstore instance signs, as our code takes it: and bundles as objects, for tests to change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from bpfman.images.digest import digest_of
from bpfman.images.trust.demand import Instance
from bpfman.images.trust.signatures import BUNDLE, TAG, Found, Signature
from tests.trust.authority import now
from tests.trust.keys import new_key
from tests.trust.log import canonical
from tests.trust.signer import World, key_of
from tests.trust.signing import enveloped, payload, statement

if TYPE_CHECKING:
    import datetime

    from tests.trust.authority import Signer

AT = now()
NOW = AT.timestamp()
DIGEST, OTHER = digest_of(b"the image's manifest"), digest_of(b"another image")
NAME = "quay.io/acme/meter"


class Sigstore(World):
    """For which it is `AT` for ever."""

    def __init__(self) -> None:
        super().__init__(AT)

    def instance(self, root: bytes = b"") -> Instance:
        return Instance("the tests' root", root or self.trusted_root())

    def signed(
        self,
        by: Signer | None = None,
        *,
        digest: str = DIGEST,
        content: bytes | None = None,
        log: int = 1,
        hashed: bool = False,
        logged_at: datetime.datetime | None = None,
        stamped: bool = False,
    ) -> dict:
        """A bundle by somebody, or by a key of nobody's; `log` is the version of the log it is in, 0 for none."""
        by = by or new_key()
        envelope = enveloped(key_of(by), statement(digest) if content is None else content)
        if log == 2:
            entries = [self.tile_entry(envelope, by, hashed=hashed)]
        else:
            entries = [self.entry(envelope, by, hashed=hashed, at=logged_at)] if log else []
        whole: dict = json.loads(self.proven(envelope, by, entries, stamped=stamped))
        return whole

    def keyless(self, **how) -> dict:
        """A bundle by a certificate; `how` is what `signed` takes."""
        return self.signed(self.certify(), **how)

    def tagged(
        self, by: Signer | None = None, *, body: bytes = b"", logged: bool = False, stamped: bool = False
    ) -> Signature:
        """A signature in the older layout."""
        body = body or payload(DIGEST, NAME)
        kept = self.beside(body, by or new_key(), logged=logged, stamped=stamped)
        return Signature(TAG, f"payload {digest_of(body)}", body, kept)


def found(*signatures: dict | bytes | Signature, digest: str = DIGEST) -> Found:
    """As `find` gives it; a bundle may be given as its object or its bytes."""
    return Found(digest, tuple(_signature(each, number) for number, each in enumerate(signatures, 1)))


def _signature(given: dict | bytes | Signature, number: int) -> Signature:
    if isinstance(given, Signature):
        return given
    return Signature(BUNDLE, f"bundle {number}", given if isinstance(given, bytes) else canonical(given))


def with_window(root: bytes, which: str, window: dict[str, str]) -> bytes:
    """A trusted root in which all authorities or logs of a sort are valid for another time."""
    changed = json.loads(root)
    for each in changed[which]:
        each.get("publicKey", each)["validFor"] = window
    return json.dumps(changed).encode()
