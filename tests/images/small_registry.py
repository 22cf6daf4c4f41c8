# SPDX-License-Identifier: Apache-2.0
"""A registry small enough to misbehave: referrers, tokens, slow and broken answers, on loopback.

It does what a registry does until a test puts something else in its place: `misbehave(method, path, action)` has the
next request that matches answered by `action`, once; `always` has all of them.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from bpfman.images.digest import digest_of
from bpfman.images.manifest import OCI_INDEX

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator

    Action = Callable[["Handler"], None]


class Seen(NamedTuple):
    method: str
    path: str  # with its query
    headers: dict[str, str]  # names in lower case
    body: bytes


class SmallRegistry:
    """State and behaviour of one server; `host` is what references name it by."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}  # (repository, tag or digest)
        self.uploads = itertools.count(1)
        self.begun: dict[str, bytes] = {}  # what came of blobs that are sent in parts
        self.has_referrers = True
        self.page = 100  # referrers a page
        self.users: dict[str, str] = {}  # who may ask, by basic authentication; none: everybody
        self.realm = ""  # where tokens are issued, if that is how to authenticate
        self.refresh_token = ""
        self.seen: list[Seen] = []
        self.host = ""
        self.scheme = "http"
        self.stopped = threading.Event()
        self._actions: list[tuple[str, str, Action, bool]] = []

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}"

    def misbehave(self, method: str, path: str, action: Action) -> None:
        """Answer the next request whose path this pattern matches by `action`."""
        self._actions.append((method, path, action, False))

    def always(self, method: str, path: str, action: Action) -> None:
        self._actions.append((method, path, action, True))

    def action_for(self, method: str, path: str) -> Action | None:
        for entry in self._actions:
            if entry[0] == method and re.search(entry[1], path):
                if not entry[3]:
                    self._actions.remove(entry)
                return entry[2]
        return None

    def add(self, data: bytes) -> str:
        digest = digest_of(data)
        self.blobs[digest] = data
        return digest

    def put(self, repository: str, version: str, media_type: str, data: bytes) -> str:
        digest = digest_of(data)
        for name in {version, digest}:
            self.manifests[repository, name] = media_type, data
        return digest

    def paths(self, method: str = "GET") -> list[str]:
        return [each.path for each in self.seen if each.method == method]

    def authorizations(self) -> list[str]:
        return [each.headers.get("authorization", "") for each in self.seen]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    registry: SmallRegistry
    body: bytes

    def log_message(self, format: str, *args: object) -> None:
        pass

    def reply(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status: int, code: str, message: str = "", **headers: str) -> None:
        text = json.dumps({"errors": [{"code": code, "message": message or code.lower()}]}).encode()
        self.reply(status, text, Content_Type="application/json", **headers)

    def begin_and_break(self, body: bytes, send: int, **headers: str) -> None:
        """Promise all of `body`, send the first bytes of it, and hang up."""
        self.reply(200, body[:send], Content_Length=str(len(body)), **headers)
        self.close_connection = True

    def hang(self) -> None:
        """Say nothing, for as long as the server is there."""
        self.registry.stopped.wait()
        self.close_connection = True

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _any(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        self.body = self.rfile.read(length)
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.registry.seen.append(Seen(self.command, self.path, headers, self.body))
        action = self.registry.action_for(self.command, self.path)
        if action is not None:
            action(self)
        elif self.path.startswith("/token"):
            self._token()
        elif self._is_allowed():
            self._serve()

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = _any  # noqa: N815

    # who may

    def _is_allowed(self) -> bool:
        sent = self.headers.get("authorization", "")
        if self.registry.realm:
            if sent == "Bearer good":
                return True
            challenge = f'Bearer realm="{self.registry.realm}",service="small"'
        elif self.registry.users:
            if sent in self._basic():
                return True
            challenge = 'Basic realm="small"'
        else:
            return True
        self.refuse(401, "UNAUTHORIZED", "who is it?", WWW_Authenticate=challenge)
        return False

    def _basic(self) -> list[str]:
        pairs = (f"{user}:{password}".encode() for user, password in self.registry.users.items())
        return [f"Basic {base64.b64encode(pair).decode()}" for pair in pairs]

    def _token(self) -> None:
        if self.command == "POST":
            fields = parse_qs(self.body.decode())
            good = fields.get("refresh_token") == [self.registry.refresh_token]
        else:
            good = not self.registry.users or self.headers.get("authorization", "") in self._basic()
        if good:
            self.reply(200, json.dumps({"token": "good", "expires_in": 60}).encode())
        else:
            self.refuse(401, "UNAUTHORIZED")

    # what a registry does

    def _serve(self) -> None:
        path = urlsplit(self.path).path
        if path == "/v2/":
            self.reply(200, b"{}", Content_Type="application/json")
            return
        found = re.fullmatch(r"/v2/(?P<name>.+)/(?P<what>manifests|blobs|referrers)/(?P<rest>.*)", path)
        if not found:
            self.refuse(404, "NAME_UNKNOWN")
            return
        getattr(self, f"_{found['what']}")(found["name"], found["rest"])

    def _manifests(self, name: str, version: str) -> None:
        if self.command == "PUT":
            media_type = self.headers["content-type"]
            digest = self.registry.put(name, version, media_type, self.body)
            subject = json.loads(self.body).get("subject")
            extra = {"OCI_Subject": subject["digest"]} if subject and self.registry.has_referrers else {}
            self.reply(201, Docker_Content_Digest=digest, **extra)
        elif (name, version) not in self.registry.manifests:
            self.refuse(404, "MANIFEST_UNKNOWN", "manifest unknown")
        else:
            media_type, data = self.registry.manifests[name, version]
            self.reply(200, data, Content_Type=media_type, Docker_Content_Digest=digest_of(data))

    def _blobs(self, name: str, rest: str) -> None:
        if self.command == "POST":
            self.reply(202, Location=f"/v2/{name}/blobs/uploads/{next(self.registry.uploads)}?state=x")
        elif self.command == "PATCH":
            self.registry.begun[rest] = self.body
            self.reply(202, Location=self.path)
        elif self.command == "PUT":
            digest = parse_qs(urlsplit(self.path).query)["digest"][0]
            self.registry.blobs[digest] = self.registry.begun.pop(rest, b"") + self.body
            self.reply(201)
        elif rest not in self.registry.blobs:
            self.refuse(404, "BLOB_UNKNOWN", "blob unknown to registry")
        else:
            self._send_blob(self.registry.blobs[rest])

    def _send_blob(self, data: bytes) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        if not asked:
            self.reply(200, data)
            return
        start = int(asked[1])
        self.reply(206, data[start:], Content_Range=f"bytes {start}-{len(data) - 1}/{len(data)}")

    def _referrers(self, name: str, digest: str) -> None:
        if not self.registry.has_referrers:
            self.refuse(404, "NOT_FOUND")
            return
        start = int(parse_qs(urlsplit(self.path).query).get("from", ["0"])[0])
        rows = list(self._rows(name, digest))
        rest = rows[start + self.registry.page :]
        following = (
            {"Link": f'</v2/{name}/referrers/{digest}?from={start + self.registry.page}>; rel="next"'}
            if rest
            else {}
        )
        body = {
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": rows[start : start + self.registry.page],
        }
        self.reply(200, json.dumps(body).encode(), Content_Type=OCI_INDEX, **following)

    def _rows(self, name: str, digest: str) -> Iterator[dict[str, object]]:
        for (repository, version), (media_type, data) in self.registry.manifests.items():
            found = json.loads(data)
            if (
                repository == name
                and version == digest_of(data)
                and found.get("subject", {}).get("digest") == digest
            ):
                artifact_type = found.get("artifactType") or found["config"]["mediaType"]
                yield {
                    "mediaType": media_type,
                    "digest": version,
                    "size": len(data),
                    "artifactType": artifact_type,
                }


@contextmanager
def small_registry(tls: ssl.SSLContext | None = None, name: str = "127.0.0.1") -> Iterator[SmallRegistry]:
    """A running registry, by TLS if there is a context for it; `name` is a name of loopback."""
    registry = SmallRegistry()
    handler = type("BoundHandler", (Handler,), {"registry": registry})
    server = ThreadingHTTPServer((name.replace("localhost", "127.0.0.1"), 0), handler)
    server.daemon_threads = True
    server.block_on_close = False
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        registry.scheme = "https"
    registry.host = f"{name}:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        registry.stopped.set()
        server.shutdown()
        thread.join()
        server.server_close()
