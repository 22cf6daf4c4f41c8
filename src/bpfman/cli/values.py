# SPDX-License-Identifier: Apache-2.0
"""The small languages of flags and arguments: ids, numbers, KEY=VALUE, NAME=HEX.

Each function takes one word as typed and returns its value, or raises UsageError.  Used as `parse` in declarations.
"""

from __future__ import annotations

from bpfman.cli.command import UsageError

_U32 = (1 << 32) - 1
_I64 = (1 << 63) - 1


def _number(text: str, limit: int) -> int:
    """A plain decimal integer: int() alone would take underscores, spaces and other scripts' digits."""
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f'expected a number, got "{text}"')
    if int(text) > limit:
        raise UsageError(f"{text} is too big")
    return int(text)


def program_id(text: str) -> int:
    """The kernel's id of a program: 32 bits."""
    return _number(text, _U32)


def link_id(text: str) -> int:
    """bpfman's id of a link: 64 bits, of which the store uses 63."""
    return _number(text, _I64)


def number(text: str) -> int:
    return _number(text, _I64)


def map_owner_id(text: str) -> int | None:
    """0 means none."""
    return program_id(text) or None


def priority(text: str) -> int:
    if text.startswith("-") and text[1:].isdigit():
        raise UsageError(f"priority must be non-negative, got {text}")
    return _number(text, _I64)


def pair(text: str) -> tuple[str, str]:
    """KEY=VALUE; the first "=" splits, the value may be empty."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f'expected KEY=VALUE, got "{text}"')
    return key, value


def pairs(text: str) -> list[tuple[str, str]]:
    """KEY=VALUE,KEY=VALUE: the older command line's lists."""
    return [pair(item) for item in text.split(",")]


def global_value(text: str) -> tuple[str, bytes]:
    """NAME=HEX, with or without 0x; the bytes are kept in the order written."""
    name, _, digits = text.partition("=")
    if digits[:2] in ("0x", "0X"):
        digits = digits[2:]
    return _global(text, name, digits)


def bare_global_value(text: str) -> tuple[str, bytes]:
    """NAME=HEX without 0x: the older command line's."""
    name, _, digits = text.partition("=")
    return _global(text, name, digits)


def _global(text: str, name: str, digits: str) -> tuple[str, bytes]:
    if not name or not digits:
        raise UsageError(f'expected NAME=HEX, got "{text}"')
    if not set(digits) <= set("0123456789abcdefABCDEF"):
        raise UsageError(
            f'"{digits}" is not hexadecimal', "write the bytes in the machine's order, as in limit=07000000"
        )
    if len(digits) % 2:
        raise UsageError(
            f'"{digits}" has an odd number of digits', "each byte is two digits, as in limit=07000000"
        )
    return name, bytes.fromhex(digits)


def comma_list(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def one_of(what: str, known: tuple[str, ...], text: str) -> str:
    """A known name in any case."""
    if text.lower() not in known:
        raise UsageError(f'unknown {what} "{text}"', f"known: {', '.join(known)}")
    return text.lower()
