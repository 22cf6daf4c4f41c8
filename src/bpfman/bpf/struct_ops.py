# SPDX-License-Identifier: Apache-2.0
"""Fills the map of a struct_ops: the kernel's own struct, with descriptors of programs where it has functions.

Called by `object` when libbpf has loaded the programs.  libbpf would do it when it attaches, and attach in the same
breath; here loading and attaching are two things.  The object's idea of the struct and the kernel's may differ: members
go by their names.
"""

from __future__ import annotations

import errno
import struct

from bpfman.bpf import btf_types as types
from bpfman.bpf import kernel_btf
from bpfman.errors import KernelRefused, Unsupported
from bpfman.syscalls import bpf, libbpf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bpfman.bpf.btf import Btf
    from bpfman.bpf.object_operations import Operations
    from bpfman.bpf.object_summary import ObjectSummary
    from bpfman.model.program import ProgramSpec

_PREFIX = "bpf_struct_ops_"  # of the kernel's structs that wrap what can be replaced
F_LINK = 1 << 13  # BPF_F_LINK (6.4): registered by a link, not by writing the map


class Chosen:
    """The struct_ops among what is to be loaded, while libbpf does it."""

    def __init__(self, summary: ObjectSummary, specs: Sequence[ProgramSpec]) -> None:
        names = {spec.name for spec in specs if spec.type == "struct_ops"}
        self._summary = summary
        self._chosen = {each.name: each for each in summary.operations if each.name in names}
        self._kernel = kernel_types() if self._chosen else None
        for each in self._chosen.values():
            require(each, self._types)

    def __bool__(self) -> bool:
        return bool(self._chosen)

    def for_libbpf(self, data: bytes) -> bytes:
        """The object's bytes, as any version of libbpf can read them."""
        if not self._summary.operations:
            return data
        from bpfman.bpf import object_operations
        from bpfman.bpf.elf import ElfFile

        return object_operations.for_libbpf(data, ElfFile.parse(data), wanted=bool(self))

    @property
    def _types(self) -> Btf:
        assert self._kernel is not None
        return self._kernel

    def functions_of(self, specs: Sequence[ProgramSpec]) -> list[ProgramSpec]:
        """What libbpf is to load: of struct_ops, all their functions."""
        return [
            spec._replace(name=name)
            for spec in specs
            for name in (
                self._chosen[spec.name].functions.values() if spec.name in self._chosen else (spec.name,)
            )
        ]

    def first_of(self, spec: ProgramSpec) -> str:
        """The function that stands for a spec."""
        return (
            next(iter(self._chosen[spec.name].functions.values())) if spec.name in self._chosen else spec.name
        )

    def declare(self, maps: Mapping[str, int]) -> None:
        """Tell libbpf how the maps of struct_ops are to be made; of those that nobody chose, that they are not."""
        for each in self._summary.operations:
            if each.name not in maps:
                continue
            if each.name in self._chosen:
                flags = libbpf.call("bpf_map__map_flags", maps[each.name])
                libbpf.call("bpf_map__set_map_flags", maps[each.name], flags | F_LINK)
            else:
                libbpf.call("bpf_map__set_autocreate", maps[each.name], False)

    def check_refusal(self, error: OSError, printed: Sequence[str]) -> None:
        """Unsupported where the kernel made no map of this sort."""
        made = any(f"'{name}'" in line and "create" in line for name in self._chosen for line in printed)
        if made and error.errno == errno.EINVAL:
            raise Unsupported(
                "this kernel has no struct_ops that a link attaches, which came with Linux 6.4",
                "use a newer kernel; `bpftool struct_ops register` does without a link, and without bpfman",
            ) from error

    def fill(self, maps: Mapping[str, int], programs: Mapping[str, int]) -> None:
        """Write the maps.  Descriptors by name."""
        for each in self._chosen.values():
            assert self._summary.btf is not None
            fill(maps[each.name], each, self._summary.btf, self._types, programs)


def kernel_types() -> Btf:
    """The kernel's BTF; Unsupported where there is none."""
    try:
        return kernel_btf.read()
    except OSError:
        raise Unsupported(
            f"this kernel has no BTF, which struct_ops programs need ({kernel_btf.PATH} does not exist)",
            "use a kernel built with CONFIG_DEBUG_INFO_BTF",
        ) from None


def require(operations: Operations, kernel: Btf) -> None:
    """Unsupported, with near ones, where the kernel does not let these operations be replaced."""
    if kernel.find(_PREFIX + operations.type, types.KIND_STRUCT) is not None:
        return
    from bpfman.bpf.near import near

    known = sorted(kernel_btf.structs(kernel, _PREFIX) - {"common_value"})
    alike = near(operations.type, known)
    raise Unsupported(
        f"this kernel does not let programs take the place of {operations.type}"
        + (f"; did you mean: {', '.join(alike)}?" if alike else ""),
        f"it knows {', '.join(known)}" if known else "it was built without struct_ops",
    )


def fill(map_fd: int, operations: Operations, local: Btf, kernel: Btf, programs: Mapping[str, int]) -> None:
    """Write the map.  `programs` are descriptors by name.  KernelRefused where the kernel finds it incomplete."""
    data = value(operations, local, kernel, programs)
    try:
        bpf.map_update(map_fd, bytes(4), data)
    except OSError as error:
        hint = {
            errno.EINVAL: f"{operations.type} may lack a function that the kernel needs, or a name",
            errno.EEXIST: f"another {operations.type} of that name is there already",
        }.get(error.errno or 0, "")
        raise KernelRefused(f"set up struct_ops {operations.name}", error.errno or 0, hint) from error


def value(operations: Operations, local: Btf, kernel: Btf, programs: Mapping[str, int]) -> bytes:
    """The map's value."""
    wrapper = kernel.type(kernel.find(_PREFIX + operations.type, types.KIND_STRUCT) or 0)
    assert isinstance(wrapper, types.Struct)
    inner = next(member for member in wrapper.members if member.name == "data")
    theirs = kernel.underlying(inner.type)
    ours = local.type(operations.type_id)
    assert isinstance(theirs, types.Struct)
    assert isinstance(ours, types.Struct)
    members = {member.name: member for member in theirs.members if member.name}
    result, start = bytearray(wrapper.size), inner.offset // 8
    for member in ours.members:
        data = _value_of(operations, local, member, programs)
        if any(data):
            at = start + _place(operations, local, kernel, member, members.get(member.name))
            result[at : at + len(data)] = data
    return bytes(result)


def _value_of(operations: Operations, local: Btf, member: types.Member, programs: Mapping[str, int]) -> bytes:
    if (function := operations.functions.get(member.name)) is not None:
        return struct.pack("=Q", programs[function])
    size = local.size_of(member.type)
    return operations.data[member.offset // 8 : member.offset // 8 + size]


def _place(
    operations: Operations, local: Btf, kernel: Btf, ours: types.Member, theirs: types.Member | None
) -> int:
    """Where the kernel has a member, in bytes; Unsupported where it has none such."""
    what = f"{operations.type}.{ours.name}"
    if theirs is None:
        raise Unsupported(f"this kernel's {operations.type} has no {ours.name}, which {operations.name} sets")
    if ours.bits or theirs.bits or local.size_of(ours.type) != kernel.size_of(theirs.type):
        raise Unsupported(f"{what} is of another size in this kernel than in the object")
    return theirs.offset // 8
