# SPDX-License-Identifier: Apache-2.0
"""One request over one connection: TLS, proxies, time-outs.  Everything that imports urllib3 is here.

Called by `session`, which retries and follows redirects; nothing here does.  What urllib3 and OpenSSL raise becomes
RegistryFailed that says what could not be done with which host; whether trying again may help is a field of `Failed`.
"""

from __future__ import annotations

import socket
import ssl
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3 import exceptions as problems
from urllib3.util import Timeout, make_headers, parse_url

from bpfman.errors import RegistryFailed
from bpfman.images.registry import certificates
from bpfman.images.registry.proxy import proxy_for
from bpfman.images.registry.watch import Watch
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any, Self

    from urllib3 import BaseHTTPResponse

_CHUNK = 1 << 16
_PORTS = {"http": 80, "https": 443}


class Patience(NamedTuple):
    """How long to wait, in seconds, and how often to try."""

    connect: float = 10.0
    read: float = 30.0  # between two pieces of an answer
    total: float = 600.0  # for one request with all its tries
    attempts: int = 4
    pause: float = 0.25  # before the second try; each further one is twice as long
    longest_pause: float = 60.0  # what a registry may ask for with Retry-After


class Failed(Exception):
    """A request that did not come through.  `error` says so to the person; `wait` is what the registry asks for."""

    def __init__(self, error: RegistryFailed, *, again: bool, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.again = again
        self.wait = wait


class Connections:
    """The open connections of one session; closed by `close`."""

    def __init__(self, patience: Patience, environment: Mapping[str, str]) -> None:
        self._patience = patience
        self._environment = environment
        self._pools: dict[tuple[str, str | None, str], urllib3.PoolManager] = {}
        self.watch = Watch()

    def open(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Response:
        """The beginning of the answer, whatever its status.  Raises Failed."""
        timeout = Timeout(connect=self._patience.connect, read=self._patience.read)
        try:
            response = self._pool(url).urlopen(
                method, url, headers=dict(headers), body=body, timeout=timeout,
                redirect=False, retries=False, preload_content=False, decode_content=False,
            )  # fmt: skip
        except (problems.HTTPError, HTTPException, OSError, ValueError) as error:
            raise self.failure(url, error) from None
        return Response(response, url, self)

    def failure(self, url: str, error: Exception) -> Failed:
        """What went wrong at that URL; that the time was over, if it was."""
        return out_of_time(url, self._patience) if self.watch.over else _failure(url, error, self._patience)

    def close(self) -> None:
        for pool in self._pools.values():
            pool.clear()

    def _pool(self, url: str) -> urllib3.PoolManager:
        """A pool for the URL's host, by the way there and whom to believe; its CAs are no other host's."""
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
        proxy = proxy_for(parts.scheme, host, port, self._environment)
        secure = parts.scheme == "https"
        directory = certificates.directory_of(parts.netloc, self._environment) if secure else None
        key = (proxy, directory, parts.scheme)
        if key not in self._pools:
            pool = _new_pool(proxy, certificates.context_of(directory) if secure else None)
            pool.pool_classes_by_scheme = self.watch.pools()  # type: ignore[assignment]  # called, and nothing else
            self._pools[key] = pool
        return self._pools[key]


class Response:
    """An answer whose body is still to be read, in `with`."""

    def __init__(self, response: BaseHTTPResponse, url: str, connections: Connections) -> None:
        self._response = response
        self._connections = connections
        self.url = url
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers  # names in any case

    def pieces(self) -> Iterator[bytes]:
        """The body, piece by piece as it comes.  Raises Failed."""
        while True:
            try:
                piece = self._response.read1(_CHUNK, decode_content=False)
            except (problems.HTTPError, HTTPException, OSError, ValueError) as error:
                raise self._connections.failure(self.url, error) from None
            if not piece:
                return
            yield piece

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """A connection whose answer was read to its end is kept for the next request."""
        if self._response.connection is not None:
            self._response.close()
        self._response.release_conn()


def _new_pool(proxy: str, context: ssl.SSLContext | None) -> urllib3.PoolManager:
    tls: dict[str, Any] = {} if context is None else {"ssl_context": context}
    if not proxy:
        return urllib3.PoolManager(**tls)
    auth = parse_url(proxy).auth
    headers = make_headers(proxy_basic_auth=unquote(auth)) if auth else None
    try:
        return urllib3.ProxyManager(proxy, proxy_headers=headers, **tls)
    except (problems.HTTPError, ValueError):
        raise RegistryFailed(
            f"cannot use the proxy {_without_password(proxy)}", "only http:// and https:// proxies are known"
        ) from None


def _without_password(url: str) -> str:
    scheme, _, rest = url.rpartition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def host_of(url: str) -> str:
    return urlsplit(url).netloc


def out_of_time(url: str, patience: Patience) -> Failed:
    why = f"the answer did not come to an end within {patience.total:g} seconds"
    return Failed(_unreachable(url, why, "the connection is too slow, or the registry hangs"), again=False)


def _unreachable(url: str, why: str, hint: str = "") -> RegistryFailed:
    return RegistryFailed(
        f"cannot reach the registry {host_of(url)}: {why}",
        hint or "check the name, the network and the proxy",
    )


def _failure(url: str, error: Exception, patience: Patience) -> Failed:
    """What went wrong, in words, and whether it may go right the next time."""
    if isinstance(error, problems.ProxyError):
        return Failed(_unreachable(url, f"the proxy does not let us: {innermost(error)}"), again=True)
    if isinstance(error, problems.NameResolutionError):
        return Failed(_unreachable(url, "its name does not resolve"), again=False)
    if isinstance(error, problems.ConnectTimeoutError) and not isinstance(error, problems.NewConnectionError):
        return Failed(_unreachable(url, f"no connection within {patience.connect:g} seconds"), again=True)
    if isinstance(error, problems.ReadTimeoutError | TimeoutError):
        return Failed(_unreachable(url, f"no answer within {patience.read:g} seconds"), again=True)
    if isinstance(error, problems.SSLError | ssl.SSLError):
        return Failed(_untrusted(url, error), again=False)
    if isinstance(error, problems.LocationParseError | UnicodeError):
        return Failed(_unreachable(url, f"its address cannot be used: {innermost(error)}"), again=False)
    return Failed(_unreachable(url, _broken(_chain(error)) or innermost(error)), again=True)


def _broken(chain: list[BaseException]) -> str:
    """How an answer is none; empty where it is something else."""
    if any(isinstance(each, RemoteDisconnected) for each in chain):
        return "it closed the connection without an answer"
    if any(isinstance(each, IncompleteRead) for each in chain):
        return "the answer broke off"
    if any(isinstance(each, HTTPException | problems.InvalidHeader | ValueError) for each in chain):
        return "what it answers is not HTTP"
    return ""


def _untrusted(url: str, error: Exception) -> RegistryFailed:
    host = host_of(url)
    return _unreachable(
        url,
        f"TLS: {innermost(error)}",
        f"if it has an authority of its own, put that into /etc/containers/certs.d/{host}/ca.crt",
    )


def innermost(error: BaseException) -> str:
    """What the system or OpenSSL said, without the wrappings."""
    seen = _chain(error)
    found = next((each for each in reversed(seen) if isinstance(each, OSError) and each.strerror), seen[-1])
    if isinstance(found, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {found.verify_message}"
    if isinstance(found, socket.gaierror | ssl.SSLError | OSError) and found.strerror:
        return str(found.strerror)
    return str(found)


def _chain(error: BaseException) -> list[BaseException]:
    """An error and what it wraps, the innermost last."""
    seen = [error]
    while True:
        inner = seen[-1].__cause__ or seen[-1].__context__ or _argument(seen[-1])
        if inner is None or inner in seen:
            return seen
        seen.append(inner)


def _argument(error: BaseException) -> BaseException | None:
    """urllib3 keeps what it wraps among the arguments."""
    return next((each for each in error.args if isinstance(each, BaseException)), None)
