# SPDX-License-Identifier: Apache-2.0
"""The verbs of `bpfman link attach` for links of their own, one table row each; the keys are the target's fields.

A row says what a verb takes and what its help tells; `attach` makes the target of it.  Network hooks, which programs
share by priority, are in `attach`.
"""

from __future__ import annotations

from bpfman.cli.command import Argument, Command, Flag
from bpfman.cli.flags import DRY_RUN, METADATA, OUTPUT
from bpfman.cli.link.attach import PROGRAM, attach, tracepoint
from bpfman.cli.values import number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bpfman.cli.command import Arguments

_EXTRA = (METADATA, DRY_RUN, OUTPUT)


def _runner(verb: str, keys: Sequence[str]) -> Callable[[Arguments], None]:
    def run(args: Arguments) -> None:
        from bpfman.model.targets import target_of

        values = {key: getattr(args, key) for key in keys}
        given = {key: value for key, value in values.items() if value is not None}
        attach(args, target_of(verb, given), dict(args.metadata))

    return run


def _row(
    verb: str,
    description: str,
    example: str,
    *,
    needs: str,
    arguments: Sequence[Argument] = (),
    flags: Sequence[Flag] = (),
) -> Command:
    keys = [*(each.key for each in arguments), *(flag.key for flag in flags)]
    return Command(
        _runner(verb, keys),
        arguments=[PROGRAM, *arguments],
        flags=[*flags, *_EXTRA],
        description=f"{description}\n\nNeeds {needs}",
        examples=[("Attach program 440", f"bpfman link attach {verb} 440{example}")],
    )


def _run_tracepoint(args: Arguments) -> None:
    from bpfman.model.targets import TracepointAttach

    attach(args, TracepointAttach(*args.tracepoint), dict(args.metadata))


OFFSET = Flag("offset", metavar="N", about="How many bytes into it (default 0).", parse=number)
PID = Flag(
    "pid",
    metavar="PID",
    about="Only in this process, by its number on the host (default: all).",
    parse=number,
)
CONTAINER_PID = Flag(
    "container-pid",
    metavar="PID",
    about="Look TARGET up where this process sees it: in its container. The number is the one on the host.",
    parse=number,
)
TARGET = Argument(
    "target",
    "TARGET",
    "An absolute path, or the name of a library, such as libc.",
    complete="file",
)
_FIXED = "The target was fixed when the program was loaded, as in --programs"

TRACEPOINT = Command(
    _run_tracepoint,
    arguments=[
        PROGRAM,
        Argument("tracepoint", "GROUP/NAME", "The tracepoint.", parse=tracepoint, complete="tracepoints"),
    ],
    flags=[*_EXTRA],
    description="Runs the program each time the kernel passes the tracepoint.\n\nNeeds Linux 5.15.",
    examples=[("Attach program 440", "bpfman link attach tracepoint 440 sched/sched_switch")],
)
KPROBE = _row(
    "kprobe",
    "Runs the program each time a function of the kernel, or of a module, is entered; a program loaded as kretprobe "
    "when it returns.",
    " vfs_read",
    needs="Linux 5.15 with CONFIG_KPROBES, not locked down for confidentiality.",
    arguments=[Argument("fn_name", "FUNCTION", "The function, as /proc/kallsyms has it.")],
    flags=[OFFSET],
)
UPROBE = _row(
    "uprobe",
    "Runs the program each time a process gets to a place in a program or library; a program loaded as uretprobe when "
    "the function returns. The place is a symbol (--fn-name), so many bytes behind it (with --offset), or "
    "so many bytes behind the beginning of the file (--offset alone).",
    " libc --fn-name malloc",
    needs="Linux 5.15 with CONFIG_UPROBES. Symbols are read from the file itself or from its debug file below "
    "/usr/lib/debug/.build-id.",
    arguments=[TARGET],
    flags=[Flag("fn-name", "f", "SYMBOL", "The symbol to start from."), OFFSET, PID, CONTAINER_PID],
)
FENTRY = _row(
    "fentry",
    f"Runs the program each time a kernel function is entered. {_FIXED} fentry:NAME:FUNCTION.",
    "",
    needs="Linux 5.15 with CONFIG_DEBUG_INFO_BTF, not locked down for confidentiality; functions of modules need BTF "
    "of modules; arm64 needs Linux 6.0.",
)
FEXIT = _row(
    "fexit",
    f"Runs the program each time a kernel function returns. {_FIXED} fexit:NAME:FUNCTION.",
    "",
    needs="Linux 5.15 with CONFIG_DEBUG_INFO_BTF, not locked down for confidentiality; functions of modules need BTF "
    "of modules; arm64 needs Linux 6.0.",
)
LSM = _row(
    "lsm",
    "Runs the program where the kernel's security modules decide; a value other than 0 refuses what was asked for. "
    f"{_FIXED} lsm:NAME:HOOK.",
    "",
    needs='Linux 5.15 with CONFIG_BPF_LSM and "bpf" among the active modules (lsm=... on the kernel command line; '
    "/sys/kernel/security/lsm lists them).",
)
