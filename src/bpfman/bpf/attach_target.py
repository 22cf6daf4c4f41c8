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


def fix(program: int, kind: Kind, function: str) -> None:
    """Fix a program of an open object to `function`.  SymbolNotFound names near ones; Unsupported where the kernel has
    no BTF."""
    try:
        libbpf.call("bpf_program__set_attach_target", program, 0, function.encode())
    except OSError as error:
        raise _explained(kind, function) from error


def _explained(kind: Kind, function: str) -> Exception:
    from bpfman.bpf import kallsyms, kernel_btf
    from bpfman.bpf.near import symbol_not_found

    if not os.path.exists(kernel_btf.PATH):
        return Unsupported(
            f"this kernel has no BTF, which {kind.name} programs need ({kernel_btf.PATH} does not exist)",
            "use a kernel built with CONFIG_DEBUG_INFO_BTF, or a kprobe in place of fentry and fexit",
        )
    names = _known(kind)
    if function in names:
        return Unsupported(
            f'{kind.name} cannot be attached to "{function}": it is not in the BTF of the kernel or its modules',
            "it may be inlined, in assembler or in a module without BTF; attach a kprobe",
        )
    hint = (
        f"targets: {', '.join(sorted(names))}"
        if kind.name == "iter"
        else kallsyms.hint(kind.symbol_prefix + function)
    )
    return symbol_not_found(f"{kind.name} target", function, names, hint)


def _known(kind: Kind) -> set[str]:
    """What there is to fix a program of that kind to."""
    from bpfman.bpf import kallsyms, kernel_btf

    prefix = kind.symbol_prefix
    if kind.name == "iter":  # their functions are dropped after boot, the types of their contexts are not
        found = kernel_btf.structs(kernel_btf.read(), "bpf_iter__")
        return {name for name in found if "__safe" not in name}
    return {name.removeprefix(prefix) for name in kallsyms.functions() if name.startswith(prefix)}
