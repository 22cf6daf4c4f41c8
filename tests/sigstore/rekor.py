# SPDX-License-Identifier: Apache-2.0
"""Rekor 1 as cosign asks it: `POST /api/v1/log/entries`.

The real one wants Trillian and a database; most images of today are in a log of this kind.  Entries are as it makes
them (`types/hashedrekord` and `types/dsse` in its source), the log below is that of `tests/trust`.
"""

from __future__ import annotations

import base64
import hashlib
import json

from tests.sigstore.serving import JsonHandler
from tests.trust.log import Log, b64, canonical
from tests.trust.signing import hashed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tests.trust.log import Entry


class RekorHandler(JsonHandler):
    log: Log

    def respond(self) -> None:
        proposed = self.asked()
        entry = self.log.add(canonical(_CANONICAL[proposed["kind"]](proposed)))
        name = hashlib.sha256(entry.body).hexdigest()
        self.answer(201, {name: _shown(entry)}, ETag=name, Location=f"/api/v1/log/entries/{name}")


def _shown(entry: Entry) -> dict[str, object]:
    proof = {
        "checkpoint": entry.checkpoint,
        "hashes": [each.hex() for each in entry.hashes],
        "logIndex": entry.place,
        "rootHash": entry.root.hex(),
        "treeSize": entry.size,
    }
    return {
        **entry.promised(),
        "verification": {"inclusionProof": proof, "signedEntryTimestamp": b64(entry.promise)},
    }


def _hashedrekord(proposed: dict[str, Any]) -> dict[str, object]:
    return {name: proposed[name] for name in ("apiVersion", "kind", "spec")}


def _dsse(proposed: dict[str, Any]) -> dict[str, object]:
    """An envelope is not kept, only its hash and its signatures."""
    content = proposed["spec"]["proposedContent"]
    envelope = json.loads(content["envelope"])
    payload = base64.b64decode(envelope["payload"])
    spec = {
        "envelopeHash": hashed(content["envelope"].encode()),
        "payloadHash": hashed(payload),
        "signatures": [
            {"signature": signature["sig"], "verifier": verifier}
            for signature, verifier in zip(envelope["signatures"], content["verifiers"], strict=True)
        ],
    }
    return {"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}


_CANONICAL = {"hashedrekord": _hashedrekord, "dsse": _dsse}
