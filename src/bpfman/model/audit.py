# SPDX-License-Identifier: Apache-2.0
"""A decision about trust, as the audit trail keeps it.

Made by `manager`, written and read by `store.audit`.  The names of the fields are the keys of the JSON lines, which
others collect: they do not change.
"""

from __future__ import annotations

from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ACCEPTED, UNSIGNED, UNVERIFIED, REFUSED = "accepted", "accepted-unsigned", "accepted-unverified", "refused"
SIGNED = "signed"
VERDICTS = (ACCEPTED, UNSIGNED, UNVERIFIED, REFUSED, SIGNED)
LOAD, PULL, VERIFY, SIGN = "load", "pull", "verify", "sign"
ACTIONS = (LOAD, PULL, VERIFY, SIGN)


class Who(NamedTuple):
    """Who asked: the real user id, the name they logged in by (empty where nothing tells it), process and command."""

    uid: int
    user: str
    pid: int
    command: str


class AuditEvent(NamedTuple):
    """One decision.  `time` is seconds since the epoch; what is not known is empty.

    `rule` is which rule decided and `reason` why; `policy` identifies the rules that were in force; `cached` says that
    the verdict is one of before."""

    time: float
    action: str
    verdict: str
    image: str
    digest: str
    programs: tuple[str, ...]
    rule: str
    reason: str
    policy: str
    cached: bool
    who: Who

    def as_json(self) -> dict[str, Any]:
        fields = self._asdict()
        who: Who = fields.pop("who")
        return {**fields, "time": time_text(self.time), "programs": list(self.programs), **who._asdict()}


def time_text(seconds: float) -> str:
    """RFC 3339 in UTC, with microseconds: `2026-03-04T05:06:07.000008Z`."""
    import time

    whole, micro = divmod(round(seconds * 1_000_000), 1_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{micro:06d}Z"
