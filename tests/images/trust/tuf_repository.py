# SPDX-License-Identifier: Apache-2.0
# mypy: disable-error-code="attr-defined,type-var"
"""A TUF repository of the tests' own, made with python-tuf and served on loopback."""

from __future__ import annotations

import hashlib
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

_TARGET = "trusted_root.json"


class TufRepository:
    """In `with`.  One key for all roles; `url` is where it is."""

    def __init__(self, trusted_root: bytes) -> None:
        self.signer = CryptoSigner.generate_ed25519()
        self.files: dict[str, bytes] = {}
        self.version = 0
        self.root = self._root()
        self.publish(trusted_root)

    def __enter__(self) -> TufRepository:
        files = self.files

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:
                """Nobody reads it."""

            def do_GET(self) -> None:
                data = files.get(self.path)
                self.send_response(404 if data is None else 200)
                self.send_header("Content-Length", str(len(data or b"")))
                self.end_headers()
                self.wfile.write(data or b"")

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def publish(self, trusted_root: bytes, *, expires: timedelta = timedelta(days=1)) -> None:
        """A further version, with this as its target."""
        self.version += 1
        when = datetime.now(UTC).replace(microsecond=0) + expires
        digest = hashlib.sha256(trusted_root).hexdigest()
        self.files[f"/targets/{digest}.{_TARGET}"] = trusted_root
        target = TargetFile.from_data(_TARGET, trusted_root, ["sha256"])
        targets = Targets(version=self.version, expires=when, targets={_TARGET: target})
        snapshot = Snapshot(version=self.version, expires=when, meta={"targets.json": MetaFile(self.version)})
        stamp = Timestamp(version=self.version, expires=when, snapshot_meta=MetaFile(self.version))
        self.files[f"/{self.version}.targets.json"] = self.sign(targets)
        self.files[f"/{self.version}.snapshot.json"] = self.sign(snapshot)
        self.files["/timestamp.json"] = self.sign(stamp)

    def sign(self, signed: Root | Targets | Snapshot | Timestamp) -> bytes:
        metadata = Metadata(signed)
        metadata.sign(self.signer)
        return bytes(metadata.to_bytes())

    def _root(self) -> bytes:
        root = Root(version=1, expires=datetime.now(UTC).replace(microsecond=0) + timedelta(days=1))
        for role in ("root", "targets", "snapshot", "timestamp"):
            root.add_key(self.signer.public_key, role)
        return self.sign(root)
