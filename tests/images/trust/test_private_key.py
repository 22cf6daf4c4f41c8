# SPDX-License-Identifier: Apache-2.0
"""Private keys in every form that openssl and cosign write; and what is none."""

from __future__ import annotations

import base64
import json
import sys
from functools import partial
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from bpfman.errors import InvalidRequest, Unsupported
from bpfman.images.trust.keys import load_key, made
from bpfman.images.trust.private_key import load_private_key, make_key_pair, public_pem, signature_of
from tests.images.trust import cosign_key

KEYS: dict[str, Any] = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "p521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
}
PEM, PKCS8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
OLD = serialization.PrivateFormat.TraditionalOpenSSL


def nobody() -> bytes:
    pytest.fail("a key that is not encrypted needs no password")


def wrong() -> bytes:
    return b"wrong"


@pytest.mark.parametrize("kind", KEYS)
def test_what_a_key_signs_its_public_half_verifies(kind):
    key = KEYS[kind]()
    encrypted = serialization.BestAvailableEncryption(b"pw")
    for text in (key.private_bytes(PEM, PKCS8, serialization.NoEncryption()),
                 key.private_bytes(PEM, PKCS8, encrypted)):  # fmt: skip
        read = load_private_key(text, "k", lambda: b"pw")
        public = load_key(public_pem(read.public_key()), "k")
        assert made(public, signature_of(read, b"data"), b"data")
        assert not made(public, signature_of(read, b"data"), b"other")


@pytest.mark.parametrize("kind", ["p256", "rsa"])
def test_openssl_s_older_form(kind):
    text = KEYS[kind]().private_bytes(PEM, OLD, serialization.NoEncryption())
    assert load_private_key(text, "k", nobody)


def test_a_key_of_cosign():
    key = load_private_key(cosign_key.PRIVATE, "cosign.key", lambda: cosign_key.PASSWORD)
    assert public_pem(key.public_key()) == cosign_key.PUBLIC
    older = cosign_key.PRIVATE.replace(b"SIGSTORE", b"COSIGN")
    assert load_private_key(older, "cosign.key", lambda: cosign_key.PASSWORD)


def test_a_key_of_cosign_without_what_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "nacl.secret", None)
    with pytest.raises(Unsupported, match="PyNaCl") as raised:
        load_private_key(cosign_key.PRIVATE, "cosign.key", wrong)
    assert "bpfman[sigstore]" in raised.value.hint


def test_a_wrong_password():
    ours = make_key_pair(b"pw").private
    for text in (cosign_key.PRIVATE, ours):
        with pytest.raises(InvalidRequest, match="password is wrong"):
            load_private_key(text, "k", wrong)


def _changed(**parts: object) -> bytes:
    """The key of cosign with something else in its description."""
    head, *body, tail = (
        cosign_key.PRIVATE.decode().split("\n", 1)[0],
        *cosign_key.PRIVATE.decode().split("\n")[1:-2],
    )
    found = json.loads(base64.b64decode("".join([*body, tail])))
    for part, value in parts.items():
        found[part] = value
    text = base64.b64encode(json.dumps(found).encode()).decode()
    return f"{head}\n{text}\n-----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n".encode()


@pytest.mark.parametrize(
    "parts",
    [
        {"kdf": {"name": "scrypt", "params": {"N": 1 << 40, "r": 8, "p": 1}, "salt": "AAAA"}},
        {"kdf": {"name": "argon2", "params": {"N": 1, "r": 8, "p": 1}, "salt": "AAAA"}},
        {"kdf": {"name": "scrypt", "params": {"N": 3, "r": 8, "p": 1}, "salt": "AAAA"}},
        {"kdf": None},
        {"cipher": {"name": "rot13", "nonce": "AAAA"}},
        {"cipher": {"name": "nacl/secretbox", "nonce": "AAAA"}},
        {"ciphertext": "AAAA"},
        {"ciphertext": 7},
    ],
    ids=str,
)
def test_a_key_of_cosign_that_was_damaged(parts):
    with pytest.raises(InvalidRequest, match=r"cosign\.key"):
        load_private_key(_changed(**parts), "cosign.key", lambda: cosign_key.PASSWORD)


@pytest.mark.parametrize(
    "text", [b"", b"x", cosign_key.PUBLIC, b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"]
)
def test_what_is_no_private_key(text):
    with pytest.raises(InvalidRequest, match="is no private key"):
        load_private_key(text, "k", nobody)


def test_a_weak_key():
    weak = rsa.generate_private_key(65537, 1024)
    with pytest.raises(InvalidRequest, match="no key that can be used"):
        load_private_key(weak.private_bytes(PEM, PKCS8, serialization.NoEncryption()), "k", nobody)


def test_a_new_pair():
    for password, said in ((b"pw", b"ENCRYPTED PRIVATE KEY"), (b"", b"BEGIN PRIVATE KEY")):
        pair = make_key_pair(password)
        assert said in pair.private
        key = load_private_key(pair.private, "k", partial(bytes, password))
        assert public_pem(key.public_key()) == pair.public
