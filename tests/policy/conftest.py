# SPDX-License-Identifier: Apache-2.0
"""A registry, a user with rules of their own, and keys of GnuPG."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from tests.images.conftest import authority, environment, home, small

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["authority", "environment", "home", "small"]


class Gpg:
    """A home directory of GnuPG with some keys; the fingerprint of each by its name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {"GNUPGHOME": str(folder), "PATH": os.environ["PATH"], "LC_ALL": "C"}
        self.keys: dict[str, str] = {}

    def run(self, *words: str, data: bytes = b"") -> bytes:
        command = [
            "gpg",
            "--batch",
            "--quiet",
            "--yes",
            "--pinentry-mode",
            "loopback",
            "--passphrase",
            "",
            *words,
        ]
        return subprocess.run(
            command, input=data, env=self.environment, check=True, capture_output=True
        ).stdout

    def generate(self, name: str, *, expires: str = "never", now: str = "") -> str:
        faked = ["--faked-system-time", now] if now else []
        self.run(*faked, "--quick-gen-key", f"{name} <{name}@acme.example>", "rsa2048", "sign", expires)
        listing = self.run("--with-colons", "--list-keys", f"{name}@acme.example").decode()
        self.keys[name] = next(line.split(":")[9] for line in listing.splitlines() if line.startswith("fpr:"))
        return self.keys[name]

    def public(self, *names: str, armour: bool = False) -> bytes:
        how = ["--armor"] if armour else []
        return self.run(*how, "--export", *(self.keys[name] for name in names))

    def sign(self, name: str, data: bytes, *how: str) -> bytes:
        return self.run("--local-user", self.keys[name], *how, "--sign", data=data)


@pytest.fixture(scope="session")
def gpg(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gpg]:
    """GnuPG with the keys `acme` and `other`."""
    if not shutil.which("gpg") or not shutil.which("gpgv"):
        pytest.skip("needs the commands gpg and gpgv")
    folder = tmp_path_factory.mktemp("gpg", numbered=True)
    folder.chmod(0o700)
    made = Gpg(folder)
    try:
        made.generate("acme")
        made.generate("other")
        yield made
    finally:
        subprocess.run(["gpgconf", "--kill", "all"], env=made.environment, check=True)
