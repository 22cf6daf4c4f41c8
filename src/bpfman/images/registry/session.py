# SPDX-License-Identifier: Apache-2.0
"""A request from beginning to end: tries, pauses, redirects, and a body that is bounded while it arrives.

Called by `registry` and `authentication`.  Knows no credentials but the Authorization of the request in hand, which
goes to the origin it was made for and to no other, however the registry redirects.  A download that breaks off goes on
where it stopped.
"""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

from bpfman.errors import ImageTooLarge, RegistryFailed
from bpfman.images import limits
from bpfman.images.digest import shown
from bpfman.images.registry.addresses import origin, parse_address
from bpfman.images.registry.connection import Connections, Failed, Patience, host_of, out_of_time
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bpfman.images.registry.connection import Response

_MOVED = (301, 302, 303, 307, 308)
_MAY_PASS = (408, 429, 500, 502, 503, 504)  # an answer that may be another one a moment later
_MOST_REDIRECTS = 5
_AGENT = "bpfman"
_WORTH_TELLING = 1.0  # seconds of a wait


class Request(NamedTuple):
    """`what` is how the person would call it; `limit` bounds the body of a good answer, in bytes.

    With `resume`, an answer that breaks off is asked for from there on: only for what never changes.  `progress` is
    told how many bytes there are so far."""

    method: str
    url: str
    what: str
    limit: int
    headers: Mapping[str, str] = {}
    authorization: str = ""
    body: bytes | None = None
    resume: bool = False
    progress: Callable[[int], None] | None = None


class Answer(NamedTuple):
    """`url` is where it came from in the end."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str


class Session:
    """Requests to one registry, and to where it sends us.  `notice` is told of longer waits, for a person to read."""

    def __init__(
        self, environment: Mapping[str, str], patience: Patience, notice: Callable[[str], None] | None = None
    ) -> None:
        self._notice = notice
        self._connections = Connections(patience, environment)
        self._patience = patience

    def close(self) -> None:
        self._connections.close()

    def send(self, request: Request) -> Answer:
        """The answer, of any status that is not likely to pass.  Raises RegistryFailed and ImageTooLarge."""
        deadline = time.monotonic() + self._patience.total
        received = bytearray()
        pause = self._patience.pause
        for attempt in range(1, self._patience.attempts + 1):
            try:
                with self._connections.watch.until(deadline):
                    return self._try(request, received)
            except Failed as failed:
                if attempt == self._patience.attempts or not failed.again:
                    raise _about(request, failed) from None
                self._wait(request, failed, pause, deadline)
                pause *= 2
        raise AssertionError("the last attempt returns or raises")

    def _wait(self, request: Request, failed: Failed, pause: float, deadline: float) -> None:
        """As long as the registry asks for, within reason."""
        wait = pause if failed.wait is None else max(failed.wait, 0)
        if wait > self._patience.longest_pause:
            failed.error.hint = f"it asks to come back in {wait:.0f} seconds"
            raise _about(request, failed) from None
        if time.monotonic() + wait > deadline:
            raise _about(request, out_of_time(request.url, self._patience)) from None
        if self._notice and wait >= _WORTH_TELLING:
            self._notice(f"{request.what}: {failed.error}; trying again in {wait:.0f} seconds")
        time.sleep(wait)

    def _try(self, request: Request, received: bytearray) -> Answer:
        with self._open(request, len(received)) as response:
            if response.status in _MAY_PASS:
                raise _not_now(request, response)
            if response.status == 206 and _starts_at(response) == len(received):
                status = 200
            else:
                status = response.status
                received.clear()
            if request.method == "GET" and status in (206, 416):  # a part that nobody asked for: begin anew
                raise Failed(_odd(request, f"answered with status {response.status}"), again=True)
            for piece in response.pieces():
                received += piece
                if status >= 300 and len(received) > limits.MAX_ANSWER:
                    break  # an error's text; what is there will do
                if status < 300 and len(received) > request.limit:
                    raise _too_large(request)
                if status == 200 and request.progress:
                    request.progress(len(received))
            if self._connections.watch.over:  # an end that we made ourselves may look like the answer's own
                raise out_of_time(request.url, self._patience)
            return Answer(status, response.headers, bytes(received), response.url)

    def _open(self, request: Request, offset: int) -> Response:
        """The answer after redirects."""
        headers = {"User-Agent": _AGENT, "Accept-Encoding": "identity", **request.headers}
        if offset and request.resume:
            headers["Range"] = f"bytes={offset}-"
        url = request.url
        if request.authorization:
            headers["Authorization"] = request.authorization
        for _ in range(_MOST_REDIRECTS + 1):
            response = self._connections.open(request.method, url, headers, request.body)
            if response.status not in _MOVED or "location" not in response.headers:
                return response
            with response:
                url = self._follow(request, url, response.headers["location"])
            if origin(url) != origin(request.url):
                headers.pop("Authorization", None)  # for good: nor is it used where that host sends us next
        raise RegistryFailed(f"{request.what}: the registry redirects more than {_MOST_REDIRECTS} times")

    def _follow(self, request: Request, url: str, location: str) -> str:
        """Where a redirect leads, if we may go there: never from TLS to none, and to this machine only from it."""
        if request.method not in ("GET", "HEAD"):
            raise RegistryFailed(
                f"{request.what}: the registry redirects a {request.method}, which is not followed"
            )
        target = parse_address(location, request.what, url)
        plain = target is not None and target.may_be_plain and url.startswith("http:")
        if target is None or not (plain or target.scheme == "https"):
            to = f"{target.scheme}://{target.netloc}" if target else shown(location)
            raise RegistryFailed(
                f"{request.what}: {host_of(url)} redirects to {to}, which is not followed",
                "a registry may only redirect to https://",
            )
        return target.url


def _not_now(request: Request, response: Response) -> Failed:
    """A status that may pass, and when the registry says that it will."""
    why = "is asked too often" if response.status == 429 else f"answered with status {response.status}"
    return Failed(_odd(request, why), again=True, wait=_retry_after(response.headers.get("retry-after", "")))


def _odd(request: Request, why: str) -> RegistryFailed:
    return RegistryFailed(f"the registry {host_of(request.url)} {why}", "try again later, or ask who runs it")


def _about(request: Request, failed: Failed) -> RegistryFailed:
    """The error, with what it was that failed."""
    return RegistryFailed(f"{request.what}: {failed.error}", failed.error.hint)


def _retry_after(value: str) -> float | None:
    """Seconds, from a number of them or from a date (RFC 9110, section 10.2.3)."""
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None


def _starts_at(response: Response) -> int:
    """Where the part begins that a 206 brings; -1 where it does not say."""
    unit, _, rest = response.headers.get("content-range", "").partition(" ")
    start = rest.partition("-")[0]
    return int(start) if unit == "bytes" and start.isascii() and start.isdigit() and len(start) < 19 else -1


def _too_large(request: Request) -> ImageTooLarge:
    return ImageTooLarge(
        f"{request.what} is larger than the {request.limit} bytes expected of it", "nothing of it was used"
    )
