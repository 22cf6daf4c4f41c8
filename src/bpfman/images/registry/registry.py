# SPDX-License-Identifier: Apache-2.0
"""One repository of a registry: its manifests and blobs, read and written (OCI distribution specification 1.1).

Called by whatever pulls, inspects, copies or pushes, through the same methods that layouts and archives have.  Every
manifest and blob is checked against its digest before it is returned.
"""

from __future__ import annotations

import os
import re
from functools import partial
from urllib.parse import urlencode

from bpfman.errors import AccessDenied, ImageNotFound, InvalidRequest, MalformedImage, RegistryFailed
from bpfman.images import digest as digests
from bpfman.images import documents, limits
from bpfman.images.digest import shown
from bpfman.images.manifest import (
    ACCEPTED_TYPES,
    OCI_INDEX,
    Document,
    ImageIndex,
    ImageManifest,
    document_of,
    parse_manifest,
)
from bpfman.images.reference import is_loopback
from bpfman.images.registry import certificates
from bpfman.images.registry.addresses import origin, parse_address
from bpfman.images.registry.authentication import Authentication
from bpfman.images.registry.connection import Patience, host_of
from bpfman.images.registry.credentials import find_credentials
from bpfman.images.registry.session import Request, Session
from bpfman.images.transfer import check_blob, check_size, fallback_tag, merged_referrers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Self

    from bpfman.images.manifest import Descriptor
    from bpfman.images.reference import Reference
    from bpfman.images.registry.credentials import Credentials
    from bpfman.images.registry.session import Answer
    from bpfman.images.transfer import Progress

_PUSH = "pull,push"
_UPLOAD_LOST = (404, 416)  # BLOB_UPLOAD_UNKNOWN, or it has some of the bytes already
_NEXT_PAGE = re.compile(r'<([^>]+)>\s*;\s*rel="?next"?')


class Registry:
    """The repository that a reference names, in `with`.

    `credentials` go before those in the user's files.  `progress` is told of each blob how far it has come,
    `notice` that it takes longer, and why."""

    def __init__(
        self,
        reference: Reference,
        *,
        credentials: Credentials | None = None,
        environment: Mapping[str, str] = os.environ,
        patience: Patience = Patience(),  # noqa: B008 - a frozen value
        progress: Progress | None = None,
        notice: Callable[[str], None] | None = None,
    ) -> None:
        self.reference = reference
        host = reference.host
        # On this very machine registries have no TLS, unless somebody has given theirs a certificate.
        secure = not is_loopback(host) or certificates.directory_of(host, environment) is not None
        self._base = f"{'https' if secure else 'http'}://{host}/v2/{reference.repository}"
        self._session = Session(environment, patience, notice)
        self._progress = progress
        self._auth = Authentication(
            self._session, reference.registry, secure,
            lambda: credentials or find_credentials(reference.registry, reference.repository, environment),
            environment,
        )  # fmt: skip

    def __str__(self) -> str:
        return str(self.reference)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._session.close()

    # reading

    def manifest(self, version: str = "") -> Document:
        """The manifest or index under a tag or digest; the reference's own where none is named.

        ImageNotFound, AccessDenied, RegistryFailed, DigestMismatch, ImageTooLarge."""
        version = version or self.reference.version
        what = f"the manifest of {self.reference.at(version)}"
        headers = {"Accept": ", ".join(ACCEPTED_TYPES)}
        answer = self._get(f"manifests/{version}", what, limits.MAX_DOCUMENT, headers)
        return _checked(answer, version, what)

    def blob(self, descriptor: Descriptor) -> bytes:
        """The bytes that a manifest describes, checked.  Errors as for `manifest`."""
        what = f"blob {descriptor.digest} of {self.reference.name}"
        check_size(descriptor, what)
        request = Request("GET", self._url(f"blobs/{descriptor.digest}"), what, descriptor.size, resume=True)
        if self._progress:
            request = request._replace(progress=partial(self._progress, descriptor.digest, descriptor.size))
        data = self._found(self._send(request), what).body
        check_blob(data, descriptor, what)
        return data

    def referrers(self, digest: str) -> tuple[Descriptor, ...]:
        """What refers to a manifest (signatures, an SBOM), by the API or, where there is none, by the fallback tag."""
        what = f"the referrers of {digest}"
        answer = self._send(Request("GET", self._url(f"referrers/{digest}"), what, limits.MAX_DOCUMENT))
        if answer.status in (401, 403):
            self._expect(answer, (200,), what)
        if answer.status != 200 or "json" not in answer.headers.get("content-type", ""):
            return self._tagged_referrers(digest)
        found = list(self._pages(answer, what))
        if len(found) > limits.MAX_REFERRERS:
            raise RegistryFailed(f"{what} are more than {limits.MAX_REFERRERS}")
        return tuple(found)

    def _pages(self, answer: Answer, what: str) -> Iterator[Descriptor]:
        for _ in range(limits.MAX_PAGES):
            yield from _index(document_of(answer.body, OCI_INDEX), what).manifests
            following = _NEXT_PAGE.search(answer.headers.get("link", ""))
            if following is None:
                return
            page = parse_address(following[1], what, answer.url)
            if page is None or page.origin != origin(self._base):
                raise RegistryFailed(f"{what} go on at another host, which is not followed")
            answer = self._send(Request("GET", page.url, what, limits.MAX_DOCUMENT))
            self._expect(answer, (200,), what)
        raise RegistryFailed(f"{what} fill more than {limits.MAX_PAGES} pages")

    def _tagged_referrers(self, digest: str) -> tuple[Descriptor, ...]:
        """What is under the tag that stands in for the API.  Something else there means that there are none
        (distribution specification 1.1, "Listing Referrers"): `cosign copy` tags the image itself so."""
        found = self._under_fallback_tag(digest)
        return found.manifests if isinstance(found, ImageIndex) else ()

    def _under_fallback_tag(self, digest: str) -> ImageManifest | ImageIndex | None:
        try:
            document = self.manifest(fallback_tag(digest))
        except ImageNotFound:
            return None
        return parse_manifest(document, f"the referrers of {digest}")

    # writing

    def has_blob(self, descriptor: Descriptor) -> bool:
        what = f"blob {descriptor.digest} of {self.reference.name}"
        request = Request("HEAD", self._url(f"blobs/{descriptor.digest}"), what, 0)
        return self._send(request, _PUSH).status == 200

    def put_blob(self, descriptor: Descriptor, data: bytes) -> None:
        """Upload a blob, unless it is there.  AccessDenied, RegistryFailed."""
        if self.has_blob(descriptor):
            return
        what = f"uploading blob {descriptor.digest} to {self.reference.name}"
        done = self._upload(descriptor, data, what)
        if done.status in _UPLOAD_LOST:
            done = self._upload(descriptor, data, what)
        self._expect(done, (201, 204), what)
        if self._progress:
            self._progress(descriptor.digest, len(data), len(data))

    def _upload(self, descriptor: Descriptor, data: bytes, what: str) -> Answer:
        """One upload from its beginning.  A connection that broke off may have lost it: then it is begun anew."""
        begun = self._send(
            Request("POST", self._url("blobs/uploads/"), what, limits.MAX_ANSWER, body=b""), _PUSH
        )
        url = self._upload_url(self._expect(begun, (202,), what), descriptor, what)
        headers = {"Content-Type": "application/octet-stream"}
        return self._send(Request("PUT", url, what, limits.MAX_ANSWER, headers, body=data), _PUSH)

    def _upload_url(self, begun: Answer, descriptor: Descriptor, what: str) -> str:
        """Where the registry wants the bytes; it may be another host, which is then told no credentials."""
        location = begun.headers.get("location", "")
        address = parse_address(location, what, begun.url)
        if address is None or (address.origin != origin(self._base) and address.scheme != "https"):
            raise RegistryFailed(f"{what}: the registry wants it at {shown(location)}, which is not https://")
        location = address.url
        return f"{location}{'&' if '?' in location else '?'}{urlencode({'digest': descriptor.digest})}"

    def put_manifest(self, document: Document, version: str = "") -> None:
        """Write a manifest or index under its digest, or under a tag.  What it refers to must be there already."""
        version = version or document.digest
        what = f"writing the manifest of {self.reference.at(version)}"
        headers = {"Content-Type": document.media_type}
        url = self._url(f"manifests/{version}")
        answer = self._send(Request("PUT", url, what, limits.MAX_ANSWER, headers, body=document.data), _PUSH)
        self._expect(answer, (201, 202), what)
        claimed = answer.headers.get("docker-content-digest", document.digest)
        if claimed != document.digest:
            raise digests.mismatch(what, f"made the registry keep {claimed[:100]}, not {document.digest}")
        subject = parse_manifest(document, what).subject
        if subject and "oci-subject" not in answer.headers:
            self._tag_referrer(subject.digest, document)

    def put_root(self, document: Document) -> None:
        """Write a manifest or index under the reference's own tag.  InvalidRequest for another digest than its own."""
        if self.reference.digest not in ("", document.digest):
            raise InvalidRequest(
                f"{self.reference} cannot hold {document.digest}",
                "name the image by a tag, or by the digest it has",
            )
        self.put_manifest(document, self.reference.version)

    def _tag_referrer(self, subject: str, document: Document) -> None:
        """List a referrer under the fallback tag: this registry does not keep such lists itself."""
        tag = fallback_tag(subject)
        found = self._under_fallback_tag(subject)
        if isinstance(found, ImageManifest):
            raise RegistryFailed(
                f"the registry keeps no lists of what refers to {subject}, and the tag for one is taken: {tag}",
                "delete that tag; a signature can be had without it: `bpfman image sign --layout tag`",
            )
        self.put_manifest(merged_referrers(found.manifests if found else (), document), tag)

    # asking

    def _get(self, path: str, what: str, limit: int, headers: Mapping[str, str]) -> Answer:
        return self._found(self._send(Request("GET", self._url(path), what, limit, headers)), what)

    def _url(self, path: str) -> str:
        return f"{self._base}/{path}"

    def _send(self, request: Request, actions: str = "pull") -> Answer:
        """The answer, after convincing the registry if it asks; `actions` is what we want to do there."""
        scope = f"repository:{self.reference.repository}:{actions}"
        ours = origin(request.url) == origin(self._base)
        for _ in range(2):
            known = self._auth.value(scope) if ours else ""
            answer = self._session.send(request._replace(authorization=known))
            if answer.status != 401 or not ours:
                break
            if not self._auth.satisfy(answer.headers.get("www-authenticate", ""), scope):
                break
        return answer

    def _found(self, answer: Answer, what: str) -> Answer:
        if answer.status == 404:
            raise ImageNotFound(
                f"{what} does not exist{_said(answer)}", "check the repository and the tag or digest"
            )
        return self._expect(answer, (200,), what)

    def _expect(self, answer: Answer, statuses: tuple[int, ...], what: str) -> Answer:
        if answer.status in statuses:
            return answer
        if answer.status in (401, 403):
            does = "wants to know who asks" if answer.status == 401 else "denies it"
            raise AccessDenied(
                f"{what}: the registry {does} (status {answer.status}){_said(answer)}",
                self._auth.hint,
            )
        tls = b"HTTPS server" in answer.body and answer.status == 400
        raise RegistryFailed(
            f"{what}: the registry answered with status {answer.status}{_said(answer)}",
            f"it speaks TLS: put its authority into /etc/containers/certs.d/{self.reference.registry}/ca.crt"
            if tls else "",
        )  # fmt: skip


def _checked(answer: Answer, version: str, what: str) -> Document:
    """The document, if it is the one that was asked for."""
    wanted = version if digests.is_digest(version) else ""
    media_type = answer.headers.get("content-type", "")
    if media_type.partition(";")[0].strip().lower() == "text/html":
        raise RegistryFailed(
            f"{what}: {host_of(answer.url)} answered with a web page",
            "is it a registry? a proxy, or the login page of a network, may have answered in its place",
        )
    document = document_of(answer.body, media_type)
    if wanted:
        digests.check(answer.body, wanted, what)
        document = document._replace(digest=wanted)
    claimed = answer.headers.get("docker-content-digest", "")
    if claimed and digests.is_digest(claimed):
        digests.check(answer.body, claimed, what)
    return document


def _index(document: Document, what: str) -> ImageIndex:
    found = parse_manifest(document, what)
    if not isinstance(found, ImageIndex):
        raise RegistryFailed(f"{what}: a manifest where an index belongs")
    return found


def _said(answer: Answer) -> str:
    """The registry's own words, `: denied`, if it has any that can be shown."""
    try:
        first = documents.objects(
            documents.read_object(answer.body, "the answer"), "errors", "the answer", 100
        )[0]
        words = [first.get("code"), first.get("message")]
    except (MalformedImage, IndexError):
        return ""
    said = " ".join(str(word) for word in words if word)[:200]
    return f": {said}" if said and said.isprintable() else ""
