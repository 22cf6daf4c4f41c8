# SPDX-License-Identifier: Apache-2.0
"""Tells the audit trail of decisions about trust: who asked for what, and what was decided by which rule.

Called by `gate`.  A decision in favour that cannot be recorded is no decision: the trail is what tells afterwards whose
programs a machine ran, and filling a disk must not be a way around it.  `[audit] required = false` says otherwise.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress

from bpfman.errors import StoreError
from bpfman.images.policy.table import Table
from bpfman.images.verdict import Verdict
from bpfman.model.audit import REFUSED, AuditEvent, Who
from bpfman.model.value import NamedTuple
from bpfman.store.audit import FILES, MAX_BYTES, AuditLog

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bpfman.store.layout import Layout

_KEYS = ("directory", "max_bytes", "files", "required")
_NOBODY = 0xFFFFFFFF  # /proc/PID/loginuid of what no login began
_HIDDEN = "..."


class AuditSettings(NamedTuple):
    """[audit]: where the trail is, how large each of how many older files may be, and whether it must be written."""

    directory: str
    max_bytes: int = MAX_BYTES
    files: int = FILES
    required: bool = True

    def log(self) -> AuditLog:
        return AuditLog(self.directory, max_bytes=self.max_bytes, files=self.files)


def audit_settings(config: Mapping[str, object], path: str, layout: Layout) -> AuditSettings:
    """What the configuration file at `path` says; beside the store where it says nothing.  ConfigurationError."""
    table = Table(config.get("audit", {}), "audit", path, _KEYS)
    return AuditSettings(
        table.path("directory", layout.audit_dir),
        table.number("max_bytes", MAX_BYTES, 4096),
        table.number("files", FILES, 0),
        table.boolean("required", True),
    )


class Auditor:
    """Records what is decided about one image."""

    def __init__(self, settings: AuditSettings, who: Who, warn: Callable[[str], None]) -> None:
        self._log = settings.log()
        self._required = settings.required
        self._who = who
        self._warn = warn

    def _event(
        self,
        action: str,
        image: str,
        digest: str,
        verdict: Verdict,
        programs: Iterable[str] = (),
        cached: bool = False,
    ) -> AuditEvent:
        return AuditEvent(
            time.time(), action, verdict.verdict, image, digest, tuple(programs), verdict.rule, verdict.reason,
            verdict.policy, cached, self._who,
        )  # fmt: skip

    def record(
        self,
        action: str,
        image: str,
        digest: str,
        verdict: Verdict,
        programs: Iterable[str] = (),
        *,
        cached: bool = False,
    ) -> None:
        """StoreError where a decision in favour cannot be recorded; against, that is only warned of."""
        try:
            self._log.append(self._event(action, image, digest, verdict, programs, cached))
        except StoreError as error:
            if self._required and verdict.verdict != REFUSED:
                raise StoreError(
                    f"image {image} cannot be used, as that cannot be recorded in the audit trail: {error}",
                    error.hint or "make the trail writable, or write required = false below [audit]",
                ) from None
            self._warn(f"the audit trail cannot be written: {error}")

    def note(self, action: str, image: str, digest: str, verdict: Verdict, *, cached: bool = False) -> None:
        """Record what lets nothing in (a question, a signature made), if this user may write the trail at all."""
        with suppress(StoreError):
            self._log.append(self._event(action, image, digest, verdict, cached=cached))


def this_process(command: str = "") -> Who:
    """Who runs this process; `command` is what they typed, if it is known to hold no secret of somebody else."""
    name = command or os.path.basename(sys.argv[0] if sys.argv else "python")
    return Who(os.getuid(), login_name(os.environ), os.getpid(), name)


def login_name(environment: Mapping[str, str]) -> str:
    """The name that the person logged in by, as the kernel keeps it through sudo; else what sudo says."""
    try:
        with open("/proc/self/loginuid", encoding="utf-8") as file:
            uid = int(file.read())
    except (OSError, ValueError):
        uid = _NOBODY
    if uid == _NOBODY:
        return environment.get("SUDO_USER") or environment.get("DOAS_USER") or ""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def command_line(argv: Sequence[str]) -> str:
    """A command as it was typed, without credentials."""
    words: list[str] = []
    hide = False
    for word in argv:
        flag, equals, _ = word.partition("=")
        secret = flag.startswith("--") and flag.endswith("-auth")
        words.append(_HIDDEN if hide else f"{flag}={_HIDDEN}" if secret and equals else word)
        hide = secret and not equals and not hide
    return " ".join(words)
