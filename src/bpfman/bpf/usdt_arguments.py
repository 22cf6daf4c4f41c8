# SPDX-License-Identifier: Apache-2.0
"""Where the arguments of a USDT marker are, in the form that `bpf_usdt_arg()` of libbpf's usdt.bpf.h reads.

A note says it in the assembler's words (`-4@$9`, `8@%rdi`, `-4@-20(%rbp)`; on arm64 `-4@9`, `8@x0`, `8@[sp, 16]`):
the number of bytes, negative for signed ones, and where.  Called by `link/usdt.py`, only for programs that look at
arguments.  The layouts are those of struct __bpf_usdt_spec, which objects carry in the BTF of their own map: the one
of libbpf 0.8 to 1.6, and that of 1.7, which has room for an index register.
"""

from __future__ import annotations

import os
import re
import struct

from bpfman.errors import ObjectError, Unsupported
from bpfman.model.value import NamedTuple

MOST_ARGUMENTS = 12  # BPF_USDT_MAX_ARG_CNT
_CONSTANT, _REGISTER, _MEMORY, _INDEXED = range(4)  # enum __bpf_usdt_arg_type
_SIZES = (1, 2, 4, 8)
_PLAIN, _WITH_INDEX = struct.Struct("=qIhBB"), struct.Struct("=qBxHxxhBB6x")
_TAIL = struct.Struct("=Qh6x")
_LAYOUTS = {layout.size * MOST_ARGUMENTS + _TAIL.size: layout for layout in (_PLAIN, _WITH_INDEX)}


class Argument(NamedTuple):
    """One argument: `size` in bytes, negative when signed; `value` is the constant, or what is added to the register.
    Registers are offsets in struct pt_regs, `scaled` is one that counts 1 << `shift` times."""

    kind: int
    size: int
    value: int = 0
    register: int = 0
    scaled: int = 0
    shift: int = 0


def _x86_64() -> dict[str, int]:
    """Offsets in struct pt_regs (arch/x86/include/asm/ptrace.h) by every name of a register and of its lower parts."""
    order = "r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax ip cs flags sp".split()
    found = {}
    for number, name in enumerate(order):
        if name[0] == "r":
            names = [name, f"{name}d", f"{name}w", f"{name}b"]
        elif name in ("ax", "bx", "cx", "dx"):
            names = [f"r{name}", f"e{name}", name, f"{name[0]}l"]
        elif name in ("si", "di", "bp", "sp"):
            names = [f"r{name}", f"e{name}", name, f"{name}l"]
        else:
            names = ["rip", "eip"] if name == "ip" else []
        found.update(dict.fromkeys(names, number * 8))
    return found


def _aarch64() -> dict[str, int]:
    """Offsets in struct user_pt_regs (arch/arm64/include/uapi/asm/ptrace.h)."""
    found = {f"{letter}{number}": number * 8 for number in range(31) for letter in "xw"}
    return found | {"sp": 31 * 8}


_NUMBER = r"(?:0x[0-9a-f]+|\d+)"
_FORMS = {
    "x86_64": (
        re.compile(rf"\$(?P<constant>-?{_NUMBER})"),
        re.compile(r"%(?P<register>\w+)"),
        re.compile(
            rf"(?P<offset>[-+]?{_NUMBER})?\(%(?P<base>\w+)(?:,%(?P<index>\w+)(?:,(?P<scale>[1248]))?)?\)"
        ),
    ),
    "aarch64": (
        re.compile(rf"#?(?P<constant>-?{_NUMBER})"),
        re.compile(r"(?P<register>[a-z]\w+)"),
        re.compile(rf"\[(?P<base>[a-z]\w+)(?:,#?(?P<offset>[-+]?{_NUMBER}))?\]"),
    ),
}
_REGISTERS = {"x86_64": _x86_64(), "aarch64": _aarch64()}


def parse(text: str, machine: str = "") -> list[Argument]:
    """The arguments of a note.  Unsupported names the first that cannot be read, ObjectError what makes no sense."""
    machine = machine or os.uname().machine
    if machine not in _FORMS:
        raise Unsupported(f"arguments of USDT markers are not known on {machine}")
    # Blanks divide arguments, but also stand within brackets.
    words = re.sub(r",\s+", ",", text[: 64 * MOST_ARGUMENTS]).split()
    if len(words) > MOST_ARGUMENTS:
        raise Unsupported(f"a USDT marker with {len(words)} arguments; programs can read {MOST_ARGUMENTS}")
    return [_argument(word, machine) for word in words]


def _argument(word: str, machine: str) -> Argument:
    size, at, place = word.partition("@")
    if not at or not re.fullmatch(r"-?[1248]f?", size):
        raise ObjectError(f'argument "{word}" of a USDT marker does not say how many bytes it has')
    if size.endswith("f"):  # floating-point registers are not among those that programs see
        raise _unreadable(word)
    for form in _FORMS[machine]:
        if (match := form.fullmatch(place)) is not None:
            return _placed(word, int(size), match.groupdict(), _REGISTERS[machine])
    raise _unreadable(word)


def _placed(word: str, size: int, part: dict[str, str | None], registers: dict[str, int]) -> Argument:
    if (constant := part.get("constant")) is not None:
        return Argument(_CONSTANT, size, _signed(constant))
    register = part.get("register") or part.get("base") or ""
    index = part.get("index")
    if register not in registers or (index and index not in registers):
        raise _unreadable(word)
    if part.get("register"):
        return Argument(_REGISTER, size, 0, registers[register])
    value = _signed(part.get("offset") or "0")
    if index is None:
        return Argument(_MEMORY, size, value, registers[register])
    shift = _SIZES.index(int(part.get("scale") or "1"))
    return Argument(_INDEXED, size, value, registers[register], registers[index], shift)


def _signed(text: str) -> int:
    """A number of 64 bits, as the assembler writes it."""
    value = int(text, 0) if "0x" in text else int(text)
    if not -(1 << 63) <= value < 1 << 64:
        raise ObjectError(f'"{text}" in an argument of a USDT marker is not a number of 64 bits')
    return value - (1 << 64) if value >= 1 << 63 else value


def _unreadable(word: str) -> Unsupported:
    return Unsupported(
        f'argument "{word}" of a USDT marker is in a place that programs cannot read',
        "a program that does not call bpf_usdt_arg() can be attached there",
    )


def is_known(value_size: int) -> bool:
    """Whether maps of specs with values of this size can be filled."""
    return value_size in _LAYOUTS


def encode(arguments: list[Argument], cookie: int, value_size: int) -> bytes:
    """The value of the map of specs.  Unsupported for an index register where the object's layout has no place."""
    layout = _LAYOUTS[value_size]
    packed = b"".join(_pack(argument, layout) for argument in arguments)
    return packed.ljust(layout.size * MOST_ARGUMENTS, b"\0") + _TAIL.pack(cookie, len(arguments))


def _pack(argument: Argument, layout: struct.Struct) -> bytes:
    signed, shift = argument.size < 0, 64 - 8 * abs(argument.size)
    if layout is _WITH_INDEX:
        index = argument.scaled | argument.shift << 12
        return layout.pack(argument.value, argument.kind, index, argument.register, signed, shift)
    if argument.kind == _INDEXED:
        raise Unsupported(
            "an argument of the USDT marker is addressed by two registers, which the object's usdt.bpf.h cannot read",
            "build the object with libbpf 1.7 or newer",
        )
    return layout.pack(argument.value, argument.kind, argument.register, signed, shift)
