# SPDX-License-Identifier: Apache-2.0
"""Signatures that lie beside a registry: files on a disk or on a web server, one a signature.

Called for `signedBy`.  The layout is that of containers/image's docs/signature-protocols.md: below the URL that
registries.d names, REPOSITORY@sha256=DIGEST/signature-1, and so on.
"""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from bpfman.errors import ConfigurationError, ImageTooLarge, RegistryFailed
from bpfman.images import limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bpfman.images.reference import Reference
    from bpfman.images.transport.location import Access


def signatures_at(
    base: str, reference: Reference, digest: str, fetch: Callable[[str], bytes | None]
) -> Iterator[bytes]:
    """The signatures of a digest, in their order, up to the first number that is missing."""
    folder = f"{base}/{reference.repository}@{digest.replace(':', '=', 1)}"
    for number in range(1, limits.MAX_SIGNATURES + 1):
        found = fetch(f"{folder}/signature-{number}")
        if found is None:
            return
        yield found


def fetcher(access: Access) -> Callable[[str], bytes | None]:
    """What is at a URL; None where there is nothing.  RegistryFailed where that cannot be told."""

    def fetch(url: str) -> bytes | None:
        scheme = urlsplit(url).scheme
        if scheme == "file":
            return _read(unquote(urlsplit(url).path))
        if scheme in ("http", "https"):
            return _get(url, access)
        raise ConfigurationError(
            f'signatures cannot be fetched from "{url}"', "registries.d knows file:, http: and https:"
        )

    return fetch


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            data = file.read(limits.MAX_EVIDENCE + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise RegistryFailed(f"cannot read the signature {path}: {error.strerror}") from None
    if len(data) > limits.MAX_EVIDENCE:
        raise ImageTooLarge(f"the signature {path} has more than {limits.MAX_EVIDENCE} bytes")
    return data


def _get(url: str, access: Access) -> bytes | None:
    from bpfman.images.registry.connection import Patience
    from bpfman.images.registry.session import Request, Session

    session = Session(access.environment, access.patience or Patience())
    try:
        answer = session.send(Request("GET", url, f"the signature {url}", limits.MAX_EVIDENCE))
    finally:
        session.close()
    if answer.status == 404:
        return None
    if answer.status != 200:
        raise RegistryFailed(f"the signature {url} cannot be fetched: status {answer.status}")
    return answer.body
