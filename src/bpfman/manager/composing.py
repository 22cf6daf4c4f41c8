# SPDX-License-Identifier: Apache-2.0
"""From the members of a hook to a loaded chain: gather the parts, compose, load, explain a refusal.

Joins the store (the members' code), the kernel (their types) and `chain/` (composing), which do not know each other.
"""

from __future__ import annotations

import errno

from bpfman.errors import ChainLimit, KernelRefused, VerifierRefused
from bpfman.model.kinds import KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from bpfman.bpf.program import Program
    from bpfman.chain.compose import Composition, Part
    from bpfman.manager.place import Place
    from bpfman.manager.work import Work
    from bpfman.model.chain import Member

_XDP_HAS_FRAGS = 1 << 5  # BPF_F_XDP_HAS_FRAGS (5.18)
# How drivers refuse a program without frags on an interface whose packets need several.
_MTU_TOO_LARGE = (errno.ERANGE, errno.EINVAL, errno.EOPNOTSUPP)
# What the verifier says when a program is sound and the kernel cannot hold it all the same.
_STACK, _FRAMES = "combined stack size", "the call stack of"
_SIZE = ("BPF program is too large", "too complex")


def load(
    work: Work, place: Place, members: Sequence[Member], accounting: int | None
) -> tuple[Program, Composition]:
    """The chain of `members`, loaded and not attached.  Members are verified each by itself first; where that is
    refused, in place, whose verdict counts.  Raises ChainLimit or VerifierRefused, naming the member."""
    from bpfman.chain import compose as chain

    verdicts = place.record.hook.verdicts
    with work.store.snapshot():  # once, not for each of what may be hundreds
        parts = {member.program_id: _part(work, member) for member in members}
    places = [chain.Place(parts[m.program_id], m.proceed_on, m.slot) for m in members]
    composition = chain.compose(places, verdicts, accounting=accounting)
    try:
        return _load(work, composition, place), composition
    except VerifierRefused:
        composition = chain.compose(places, verdicts, exported=False, accounting=accounting)
    try:
        return _load(work, composition, place), composition
    except VerifierRefused as error:
        raise _explained(error, composition, place) from error


def _part(work: Work, member: Member) -> Part:
    from bpfman.chain.compose import Part

    record, code = work.store.program(member.program_id), work.store.program_code(member.program_id)
    types = None
    # A program that is gone from the kernel took its types along; its code and maps may still run.
    if work.is_alive(record):
        with work.kernel.open_program(record.program_id) as program:
            types = program.types()
    return Part(
        record.program_id, record.name, code, record.license, record.gpl_compatible, record.frags,
        types.btf if types else b"", types.functions if types else (),
    )  # fmt: skip


def _load(work: Work, composition: Composition, place: Place) -> Program:
    from bpfman.bpf.program import Bytecode

    kind = KINDS[place.record.hook.family]
    return work.kernel.load_bytecode(
        Bytecode(
            name=composition.name,
            program_type=kind.kernel_type,
            expected_attach=kind.expected_attach,
            instructions=composition.instructions,
            maps=composition.maps,
            license=composition.license,
            btf=composition.btf,
            func_info=composition.func_info,
            flags=_XDP_HAS_FRAGS if composition.frags and place.record.hook.family == "xdp" else 0,
        )
    )


def _explained(error: VerifierRefused, composition: Composition, place: Place) -> Exception:
    member = _blamed(error.log, composition)
    who = f'program "{member}"' if member else "the chain"
    if _STACK in error.log:
        return ChainLimit(
            f"{who} needs too much stack to share {place}",
            "in a chain a program may use 480 bytes of stack with what it calls, 512 from Linux 6.8 on; it runs "
            "where it is the only one",
        )
    if _FRAMES in error.log:
        allowed = int(error.log.partition(_FRAMES)[2].split()[0]) - 1
        return ChainLimit(
            f"{who} calls functions too deep to share {place}: the kernel allows {allowed} frames, and the chain "
            "needs one",
            f"in a chain a program may call {allowed - 2} functions deep, {allowed - 1} where it is the only one",
        )
    if any(words in error.log for words in _SIZE):
        return ChainLimit(
            f"the chain of {place} is too much for the kernel's verifier (1,000,000 instructions) at {who}",
            "detach a program from this hook, or load as tcx, which verifies each program alone",
        )
    if "GPL" in error.log and composition.license != "GPL":
        hint = f'the chain carries the licence "{composition.license}" of a member that is not GPL-compatible'
        return VerifierRefused(
            f"{who} uses a GPL-only helper in the chain of {place}", error.errno, error.log, hint
        )
    if member:
        what = f"{who} in the chain of {place}"
        return VerifierRefused(what, error.errno, error.log, error.hint)
    return VerifierRefused(
        f"the chain of {place}",
        error.errno,
        error.log,
        error.hint or _hint_for_mixed(composition),
    )


def _hint_for_mixed(composition: Composition) -> str:
    """The verifier is content then, and the kernel refuses without a word: an array of programs to jump to belongs to
    programs with frags support or to those without."""
    without = composition.without_frags
    if not 0 < len(without) < len(composition.blocks):
        return ""
    return (
        "a program with frags support that makes tail calls cannot share a hook with programs without: build "
        f'{", ".join(without)} with SEC("xdp.frags")'
    )


def _blamed(log: str, composition: Composition) -> str | None:
    """The member that the last instruction in the log belongs to ("123: (bf) r6 = r1")."""
    for line in reversed(log.splitlines()):
        number, colon, _ = line.partition(": (")
        if colon and number.isdigit():
            return composition.owner_of(int(number))
    return None


def explain_frags(error: Exception, composition: Composition) -> None:
    """Where a chain may not be attached for want of frags, name who stands in the way."""
    without = composition.without_frags
    if not isinstance(error, KernelRefused) or error.errno not in _MTU_TOO_LARGE:
        return
    if 0 < len(without) < len(composition.blocks):
        error.hint = (
            f"the chain has no frags support because of {', '.join(without)}, which a large MTU needs: build it with "
            f'SEC("xdp.frags"). {error.hint}'
        ).strip()
