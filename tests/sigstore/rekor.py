# SPDX-License-Identifier: Apache-2.0
"""Rekor 1 as cosign asks it: `POST /api/v1/log/entries`.

The real one wants Trillian and a database; most images of today are in a log of this kind.  Entries are as it makes
them (`types/hashedrekord` and `types/dsse` in its source), the log below is that of `tests/trust`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from http.server import BaseHTTPRequestHandler

from tests.trust.log import Log, b64, canonical

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from tests.trust.log import Entry


class RekorHandler(BaseHTTPRequestHandler):
    """`log` is set by whoever makes a server of it."""

    log: Log

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        proposed = json.loads(self.rfile.read(int(self.headers["content-length"])))
        entry = self.log.add(canonical(_CANONICAL[proposed["kind"]](proposed)))
        name = hashlib.sha256(entry.body).hexdigest()
        body = json.dumps({name: _shown(entry)}).encode()
        self.send_response(201)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", name)
        self.send_header("Location", f"/api/v1/log/entries/{name}")
        self.end_headers()
        self.wfile.write(body)


def _shown(entry: Entry) -> dict[str, object]:
    proof = {
        "checkpoint": entry.checkpoint,
        "hashes": [each.hex() for each in entry.hashes],
        "logIndex": entry.number,
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
        "envelopeHash": _hash(content["envelope"].encode()),
        "payloadHash": _hash(payload),
        "signatures": [
            {"signature": signature["sig"], "verifier": verifier}
            for signature, verifier in zip(envelope["signatures"], content["verifiers"], strict=True)
        ],
    }
    return {"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}


def _hash(data: bytes) -> dict[str, str]:
    return {"algorithm": "sha256", "value": hashlib.sha256(data).hexdigest()}


_CANONICAL = {"hashedrekord": _hashedrekord, "dsse": _dsse}
