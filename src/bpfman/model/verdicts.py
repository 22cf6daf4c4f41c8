# SPDX-License-Identifier: Apache-2.0
"""Verdicts of XDP and TC programs, and the proceed-on masks made of them (contract.md 6.3).

A mask has one bit for each verdict after which a chain goes on with the next member: bit `code` for XDP, bit
`code + 1` for TC (whose first code is -1), and bit 31 for the pseudo verdict `dispatcher_return` of both.
"""

from __future__ import annotations

from bpfman.errors import InvalidRequest
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


class Verdicts(NamedTuple):
    """The verdicts of one hook family: name -> code, how codes become bits, the default mask, the final verdict."""

    family: str
    codes: dict[str, int]
    shift: int  # bit number = code + shift; that makes dispatcher_return bit 31 in both families
    dispatcher_return: int
    default: tuple[str, ...]  # names
    exhausted: int  # the verdict when the chain runs out

    def bit(self, code: int) -> int:
        return code + self.shift

    def name(self, code: int) -> str:
        """The name of a code; an unknown one as its number."""
        return next((name for name, known in self.codes.items() if known == code), str(code))

    def mask(self, codes: Iterable[int]) -> int:
        return sum({1 << self.bit(code) for code in codes})

    def codes_of(self, mask: int) -> tuple[int, ...]:
        """The codes in a mask, ascending by bit."""
        return tuple(sorted((c for c in self.codes.values() if mask >> self.bit(c) & 1), key=self.bit))

    def names_of(self, mask: int) -> tuple[str, ...]:
        return tuple(self.name(code) for code in self.codes_of(mask))

    def parse(self, names: Iterable[str]) -> int:
        """The mask of names as typed (any case); no names means the default.  Unknown names are InvalidRequest."""
        wanted = [name.strip().lower() for name in names] or list(self.default)
        for name in wanted:
            if name not in self.codes:
                raise InvalidRequest(
                    f'invalid proceed-on action "{name}" for {self.family}',
                    "valid actions: " + ", ".join(self.codes),
                )
        return self.mask(self.codes[name] for name in wanted)


XDP = Verdicts(
    "xdp",
    {"aborted": 0, "drop": 1, "pass": 2, "tx": 3, "redirect": 4, "dispatcher_return": 31},
    shift=0,
    dispatcher_return=31,
    default=("pass", "dispatcher_return"),
    exhausted=2,
)

TC = Verdicts(
    "tc",
    {"unspec": -1, "ok": 0, "reclassify": 1, "shot": 2, "pipe": 3, "stolen": 4, "queued": 5, "repeat": 6,
     "redirect": 7, "trap": 8, "dispatcher_return": 30},
    shift=1,
    dispatcher_return=30,
    default=("pipe", "dispatcher_return"),
    exhausted=0,
)  # fmt: skip

BY_FAMILY = {"xdp": XDP, "tc": TC}
