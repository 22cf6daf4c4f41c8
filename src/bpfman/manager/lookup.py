# SPDX-License-Identifier: Apache-2.0
"""The record that an id means, or the error that says what the kernel knows of it.

Apart from the changes that use it, because listings do too, and pay for nothing else.
"""

from __future__ import annotations

from bpfman.errors import ProgramNotFound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.bpf.kernel import Kernel
    from bpfman.model.program import ProgramRecord
    from bpfman.store.database import Store


def not_found(kernel: Kernel, program_id: int) -> ProgramNotFound:
    """The error for an id that we have no record of."""
    if kernel.program(program_id) is not None:
        return ProgramNotFound(
            program_id, f"program {program_id} exists in kernel but is not managed by bpfman",
            "whoever loaded it must unload it; `bpfman program list` shows what bpfman manages",
        )  # fmt: skip
    return ProgramNotFound(program_id, hint="`bpfman program list` shows the programs there are")


def find(kernel: Kernel, store: Store, program_id: int) -> ProgramRecord:
    record = store.find_program(program_id)
    if record is None:
        raise not_found(kernel, program_id)
    return record
