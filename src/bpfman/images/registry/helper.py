# SPDX-License-Identifier: Apache-2.0
"""Credential helpers: programs named docker-credential-NAME that keep secrets elsewhere, asked over a pipe.

Called by `credentials` when a file names one.  The protocol is Docker's (docker-credential-helpers): the server on
standard input, JSON with Username and Secret on standard output.  It stays in our session, for it may ask the person at
the terminal; what it leaves running in the background is not waited for.
"""

from __future__ import annotations

from bpfman.errors import ImageError, MalformedImage
from bpfman.images import documents
from bpfman.images.limits import MAX_ANSWER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from subprocess import Popen

_PATIENCE = 30.0  # seconds; one may ask the person for a passphrase
_NOT_FOUND = "credentials not found"


def ask(
    name: str, server: str, path: str, environment: Mapping[str, str], patience: float = _PATIENCE
) -> tuple[str, str] | None:
    """Username and secret, or None where the helper has none; `path` is the file that names the helper."""
    program = f"docker-credential-{name}"
    what = f"the credential helper {program}, named in {path},"
    if "/" in name or not name.isprintable():
        raise MalformedImage(f"{what} is no name of a program")
    status, answer, complaint = _run(program, server, what, path, environment, patience)
    if status:
        said = _printable((answer + complaint).decode("utf-8", "replace"))
        if _NOT_FOUND in said.lower():
            return None
        raise ImageError(f"{what} failed: {said[:200] or f'exit status {status}'}")
    found = documents.read_object(answer, f"the answer of {program}")
    return documents.text(found, "Username", program), documents.text(found, "Secret", program)


def _run(
    program: str, server: str, what: str, path: str, environment: Mapping[str, str], patience: float
) -> tuple[int, bytes, bytes]:
    """Exit status, standard output and standard error."""
    from subprocess import PIPE, Popen

    try:
        process = Popen([program, "get"], stdin=PIPE, stdout=PIPE, stderr=PIPE, env=dict(environment))
    except FileNotFoundError:
        raise ImageError(
            f"{what} is not installed", f"install it, or log in anew without it ({path})"
        ) from None
    except OSError as error:
        raise ImageError(f"{what} cannot be run: {error.strerror}") from None
    with process:
        try:
            said = _converse(process, server.encode(), patience)
        except TimeoutError:
            raise ImageError(f"{what} did not answer within {patience:g} seconds") from None
        except OverflowError:
            raise ImageError(f"{what} answered with more than {MAX_ANSWER} bytes") from None
        finally:
            if process.poll() is None:
                process.kill()
    return process.returncode, *said


def _converse(process: Popen[bytes], question: bytes, patience: float) -> tuple[bytes, bytes]:
    """What it says until it ends.  TimeoutError; OverflowError for more than anybody has to say."""
    import os
    import time
    from contextlib import suppress
    from selectors import EVENT_READ, DefaultSelector

    deadline = time.monotonic() + patience
    assert process.stdin
    assert process.stdout
    assert process.stderr
    with suppress(BrokenPipeError):  # it need not listen
        process.stdin.write(question)
        process.stdin.close()
    said = {process.stdout.fileno(): bytearray(), process.stderr.fileno(): bytearray()}
    end = os.pidfd_open(process.pid)
    try:
        with DefaultSelector() as selector:
            for descriptor in (*said, end):
                os.set_blocking(descriptor, False)
                selector.register(descriptor, EVENT_READ)
            while end in selector.get_map():
                ready = [key.fd for key, _ in selector.select(max(deadline - time.monotonic(), 0))]
                if not ready:
                    raise TimeoutError
                if end in ready:  # it is over: what it said lies in the pipes
                    selector.unregister(end)
                    ready = [key.fd for key in selector.get_map().values()]
                for descriptor in ready:
                    if not _listen(descriptor, said[descriptor]):
                        selector.unregister(descriptor)
    finally:
        os.close(end)
    output, complaint = said.values()
    return bytes(output), bytes(complaint)


def _listen(descriptor: int, said: bytearray) -> bool:
    """Whether there may be more to come, after reading what there is."""
    import os

    while True:
        try:
            piece = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            return True
        said += piece
        if len(said) > MAX_ANSWER:
            raise OverflowError
        if not piece:
            return False


def _printable(text: str) -> str:
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())
