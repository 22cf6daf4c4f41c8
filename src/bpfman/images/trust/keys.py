# SPDX-License-Identifier: Apache-2.0
"""Public keys: read, named by their fingerprint, and asked whether they made a signature.

Which hash and padding belong to a key is what cosign does: SHA-256 for all of ECDSA and RSA in its older layout, the
hash of the curve's size in bundles, PKCS #1 v1.5 for RSA with PSS as the alternative.
"""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from bpfman.errors import TrustMaterialError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding
    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
    from cryptography.hazmat.primitives.hashes import HashAlgorithm
    from cryptography.x509 import Certificate

    PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey

KINDS = (ec.EllipticCurvePublicKey, ed25519.Ed25519PublicKey, rsa.RSAPublicKey)
_CURVES: dict[str, type[HashAlgorithm]] = {
    "secp256r1": hashes.SHA256, "secp384r1": hashes.SHA384, "secp521r1": hashes.SHA512,
}  # fmt: skip
_ONLY_PSS = "1.2.840.113549.1.1.10"
_MIN_RSA, _MAX_RSA = 2048, 8192  # bits; beyond, a verification takes long enough to be an attack
ED25519 = "Ed25519"
KINDS_HINT = "keys are ECDSA on P-256, P-384 or P-521, Ed25519, or RSA of 2048 to 8192 bits"


def load_key(data: bytes, name: str) -> PublicKey:
    """The public key in PEM or DER; TrustMaterialError for what is none, or none that is used for signing."""
    try:
        if data.lstrip().startswith(b"-----"):
            found = serialization.load_pem_public_key(data)
        else:
            found = serialization.load_der_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        raise TrustMaterialError(
            f"{name} is no public key", "expected PEM, -----BEGIN PUBLIC KEY-----, as in cosign.pub"
        ) from None
    if not isinstance(found, KINDS) or not is_usable(found):
        raise TrustMaterialError(f"{name} is no key that can be used here", KINDS_HINT)
    return found


def is_usable(key: object) -> bool:
    """Whether it is of a kind, and of a size, whose signatures are worth something."""
    if isinstance(key, rsa.RSAPublicKey):
        return _MIN_RSA <= key.key_size <= _MAX_RSA
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key.curve.name in _CURVES
    return isinstance(key, ed25519.Ed25519PublicKey)


def spki(key: CertificatePublicKeyTypes) -> bytes:
    """SubjectPublicKeyInfo in DER: what fingerprints and log ids are made of."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def key_fingerprint(key: PublicKey) -> str:
    return hashlib.sha256(spki(key)).hexdigest()


def certificate_fingerprint(certificate: Certificate) -> str:
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


def describe(key: PublicKey) -> str:
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    return f"ECDSA {key.curve.name}" if isinstance(key, ec.EllipticCurvePublicKey) else ED25519


def key_of(certificate: Certificate) -> PublicKey | None:
    """The key in a certificate, if it is one that can be used."""
    try:
        found = certificate.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    # A key for PSS alone is RSA to cryptography, and would be believed with the other padding too.
    only_pss = certificate.public_key_algorithm_oid.dotted_string == _ONLY_PSS
    return found if isinstance(found, KINDS) and is_usable(found) and not only_pss else None


def made(key: PublicKey, signature: bytes, data: bytes, prehashed: bytes = b"") -> bool:
    """Whether `key` made `signature` over `data`; with `prehashed`, over what has this SHA-256."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return not prehashed and _holds(key.verify, signature, data)
    signed = prehashed or data
    for algorithm in _hashes(key, prehashed):
        how = Prehashed(algorithm) if prehashed else algorithm
        if isinstance(key, ec.EllipticCurvePublicKey):
            if _holds(key.verify, signature, signed, ec.ECDSA(how)):
                return True
        elif any(_holds(key.verify, signature, signed, each, how) for each in _paddings(algorithm)):
            return True
    return False


def _hashes(key: PublicKey, prehashed: bytes) -> Iterator[HashAlgorithm]:
    yield hashes.SHA256()
    if isinstance(key, ec.EllipticCurvePublicKey) and not prehashed:
        own = _CURVES[key.curve.name]()
        if own.name != "sha256":
            yield own


def _paddings(algorithm: HashAlgorithm) -> tuple[AsymmetricPadding, ...]:
    return padding.PKCS1v15(), padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO)


def _holds(verify: Callable[..., None], *arguments: object) -> bool:
    try:
        verify(*arguments)
    except InvalidSignature:
        return False
    return True
