# SPDX-License-Identifier: Apache-2.0
"""Basic authentication and token flows; credentials go over TLS only, and only where they belong."""

from __future__ import annotations

import base64
import json
import pwd
from urllib.parse import parse_qs, urlsplit

import pytest

from bpfman.errors import AccessDenied, ImageNotFound, RegistryFailed
from bpfman.images.reference import parse_reference
from bpfman.images.registry.credentials import Credentials
from bpfman.images.registry.hints import login_hint
from bpfman.images.registry.registry import Registry
from tests.images.conftest import HASTE, PASSWORD, USER
from tests.images.samples import put_image
from tests.images.small_registry import small_registry

ALICE = Credentials(USER, PASSWORD)
BASIC = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()


@pytest.fixture
def manifest(environment):
    """Ask a registry for the manifest of acme/meter."""

    def ask(registry, credentials: Credentials | None = None) -> bytes:
        reference = parse_reference(f"{registry.host}/acme/meter")
        with Registry(reference, environment=environment, patience=HASTE, credentials=credentials) as client:
            return client.manifest().data

    return ask


def test_credentials_are_shown_only_when_asked_for(secure, manifest):
    put_image(secure, b"x")
    manifest(secure, ALICE)
    assert secure.authorizations() == [""]


def test_basic_authentication(secure, manifest):
    put_image(secure, b"x")
    secure.users = {USER: PASSWORD}
    assert manifest(secure, ALICE)
    assert secure.authorizations() == ["", BASIC]


def test_credentials_come_from_the_users_files(secure, manifest, home):
    put_image(secure, b"x")
    secure.users = {USER: PASSWORD}
    path = home / "run/containers/auth.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"auths": {secure.host: {"auth": BASIC.removeprefix("Basic ")}}}))
    assert manifest(secure)


def test_wrong_credentials_are_refused_once(secure, manifest):
    secure.users = {USER: PASSWORD}
    with pytest.raises(AccessDenied, match=r"status 401\): UNAUTHORIZED who is it\?") as refused:
        manifest(secure, ALICE._replace(password="wrong"))
    assert "log in again" in refused.value.hint
    assert len(secure.seen) == 2
    assert "wrong" not in str(refused.value)


def test_none_where_some_are_wanted_says_how_to_log_in(secure, manifest):
    secure.users = {USER: PASSWORD}
    with pytest.raises(AccessDenied):
        manifest(secure)
    assert len(secure.seen) == 1


def test_a_refusal_far_away_names_podman_and_sudo(environment):
    hint = login_hint("quay.io", False, environment)
    assert "podman login quay.io" in hint
    assert "REGISTRY_AUTH_FILE" in hint
    assert "sudo" in hint


def test_a_refusal_says_that_the_file_that_is_named_is_not_there(environment):
    environment["REGISTRY_AUTH_FILE"] = "/no/such/file"
    assert (
        login_hint("quay.io", False, environment)
        == "REGISTRY_AUTH_FILE names /no/such/file, which does not exist"
    )


def test_a_refusal_under_sudo_names_the_file_of_who_called_it(environment, tmp_path, monkeypatch):
    entry = pwd.struct_passwd(("carol", "x", 61234, 61234, "", str(tmp_path), "/bin/sh"))
    monkeypatch.setattr(pwd, "getpwnam", lambda name: {"carol": entry}[name])
    environment["SUDO_USER"] = "carol"
    assert "podman login" in login_hint("quay.io", False, environment)
    path = tmp_path / ".docker/config.json"
    path.parent.mkdir()
    path.write_text("{}")
    assert f"REGISTRY_AUTH_FILE={path} bpfman" in login_hint("quay.io", False, environment)
    environment["SUDO_USER"] = "nobody knows"
    assert "podman login" in login_hint("quay.io", False, environment)


def test_403_is_told_with_the_registrys_words(secure, manifest):
    secure.always("GET", "manifests", lambda h: h.refuse(403, "DENIED", "not yours"))
    with pytest.raises(AccessDenied, match=r"denies it \(status 403\): DENIED not yours"):
        manifest(secure)


def test_an_error_text_that_is_no_text_is_left_out(secure, manifest):
    secure.always("GET", "manifests", lambda h: h.refuse(403, "DENIED", "\x1b[31mred"))
    with pytest.raises(AccessDenied, match=r"\(status 403\)$"):
        manifest(secure)


# without TLS


def test_credentials_are_not_sent_without_tls(small, manifest, home):
    small.users = {USER: PASSWORD}
    path = home / "run/containers/auth.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"auths": {small.host: {"auth": BASIC.removeprefix("Basic ")}}}))
    for credentials in (None, ALICE):
        with pytest.raises(AccessDenied) as refused:
            manifest(small, credentials)
        assert "not sent without TLS" in refused.value.hint
    assert set(small.authorizations()) == {""}


def test_nor_are_they_sent_for_a_token_without_tls(small, manifest):
    put_image(small, b"x")
    small.realm = f"{small.url}/token"
    assert manifest(small, ALICE)
    assert set(small.authorizations()) == {"", "Bearer good"}


# tokens


def test_a_token_is_fetched_with_credentials_and_a_scope(secure, manifest):
    put_image(secure, b"x")
    secure.users, secure.realm = {USER: PASSWORD}, f"{secure.url}/token"
    assert manifest(secure, ALICE)
    assert secure.authorizations() == ["", BASIC, "Bearer good"]
    asked = parse_qs(urlsplit(secure.seen[1].path).query)
    assert asked == {"service": ["small"], "scope": ["repository:acme/meter:pull"]}


@pytest.mark.parametrize(
    ("theirs", "asked"),
    [
        ("", ["repository:acme/meter:pull"]),
        ("repository:acme/meter:pull", ["repository:acme/meter:pull"]),
        (
            "repository:acme/meter:pull,push",
            ["repository:acme/meter:pull", "repository:acme/meter:pull,push"],
        ),
        (
            "repository:acme/meter:pull registry:catalog:*",
            ["repository:acme/meter:pull", "registry:catalog:*"],
        ),
    ],
)
def test_scopes_that_the_registry_wants_besides_are_parameters_of_their_own(secure, manifest, theirs, asked):
    put_image(secure, b"x")
    secure.realm = f"{secure.url}/token"
    challenge = f'Bearer realm="{secure.realm}",scope="{theirs}"'
    secure.misbehave("GET", "manifests", lambda h: h.refuse(401, "NO", WWW_Authenticate=challenge))
    manifest(secure)
    assert parse_qs(urlsplit(secure.seen[1].path).query)["scope"] == asked


def test_a_token_may_be_issued_to_nobody_in_particular(secure, manifest):
    put_image(secure, b"x")
    secure.realm = f"{secure.url}/token?x=1"
    assert manifest(secure)
    assert secure.authorizations() == ["", "", "Bearer good"]
    assert secure.seen[1].path.startswith("/token?x=1&service=small")


def test_a_token_serves_for_all_that_follows(secure, environment):
    put_image(secure, b"x")
    secure.realm = f"{secure.url}/token"
    with Registry(
        parse_reference(f"{secure.host}/acme/meter"), environment=environment, patience=HASTE
    ) as client:
        client.manifest()
        client.manifest()
    assert [path.partition("?")[0] for path in secure.paths()].count("/token") == 1


def test_a_token_that_expired_is_fetched_anew(secure, environment):
    put_image(secure, b"x")
    secure.realm = f"{secure.url}/token"
    with Registry(
        parse_reference(f"{secure.host}/acme/meter"), environment=environment, patience=HASTE
    ) as client:
        secure.misbehave("GET", "/token", lambda h: h.reply(200, b'{"access_token": "old"}'))
        secure.misbehave("GET", "manifests", lambda h: h.refuse(
            401, "UNAUTHORIZED", WWW_Authenticate=f'Bearer realm="{secure.realm}",service="small"'))  # fmt: skip
        secure.misbehave("GET", "manifests", lambda h: h._serve())
        client.manifest()
        client.manifest()
    assert secure.authorizations()[-3:] == ["Bearer old", "", "Bearer good"]


def test_an_identity_token_is_exchanged(secure, manifest):
    put_image(secure, b"x")
    secure.refresh_token, secure.realm = "identity", f"{secure.url}/token"
    assert manifest(secure, Credentials("", "", "identity"))
    assert parse_qs(secure.seen[1].body.decode()) == {
        "grant_type": ["refresh_token"],
        "refresh_token": ["identity"],
        "client_id": ["bpfman"],
        "service": ["small"],
        "scope": ["repository:acme/meter:pull"],
    }


def test_credentials_that_the_realm_refuses_are_an_error(secure, manifest):
    secure.users, secure.realm = {USER: PASSWORD}, f"{secure.url}/token"
    with pytest.raises(AccessDenied, match=r"a token for the registry .* refuses it \(status 401\)"):
        manifest(secure, ALICE._replace(password="wrong"))


@pytest.mark.parametrize(
    "realm",
    [
        "http://auth.example/token",
        "http://127.0.0.1:1/token",
        "ftp://x/",
        "",
        "/token",
        "https://[::1/",
        "https://a:99999/",
    ],
)
def test_credentials_go_to_no_realm_without_tls(secure, manifest, realm):
    secure.realm = realm or " "
    with pytest.raises(RegistryFailed, match=r"which is (not https://|no address)"):
        manifest(secure, ALICE)
    assert secure.authorizations() == [""]


@pytest.mark.parametrize("answer", [b"{}", b"[]", b"no", b'{"token": 7}', b'{"token": "two\\nlines"}'])
def test_an_answer_that_holds_no_token_is_an_error(secure, manifest, answer):
    secure.realm = f"{secure.url}/token"
    secure.always("GET", "/token", lambda h: h.reply(200, answer))
    with pytest.raises(Exception, match="token for the registry"):
        manifest(secure)


def test_a_token_is_for_the_registry_not_for_where_it_redirects(secure, authority, home, manifest):
    with small_registry(authority.context(), "localhost") as elsewhere:
        authority.believed_by(home, elsewhere.host)
        put_image(elsewhere, b"x")
        secure.realm = f"{secure.url}/token"
        secure.misbehave("GET", "manifests", lambda h: h.refuse(
            401, "UNAUTHORIZED", WWW_Authenticate=f'Bearer realm="{secure.realm}"'))  # fmt: skip
        secure.misbehave("GET", "manifests", lambda h: h.reply(307, Location=f"{elsewhere.url}{h.path}"))
        manifest(secure)
    assert elsewhere.authorizations() == [""]


# Debian's registry


def test_a_real_registry_with_tls_and_a_password(private_registry, authority, home, environment):
    reference = parse_reference(f"{private_registry}/acme/meter")
    authority.believed_by(home, private_registry)
    for credentials, error in ((ALICE, ImageNotFound), (None, AccessDenied)):
        with (
            Registry(reference, environment=environment, patience=HASTE, credentials=credentials) as client,
            pytest.raises(error),
        ):
            client.manifest()
