# SPDX-License-Identifier: Apache-2.0
"""An OpenID Connect issuer of the tests' own: discovery, keys, and tokens for whomever a test names."""

from __future__ import annotations

import base64
import json
import time

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from tests.sigstore.serving import JsonHandler

AUDIENCE = "sigstore"


class Issuer:
    """`url` is what it is called in tokens and certificates, and where fulcio asks for its keys."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._key = rsa.generate_private_key(65537, 2048)

    def token(self, email: str, lifetime: int = 600) -> str:
        """A signed token that says that whoever has it is `email`."""
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": email,
            "email": email,
            "email_verified": True,
            "iat": now,
            "nbf": now,
            "exp": now + lifetime,
        }
        signed = f"{_part({'alg': 'RS256', 'typ': 'JWT', 'kid': 'tests'})}.{_part(claims)}"
        signature = self._key.sign(signed.encode(), padding.PKCS1v15(), SHA256())
        return f"{signed}.{_b64url(signature)}"

    def discovery(self) -> dict[str, object]:
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/keys",
            "authorization_endpoint": f"{self.url}/auth",
            "token_endpoint": f"{self.url}/token",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def keys(self) -> dict[str, object]:
        public = self._key.public_key().public_numbers()
        numbers = {"n": public.n.to_bytes(256), "e": public.e.to_bytes(3)}
        row = {name: _b64url(value) for name, value in numbers.items()}
        return {"keys": [{"kty": "RSA", "use": "sig", "alg": "RS256", "kid": "tests", **row}]}


class IssuerHandler(JsonHandler):
    issuer: Issuer

    def respond(self) -> None:
        answers = {"/.well-known/openid-configuration": self.issuer.discovery, "/keys": self.issuer.keys}
        answer = answers.get(self.path)
        if answer is None:
            self.answer(404, {})
        else:
            self.answer(200, answer())


def _part(value: object) -> str:
    return _b64url(json.dumps(value).encode())


def _b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
