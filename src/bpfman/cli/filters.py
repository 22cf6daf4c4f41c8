# SPDX-License-Identifier: Apache-2.0
"""What `program list` and `link list` filter by: names of types and kinds."""

from __future__ import annotations

from bpfman.cli.values import one_of
from bpfman.model.kernel import PROGRAM_TYPES

KINDS = (
    "xdp",
    "tc",
    "tcx",
    "tracepoint",
    "kprobe",
    "kretprobe",
    "uprobe",
    "uretprobe",
    "fentry",
    "fexit",
    "lsm",
)

# The kernel's types of programs that are not ours; it tells fewer apart.
COARSE_TYPES = {
    "tc": "schedcls",
    "tcx": "schedcls",
    "kretprobe": "kprobe",
    "uprobe": "kprobe",
    "uretprobe": "kprobe",
    "fentry": "tracing",
    "fexit": "tracing",
}


def program_type(text: str) -> str:
    """A bpfman type, or any of the kernel's, in any case."""
    if text.lower() in PROGRAM_TYPES:
        return text.lower()
    return one_of("program type", KINDS, text)


def kind(text: str) -> str:
    return one_of("link kind", KINDS, text)
