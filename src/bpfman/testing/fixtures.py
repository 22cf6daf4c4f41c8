# SPDX-License-Identifier: Apache-2.0
"""pytest fixtures over this folder's tools; name this module in `pytest_plugins`.

The only module here that imports pytest.  A test whose fixture needs what the machine lacks is skipped, and the
reason says what is missing.
"""

from __future__ import annotations

import os
import shutil
import tempfile

import pytest

from bpfman.manager.manager import Manager
from bpfman.store.layout import Layout
from bpfman.syscalls import mounts
from bpfman.testing import cgroups
from bpfman.testing.network import Namespace, VethPair, namespace, veth_pair

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def runtime() -> Iterator[Layout]:
    """A runtime directory of the test's own, empty at first and readable by everybody.

    Its end unmounts the bpffs in it, and with that unloads whatever nothing else holds."""
    _require()
    folder = tempfile.mkdtemp(prefix="bpfman-")
    os.chmod(folder, 0o755)
    layout = Layout(folder)
    try:
        yield layout
    finally:
        if mounts.is_mount_point_of(layout.fs, "bpf"):
            mounts.unmount(layout.fs)
        shutil.rmtree(folder)


@pytest.fixture
def manager(runtime: Layout) -> Manager:
    """A manager of the test's own `runtime` directory."""
    return Manager(runtime)


@pytest.fixture
def object_file() -> str:
    """The path of a compiled object: programs `count_xdp` and `count_tc`, which count in the per-CPU map `packets`
    (key 0: XDP, key 1: TC) and let the next program run."""
    return os.path.join(os.path.dirname(__file__), "packets.o")


@pytest.fixture
def netns() -> Iterator[Namespace]:
    """A network namespace of the test's own."""
    _require("ip")
    with namespace() as made:
        yield made


@pytest.fixture
def veth(netns: Namespace) -> Iterator[VethPair]:
    """A veth pair: `a` in the test's `netns`, `b` in a second namespace; addresses are IPv4."""
    with namespace() as other, veth_pair(netns, other) as pair:
        yield pair


@pytest.fixture
def cgroup() -> Iterator[str]:
    """The path of a cgroup of the test's own, without a process in it."""
    _require()
    if not cgroups.root():
        pytest.skip("needs a mounted cgroup v2")
    with cgroups.cgroup() as made:
        yield made


def _require(*commands: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    for command in commands:
        if shutil.which(command) is None:
            pytest.skip(f"needs the command {command}")
