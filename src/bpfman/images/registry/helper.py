# SPDX-License-Identifier: Apache-2.0
"""Credential helpers: programs named docker-credential-NAME that keep secrets elsewhere, asked over a pipe.

Called by `credentials` when a file names one.  The protocol is Docker's (docker-credential-helpers): the server on
standard input, JSON with Username and Secret on standard output.
"""

from __future__ import annotations

from bpfman.errors import ImageError, MalformedImage
from bpfman.images import documents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_PATIENCE = 30  # seconds; one may ask the person for a passphrase
_NOT_FOUND = "credentials not found"


def ask(name: str, server: str, path: str, environment: Mapping[str, str]) -> tuple[str, str] | None:
    """Username and secret, or None where the helper has none; `path` is the file that names the helper."""
    import subprocess

    program = f"docker-credential-{name}"
    what = f"the credential helper {program}, named in {path},"
    if "/" in name or not name.isprintable():
        raise MalformedImage(f"{what} is no name of a program")
    try:
        done = subprocess.run(
            [program, "get"], input=server.encode(), capture_output=True, timeout=_PATIENCE, check=False,
            env=dict(environment),
        )  # fmt: skip
    except FileNotFoundError:
        raise ImageError(
            f"{what} is not installed", f"install it, or log in anew without it ({path})"
        ) from None
    except OSError as error:
        raise ImageError(f"{what} cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise ImageError(f"{what} did not answer within {_PATIENCE} seconds") from None
    if done.returncode:
        said = (done.stdout + done.stderr).decode("utf-8", "replace").strip()[:200]
        if _NOT_FOUND in said.lower():
            return None
        raise ImageError(f"{what} failed: {said or f'exit status {done.returncode}'}")
    answer = documents.read_object(done.stdout, f"the answer of {program}")
    return documents.text(answer, "Username", program), documents.text(answer, "Secret", program)
