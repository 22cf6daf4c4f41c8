# SPDX-License-Identifier: Apache-2.0
"""Requests are tried again where that helps, bounded in time and size, and tell nobody what is not for them."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from email.utils import formatdate
from typing import Any

import pytest

from bpfman.errors import DigestMismatch, ImageTooLarge, RegistryFailed
from bpfman.images.reference import parse_reference
from bpfman.images.registry.connection import Patience
from bpfman.images.registry.registry import Registry
from bpfman.images.registry.session import Request, Session
from tests.images.conftest import HASTE
from tests.images.samples import descriptor, put_image
from tests.images.small_registry import small_registry

BLOB = bytes(range(256)) * 1000


@pytest.fixture
def get(environment):
    """Send a GET to a small registry; gives the answer."""
    sessions = []

    def send(registry, path: str, patience: Patience = HASTE, **more: Any):
        session = Session(environment, patience)
        sessions.append(session)
        return session.send(Request("GET", f"{registry.url}{path}", "the thing", 1 << 20, **more))

    yield send
    for session in sessions:
        session.close()


@pytest.fixture
def blob(environment):
    """Fetch a blob from a small registry's acme/meter."""

    def fetch(registry, data: bytes = BLOB, **more: Any) -> bytes:
        reference = parse_reference(f"{registry.host}/acme/meter")
        with Registry(reference, environment=environment, patience=HASTE, **more) as client:
            return client.blob(descriptor(data))

    return fetch


# tries


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(small, blob, status):
    small.add(BLOB)
    small.misbehave("GET", "/blobs/", lambda h: h.refuse(status, "BUSY"))
    assert blob(small) == BLOB
    assert len(small.seen) == 2


@pytest.mark.parametrize("status", [400, 404, 405, 410, 501])
def test_what_will_not_pass_is_not_tried_again(small, get, status):
    small.always("GET", "/", lambda h: h.refuse(status, "NO"))
    assert get(small, "/v2/").status == status
    assert len(small.seen) == 1


def test_tries_come_to_an_end(small, blob):
    small.always("GET", "/blobs/", lambda h: h.refuse(503, "BUSY"))
    with pytest.raises(RegistryFailed, match=r"blob sha256.* answered with status 503"):
        blob(small)
    assert len(small.seen) == HASTE.attempts


@pytest.mark.parametrize("value", ["0", formatdate(0, usegmt=True)])
def test_the_registry_says_when_to_come_back(small, get, value):
    """Sooner than we would by ourselves."""
    small.misbehave("GET", "/", lambda h: h.refuse(429, "TOOMANYREQUESTS", Retry_After=value))
    assert get(small, "/v2/", HASTE._replace(pause=60.0)).status == 200


def test_it_is_waited_for_as_long_as_the_registry_asks(small, get):
    small.misbehave("GET", "/", lambda h: h.refuse(429, "TOOMANYREQUESTS", Retry_After="1"))
    begun = time.monotonic()
    get(small, "/v2/")
    assert time.monotonic() - begun >= 1


def test_a_longer_wait_is_told_with_its_reason(small, environment):
    small.misbehave("GET", "/", lambda h: h.refuse(429, "NO", Retry_After="1"))
    said: list[str] = []
    session = Session(environment, HASTE, said.append)
    assert session.send(Request("GET", f"{small.url}/v2/", "the thing", 100)).status == 200
    session.close()
    assert said == [f"the thing: the registry {small.host} is asked too often; trying again in 1 seconds"]


def test_nobody_is_waited_for_longer_than_is_reasonable(small, get):
    small.misbehave("GET", "/", lambda h: h.refuse(429, "TOOMANYREQUESTS", Retry_After="3600"))
    with pytest.raises(RegistryFailed, match="asked too often") as refused:
        get(small, "/v2/")
    assert "3600 seconds" in refused.value.hint


@pytest.mark.parametrize("value", ["", "soon", "-5", "99999999999999999999", "²"])
def test_a_strange_retry_after_does_no_harm(small, get, value):
    small.always("GET", "/", lambda h: h.refuse(503, "BUSY", Retry_After=value))
    with pytest.raises(RegistryFailed):
        get(small, "/v2/")


# bodies


def test_a_download_that_breaks_off_goes_on_where_it_stopped(small, blob):
    small.add(BLOB)
    small.misbehave("GET", "/blobs/", lambda h: h.begin_and_break(BLOB, 100_000))
    told = []
    assert blob(small, progress=lambda digest, size, done: told.append((size, done))) == BLOB
    assert [each.headers.get("range") for each in small.seen] == [None, "bytes=100000-"]
    assert {size for size, _ in told} == {len(BLOB)}
    assert told[-1][1] == len(BLOB)
    assert [done for _, done in told] == sorted(done for _, done in told)


def test_a_registry_that_knows_no_ranges_begins_anew(small, blob):
    small.misbehave("GET", "/blobs/", lambda h: h.begin_and_break(BLOB, 100_000))
    small.misbehave("GET", "/blobs/", lambda h: h.reply(200, BLOB))
    assert blob(small) == BLOB


def test_another_part_than_was_asked_for_is_not_believed(small, blob):
    """It would be caught by the digest; asking anew is what gets the blob."""
    small.add(BLOB)
    small.misbehave("GET", "/blobs/", lambda h: h.begin_and_break(BLOB, 100_000))
    small.misbehave("GET", "/blobs/", lambda h: h.reply(206, BLOB[:9], Content_Range="bytes 0-8/256000"))
    assert blob(small) == BLOB


def test_a_stream_that_is_always_cut_is_an_error(small, blob):
    small.always("GET", "/blobs/", lambda h: h.begin_and_break(BLOB, 0))
    with pytest.raises(RegistryFailed, match="cannot reach the registry"):
        blob(small)


def test_fewer_bytes_than_described_are_a_mismatch(small, blob):
    small.always("GET", "/blobs/", lambda h: h.reply(200, BLOB[:-1]))
    with pytest.raises(DigestMismatch, match="has 255999 bytes, expected 256000"):
        blob(small)


def test_more_bytes_than_described_are_not_read(small, blob):
    small.always("GET", "/blobs/", lambda h: h.reply(200, BLOB + b"x"))
    with pytest.raises(ImageTooLarge, match="larger than the 256000 bytes"):
        blob(small)


def test_other_bytes_of_the_same_size_are_a_mismatch(small, blob):
    small.always("GET", "/blobs/", lambda h: h.reply(200, bytes(len(BLOB))))
    with pytest.raises(DigestMismatch, match="expected sha256:"):
        blob(small)


def test_a_chunked_body_is_bounded_too(small, blob):
    def endless(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        while True:
            handler.wfile.write(b"10000\r\n" + bytes(0x10000) + b"\r\n")

    small.always("GET", "/blobs/", endless)
    with pytest.raises(ImageTooLarge):
        blob(small)


def test_a_body_in_an_encoding_that_nobody_asked_for_is_not_decoded(small, blob):
    """The digest is that of the bytes; and a decoder is one more thing to feed a bomb to."""
    import gzip

    data = gzip.compress(bytes(1 << 20))
    small.always("GET", "/blobs/", lambda h: h.reply(200, data, Content_Encoding="gzip"))
    assert blob(small, data) == data


# time


def test_a_registry_that_says_nothing_is_not_waited_for(small, get):
    small.always("GET", "/", lambda h: h.hang())
    with pytest.raises(RegistryFailed, match=r"no answer within 0\.2 seconds"):
        get(small, "/v2/", HASTE._replace(read=0.2, attempts=2))
    assert len(small.seen) == 2


def test_a_connection_that_is_closed_at_once_is_an_error(environment, closing_server):
    session = Session(environment, HASTE)
    with pytest.raises(RegistryFailed, match="cannot reach the registry"):
        session.send(Request("GET", f"http://{closing_server}/", "the thing", 1))
    session.close()


@pytest.fixture
def closing_server():
    """A server that hangs up on everybody."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return

        thread = threading.Thread(target=run)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1:1/", "Connection refused"),
        ("https://name.invalid/", "its name does not resolve"),
        ("https://" + "x" * 70 + ".example/", "its address cannot be used"),
    ],
)
def test_an_unreachable_registry_is_told_with_the_reason(environment, url, why):
    session = Session(environment, HASTE)
    with pytest.raises(RegistryFailed, match=why) as refused:
        session.send(Request("GET", url, "the thing", 1))
    assert refused.value.hint
    session.close()


def test_no_tls_where_tls_is_expected_is_told(small, environment):
    session = Session(environment, HASTE)
    with pytest.raises(RegistryFailed, match="TLS: "):
        session.send(Request("GET", f"https://{small.host}/", "the thing", 1))
    session.close()


def test_an_unknown_authority_is_told_with_where_to_put_it(authority, environment):
    with small_registry(authority.context(), "localhost") as registry:
        session = Session(environment, HASTE)
        with pytest.raises(RegistryFailed, match="certificate verify failed") as refused:
            session.send(Request("GET", f"{registry.url}/", "the thing", 1))
        session.close()
    assert f"/etc/containers/certs.d/{registry.host}/ca.crt" in refused.value.hint


def test_old_tls_is_refused(authority, environment, home):
    context = authority.context()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with small_registry(context, "localhost") as registry:
        authority.believed_by(home, registry.host)
        session = Session(environment, HASTE)
        with pytest.raises(RegistryFailed, match="TLS: "):
            session.send(Request("GET", f"{registry.url}/", "the thing", 1))
        session.close()


# redirects


def test_a_blob_may_be_elsewhere(small, blob):
    with small_registry() as elsewhere:
        elsewhere.always("GET", "/bucket", lambda h: h.reply(200, BLOB))
        small.always("GET", "/blobs/", lambda h: h.reply(307, Location=f"{elsewhere.url}/bucket?signature=x"))
        assert blob(small) == BLOB


def test_a_redirect_may_be_relative(small, blob):
    small.misbehave("GET", "/blobs/", lambda h: h.reply(302, Location="/bucket"))
    small.always("GET", "/bucket", lambda h: h.reply(200, BLOB))
    assert blob(small) == BLOB


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_credentials_stay_with_the_registry_they_are_for(secure, authority, home, get, status):
    with small_registry(authority.context(), "localhost") as elsewhere:
        authority.believed_by(home, elsewhere.host)
        elsewhere.always("GET", "/bucket", lambda h: h.reply(200, BLOB))
        secure.misbehave("GET", "/blob", lambda h: h.reply(status, Location="/again"))
        secure.misbehave("GET", "/again", lambda h: h.reply(status, Location=f"{elsewhere.url}/bucket"))
        answer = get(secure, "/blob", authorization="Basic secret")
    assert answer.body == BLOB
    assert secure.authorizations() == ["Basic secret", "Basic secret"]
    assert elsewhere.authorizations() == [""]


def test_credentials_do_not_come_back_by_a_detour(secure, authority, home, get):
    """Registry, elsewhere, registry: what elsewhere chose to ask there is not asked in our name."""
    with small_registry(authority.context(), "localhost") as elsewhere:
        authority.believed_by(home, elsewhere.host)
        secure.misbehave("GET", "/blob", lambda h: h.reply(307, Location=f"{elsewhere.url}/x"))
        elsewhere.misbehave("GET", "/x", lambda h: h.reply(307, Location=f"{secure.url}/y"))
        get(secure, "/blob", authorization="Basic secret")
        assert elsewhere.authorizations() == [""]
    assert secure.authorizations() == ["Basic secret", ""]


def test_tls_is_not_given_up_by_a_redirect(secure, small, get):
    secure.misbehave("GET", "/", lambda h: h.reply(307, Location=f"{small.url}/x"))
    with pytest.raises(RegistryFailed, match=f"redirects to http://{small.host}, which is not followed"):
        get(secure, "/v2/")
    assert small.seen == []


@pytest.mark.parametrize(
    "location",
    [
        "http://registry.example/x",
        "http://localhost:80@registry.example/",
        "file:///etc/passwd",
        "gopher://x/",
        "https://",
    ],
)
def test_a_redirect_leads_to_https_only(small, get, location):
    small.misbehave("GET", "/", lambda h: h.reply(307, Location=location))
    with pytest.raises(RegistryFailed, match="which is not followed"):
        get(small, "/v2/")


@pytest.mark.parametrize("location", ["http://[::1/", "https://a:99999/", "https://a:b/"])
def test_a_redirect_that_is_no_address_is_told(small, get, location):
    small.misbehave("GET", "/", lambda h: h.reply(307, Location=location))
    with pytest.raises(RegistryFailed, match=r"the thing: .* is no address"):
        get(small, "/v2/")


def test_redirects_in_a_circle_come_to_an_end(small, get):
    small.always("GET", "/", lambda h: h.reply(307, Location="/again"))
    with pytest.raises(RegistryFailed, match="redirects more than 5 times"):
        get(small, "/v2/")


def test_connections_are_used_again(small, environment):
    put_image(small, b"x")
    with Registry(
        parse_reference(f"{small.host}/acme/meter"), environment=environment, patience=HASTE
    ) as client:
        ports = set()

        def note(handler):
            ports.add(handler.client_address)
            handler._serve()

        small.always("GET", "manifests", note)
        client.manifest()
        client.manifest()
    assert len(ports) == 1
