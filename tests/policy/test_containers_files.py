# SPDX-License-Identifier: Apache-2.0
"""registries.d and lookasides: where signatures of GPG are, on disks and on web servers; and what gpgv is asked."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from bpfman.errors import ConfigurationError, ImageTooLarge, RegistryFailed, TrustMaterialError, Unsupported
from bpfman.images import limits
from bpfman.images.policy.containers.gpg import BadMessage, keyring_of, open_message
from bpfman.images.policy.containers.lookaside import fetcher, signatures_at
from bpfman.images.policy.containers.registries import read_registries
from bpfman.images.reference import parse_reference
from bpfman.images.transport.location import Access, parse_location
from tests.images.conftest import HASTE

DIGEST = "sha256:" + "1" * 64
REFERENCE = parse_reference("quay.io/acme/meter:1")
PLACE = f"acme/meter@{DIGEST.replace(':', '=')}"


class Lookaside(BaseHTTPRequestHandler):
    """Two signatures, of which the second has moved; and trouble."""

    def do_GET(self) -> None:
        answers = {
            f"/good/{PLACE}/signature-1": (200, b"one"),
            f"/good/{PLACE}/signature-2": (302, b""),
            "/moved": (200, b"two"),
            f"/broken/{PLACE}/signature-1": (500, b""),
            f"/secret/{PLACE}/signature-1": (403, b""),
            f"/large/{PLACE}/signature-1": (200, b"x" * (limits.MAX_EVIDENCE + 1)),
        }
        status, body = answers.get(self.path, (404, b"<html>"))
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/moved")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def web():
    with HTTPServer(("127.0.0.1", 0), Lookaside) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def fetch(environment):
    return fetcher(Access(environment=environment, patience=HASTE))


def found_at(base: str, fetch) -> list[bytes]:
    return list(signatures_at(base, REFERENCE, DIGEST, fetch))


def test_signatures_of_a_folder(tmp_path, fetch):
    folder = tmp_path / "a folder" / PLACE
    folder.mkdir(parents=True)
    for number in (1, 2, 4):  # one that is behind a gap is not met
        (folder / f"signature-{number}").write_bytes(b"%d" % number)
    assert found_at(f"file://{tmp_path}/a%20folder", fetch) == [b"1", b"2"]
    assert found_at(f"file://{tmp_path}/nothing", fetch) == []


def test_signatures_of_a_web_server(web, fetch):
    assert found_at(f"{web}/good", fetch) == [b"one", b"two"]
    assert found_at(f"{web}/none", fetch) == []


@pytest.mark.parametrize(
    ("base", "error"), [("broken", RegistryFailed), ("secret", RegistryFailed), ("large", ImageTooLarge)]
)
def test_what_cannot_be_told_is_no_absence(web, fetch, base, error):
    with pytest.raises(error):
        found_at(f"{web}/{base}", fetch)


@pytest.mark.parametrize("base", ["ftp://a.example", "s3://bucket", "/var/lib", ""])
def test_other_places_are_errors(fetch, base):
    with pytest.raises(ConfigurationError, match="cannot be fetched from"):
        found_at(base, fetch)


# registries.d


@pytest.fixture
def registries(environment, home):
    """What registries.d says, of files by their names."""

    def read(**files: str):
        folder = home / ".config" / "containers" / "registries.d"
        folder.mkdir(exist_ok=True)
        for name, text in files.items():
            (folder / f"{name}.yaml").write_text(text)
        return read_registries(environment)

    return read


def where(found, name: str) -> tuple[str, bool]:
    location = parse_location(name)
    return found.lookaside(location), found.attachments(location)


def test_without_files_signatures_are_at_home_and_none_is_attached(registries):
    lookaside, attachments = where(registries(), "quay.io/acme/meter")
    assert lookaside.startswith("file:///")
    assert lookaside.endswith("/containers/sigstore")
    assert not attachments


def test_each_thing_is_said_by_the_most_specific_that_says_it(registries):
    found = registries(
        a="default-docker: {lookaside: file:///default, use-sigstore-attachments: true}\n"
        "docker: {quay.io: {sigstore: file:///old}, quay.io/acme: {use-sigstore-attachments: false}}",
        b="docker: {quay.io/acme/meter: {lookaside: file:///new, lookaside-staging: file:///out, more: 1}}",
        c="",
    )
    assert where(found, "docker.io/library/x") == ("file:///default", True)
    assert where(found, "quay.io/x") == ("file:///old", True)
    assert where(found, "quay.io/acme/x") == ("file:///old", False)
    assert where(found, "quay.io/acme/meter:1") == ("file:///new", False)


@pytest.mark.parametrize(
    "files",
    [
        {"a": "docker: ["},
        {"a": "- docker"},
        {"a": "docker: 3"},
        {"a": "docker: {quay.io: x}"},
        {"a": "docker: {quay.io: {lookaside: 3}}"},
        {"a": "docker: {quay.io: {use-sigstore-attachments: maybe}}"},
        {"a": "docker: {3: {}}"},
        {"a": "!!python/object/apply:os.system ['true']"},
        {"a": "default-docker: {}", "b": "default-docker: {}"},
        {"a": "docker: {quay.io: {}}", "b": "docker: {quay.io: {}}"},
        {"a": "\x00"},
    ],
)
def test_files_that_cannot_be_meant_are_errors(registries, files):
    with pytest.raises(ConfigurationError, match=r"registries\.d/[ab]\.yaml"):
        registries(**files)


# gpgv


def test_what_was_signed_and_by_whom(gpg):
    for armour in (False, True):
        keyring = keyring_of(gpg.public("other", "acme", armour=armour), "keyring")
        assert open_message(gpg.sign("acme", b"text"), keyring) == (b"text", gpg.keys["acme"])


def test_several_armoured_keys_in_one_file(gpg):
    data = b"a comment\n" + gpg.public("other", armour=True) + b"\n" + gpg.public("acme", armour=True)
    with pytest.raises(BadMessage):  # what stands before makes it no keyring
        open_message(gpg.sign("acme", b"text"), keyring_of(data, "keyring"))
    keyring = keyring_of(data.partition(b"\n")[2], "keyring")
    assert open_message(gpg.sign("acme", b"text"), keyring)[1] == gpg.keys["acme"]


def messages(gpg) -> dict[str, tuple[bytes, str]]:
    clear = gpg.run("--local-user", gpg.keys["acme"], "--clear-sign", data=b"text")
    detached = gpg.run("--local-user", gpg.keys["acme"], "--detach-sign", data=b"text")
    twice = gpg.run(
        "--local-user", gpg.keys["acme"], "--local-user", gpg.keys["other"], "--sign", data=b"text"
    )
    good = gpg.sign("acme", b"text", "--compress-algo", "none")
    return {
        "nothing": (b"", "."),
        "plain text": (b"text", "."),
        "somebody else's": (gpg.sign("other", b"text"), "a key that is not in the keyring"),
        "changed": (good.replace(b"text", b"tent"), "has been changed"),
        "detached": (detached, "."),
        "signed twice": (twice, "."),
        "two messages": (good + good, "."),
        "a literal in front": (b"\xcb\x0bb\x00\x00\x00\x00\x00evil!" + good, "."),
        "cleartext, changed": (clear.replace(b"text", b"tent"), "has been changed"),
    }


@pytest.mark.parametrize(
    "case",
    [
        "nothing", "plain text", "somebody else's", "changed", "detached", "signed twice", "two messages",
        "a literal in front", "cleartext, changed",
    ],
)  # fmt: skip
def test_what_is_no_good_message(gpg, case):
    message, why = messages(gpg)[case]
    keyring = gpg.public("acme")
    with pytest.raises(BadMessage, match=why):
        open_message(message, keyring)


def test_a_key_that_has_expired(gpg):
    gpg.generate("brief", expires="2020-06-01", now="20200101T000000")
    message = gpg.run(
        "--faked-system-time", "20200201T000000", "--local-user", gpg.keys["brief"], "--sign", data=b"text"
    )
    with pytest.raises(BadMessage, match="the key that signed it has expired"):
        open_message(message, gpg.public("brief"))


@pytest.mark.parametrize("data", [b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n!!!\n-----END PGP"])
def test_a_keyring_that_is_none(data):
    with pytest.raises(TrustMaterialError, match=r"acme\.asc is no keyring"):
        keyring_of(data, "acme.asc")


def test_without_gpgv_it_is_said_what_is_missing(monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(Unsupported, match="the command gpgv is missing") as caught:
        open_message(b"", b"")
    assert "install gpgv" in caught.value.hint
