# SPDX-License-Identifier: Apache-2.0
"""Requests go through the proxy that the environment names, which is told no more than it must be."""

from __future__ import annotations

import pytest

from bpfman.errors import RegistryFailed
from bpfman.images.reference import parse_reference
from bpfman.images.registry.credentials import Credentials
from bpfman.images.registry.registry import Registry
from bpfman.images.registry.session import Request, Session
from tests.images.conftest import HASTE, PASSWORD, USER
from tests.images.connect_proxy import connect_proxy
from tests.images.samples import put_image
from tests.images.small_registry import small_registry

NAME = "registry.example"


@pytest.fixture
def far(authority, home):
    """A registry with TLS that calls itself registry.example and is reached through a proxy only."""
    with small_registry(authority.context(), "localhost") as registry:
        authority.believed_by(home, NAME)
        put_image(registry, b"x")
        registry.users = {USER: PASSWORD}
        yield registry


def ask(environment) -> bytes:
    reference = parse_reference(f"{NAME}/acme/meter")
    with Registry(
        reference, environment=environment, patience=HASTE, credentials=Credentials(USER, PASSWORD)
    ) as client:
        return client.manifest().data


def test_tls_goes_through_a_proxy_that_sees_none_of_it(environment, far):
    with connect_proxy(far.host, "joe:pa ss") as proxy:
        environment["HTTPS_PROXY"] = f"http://joe:pa%20ss@{proxy.address}"
        assert ask(environment)
        assert [each.split()[:2] for each in proxy.asked] == [["CONNECT", f"{NAME}:443"]]
        assert "\nAuthorization" not in proxy.asked[0]
    assert all("proxy-authorization" not in each.headers for each in far.seen)


def test_a_proxy_that_does_not_know_us_is_told(environment, far):
    with connect_proxy(far.host, "joe:secret") as proxy:
        environment["HTTPS_PROXY"] = f"http://joe:wrong@{proxy.address}"
        with pytest.raises(RegistryFailed, match=r"the proxy does not let us: .*407") as refused:
            ask(environment)
    assert "wrong" not in str(refused.value)
    assert far.seen == []


def test_an_exception_is_asked_without_the_proxy(environment, far):
    with connect_proxy(far.host) as proxy:
        environment |= {"HTTPS_PROXY": f"http://{proxy.address}", "NO_PROXY": "10.0.0.0/8,.example"}
        with pytest.raises(RegistryFailed, match=r"registry\.example"):
            ask(environment)
        assert proxy.asked == []


def test_a_proxy_is_used_and_told_its_own_credentials(environment):
    with small_registry() as proxy:
        proxy.always("GET", "", lambda h: h.reply(200, b"through"))
        environment["HTTP_PROXY"] = f"http://user:pa%20ss@{proxy.host}"
        session = Session(environment, HASTE)
        answer = session.send(Request("GET", "http://registry.example/v2/", "the thing", 100))
        session.close()
    assert answer.body == b"through"
    assert proxy.seen[0].path == "http://registry.example/v2/"
    assert proxy.seen[0].headers["proxy-authorization"] == "Basic dXNlcjpwYSBzcw=="


def test_a_proxy_that_is_not_there_is_told(environment):
    environment["HTTPS_PROXY"] = "http://127.0.0.1:1"
    session = Session(environment, HASTE)
    with pytest.raises(RegistryFailed, match="the proxy"):
        session.send(Request("GET", "https://registry.example/v2/", "the thing", 100))
    session.close()


def test_a_proxy_of_an_unknown_sort_is_told_without_its_password(environment):
    environment["HTTPS_PROXY"] = "socks5://user:secret@127.0.0.1:1"
    session = Session(environment, HASTE)
    with pytest.raises(RegistryFailed, match="cannot use the proxy socks5://127") as refused:
        session.send(Request("GET", "https://registry.example/v2/", "the thing", 100))
    assert "secret" not in str(refused.value)
    session.close()
