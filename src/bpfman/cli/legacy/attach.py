# SPDX-License-Identifier: Apache-2.0
"""`bpfman attach ID KIND`, as bpfman 0.5 and 0.6 had it: places are flags, not words."""

from __future__ import annotations

from bpfman.cli.command import Command, Flag
from bpfman.cli.flags import DRY_RUN, NETNS, OUTPUT
from bpfman.cli.legacy.load import METADATA
from bpfman.cli.link.attach import PRIORITY, PROGRAM, attach, mask_of, tracepoint
from bpfman.cli.values import number
from bpfman.model.hook import DIRECTIONS
from bpfman.model.link import ChainAttach, TcxAttach
from bpfman.model.targets import FentryAttach, FexitAttach, KprobeAttach, TracepointAttach, UprobeAttach
from bpfman.model.verdicts import TC as TC_VERDICTS
from bpfman.model.verdicts import XDP as XDP_VERDICTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from bpfman.cli.command import Arguments
    from bpfman.model.link import AttachSpec
    from bpfman.model.verdicts import Verdicts


def _parse_mask(verdicts: Verdicts) -> Callable[[str], int]:
    return lambda text: verdicts.parse([text])


def _proceed_on(verdicts: Verdicts) -> Flag:
    return Flag(
        "proceed-on",
        metavar="VERDICT...",
        about="The verdicts of this program after which the next member runs, separated by spaces "
        f"(default {' '.join(verdicts.default)}).",
        parse=_parse_mask(verdicts),
        repeat=True,
        greedy=True,
    )


def _runner(spec: Callable[[Arguments], AttachSpec]) -> Callable[[Arguments], None]:
    def run(args: Arguments) -> None:
        attach(args, spec(args), dict(pair for given in args.metadata for pair in given))

    return run


def _xdp(args: Arguments) -> AttachSpec:
    return ChainAttach(args.iface, args.priority, mask_of(XDP_VERDICTS, args.proceed_on), netns=args.netns)


def _tc(args: Arguments) -> AttachSpec:
    mask = mask_of(TC_VERDICTS, args.proceed_on)
    return ChainAttach(args.iface, args.priority, mask, args.direction, args.netns)


def _tcx(args: Arguments) -> AttachSpec:
    return TcxAttach(args.iface, args.direction, args.priority, args.netns)


def _tracepoint(args: Arguments) -> AttachSpec:
    return TracepointAttach(*args.tracepoint)


def _kprobe(args: Arguments) -> AttachSpec:
    return KprobeAttach(args.fn_name, args.offset)


def _uprobe(args: Arguments) -> AttachSpec:
    return UprobeAttach(args.target, args.fn_name, args.offset, args.pid, container_pid=args.container_pid)


_IFACE = Flag("iface", "i", "INTERFACE", "The network interface.", required=True, complete="interfaces")
_DIRECTION = Flag("direction", "d", "DIRECTION", "ingress or egress.", choices=DIRECTIONS, required=True)
_COMMON = (METADATA, DRY_RUN, OUTPUT)

XDP = Command(
    _runner(_xdp),
    arguments=[PROGRAM],
    flags=[_IFACE, PRIORITY, _proceed_on(XDP_VERDICTS), NETNS, *_COMMON],
    description="The older form of bpfman link attach xdp.",
    examples=[("Attach program 412 to eth0", "bpfman attach 412 xdp --iface eth0 --priority 50")],
)
TC = Command(
    _runner(_tc),
    arguments=[PROGRAM],
    flags=[_DIRECTION, _IFACE, PRIORITY, _proceed_on(TC_VERDICTS), NETNS, *_COMMON],
    description="The older form of bpfman link attach tc.",
    examples=[("Attach program 429 to eth0", "bpfman attach 429 tc -d ingress -i eth0 -p 40")],
)
TCX = Command(
    _runner(_tcx),
    arguments=[PROGRAM],
    flags=[_DIRECTION, _IFACE, PRIORITY, NETNS, *_COMMON],
    description="The older form of bpfman link attach tcx.",
    examples=[("Attach program 433 to eth0", "bpfman attach 433 tcx -d ingress -i eth0 -p 40")],
)
TRACEPOINT = Command(
    _runner(_tracepoint),
    arguments=[PROGRAM],
    flags=[
        Flag(
            "tracepoint",
            "t",
            "GROUP/NAME",
            "The tracepoint.",
            parse=tracepoint,
            required=True,
            complete="tracepoints",
        ),
        *_COMMON,
    ],
    description="The older form of bpfman link attach tracepoint.",
    examples=[("Attach program 440", "bpfman attach 440 tracepoint --tracepoint sched/sched_switch")],
)

# Here -o is the offset, so the output has its long name only.
_OUTPUT = Flag(
    "output", metavar=OUTPUT.metavar, about=OUTPUT.about, choices=OUTPUT.choices, default=OUTPUT.default
)
_OFFSET = Flag("offset", "o", "N", "How many bytes into it (default 0).", parse=number, default=0)

KPROBE = Command(
    _runner(_kprobe),
    arguments=[PROGRAM],
    flags=[
        Flag("fn-name", "f", "FUNCTION", "The kernel's function.", required=True),
        _OFFSET,
        METADATA,
        DRY_RUN,
        _OUTPUT,
    ],
    description="The older form of bpfman link attach kprobe.",
    examples=[("Attach program 440", "bpfman attach 440 kprobe -f try_to_wake_up")],
)
UPROBE = Command(
    _runner(_uprobe),
    arguments=[PROGRAM],
    flags=[
        Flag("fn-name", "f", "SYMBOL", "The symbol to start from.", default=""),
        _OFFSET,
        Flag(
            "target",
            "t",
            "TARGET",
            "An absolute path, or the name of a library.",
            required=True,
            complete="file",
        ),
        Flag("pid", "p", "PID", "Only in this process (default: all).", parse=number, default=0),
        Flag(
            "container-pid", "c", "PID", "Look TARGET up where this process sees it.", parse=number, default=0
        ),
        METADATA,
        DRY_RUN,
        _OUTPUT,
    ],
    description="The older form of bpfman link attach uprobe.",
    examples=[("Attach program 440", 'bpfman attach 440 uprobe -t "libc" -f "malloc"')],
)
FENTRY = Command(
    _runner(lambda _: FentryAttach()),
    arguments=[PROGRAM],
    flags=_COMMON,
    description="The older form of bpfman link attach fentry.",
    examples=[("Attach program 440", "bpfman attach 440 fentry")],
)
FEXIT = Command(
    _runner(lambda _: FexitAttach()),
    arguments=[PROGRAM],
    flags=_COMMON,
    description="The older form of bpfman link attach fexit.",
    examples=[("Attach program 440", "bpfman attach 440 fexit")],
)
