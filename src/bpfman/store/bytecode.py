# SPDX-License-Identifier: Apache-2.0
"""Our own copies of the objects that programs were loaded from, each with a note on where it came from.

Called by the manager at load and unload, and by recovery.  A copy appears whole or not at all: it is written to the
staging directory and renamed.  What is left in there by a crash is recovery's to clear, under the writer lock.
"""

from __future__ import annotations

import os
import time

from bpfman.model.value import NamedTuple
from bpfman.store.failures import cannot
from bpfman.store.layout import DIRECTORY_MODE, FILE_MODE, make_directory

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.store.layout import Layout
    from bpfman.store.lock import Lock

PROVENANCE_VERSION = 1
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_MAX_NOTE = 1 << 20  # bytes
SOURCE_KINDS = ("file", "image", "unknown")


class Provenance(NamedTuple):
    """Where a program's object came from.  `source` is a path or an image as typed, `loaded_at` seconds since the
    epoch."""

    program_name: str
    source: str
    source_kind: str  # one of SOURCE_KINDS
    loaded_at: int


def publish(layout: Layout, program_id: int, data: bytes, provenance: Provenance) -> None:
    """Keeps `data` as RT/programs/ID/bytecode.o, in place of what an earlier program of that id left.

    On the disk when it returns.  StoreError where it cannot be written, with nothing left behind."""
    staged = _staging_path(layout, "pub")
    try:
        os.mkdir(staged)
        os.chmod(staged, DIRECTORY_MODE)
        _write(f"{staged}/bytecode.o", data)
        _write(f"{staged}/provenance.json", _provenance_json(program_id, provenance))
        _sync_directory(staged)
        _set_aside(layout, program_id)
        os.rename(staged, layout.program_dir(program_id))
        _sync_directory(layout.programs_dir)
    except OSError as error:
        raise cannot("keep a copy of the object in", layout.program_dir(program_id), error) from error
    finally:
        _discard(staged)


def provenance(layout: Layout, program_id: int) -> Provenance | None:
    """What the note beside a program's copy says; None where there is none, or it is damaged."""
    import calendar
    import json

    try:
        with open(layout.provenance(program_id), "rb") as file:
            fields = json.loads(file.read(_MAX_NOTE))
        at = calendar.timegm(time.strptime(fields["loaded_at"], _TIME))
        return Provenance(fields["program_name"], fields["source"], fields["source_kind"], at)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_provenance(layout: Layout, program_id: int, note: Provenance) -> None:
    """Writes the note beside a program's copy anew, whole or not at all."""
    staged, path = _staging_path(layout, "note"), layout.provenance(program_id)
    try:
        make_directory(os.path.dirname(path))
        _write(staged, _provenance_json(program_id, note))
        os.rename(staged, path)
    except OSError as error:
        raise cannot("write", path, error) from error
    finally:
        _discard(staged)


def remove(layout: Layout, program_id: int) -> None:
    """Removes a program's copy; one that is gone already is no error."""
    try:
        _set_aside(layout, program_id)
    except OSError as error:
        raise cannot("remove", layout.program_dir(program_id), error) from error


def stale_staging(layout: Layout) -> tuple[str, ...]:
    """What is in the staging directory: with the writer lock held, leftovers of crashes."""
    try:
        return tuple(sorted(f"{layout.staging}/{name}" for name in os.listdir(layout.staging)))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise cannot("read", layout.staging, error) from error


def clear_staging(layout: Layout, lock: Lock) -> None:
    """Removes what crashes left in the staging directory."""
    if not (lock.held and lock.path == layout.lock):
        raise ValueError(f"clearing the staging directory needs the held lock {layout.lock}")
    for path in stale_staging(layout):
        try:
            _remove_tree(path)
        except OSError as error:
            raise cannot("remove", path, error) from error


def _set_aside(layout: Layout, program_id: int) -> None:
    """Takes a program's directory away in one step, then removes it piece by piece."""
    aside = _staging_path(layout, "old")
    try:
        os.rename(layout.program_dir(program_id), aside)
    except FileNotFoundError:
        return
    _remove_tree(aside)


def _staging_path(layout: Layout, purpose: str) -> str:
    return f"{layout.staging}/{purpose}-{os.getpid()}-{os.urandom(6).hex()}"


def _provenance_json(program_id: int, provenance: Provenance) -> bytes:
    # The C function under `json`, whose import would cost a load a tenth of its time.
    from _json import encode_basestring_ascii as quote

    fields = {
        "version": str(PROVENANCE_VERSION),
        "program_id": str(program_id),
        "program_name": quote(provenance.program_name),
        "source": quote(provenance.source),
        "source_kind": quote(provenance.source_kind),
        "loaded_at": quote(time.strftime(_TIME, time.gmtime(provenance.loaded_at))),
    }
    return (
        "{\n" + ",\n".join(f"  {quote(key)}: {value}" for key, value in fields.items()) + "\n}\n"
    ).encode()


def _write(path: str, data: bytes) -> None:
    """Writes a new file, on the disk when it returns."""
    with open(path, "xb", buffering=0) as file:
        os.fchmod(file.fileno(), FILE_MODE)
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) or 0 :]
        os.fsync(file.fileno())


def _sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove_tree(path: str) -> None:
    """Removes a file, a link, or a directory and what is in it.  (`shutil` takes longer to import than this to run.)"""
    if os.path.isdir(path) and not os.path.islink(path):
        for name in os.listdir(path):
            _remove_tree(f"{path}/{name}")
        os.rmdir(path)
    else:
        os.unlink(path)


def _discard(path: str) -> None:
    """Removes what is left of a publication that failed; recovery removes what this cannot."""
    try:  # noqa: SIM105 (contextlib would cost each command a millisecond)
        _remove_tree(path)
    except OSError:
        pass
