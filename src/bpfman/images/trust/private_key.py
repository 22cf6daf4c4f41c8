# SPDX-License-Identifier: Apache-2.0
"""Private keys: read from what openssl and cosign write, asked for signatures, made anew.

Called for `image sign` and `image generate-key-pair`.  A key that is encrypted needs its password; that is asked for
only then.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from bpfman.errors import InvalidRequest, MalformedImage, Unsupported
from bpfman.images import documents
from bpfman.images.trust import keys
from bpfman.images.trust.reading import data, number
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from bpfman.images.trust.keys import PublicKey

    PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey

_KINDS = (ec.EllipticCurvePrivateKey, ed25519.Ed25519PrivateKey, rsa.RSAPrivateKey)
_COSIGN = re.compile(rb"-----BEGIN ENCRYPTED (?:SIGSTORE|COSIGN) PRIVATE KEY-----(.*?)-----END", re.DOTALL)
_MOST_MEMORY = 1 << 28  # bytes that deriving a key from a password may take
_HINT = "expected PEM: PKCS #8, as openssl writes it, or a cosign.key"


def load_private_key(text: bytes, name: str, password: Callable[[], bytes]) -> PrivateKey:
    """The private key in PEM; InvalidRequest for what is none, or for the wrong password."""
    cosign = _COSIGN.search(text)
    encrypted = cosign is not None or b"ENCRYPTED" in text
    secret = password() if encrypted else None
    try:
        if cosign is not None and secret is not None:
            found = serialization.load_der_private_key(_decrypt(cosign[1], name, secret), None)
        else:
            found = serialization.load_pem_private_key(text, secret)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        if encrypted:
            raise InvalidRequest(
                f"{name} cannot be decrypted: the password is wrong, or the file damaged"
            ) from None
        raise InvalidRequest(f"{name} is no private key", _HINT) from None
    if not isinstance(found, _KINDS) or not keys.is_usable(found.public_key()):
        raise InvalidRequest(f"{name} is no key that can be used here", keys.KINDS_HINT)
    return found


def _decrypt(body: bytes, name: str, password: bytes) -> bytes:
    """The key in a cosign.key: scrypt and NaCl's secretbox (go-securesystemslib, encrypted)."""
    try:
        from nacl.exceptions import CryptoError
        from nacl.secret import SecretBox
    except ImportError:
        raise Unsupported(
            f"{name} is encrypted as cosign does it, which needs PyNaCl",
            "pip install 'bpfman[sigstore]', or make a key with `bpfman image generate-key-pair`",
        ) from None
    try:
        found = documents.read_object(base64.b64decode(b"".join(body.split()), validate=True), name)
        secret = _derive(documents.object_at(found, "kdf", name), name, password)
        cipher = documents.object_at(found, "cipher", name)
        if documents.text(cipher, "name", name) != "nacl/secretbox":
            raise InvalidRequest(f"{name} is encrypted in a way that is not known here", _HINT)
        opened: bytes = SecretBox(secret).decrypt(
            data(found, "ciphertext", name), data(cipher, "nonce", name)
        )
        return opened
    except (binascii.Error, MalformedImage, CryptoError) as error:
        raise ValueError from error


def _derive(kdf: documents.Object, name: str, password: bytes) -> bytes:
    parameters = documents.object_at(kdf, "params", name)
    n, r, p = (number(parameters, key, name) for key in ("N", "r", "p"))
    if documents.text(kdf, "name", name) != "scrypt" or 128 * n * r * p > _MOST_MEMORY:
        raise InvalidRequest(f"{name} is encrypted in a way that is not known here", _HINT)
    return hashlib.scrypt(
        password, salt=data(kdf, "salt", name), n=n, r=r, p=p, maxmem=2 * _MOST_MEMORY, dklen=32
    )


def public_pem(key: PublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def signature_of(key: PrivateKey, signed: bytes) -> bytes:
    """With SHA-256 whatever the key, as `cosign verify --key` expects it."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(signed)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(signed, ec.ECDSA(hashes.SHA256()))


class KeyPair(NamedTuple):
    """Both in PEM."""

    private: bytes
    public: bytes


def make_key_pair(password: bytes) -> KeyPair:
    """A new ECDSA key on P-256, in PKCS #8; encrypted unless the password is empty."""
    key = ec.generate_private_key(ec.SECP256R1())
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    return KeyPair(private, public_pem(key.public_key()))
