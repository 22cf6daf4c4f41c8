# SPDX-License-Identifier: Apache-2.0
"""The types of the running kernel itself (CONFIG_DEBUG_INFO_BTF), and what their names tell that it has.

Called by what fixes programs to the kernel and fills its structs; the file has some megabytes, so it is read when it is
needed.
"""

from __future__ import annotations

from bpfman.bpf import btf_types
from bpfman.bpf.btf import Btf

PATH = "/sys/kernel/btf/vmlinux"


def read() -> Btf:
    """Raises OSError where the kernel has none."""
    with open(PATH, "rb") as file:
        return Btf.parse(file.read())


def structs(kernel: Btf, prefix: str) -> set[str]:
    """The structs whose names begin so, by the rest of their names."""
    names = (kernel.name(type_id) for type_id in kernel.ids(btf_types.KIND_STRUCT))
    return {name.removeprefix(prefix) for name in names if name.startswith(prefix)}
