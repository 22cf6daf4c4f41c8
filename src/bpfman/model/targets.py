# SPDX-License-Identifier: Apache-2.0
"""Where programs are attached by a link of their own: one value a verb of `link attach`.

The same value is what was asked and what is stored and shown: its fields are the link's details, under the names that
listings print.  They are text, whole numbers or truth values, because the store keeps them by name.  What a kind needs
to become a link is in its file in `bpf/link/`.
"""

from __future__ import annotations

from bpfman.model.kinds import KINDS
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class TracepointAttach(NamedTuple):
    """A tracepoint of the kernel, such as sched and sched_switch."""

    group: str
    name: str

    def __str__(self) -> str:
        return f"{self.group}/{self.name}"


class KprobeAttach(NamedTuple):
    """A function of the kernel or of a module, `offset` bytes into it.  The program decides `retprobe`."""

    fn_name: str
    offset: int = 0
    retprobe: bool = False

    def __str__(self) -> str:
        return _at(self.fn_name, self.offset)


class UprobeAttach(NamedTuple):
    """A place in a program or library.

    `target` is an absolute path, or a library's name; with `fn_name`, `offset` counts from that symbol, else from the
    beginning of the file.  `pid` limits it to one process (0: all); `container_pid` is a process in whose mount
    namespace `target` is looked up (0: ours).  The program decides `retprobe`."""

    target: str
    fn_name: str = ""
    offset: int = 0
    pid: int = 0
    retprobe: bool = False
    container_pid: int = 0

    def __str__(self) -> str:
        return f"{self.target} {_at(self.fn_name, self.offset)}"


class FentryAttach(NamedTuple):
    """The entry of a kernel function, which was fixed when the program was loaded."""

    fn_name: str = ""

    def __str__(self) -> str:
        return self.fn_name


class FexitAttach(NamedTuple):
    """The return of a kernel function, which was fixed when the program was loaded."""

    fn_name: str = ""

    def __str__(self) -> str:
        return self.fn_name


class LsmAttach(NamedTuple):
    """A hook of the kernel's security modules, which was fixed when the program was loaded."""

    hook_name: str = ""

    def __str__(self) -> str:
        return self.hook_name


TARGETS: dict[str, type] = {
    "tracepoint": TracepointAttach,
    "kprobe": KprobeAttach,
    "uprobe": UprobeAttach,
    "fentry": FentryAttach,
    "fexit": FexitAttach,
    "lsm": LsmAttach,
}

if TYPE_CHECKING:
    Target = TracepointAttach | KprobeAttach | UprobeAttach | FentryAttach | FexitAttach | LsmAttach


def verb_of_target(target: Target) -> str:
    """The verb of `link attach` that it is for."""
    return next(verb for verb, cls in TARGETS.items() if type(target) is cls)


def settled(target: Target, kind: str, attach_func: str | None) -> Target:
    """The target as it is recorded: with what the loaded program decides."""
    decided: dict[str, object] = {}
    if "retprobe" in target._fields:
        decided["retprobe"] = KINDS[kind].retprobe
    if attach_func is not None:
        decided[target._fields[0]] = attach_func
    return target._replace(**decided) if decided else target  # type: ignore[arg-type]


def target_of(verb: str, values: Mapping[str, str | int]) -> Target:
    """The target of a verb from its values by name, as the store has them."""
    cls = TARGETS[verb]
    defaults = cls._field_defaults  # type: ignore[attr-defined]
    truth = {
        name: bool(values[name]) for name, default in defaults.items() if default is False and name in values
    }
    target: Target = cls(**{**values, **truth})
    return target


def _at(name: str, offset: int) -> str:
    """`fn`, `fn+8`, `+4096`."""
    return f"{name}+{offset}" if offset or not name else name
