# SPDX-License-Identifier: Apache-2.0
"""Flags that several commands share, the global ones first.

Imported by every command's declaration, so it imports nothing but the declarations' own module: what a flag's
`parse` needs is imported when that flag is given.
"""

from __future__ import annotations

from bpfman.cli.command import Flag, UsageError
from bpfman.cli.values import pair


def _runtime_dir(text: str) -> str:
    if not text.startswith("/"):
        raise UsageError(f'invalid runtime directory: "{text}" is not an absolute path')
    return text


def _lock_timeout(text: str) -> float | None:
    from bpfman.store.durations import parse_duration

    return parse_duration(text) or None


def _log_spec(text: str) -> object:
    from bpfman.cli.log import parse_spec

    return parse_spec(text)


GLOBAL = (
    Flag(
        "config",
        metavar="FILE",
        about="The configuration file (default /etc/bpfman/bpfman.toml, which may be absent).",
        env="BPFMAN_CONFIG",
        complete="file",
    ),
    Flag(
        "log",
        metavar="SPEC",
        about="What to log on stderr: LEVEL[,COMPONENT=LEVEL...], with the levels trace, debug, info, warn and error "
        "(default warn).",
        parse=_log_spec,
        env="BPFMAN_LOG",
    ),
    Flag(
        "runtime-dir",
        metavar="DIR",
        about="Where bpfman keeps its database and pins (default /run/bpfman).",
        parse=_runtime_dir,
        default="/run/bpfman",
        env="BPFMAN_RUNTIME_DIR",
        complete="directory",
    ),
    Flag(
        "image-cache-dir",
        metavar="DIR",
        about="Where pulled images are kept (default /var/cache/bpfman).",
        default="/var/cache/bpfman",
        complete="directory",
    ),
    Flag(
        "lock-timeout",
        metavar="DURATION",
        about="How long to wait while another bpfman changes something, such as 500ms or 5m; 0 waits for ever "
        "(default 30s).",
        parse=_lock_timeout,
        default=30.0,
        env="BPFMAN_LOCK_TIMEOUT",
    ),
)

OUTPUT = Flag(
    "output",
    "o",
    "FORMAT",
    "How to print the result: text (default) or json.",
    choices=("text", "json"),
    default="text",
)
DRY_RUN = Flag("dry-run", about="Print what would be done, and change nothing.")
IGNORE_MISSING = Flag("ignore-missing", about="Succeed for ids that do not exist.")
QUIET = Flag("quiet", "q", about="Print ids only, one a line.")
METADATA = Flag(
    "metadata",
    "m",
    "KEY=VALUE",
    "Metadata to store with it; may be repeated.",
    parse=pair,
    repeat=True,
)
NETNS = Flag(
    "netns",
    "n",
    "PATH",
    "The network namespace that the interface is in, such as /var/run/netns/blue (default: bpfman's own).",
    default="",
    complete="file",
)
APPLICATION_FILTER = Flag("application", metavar="NAME", about="Only those of this application.")
METADATA_FILTER = Flag(
    "metadata-selector",
    "m",
    "KEY=VALUE",
    "Only those with this metadata; may be repeated, all must match.",
    parse=pair,
    repeat=True,
)
