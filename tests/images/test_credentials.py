# SPDX-License-Identifier: Apache-2.0
"""Credentials are found where podman and Docker keep them, the most specific first, and never shown."""

from __future__ import annotations

import base64
import json
import os
from typing import TYPE_CHECKING

import pytest

from bpfman.errors import ImageError, InvalidRequest, MalformedImage
from bpfman.images.registry.credentials import (
    Credentials,
    auth_files,
    find_credentials,
    parse_registry_auth,
)
from bpfman.images.registry.helper import ask

if TYPE_CHECKING:
    from pathlib import Path


def encoded(user: str, password: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{user}:{password}".encode()).decode()}


def write(path: Path, **content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


@pytest.fixture
def find(environment):
    return lambda registry, repository="acme/meter": find_credentials(registry, repository, environment)


@pytest.fixture
def podman(home):
    """Write the file that `podman login` writes."""
    return lambda **content: write(home / "run/containers/auth.json", **content)


def test_without_files_there_are_none(find):
    assert find("quay.io") is None


def test_files_are_tried_in_the_order_of_podman_and_docker(environment, home):
    environment |= {"REGISTRY_AUTH_FILE": "/elsewhere/auth.json"}
    assert list(auth_files(environment)) == [
        "/elsewhere/auth.json",
        f"{home}/run/containers/auth.json",
        f"{home}/.config/containers/auth.json",
        f"{home}/.docker/config.json",
    ]
    environment |= {"DOCKER_CONFIG": "/docker", "XDG_CONFIG_HOME": "/config"}
    del environment["XDG_RUNTIME_DIR"]
    assert list(auth_files(environment))[1:] == [
        f"/run/containers/{os.geteuid()}/auth.json",
        "/config/containers/auth.json",
        "/docker/config.json",
    ]


def test_only_the_first_file_that_exists_counts(find, podman, home):
    write(home / ".docker/config.json", auths={"quay.io": encoded("docker", "x")})
    assert find("quay.io") == Credentials("docker", "x")
    podman(auths={"other.example": encoded("podman", "y")})
    assert find("quay.io") is None


def test_the_most_specific_entry_wins(find, podman):
    podman(
        auths={
            "quay.io": encoded("all", "1"),
            "quay.io/acme": encoded("acme", "2"),
            "quay.io/acme/meter": encoded("meter", "3"),
        }
    )
    assert find("quay.io", "acme/meter") == Credentials("meter", "3")
    assert find("quay.io", "acme/other") == Credentials("acme", "2")
    assert find("quay.io", "else/meter") == Credentials("all", "1")
    assert find("quay.io", "acme/meter2") == Credentials("acme", "2")
    assert find("quay.io:444", "acme/meter") is None


@pytest.mark.parametrize(
    "key", ["docker.io", "https://index.docker.io/v1/", "index.docker.io", "registry-1.docker.io"]
)
def test_docker_hub_has_many_names(find, podman, key):
    podman(auths={key: encoded("hub", "x")})
    assert find("docker.io") == Credentials("hub", "x")


def test_a_password_may_hold_colons_and_entries_may_be_plain(find, podman):
    podman(auths={"a.example": encoded("u", "p:q"), "b.example": {"username": "u", "password": "p"}})
    assert find("a.example") == Credentials("u", "p:q")
    assert find("b.example") == Credentials("u", "p")


def test_an_identity_token_goes_before_a_password(find, podman):
    podman(auths={"a.example": {**encoded("u", "p"), "identitytoken": "t"}})
    assert find("a.example") == Credentials("u", "", "t")


def test_an_empty_entry_means_no_credentials(find, podman):
    podman(auths={"a.example": {}})
    assert find("a.example") is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is not valid JSON"),
        ("[]", "expected an object"),
        ('{"auths": []}', "'auths' is an array"),
        ('{"auths": {"quay.io": {"auth": "%%"}}}', "is not base64"),
        ('{"auths": {"quay.io": {"auth": "\\u0080"}}}', "is not base64"),
        ('{"auths": {"quay.io": {"auth": 7}}}', "expected a string"),
        ('{"auths": {"quay.io": {}, "quay.io": {}}}', "given twice"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_broken_file_is_named(find, home, content, said):
    path = home / "run/containers/auth.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    with pytest.raises(MalformedImage) as refused:
        find("quay.io")
    assert str(path) in str(refused.value)
    assert said in str(refused.value)


def test_an_empty_file_holds_none(find, home):
    path = home / "run/containers/auth.json"
    path.parent.mkdir(parents=True)
    path.write_text("")
    assert find("quay.io") is None


# helpers

ANSWER = '{"Username":"u","Secret":"s"}'


@pytest.fixture
def helper(environment, tmp_path):
    """Install a credential helper whose body is shell."""
    folder = tmp_path / "bin"
    folder.mkdir()
    environment["PATH"] = f"{folder}:/usr/bin:/bin"

    def install(name: str, body: str):
        path = folder / f"docker-credential-{name}"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    return install


def test_a_helper_is_asked_for_the_server(find, podman, helper, tmp_path):
    helper(
        "vault",
        f'cat > {tmp_path}/asked; echo "$1" > {tmp_path}/verb; echo \'{{"Username":"u","Secret":"s"}}\'',
    )
    podman(credsStore="vault", auths={"quay.io": encoded("plain", "x")})
    assert find("quay.io") == Credentials("u", "s")
    assert (tmp_path / "asked").read_text() == "quay.io"
    assert (tmp_path / "verb").read_text() == "get\n"
    find("docker.io")
    assert (tmp_path / "asked").read_text() == "https://index.docker.io/v1/"


def test_a_registrys_own_helper_goes_before_the_store_of_all(find, podman, helper):
    helper("own", 'echo \'{"Username":"own","Secret":"s"}\'')
    podman(credsStore="missing", credHelpers={"quay.io": "own"})
    assert find("quay.io") == Credentials("own", "s")


def test_a_helper_may_give_an_identity_token(find, podman, helper):
    helper("vault", 'echo \'{"Username":"<token>","Secret":"t"}\'')
    podman(credsStore="vault")
    assert find("quay.io") == Credentials("", "", "t")


def test_a_helper_that_knows_none_leaves_the_file_to_speak(find, podman, helper):
    helper("vault", "echo credentials not found in native keychain; exit 1")
    podman(credsStore="vault", auths={"quay.io": encoded("plain", "x")})
    assert find("quay.io") == Credentials("plain", "x")


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("vault", "echo locked >&2; exit 3", "failed: locked"),
        ("vault", "exit 3", "exit status 3"),
        ("vault", "echo nonsense", "not valid JSON"),
        ("vault", "echo '{\"Username\": 1}'", "'Username' is a number"),
        ("absent", "", "is not installed"),
        ("../evil", "", "is no name of a program"),
    ],
)
def test_a_helper_that_fails_says_how(find, podman, helper, name, body, said):
    if body:
        helper(name, body)
    podman(credsStore=name)
    with pytest.raises(ImageError) as refused:
        find("quay.io")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("exec sleep 60", r"did not answer within 0\.5 seconds"),
        ("exec yes", "answered with more than 1048576 bytes"),
        ("exec yes >&2", "answered with more than 1048576 bytes"),
    ],
)
def test_a_helper_that_has_no_end_is_not_listened_to(helper, environment, body, said):
    helper("endless", body)
    with pytest.raises(ImageError, match=said):
        ask("endless", "quay.io", "FILE", environment, patience=0.5)


def test_what_a_helper_leaves_running_is_not_waited_for(helper, environment, tmp_path):
    """As an agent that keeps the secrets for next time; it has the pipes open."""
    os.mkfifo(tmp_path / "until")
    helper("agent", f"cat {tmp_path}/until >&2 & echo '{ANSWER}'")
    assert ask("agent", "quay.io", "FILE", environment) == ("u", "s")
    (tmp_path / "until").write_text("now it ends")


def test_a_helper_may_close_its_pipes_early(helper, environment):
    helper("curt", f"exec <&-; echo '{ANSWER}'; exec >&- 2>&-")
    assert ask("curt", "quay.io", "FILE", environment) == ("u", "s")


def test_what_a_helper_complains_of_cannot_colour_the_terminal(helper, environment):
    helper("red", "printf '\\033[31mlocked\\nfor good' >&2; exit 1")
    with pytest.raises(ImageError, match=r"failed: \[31mlocked for good$"):
        ask("red", "quay.io", "FILE", environment)


# --registry-auth


def test_explicit_credentials_are_base64_of_user_and_password():
    text = base64.b64encode(b"user:pass:word").decode()
    assert parse_registry_auth(text) == Credentials("user", "pass:word")


@pytest.mark.parametrize("pair", [b"user", b"user:", b":password", b"", b"\xff:x"])
def test_explicit_credentials_need_both_halves(pair):
    with pytest.raises(InvalidRequest, match=r"^invalid registry-auth: "):
        parse_registry_auth(base64.b64encode(pair).decode())


@pytest.mark.parametrize("text", ["alice:s3cret", "älice:s3cret"])
def test_a_refused_value_is_not_shown(text):
    with pytest.raises(InvalidRequest) as refused:
        parse_registry_auth(text)
    assert "s3cret" not in str(refused.value) + refused.value.hint


def test_a_password_is_in_no_representation():
    assert "s3cret" not in repr(Credentials("alice", "s3cret"))
    assert "s3cret" not in str(Credentials("alice", "s3cret", "s3cret"))
