# SPDX-License-Identifier: Apache-2.0
"""Functions of the kernel and its modules, by whatever name: probes on them run once a call, or say why they cannot."""

from __future__ import annotations

import os
import re
import shutil
import struct
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from bpfman.errors import Conflict, SymbolNotFound, Unsupported
from bpfman.model.program import ProgramSpec
from bpfman.model.targets import FentryAttach, FexitAttach, KprobeAttach

pytestmark = pytest.mark.kernel

OBJECT = str(Path(__file__).parent.parent / "objects" / "kernel_probes.o")
MODULE = "dummy"  # the driver of network interfaces that lose what is sent
FUNCTION = "dummy_setup"  # runs once for each interface that is made
#: kind, program, what it is attached to, its row in `runs`
PROBES = {
    "kprobe": (ProgramSpec("kprobe", "on_entry"), KprobeAttach(FUNCTION), 0),
    "kretprobe": (ProgramSpec("kretprobe", "on_return"), KprobeAttach(FUNCTION), 1),
    "fentry": (ProgramSpec("fentry", "on_fentry", FUNCTION), FentryAttach(), 2),
    "fexit": (ProgramSpec("fexit", "on_fexit", FUNCTION), FexitAttach(), 3),
}


@pytest.fixture
def module():
    """The module, loaded by the test and unloaded at its end; nobody's interface needs it."""
    _require_modules()
    modprobe(MODULE, "numdummies=0")
    yield MODULE
    modprobe("--remove", MODULE)


@pytest.fixture
def interface(netns):
    """`interface()`: make an interface of the module's kind, and take it away."""

    def make() -> None:
        netns.ip("link", "add", "d0", "type", "dummy")
        netns.ip("link", "delete", "d0")

    return make


def _require_modules() -> None:
    if not os.path.exists("/proc/modules") or not os.path.exists(f"/lib/modules/{os.uname().release}"):
        pytest.skip("this kernel has no modules")
    if shutil.which("modprobe") is None:
        pytest.skip("needs the command modprobe")


def _require_types_of_modules() -> None:
    if os.listdir("/sys/kernel/btf") == ["vmlinux"]:
        pytest.skip("this kernel has no modules.BTF")


def modprobe(*arguments: str) -> None:
    subprocess.run(["modprobe", *arguments], check=True)


def load(manager, spec: ProgramSpec):
    [program] = manager.load_file(OBJECT, [spec])
    return program.record.program_id


def runs(manager, program: int, row: int) -> int:
    with manager.open_map("runs", program) as found:
        return int.from_bytes(found.lookup(struct.pack("=I", row)), sys.byteorder)


@cache
def functions() -> list[str]:
    """The names of all functions of the kernel without its modules, as often as there are functions of that name."""
    lines = (line.split() for line in Path("/proc/kallsyms").read_text().splitlines())
    return [line[2] for line in lines if line[1] in "tT" and len(line) == 3]


@pytest.mark.parametrize(
    ("spec", "target", "row"),
    [
        pytest.param(
            *case, id=kind, marks=pytest.mark.feature("modules" if kind.startswith("k") else "modules.BTF")
        )
        for kind, case in PROBES.items()
    ],
)
def test_a_function_of_a_module(manager, module, interface, spec, target, row):
    if spec.attach_func:
        _require_types_of_modules()
    program = load(manager, spec)
    link = manager.attach(program, target)
    for _ in range(3):
        interface()
    assert runs(manager, program, row) == 3
    assert link.record.details.fn_name == FUNCTION
    manager.detach([link.record.id])
    interface()
    assert runs(manager, program, row) == 3
    manager.unload([program])


@pytest.mark.feature("modules")
def test_a_module_that_is_unloaded_takes_its_probes_along(manager, module, interface):
    """The kernel keeps the link, and never runs the program again: the doctor tells."""
    program = load(manager, ProgramSpec("kprobe", "on_entry"))
    link = manager.attach(program, KprobeAttach(FUNCTION))
    modprobe("--remove", MODULE)
    [finding] = manager.examine()
    assert finding.subject.startswith(f"link {link.record.id} ")
    assert f"{FUNCTION} went with its module" in finding.what
    modprobe(MODULE, "numdummies=0")
    interface()
    assert runs(manager, program, 0) == 0
    manager.detach([link.record.id])
    assert manager.examine() == []
    manager.attach(program, KprobeAttach(FUNCTION))
    interface()
    assert runs(manager, program, 0) == 1


@pytest.mark.feature("module:function")
def test_a_function_is_named_with_its_module(manager, module, interface):
    program = load(manager, ProgramSpec("kprobe", "on_entry"))
    try:
        manager.attach(program, KprobeAttach(f"{MODULE}:{FUNCTION}"))
    except SymbolNotFound:
        pytest.skip("this kernel has no module:function")
    interface()
    assert runs(manager, program, 0) == 1


@pytest.mark.feature("explained")
def test_a_module_that_is_not_loaded(manager):
    _require_modules()
    program = load(manager, ProgramSpec("kprobe", "on_entry"))
    with pytest.raises(SymbolNotFound, match=f'kernel function "{FUNCTION}" not found') as raised:
        manager.attach(program, KprobeAttach(FUNCTION))
    assert "modprobe" in raised.value.hint
    assert manager.links() == []


@pytest.mark.feature("explained")
@pytest.mark.parametrize("kind", ["fentry", "fexit"])
def test_a_module_that_is_not_loaded_has_no_types(manager, kind):
    """Nor is anything left of the look into the types of the others."""
    _require_modules()
    with pytest.raises(SymbolNotFound, match=f'{kind} target "{FUNCTION}" not found') as raised:
        load(manager, PROBES[kind][0])
    assert "modprobe" in raised.value.hint


@pytest.mark.feature("explained")
def test_a_function_that_another_module_exports_has_the_module_named(manager):
    """modules.symbols says which, where the function is one that modules may call."""
    _require_modules()
    table = Path(f"/lib/modules/{os.uname().release}/modules.symbols").read_text()
    known = set(functions()) | set(
        re.findall(r"^\S+ \S (\S+)\t", Path("/proc/kallsyms").read_text(), re.MULTILINE)
    )
    exported = re.findall(r"^alias symbol:(\w+) (\w+)$", table, re.MULTILINE)
    function, module = next(each for each in exported if each[0] not in known)
    program = load(manager, ProgramSpec("kprobe", "on_entry"))
    with pytest.raises(SymbolNotFound) as raised:
        manager.attach(program, KprobeAttach(function))
    assert f"modprobe {module}" in raised.value.hint


@pytest.mark.feature("modules.BTF")
def test_a_module_stays_while_a_program_is_fixed_to_it(manager, module):
    """Newer kernels hold it from the load on, older ones (6.1) from when the program is attached."""
    _require_types_of_modules()
    spec, target, _ = PROBES["fentry"]
    program = load(manager, spec)
    manager.attach(program, target)
    with pytest.raises(subprocess.CalledProcessError):
        modprobe("--remove", MODULE)
    manager.unload([program])


@pytest.mark.feature("kprobe")
def test_a_name_with_dots(manager):
    """Compilers make such names of functions that they specialise."""
    name = next((each for each in functions() if each.startswith("proc_get_long.")), None)
    if name is None:
        pytest.skip("this kernel has no dotted names")
    program = load(manager, ProgramSpec("kprobe", "on_entry"))
    manager.attach(program, KprobeAttach(name))
    setting = Path("/proc/sys/kernel/printk_ratelimit")
    for _ in range(3):
        setting.write_text(setting.read_text())
    assert runs(manager, program, 0) == 3


@pytest.mark.feature("fentry")
def test_a_name_with_dots_has_no_types(manager):
    name = next((each for each in functions() if each.startswith("proc_get_long.")), None)
    if name is None:
        pytest.skip("this kernel has no dotted names")
    with pytest.raises(Unsupported, match="not in the BTF of the kernel") as raised:
        load(manager, ProgramSpec("fentry", "on_fentry", name))
    assert "kprobe" in raised.value.hint


@pytest.mark.feature("kprobe")
def test_a_name_of_several_functions_is_refused(manager):
    """Which of them would run it, nobody could tell."""
    several = next(name for name, count in Counter(functions()).items() if count == 2 and name.isalnum())
    program = load(manager, ProgramSpec("kprobe", "on_entry"))
    with pytest.raises(Conflict, match="several functions have that name, in vmlinux, vmlinux"):
        manager.attach(program, KprobeAttach(several))
    assert manager.links() == []
