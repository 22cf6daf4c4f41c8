# SPDX-License-Identifier: Apache-2.0
"""Asks the command gpgv who signed a message.

Called for `signedBy`.  OpenPGP is GnuPG's business: its keyrings, its ciphers, its ideas of which signatures are too
weak by now.  The keyring of the policy is the only one it is given.
"""

from __future__ import annotations

import binascii
import os
import shutil
import subprocess
import tempfile

from bpfman.errors import TrustMaterialError, Unsupported

_PATIENCE = 30.0  # seconds
_BAD = ("BADSIG", "ERRSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG", "NODATA", "UNEXPECTED")


class BadMessage(Exception):
    """Nobody of the keyring signed it, or not well; says why."""


def open_message(message: bytes, keyring: bytes) -> tuple[bytes, str]:
    """What was signed, and the fingerprint of the key that signed it.  BadMessage; Unsupported without gpgv."""
    command = shutil.which("gpgv")
    if command is None:
        raise Unsupported(
            "policy.json asks for a signature of GPG (signedBy), and the command gpgv is missing",
            "install gpgv (GnuPG), or ask for sigstoreSigned",
        )
    with tempfile.TemporaryDirectory(prefix="bpfman-gpgv-") as folder:
        for name, data in (("keyring", keyring), ("message", message)):
            with open(f"{folder}/{name}", "wb") as file:
                file.write(data)
        status = _run(command, folder)
        key = _signer(status)
        try:
            with open(f"{folder}/signed", "rb") as file:
                return file.read(), key
        except OSError:
            raise BadMessage("gpgv gave nothing that was signed") from None


def _run(command: str, folder: str) -> list[list[str]]:
    """The lines of gpgv's status (doc/DETAILS of GnuPG), in words."""
    words = [
        command, "--homedir", folder, "--keyring", f"{folder}/keyring", "--status-fd", "1",
        "--output", f"{folder}/signed", f"{folder}/message",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=False,
            env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise BadMessage(f"gpgv failed: {error}") from None
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    status = [line.split()[1:] for line in lines if line.startswith("[GNUPG:] ")]
    if done.returncode and not any(line and line[0] in _BAD for line in status):
        said = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2].removeprefix("gpgv: ")
        raise BadMessage(f"gpgv: {said or f'status {done.returncode}'}")
    return status


def _signer(status: list[list[str]]) -> str:
    """The one key whose signature is good; one message has one signature."""
    for line in status:
        if line and line[0] in _BAD:
            raise BadMessage(_REASONS.get(" ".join(line[:1]), "it is no signed message"))
    good = [line for line in status if line[:1] == ["GOODSIG"]]
    valid = [line for line in status if line[:1] == ["VALIDSIG"] and len(line) > 1]
    if len(good) != 1 or len(valid) != 1:
        raise BadMessage(f"it has {len(good)} good signatures, expected one")
    return valid[0][1]


_REASONS = {
    "BADSIG": "what was signed has been changed",
    "ERRSIG": "it was signed by a key that is not in the keyring",
    "EXPSIG": "the signature has expired",
    "EXPKEYSIG": "the key that signed it has expired",
    "REVKEYSIG": "the key that signed it was revoked",
}


def keyring_of(data: bytes, name: str) -> bytes:
    """A keyring as gpgv reads it: without the armour that files often have."""
    if not data.lstrip().startswith(b"-----BEGIN PGP"):
        return data
    try:
        return b"".join(map(_without_armour, data.split(b"-----BEGIN PGP PUBLIC KEY BLOCK-----")[1:]))
    except (binascii.Error, ValueError):
        raise TrustMaterialError(
            f"{name} is no keyring of GPG", "export one with `gpg --export --output FILE KEY`"
        ) from None


def _without_armour(block: bytes) -> bytes:
    """RFC 9580, 6.2: headers, an empty line, base64, perhaps a checksum."""
    lines = block.partition(b"-----END PGP")[0].strip(b"\r\n").splitlines()
    start = next((n + 1 for n, line in enumerate(lines) if not line.strip()), 0)
    data = binascii.a2b_base64(
        b"".join(each for each in lines[start:] if not each.startswith(b"=")), strict_mode=True
    )
    if not data:
        raise ValueError("nothing in it")
    return data
