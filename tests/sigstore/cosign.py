# SPDX-License-Identifier: Apache-2.0
"""Cosign as a person runs it, without the internet: the independent signer and verifier."""

from __future__ import annotations

import json
import subprocess
from typing import NamedTuple

from tests.rules.repository import ROOT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from tests.sigstore.instance import Instance

TOOLS = ROOT / "build" / "go"
_USUAL = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}


class KeyPair(NamedTuple):
    private: Path
    public: Path
    password: str


class Refused(Exception):
    """Cosign said no; the text is what it said."""


class Cosign:
    def run(self, *words: object, password: str = "") -> str:
        """What it printed.  Raises Refused."""
        done = subprocess.run(
            [str(TOOLS / "cosign"), *map(str, words)],
            env={**_USUAL, "COSIGN_PASSWORD": password},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            raise Refused(f"cosign {' '.join(map(str, words))}: {done.stderr}")
        return done.stdout

    def key_pair(self, folder: Path, password: str) -> KeyPair:
        prefix = folder / "cosign"
        self.run("generate-key-pair", f"--output-key-prefix={prefix}", password=password)
        return KeyPair(prefix.with_suffix(".key"), prefix.with_suffix(".pub"), password)

    def import_key(self, folder: Path, pem: Path, password: str) -> KeyPair:
        """A key of openssl's, as cosign keeps it."""
        prefix = folder / f"imported-{pem.stem}"
        self.run("import-key-pair", f"--key={pem}", f"--output-key-prefix={prefix}", password=password)
        return KeyPair(prefix.with_suffix(".key"), prefix.with_suffix(".pub"), password)

    def sign(self, image: str, keys: KeyPair, *words: object, bundle: bool = True) -> None:
        """With a key and nothing else, in the present layout or in the older one."""
        layout = f"--new-bundle-format={str(bundle).lower()}"
        where = ("--tlog-upload=false", "--use-signing-config=false", "--allow-http-registry", layout)
        self.run("sign", "--yes", f"--key={keys.private}", *where, *words, image, password=keys.password)

    def sign_keyless(
        self, image: str, sigstore: Instance, email: str, *words: object, log: int = 2
    ) -> None:  # fmt: skip
        """As that person, by a certificate of the instance, with a stamp and an entry in the log of that version."""
        config = sigstore.signing_config if log == 2 else sigstore.signing_config_v1
        token = f"--identity-token={sigstore.issuer.token(email)}"
        where = (f"--signing-config={config}", f"--trusted-root={sigstore.trusted_root}")
        self.run("sign", "--yes", token, *where, "--allow-http-registry", *words, image)

    def sign_keyless_by_tag(self, image: str, sigstore: Instance, email: str, *words: object) -> None:
        """The same in the older layout, which knows Rekor 1 alone."""
        urls = (
            f"--fulcio-url={sigstore.fulcio}",
            f"--rekor-url={sigstore.rekor}",
            "--use-signing-config=false",
        )
        token = f"--identity-token={sigstore.issuer.token(email)}"
        layout = ("--new-bundle-format=false", f"--trusted-root={sigstore.trusted_root}")
        self.run("sign", "--yes", token, *urls, *layout, "--allow-http-registry", *words, image)

    def verify(self, image: str, *words: object, bundle: bool = True) -> list[dict[str, Any]]:
        """What it says of the signatures that it believes.  Raises Refused where there is none."""
        layout = f"--new-bundle-format={str(bundle).lower()}"
        said = self.run("verify", "--allow-http-registry", layout, *words, image)
        found: list[dict[str, Any]] = json.loads(said)
        return found

    def verify_with_key(self, image: str, keys: KeyPair, *, bundle: bool = True) -> list[dict[str, Any]]:
        return self.verify(image, f"--key={keys.public}", "--insecure-ignore-tlog", bundle=bundle)
