# SPDX-License-Identifier: Apache-2.0
"""Reads the audit trail of a machine: where its configuration says it is, and only what was asked for.

Called by `bpfman audit log`.
"""

from __future__ import annotations

from bpfman.manager.auditing import audit_settings
from bpfman.manager.configuration import CONFIG_PATH, read_config_if_there
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from bpfman.model.audit import AuditEvent
    from bpfman.store.audit import AuditLog
    from bpfman.store.layout import Layout


class Filter(NamedTuple):
    """Which events are asked for; `image` is a part of the name or of the digest, times are seconds since the epoch."""

    since: float | None = None
    until: float | None = None
    verdicts: tuple[str, ...] = ()
    image: str = ""

    def matches(self, event: AuditEvent) -> bool:
        return (
            (self.since is None or event.time >= self.since)
            and (self.until is None or event.time < self.until)
            and (not self.verdicts or event.verdict in self.verdicts)
            and (self.image in event.image or self.image in event.digest)
        )


class Trail:
    """The events of one machine.  `damaged` counts the lines that could not be read so far."""

    def __init__(self, layout: Layout, config: str = CONFIG_PATH) -> None:
        """ConfigurationError where the configuration file cannot be understood."""
        self._log: AuditLog = audit_settings(read_config_if_there(config), config, layout).log()
        self.damaged = 0

    def events(self, wanted: Filter = Filter(), *, follow: bool = False) -> Iterator[AuditEvent]:  # noqa: B008
        """The oldest first; with `follow`, those to come too, without an end.  StoreError."""
        for event in self._log.follow() if follow else self._log.events():
            if event is None:
                self.damaged += 1
            elif wanted.matches(event):
                yield event
