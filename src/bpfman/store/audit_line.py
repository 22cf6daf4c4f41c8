# SPDX-License-Identifier: Apache-2.0
"""One line of the audit trail: JSON out of an event, and an event out of JSON.

Called by `audit`.  Whatever is no event is None: a torn line must not hide the others.
"""

from __future__ import annotations

import json

from bpfman.model.audit import AuditEvent, Who

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LONGEST = 4096  # characters of one value: foreign text must not fill the trail


def dump_line(event: AuditEvent) -> bytes:
    fields = {name: _shortened(value) for name, value in event.as_json().items()}
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"  # ASCII: lone surrogates are escaped


def _shortened(value: Any) -> Any:
    return value[: _LONGEST - 1] + "…" if isinstance(value, str) and len(value) > _LONGEST else value


def parse_line(line: bytes) -> AuditEvent | None:
    try:
        return _event(json.loads(line))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _event(found: dict[str, Any]) -> AuditEvent:
    return AuditEvent(
        parse_time(str(found["time"])),
        str(found["action"]),
        str(found["verdict"]),
        str(found["image"]),
        str(found["digest"]),
        tuple(map(str, found["programs"])),
        str(found["rule"]),
        str(found["reason"]),
        str(found["policy"]),
        bool(found["cached"]),
        Who(int(found["uid"]), str(found["user"]), int(found["pid"]), str(found["command"])),
    )


def parse_time(text: str) -> float:
    """Seconds since the epoch of `2026-03-04T05:06:07.000008Z`; ValueError for anything else."""
    import calendar
    import time

    whole, _, fraction = text.removesuffix("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) + float(f"0.{fraction or 0}")
