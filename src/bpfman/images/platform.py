# SPDX-License-Identifier: Apache-2.0
"""Platforms, by the names that Go has for them: `linux/amd64`.

Called to choose from an image index, to label what is built, and to recognise the files of a bpf2go project.  One row
a platform; nothing else in `images/` knows what an architecture is called where.
"""

from __future__ import annotations

import os
import sys

from bpfman.errors import InvalidRequest
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal

    ByteOrder = Literal["little", "big"]


class Platform(NamedTuple):
    """What an image says that it is for.  `variant` tells versions of one architecture apart (`v8`)."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in self if part)


class Architecture(NamedTuple):
    """One row: what an architecture is called by Go, uname(2) and bpf2go, and the order of its bytes."""

    name: str  # GOARCH
    byteorder: ByteOrder
    machines: tuple[str, ...]  # utsname.machine; mips and ppc64 say it of both byte orders
    tokens: tuple[str, ...]  # in names of bpf2go's files, beside bpfel or bpfeb

    @property
    def platform(self) -> str:
        return f"linux/{self.name}"

    @property
    def build_arg(self) -> str:
        """The build argument of Containerfile.bytecode.multi.arch that names this platform's object."""
        return f"BC_{self.name.upper()}_{'EL' if self.byteorder == 'little' else 'EB'}"


_ROWS = (
    Architecture("386", "little", ("i386", "i486", "i586", "i686"), ("386",)),
    Architecture("amd64", "little", ("x86_64",), ("x86",)),
    Architecture("arm", "little", ("armv6l", "armv7l", "armv8l"), ("arm",)),
    Architecture("arm64", "little", ("aarch64",), ("arm64",)),
    Architecture("loong64", "little", ("loongarch64",), ("loongarch", "loong64")),
    Architecture("mips", "big", ("mips",), ("mips",)),
    Architecture("mipsle", "little", ("mips",), ("mipsle",)),
    Architecture("mips64", "big", ("mips64",), ("mips64",)),
    Architecture("mips64le", "little", ("mips64",), ("mips64le",)),
    Architecture("ppc64", "big", ("ppc64",), ("powerpc", "ppc64")),
    Architecture("ppc64le", "little", ("ppc64le",), ("powerpc", "ppc64le")),
    Architecture("riscv64", "little", ("riscv64",), ("riscv", "riscv64")),
    Architecture("s390x", "big", ("s390x",), ("s390", "s390x")),
)

ARCHITECTURES: dict[str, Architecture] = {row.name: row for row in _ROWS}


def host_architecture() -> str:
    """What Go calls this machine; what uname says of one that Go does not know."""
    machine = os.uname().machine
    names = (row.name for row in _ROWS if machine in row.machines and row.byteorder == sys.byteorder)
    return next(names, machine)


def wanted_platform(environment: Mapping[str, str]) -> Platform:
    """The platform to choose from an index: the machine's, unless GOARCH names another."""
    return Platform("linux", environment.get("GOARCH") or host_architecture())


def byteorder_of(platform: Platform) -> ByteOrder:
    """The byte order of a platform, the machine's own for one that is not in the table."""
    row = ARCHITECTURES.get(platform.architecture)
    return row.byteorder if row else sys.byteorder


def parse_platform(text: str) -> Architecture:
    """`linux/ARCH` as typed; InvalidRequest lists those that there are."""
    system, _, name = text.partition("/")
    if system != "linux" or name not in ARCHITECTURES:
        raise InvalidRequest(
            f'unknown platform "{text}"', "supported: " + ", ".join(row.platform for row in _ROWS)
        )
    return ARCHITECTURES[name]
