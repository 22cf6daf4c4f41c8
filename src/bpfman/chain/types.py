# SPDX-License-Identifier: Apache-2.0
"""The types of a chain: the members' BTFs merged into one, and functions of our own for its entries.

The kernel wants a type for every function of a program that takes a callback's address or has global functions.
A member's functions keep the types they were loaded with; its entry gets one of ours, named after the program, so
that dumps and profiles show names.  libbpf does the merging, in memory; nothing here reaches the kernel.
"""

from __future__ import annotations

from bpfman.model.value import NamedTuple
from bpfman.syscalls import libbpf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

# A function's context type is recognised by this name (kernel/bpf/btf.c, bpf_ctx_convert).
_CONTEXT = {"xdp": "xdp_md", "tc": "__sk_buff"}


class Canonical(NamedTuple):
    """Type ids of our own: `int f(struct CTX *ctx)` and `int f(void)`, prototypes for functions to be named."""

    with_context: int
    without: int


class TypeBuilder:
    """A BTF under construction.  Members' BTFs first, then `canonical()`, then functions, then `data()`."""

    def __init__(self) -> None:
        self._handle = libbpf.call("btf__new_empty")
        self._canonical: Canonical | None = None

    def close(self) -> None:
        if self._handle:
            libbpf.call("btf__free", self._handle)
            self._handle = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, data: bytes) -> int:
        """Append all types of a BTF; gives the constant by which their ids move."""
        other = libbpf.new_btf(data)
        try:
            return libbpf.call("btf__add_btf", self._handle, other) - 1
        finally:
            libbpf.call("btf__free", other)

    def canonical(self, family: str) -> Canonical:
        """The prototypes, made once."""
        if self._canonical is None:
            number = self._add("btf__add_int", b"int", 4, libbpf.BTF_INT_SIGNED)
            context = self._add("btf__add_struct", _CONTEXT[family].encode(), 0)
            pointer = self._add("btf__add_ptr", context)
            with_context = self._add("btf__add_func_proto", number)
            self._add("btf__add_func_param", b"ctx", pointer)
            self._canonical = Canonical(with_context, self._add("btf__add_func_proto", number))
        return self._canonical

    def function(self, name: str, prototype: int, *, exported: bool) -> int:
        """A function's type.  Exported ("global") ones the kernel verifies once, by themselves."""
        linkage = libbpf.BTF_FUNC_GLOBAL if exported else libbpf.BTF_FUNC_STATIC
        return self._add("btf__add_func", identifier(name).encode(), linkage, prototype)

    def data(self) -> bytes:
        return libbpf.raw_data(self._handle)

    def _add(self, function: str, *args: object) -> int:
        return libbpf.call(function, self._handle, *args)


def identifier(name: str) -> str:
    """`name` as the kernel takes it for a function: letters, digits, underscores."""
    clean = "".join(c if c.isascii() and c.isalnum() else "_" for c in name)[:127]
    return clean if clean and not clean[0].isdigit() else "_" + clean
