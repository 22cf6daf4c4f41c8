# SPDX-License-Identifier: Apache-2.0
"""What a program is fixed to when it is loaded: a kernel function, an LSM hook, a BTF tracepoint, an iterator's target.

Called by `object` before libbpf loads the program.  libbpf finds the function in the BTF of the kernel or of a module;
why it did not is told here.
"""

from __future__ import annotations

import os

from bpfman.errors import Unsupported
from bpfman.syscalls import libbpf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.model.kinds import Kind

_BTF = "/sys/kernel/btf/vmlinux"


def fix(program: int, kind: Kind, function: str) -> None:
    """Fix a program of an open object to `function`.  SymbolNotFound names near ones; Unsupported where the kernel has
    no BTF."""
    try:
        libbpf.call("bpf_program__set_attach_target", program, 0, function.encode())
    except OSError as error:
        raise _explained(kind, function) from error


def _explained(kind: Kind, function: str) -> Exception:
    from bpfman.bpf import kallsyms
    from bpfman.bpf.near import symbol_not_found

    if not os.path.exists(_BTF):
        return Unsupported(
            f"this kernel has no BTF, which {kind.name} programs need ({_BTF} does not exist)",
            "use a kernel built with CONFIG_DEBUG_INFO_BTF, or a kprobe in place of fentry and fexit",
        )
    prefix = kind.symbol_prefix
    names = {name.removeprefix(prefix) for name in kallsyms.functions() if name.startswith(prefix)}
    if kind.name == "iter":
        names = _iterators()
    if function in names:
        return Unsupported(
            f'{kind.name} cannot be attached to "{function}": it is not in the BTF of the kernel or its modules',
            "it may be inlined, in assembler or in a module without BTF; attach a kprobe",
        )
    hint = f"targets: {', '.join(sorted(names))}" if kind.name == "iter" else kallsyms.hint(prefix + function)
    return symbol_not_found(f"{kind.name} target", function, names, hint)


def _iterators() -> set[str]:
    """What there are iterators over, by the types of their contexts: their functions are dropped after boot."""
    from bpfman.bpf import btf_types
    from bpfman.bpf.btf import Btf

    with open(_BTF, "rb") as file:
        kernel = Btf.parse(file.read())
    names = (kernel.name(type_id) for type_id in kernel.ids(btf_types.KIND_STRUCT))
    return {
        name.removeprefix("bpf_iter__")
        for name in names
        if name.startswith("bpf_iter__") and "__safe" not in name
    }
