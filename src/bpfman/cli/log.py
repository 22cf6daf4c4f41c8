# SPDX-License-Identifier: Apache-2.0
"""--log and BPFMAN_LOG: `level[,component=level…]`.

Imported only when one of them is given: a command that was not asked to log does not import `logging`.
"""

from __future__ import annotations

from bpfman.cli.command import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_LEVELS = {"trace": 5, "debug": 10, "info": 20, "warn": 30, "error": 40}
_QUIETEST_DEFAULT = _LEVELS["warn"]


def parse_spec(text: str) -> Mapping[str, int]:
    """Component -> level; the component "" is all others."""
    levels: dict[str, int] = {}
    for item in text.split(","):
        component, equals, level = item.rpartition("=")
        if level.strip().lower() not in _LEVELS or (equals and not component.strip()):
            raise UsageError(f'invalid log level "{item}"', "levels: " + ", ".join(_LEVELS))
        levels[component.strip()] = _LEVELS[level.strip().lower()]
    return levels


def configure(levels: Mapping[str, int]) -> None:
    """Send records of the `bpfman` loggers at their levels to stderr."""
    if min(levels.values()) >= _QUIETEST_DEFAULT:
        return
    import logging

    logging.addLevelName(_LEVELS["trace"], "TRACE")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger("bpfman").addHandler(handler)
    for component, level in levels.items():
        logging.getLogger(f"bpfman.{component}" if component else "bpfman").setLevel(level)
