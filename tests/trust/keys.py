# SPDX-License-Identifier: Apache-2.0
"""Keys of the tests' own: what they sign as cosign does, and how their public halves are written."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey


def new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def sign(key: PrivateKey, data: bytes) -> bytes:
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), SHA256())
    return key.sign(data, ec.ECDSA(SHA256()))


def public_half(key: PrivateKey | PublicKey) -> PublicKey:
    return key.public_key() if isinstance(key, PrivateKey) else key


def spki(key: PrivateKey | PublicKey) -> bytes:
    """A SubjectPublicKeyInfo in DER."""
    return public_half(key).public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def pem(what: x509.Certificate | PrivateKey | PublicKey) -> str:
    """A certificate, or a public key."""
    if isinstance(what, x509.Certificate):
        return what.public_bytes(Encoding.PEM).decode()
    return public_half(what).public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
