# SPDX-License-Identifier: Apache-2.0
"""The kernel as the manager sees it."""

from __future__ import annotations

import os

import pytest

from bpfman.bpf.kernel import Kernel
from bpfman.bpf.object_summary import ObjectSummary
from bpfman.bpf.program import Bytecode
from bpfman.errors import KernelRefused, MapNotFound, ProgramNotFound
from bpfman.model.program import ProgramSpec
from bpfman.syscalls import mounts
from tests.bpf.crafted import read_object
from tests.chain.parts import EXITING

pytestmark = pytest.mark.kernel

NEVER = 4_000_000_000


@pytest.fixture
def kernel():
    return Kernel()


@pytest.fixture
def load(kernel, kept):
    """`load(reuse)`: xdp_counter, with the maps pinned at some places."""
    data = read_object("xdp_counter.o")

    def load(reuse):
        loaded = kernel.load_object(
            data,
            ObjectSummary.parse(data),
            [ProgramSpec("xdp", "xdp_stats")],
            name="it",
            globals={},
            reuse=reuse,
        )
        return kept.enter_context(loaded)

    return load


def test_what_is_there_is_found_by_id_and_by_pin(kernel, load, bpffs):
    loaded = load({})
    [program], [stats] = loaded.programs, loaded.maps
    kernel.pin(program.fd, f"{bpffs}/program")
    kernel.pin(stats.fd, f"{bpffs}/map")
    assert kernel.program(program.kernel.id) == kernel.pinned_program(f"{bpffs}/program") == program.kernel
    assert kernel.map(stats.kernel.id) == stats.kernel
    assert program.kernel.id in kernel.program_ids()
    for opened in (kernel.open_map(stats.kernel.id), kernel.open_pinned_map(f"{bpffs}/map")):
        with opened:
            assert opened.info == stats.kernel
    with kernel.open_program(program.kernel.id) as opened:
        assert opened.info == program.kernel
    assert {"map", "program"} <= set(kernel.pins_in(bpffs))
    assert kernel.unpin(f"{bpffs}/map")
    assert not kernel.pin_exists(f"{bpffs}/map")


def test_what_is_not_there_is_none_or_not_found(kernel, bpffs):
    assert kernel.program(NEVER) is kernel.map(NEVER) is kernel.link(NEVER) is None
    nowhere = f"{bpffs}/nowhere"
    assert (
        kernel.pinned_program(nowhere)
        is kernel.pinned_link(nowhere)
        is kernel.open_pinned_map(nowhere)
        is None
    )
    with pytest.raises(ProgramNotFound):
        kernel.open_program(NEVER)
    with pytest.raises(MapNotFound):
        kernel.open_map(NEVER)
    with pytest.raises(KernelRefused, match=f"open link {nowhere}"):
        kernel.update_link(nowhere, 0, 0)
    kernel.remove_link(nowhere)


def test_maps_are_shared_by_their_pins(kernel, load, bpffs):
    """A pin that is gone is not shared: a map of one's own is made."""
    [first] = load({}).maps
    kernel.pin(first.fd, f"{bpffs}/stats")
    [second] = load({"xdp_stats_map": f"{bpffs}/stats"}).maps
    [third] = load({"xdp_stats_map": f"{bpffs}/gone"}).maps
    assert (second.kernel.id, second.reused) == (first.kernel.id, True)
    assert (third.kernel.id != first.kernel.id, third.reused) == (True, False)


def test_instructions_are_loaded_and_run(kernel):
    with kernel.load_bytecode(Bytecode("some", 6, 37, EXITING, (), "GPL")) as program:
        assert program.test_run(bytes(64)).verdict == 2


def test_a_bpffs_is_mounted_once(kernel, tmp_path):
    path = str(tmp_path)
    assert kernel.mount_bpffs(path) is True
    try:
        assert kernel.mount_bpffs(path) is False
        assert mounts.filesystem_magic(path) == mounts.BPF_FS_MAGIC
    finally:
        mounts.unmount(path)
    assert not os.path.ismount(path)


def test_counters_of_a_chain_are_one_value_a_cpu(kernel):
    with kernel.create_per_cpu_array("accounting", 4096) as made:
        assert (made.info.name, made.info.value_size, made.info.max_entries) == ("accounting", 4096, 1)
