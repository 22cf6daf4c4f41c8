# SPDX-License-Identifier: Apache-2.0
"""`bpfman link attach`: a loaded program onto a network hook, and what all its verbs share."""

from __future__ import annotations

from bpfman.cli.command import Argument, Command, Flag, UsageError
from bpfman.cli.flags import DRY_RUN, METADATA, NETNS, OUTPUT
from bpfman.cli.session import manager
from bpfman.cli.values import priority, program_id
from bpfman.model.hook import DIRECTIONS, SIDES
from bpfman.model.link import XDP_MODES, ChainAttach, TcxAttach
from bpfman.model.verdicts import TC as TC_VERDICTS
from bpfman.model.verdicts import XDP as XDP_VERDICTS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bpfman.cli.command import Arguments
    from bpfman.model.link import AttachSpec
    from bpfman.model.verdicts import Verdicts


def mask_of(verdicts: Verdicts, masks: Sequence[int]) -> int:
    """One mask of all --proceed-on flags; exactly what was named, or the default."""
    if not masks:
        return verdicts.parse(())
    mask = 0
    for one in masks:
        mask |= one
    return mask


def tracepoint(text: str) -> tuple[str, str]:
    """GROUP/NAME."""
    group, _, name = text.partition("/")
    if not group or not name or "/" in name:
        raise UsageError(f'expected GROUP/NAME, such as sched/sched_switch, got "{text}"')
    return group, name


def attach(args: Arguments, spec: AttachSpec, metadata: dict[str, str]) -> None:
    """Attach and print the new link; what is common to this and the older command line."""
    from bpfman.cli.render.link import show_link

    show_link(manager(args).attach(args.program_id, spec, metadata=metadata or None), args.output)


def _run_xdp(args: Arguments) -> None:
    mask = mask_of(XDP_VERDICTS, args.proceed_on)
    spec = ChainAttach(args.interface, args.priority, mask, netns=args.netns, mode=args.mode)
    attach(args, spec, dict(args.metadata))


def _run_tc(args: Arguments) -> None:
    mask = mask_of(TC_VERDICTS, args.proceed_on)
    spec = ChainAttach(args.interface, args.priority, mask, args.direction, args.netns)
    attach(args, spec, dict(args.metadata))


def _run_tcx(args: Arguments) -> None:
    spec = TcxAttach(args.interface, args.direction, args.priority, args.netns)
    attach(args, spec, dict(args.metadata))


def _run_netkit(args: Arguments) -> None:
    spec = TcxAttach(args.interface, args.side, args.priority, args.netns)
    attach(args, spec, dict(args.metadata))


def _parse_mask(verdicts: Verdicts) -> Callable[[str], int]:
    return lambda text: verdicts.parse(text.split(","))


def _proceed_on(verdicts: Verdicts) -> Flag:
    return Flag(
        "proceed-on",
        metavar="VERDICT[,...]",
        about="The verdicts of this program after which the next member runs; may be repeated "
        f"(default {','.join(verdicts.default)}). Verdicts: {', '.join(verdicts.codes)}.",
        parse=_parse_mask(verdicts),
        repeat=True,
        complete=f"{verdicts.family}-verdicts",
    )


PROGRAM = Argument("program_id", "ID", "The program, by id.", parse=program_id, complete="program-ids")
INTERFACE = Argument("interface", "INTERFACE", "The network interface.", complete="interfaces")
DIRECTION = Argument("direction", "DIRECTION", "ingress or egress.", choices=DIRECTIONS)
PRIORITY = Flag(
    "priority",
    "p",
    "N",
    "The place among the programs at this hook: lower runs first; 0 is the first.",
    parse=priority,
    required=True,
)
MODE = Flag(
    "mode",
    metavar="MODE",
    about="How XDP is attached: native (in the driver), generic (in the stack), offload (in the device), or auto: "
    "native where the driver can, else generic (default).",
    choices=XDP_MODES,
    default="auto",
)

_SHARED = """\
Other programs at the hook go on running: all of them become one chain, in the order of their priorities, and the \
kernel switches to it in one step. A member's verdict ends the chain unless --proceed-on names it. \
See bpfman chain get for who runs when."""

XDP = Command(
    _run_xdp,
    arguments=[PROGRAM, INTERFACE],
    flags=[PRIORITY, _proceed_on(XDP_VERDICTS), MODE, NETNS, METADATA, DRY_RUN, OUTPUT],
    description="Runs the program on each packet that the interface receives, before the network stack sees it.\n\n"
    + _SHARED
    + "\n\nNeeds Linux 5.15; for packets in several buffers (section xdp.frags) Linux 5.18.",
    examples=[
        ("Attach program 412 to eth0", "bpfman link attach xdp 412 eth0 --priority 50"),
        (
            "In a network namespace, going on after drop too",
            "bpfman link attach xdp 412 eth0 --priority 10 --proceed-on pass,drop \\\n    --netns /var/run/netns/blue",
        ),
    ],
)
TC = Command(
    _run_tc,
    arguments=[PROGRAM, INTERFACE, DIRECTION],
    flags=[PRIORITY, _proceed_on(TC_VERDICTS), NETNS, METADATA, DRY_RUN, OUTPUT],
    description="Runs the program on each packet that enters (ingress) or leaves (egress) the interface.\n\n"
    + _SHARED
    + "\n\nNeeds Linux 5.15 with CONFIG_NET_CLS_BPF and CONFIG_NET_SCH_INGRESS.",
    examples=[
        ("Attach program 429 to what eth0 sends", "bpfman link attach tc 429 eth0 egress --priority 50")
    ],
)
TCX = Command(
    _run_tcx,
    arguments=[PROGRAM, INTERFACE, DIRECTION],
    flags=[PRIORITY, NETNS, METADATA, DRY_RUN, OUTPUT],
    description="""\
Runs the program on each packet that enters (ingress) or leaves (egress) the interface, with the kernel's own order \
of links. The verdict unspec (-1) means that the next program runs, any other one is final.

Needs Linux 6.6 with CONFIG_NET_XGRESS.""",
    examples=[
        ("Attach program 433 to what eth0 receives", "bpfman link attach tcx 433 eth0 ingress --priority 50")
    ],
)
NETKIT = Command(
    _run_netkit,
    arguments=[
        PROGRAM,
        Argument("interface", "INTERFACE", "The primary end of the device.", complete="interfaces"),
        Argument(
            "side",
            "SIDE",
            "Whose packets: those that primary sends, or those that peer sends.",
            choices=SIDES,
        ),
    ],
    flags=[PRIORITY, NETNS, METADATA, DRY_RUN, OUTPUT],
    description="""\
Runs the program on each packet that an end of a netkit device sends, with the kernel's own order of links. Both ends \
are attached to by the name of the primary one, which a container at the other end cannot reach. The verdict next \
(-1) means that the next program runs; pass (0), drop (2) and redirect (7) are final.

Needs Linux 6.7 with CONFIG_NETKIT.""",
    examples=[
        (
            "Attach program 433 to what a container sends",
            "bpfman link attach netkit 433 nk0 peer --priority 50",
        )
    ],
)
