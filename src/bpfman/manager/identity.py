# SPDX-License-Identifier: Apache-2.0
"""Whether what the kernel has under an id is what a record means.

The kernel gives ids away again, at the latest after a restart, and then a row of ours names somebody else's link or
map.  A program is known by its tag and load time; whatever else was made with it is known by the program, which is as
old: as long as that is the one, ids are of the same start of the machine.  A program that is gone may have left a
chain that runs on; that is known by its pin.  Called by what looks, by attaching and by the doctor; changes nothing.
"""

from __future__ import annotations

from bpfman.model.link import ChainDetails

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.bpf.kernel import Kernel
    from bpfman.model.kernel import KernelLink
    from bpfman.model.link import LinkRecord
    from bpfman.model.program import ProgramRecord
    from bpfman.store.layout import Layout


def is_alive(kernel: Kernel, program: ProgramRecord) -> bool:
    """Whether the kernel still has the very program that the record means, not another with its id."""
    return kernel.has_program(program.program_id, program.tag, program.load_time)


def link_of(kernel: Kernel, link: LinkRecord, program: ProgramRecord) -> KernelLink | None:
    """The kernel's link that the record means: its own, or that of the XDP chain it is a member of."""
    if link.kernel_link_id is None:
        return None
    found = kernel.link(link.kernel_link_id)
    if found is None:
        return None
    if isinstance(link.details, ChainDetails):
        # What it runs changes with each change of the chain, and says nothing.
        return found if is_alive(kernel, program) or _is_pinned(kernel, link) else None
    if program.type == "struct_ops":  # a link of a map: the kernel tells no program
        from bpfman.model.targets import StructOpsAttach  # here, since most listings have none

        assert isinstance(link.details, StructOpsAttach)
        same = not found.program_id and found.target_obj_id in (link.details.map_id, 0)
    else:
        same = found.program_id == link.program_id
    return found if same and is_alive(kernel, program) else None


def _is_pinned(kernel: Kernel, link: LinkRecord) -> bool:
    pinned = kernel.pinned_link(link.pin_path or "")
    return pinned is not None and pinned.id == link.kernel_link_id


def chain_runs(kernel: Kernel, layout: Layout, link: LinkRecord, program: ProgramRecord) -> bool:
    """Whether the kernel has the program of the TC chain that the link is a member of."""
    if not isinstance(link.details, ChainDetails):
        return False
    chain = link.details.chain_program_id
    if is_alive(kernel, program):
        return kernel.program(chain) is not None
    pinned = kernel.pinned_program(layout.chain_program(link.details.hook))
    return pinned is not None and pinned.id == chain
