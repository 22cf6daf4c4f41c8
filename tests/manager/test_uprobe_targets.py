# SPDX-License-Identifier: Apache-2.0
"""Whatever way a place in a program is named, the probe is where a real process passes, and counts each call once."""

from __future__ import annotations

import lzma
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from bpfman.errors import InvalidRequest, SymbolNotFound, TargetNotFound
from bpfman.model.targets import UprobeAttach
from tests.user_program import SOURCES, Container, Worker, build, library, objcopy

pytestmark = pytest.mark.kernel

LOADER = next(
    (path for path in ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1") if os.path.exists(path)),
    "",
)
ORIGIN = "-Wl,-rpath,$ORIGIN/lib"


@pytest.fixture
def program(load):
    """A counter, loaded as a uprobe."""
    [made] = load("user_probes", "uprobe:on_call")
    return made.record.program_id


@pytest.fixture
def count(manager, program):
    """`count(WORKER, TARGET, ...)`: how often the probe ran while the worker made seven calls."""

    def counted(worker: Worker, target: str, symbol: str = "work", calls: int = 7, **options) -> int:
        link = manager.attach(program, UprobeAttach(target, symbol, **options))
        before = runs(manager, program)
        worker.call(calls)
        after = runs(manager, program)
        manager.detach([link.record.id])
        worker.call(1)
        assert runs(manager, program) == after
        return after - before

    return counted


def runs(manager, program: int, row: int = 0) -> int:
    with manager.open_map("runs", program) as found:
        return int.from_bytes(found.lookup(struct.pack("=I", row)), sys.byteorder)


@pytest.fixture
def with_library(tmp_path):
    """A program that finds libwork.so by $ORIGIN, and the library."""
    lib = library(tmp_path / "lib/libwork.so")
    return build(tmp_path / "main", "main.c", flags=(str(lib), ORIGIN)), lib


class TestPrograms:
    @pytest.mark.parametrize("flags", [("-pie",), ("-no-pie",), ("-static",), ("-static-pie",)], ids=" ".join)
    def test_wherever_the_program_is_linked_to_run(self, flags, tmp_path, count):
        made = build(tmp_path / "main", "main.c", "work.c", flags=flags)
        with Worker(made) as worker:
            assert count(worker, str(made)) == 7

    def test_a_program_linked_with_musl(self, tmp_path, count):
        made = build(tmp_path / "main", "main.c", "work.c", compiler="musl-gcc", flags=("-static",))
        with Worker(made) as worker:
            assert count(worker, str(made)) == 7

    @pytest.mark.skipif(shutil.which("go") is None, reason="needs Go")
    @pytest.mark.parametrize("symbol", ["main.work", "main.(*worker).Work"])
    def test_names_of_go(self, symbol, tmp_path, count):
        made = go_program(tmp_path)
        with Worker(made) as worker:
            assert count(worker, str(made), symbol) == 7

    def test_another_process_does_not_count(self, tmp_path, count):
        made = build(tmp_path / "main", "main.c", "work.c")
        with Worker(made) as watched, Worker(made) as other:
            assert count(watched, str(made), pid=watched.pid) == 7
            assert count(other, str(made), pid=watched.pid) == 0

    def test_a_return_is_counted_once(self, manager, load, tmp_path):
        made = build(tmp_path / "main", "main.c", "work.c")
        [returns] = load("user_probes", "uretprobe:on_return")
        with Worker(made) as worker:
            manager.attach(returns.record.program_id, UprobeAttach(str(made), "work"))
            worker.call(7)
        assert runs(manager, returns.record.program_id, 1) == 7

    def test_a_symlink_is_the_file(self, tmp_path, count):
        made = build(tmp_path / "main", "main.c", "work.c")
        (tmp_path / "link").symlink_to("main")
        with Worker(made) as worker:
            assert count(worker, str(tmp_path / "link")) == 7


class TestLibrariesOfAProcess:
    def test_what_it_has_mapped(self, with_library, count):
        with Worker(with_library[0]) as worker:
            assert count(worker, "libwork", pid=worker.pid) == 7

    @pytest.mark.parametrize("name", ["libwork", "libwork.so", "PATH"])
    @pytest.mark.parametrize("replaced", [False, True], ids=["deleted", "replaced"])
    def test_what_it_has_mapped_and_is_gone(self, with_library, name, replaced, count):
        main, lib = with_library
        with Worker(main) as worker:
            lib.unlink()
            if replaced:
                library(lib, "-DCHOICE", "-Wl,-z,separate-code")
            assert count(worker, str(lib) if name == "PATH" else name, pid=worker.pid) == 7

    @pytest.mark.parametrize("tag", ["--enable-new-dtags", "--disable-new-dtags"])
    def test_what_its_run_path_has_and_it_has_not_mapped_yet(self, tag, tmp_path, count):
        """DT_RUNPATH and, the older, DT_RPATH."""
        library(tmp_path / "lib/libwork.so")
        made = build(
            tmp_path / "main", "main.c", flags=('-DLIBRARY="libwork.so"', ORIGIN, f"-Wl,{tag}", "-ldl")
        )
        with Worker(made) as worker:
            assert "libwork" not in Path(f"/proc/{worker.pid}/maps").read_text()
            assert count(worker, "libwork", pid=worker.pid) == 7

    def test_nobody_else_finds_it(self, with_library, count):
        with Worker(with_library[0]) as worker, pytest.raises(TargetNotFound):
            count(worker, "libwork")


class TestSymbols:
    def test_todays_version_is_meant_unless_another_is_named(self, tmp_path, count):
        lib = library(tmp_path / "lib/libwork.so", "-DVERSIONS", versions())
        made = build(tmp_path / "main", "main.c", flags=("-DCALLED=shared", str(lib), ORIGIN))
        for stripped in (False, True):
            if stripped:
                objcopy("--strip-unneeded", lib, tmp_path / "stripped")
                os.replace(tmp_path / "stripped", lib)
            with Worker(made) as worker:
                assert count(worker, str(lib), "shared") == 7
                assert count(worker, str(lib), "shared@NEW") == 7
                assert count(worker, str(lib), "shared@@NEW") == 7
                assert count(worker, str(lib), "shared@OLD") == 0
                with pytest.raises(SymbolNotFound):
                    count(worker, str(lib), "shared@OTHER")

    def test_what_the_dynamic_linker_has_chosen_for_us_is_known(self, count):
        """libc's strlen is several functions (IFUNC); the one that runs is one of those we run with."""
        code = "import ctypes, sys\nlibc = ctypes.CDLL(None)\nprint('ready', flush=True)\n"
        code += "for line in sys.stdin:\n  for _ in range(int(line)): libc.strncasecmp(b'a', b'b', 1)\n"
        code += "  print('done', flush=True)"
        with Worker(sys.executable, "-c", code) as worker:
            assert count(worker, "libc", "strncasecmp", pid=worker.pid) == 7

    def test_what_it_chooses_for_others_is_refused(self, tmp_path, count):
        lib = library(tmp_path / "lib/libwork.so", "-DCHOICE")
        made = build(tmp_path / "main", "main.c", flags=("-DCALLED=chosen", str(lib), ORIGIN))
        with Worker(made) as worker:
            with pytest.raises(InvalidRequest, match="several implementations") as raised:
                count(worker, str(lib), "chosen")
            assert "chosen_plain" in raised.value.hint
            assert count(worker, str(lib), "chosen_plain") == 7

    def test_data_is_refused(self, tmp_path, manager, program):
        lib = library(tmp_path / "libwork.so")
        with pytest.raises(InvalidRequest, match=r"numbers in .* is no code"):
            manager.attach(program, UprobeAttach(str(lib), "numbers"))
        assert manager.links() == []

    def test_a_name_of_two_places_is_refused(self, tmp_path, manager, program):
        """Two source files, each with a function `inner` of its own."""
        second = tmp_path / "second.c"
        second.write_text(
            "static int __attribute__((noipa)) inner(int n) { return n; }\nint other() { return inner(1); }\n"
        )
        made = build(tmp_path / "main", "main.c", "work.c", flags=(str(second),))
        with pytest.raises(InvalidRequest, match="2 places") as raised:
            manager.attach(program, UprobeAttach(str(made), "inner"))
        [offset, _] = map(int, raised.value.hint.rpartition(":")[2].split(","))
        manager.attach(program, UprobeAttach(str(made), offset=offset))


class TestStripped:
    """`outer` calls `inner`, which is in no table of a stripped file."""

    @pytest.fixture
    def stripped(self, tmp_path):
        """A program without symbols, and a file with them."""
        made = build(tmp_path / "main", "main.c", "work.c", flags=("-DCALLED=outer", "-Wl,--build-id"))
        objcopy("--only-keep-debug", made, tmp_path / "main.debug")
        objcopy("--strip-all", made, tmp_path / "stripped")
        return tmp_path / "stripped", tmp_path / "main.debug"

    def test_without_debug_symbols_it_says_so(self, stripped, count):
        with Worker(stripped[0]) as worker, pytest.raises(SymbolNotFound) as raised:
            count(worker, str(stripped[0]), "inner")
        assert "stripped" in raised.value.hint

    @pytest.mark.parametrize("folder", [".", ".debug"])
    def test_a_debug_file_that_it_names(self, folder, stripped, tmp_path, count):
        program, debug = stripped
        (tmp_path / folder).mkdir(exist_ok=True)
        shutil.copy(debug, tmp_path / "copy")
        os.replace(tmp_path / "copy", tmp_path / folder / "main.debug")
        linked(program, tmp_path / folder / "main.debug")
        with Worker(program) as worker:
            assert count(worker, str(program), "inner") == 7

    def test_a_debug_file_of_another_build_is_not_believed(self, stripped, tmp_path, count):
        program, debug = stripped
        linked(program, debug)
        other = build(
            tmp_path / "other", "main.c", "work.c", flags=("-DCALLED=outer", "-O2", "-Wl,--build-id")
        )
        objcopy("--only-keep-debug", other, debug)
        with Worker(program) as worker, pytest.raises(SymbolNotFound):
            count(worker, str(program), "inner")

    @pytest.mark.parametrize("right", [True, False])
    def test_without_build_id_the_checksum_counts(self, right, tmp_path, count):
        made = build(tmp_path / "main", "main.c", "work.c", flags=("-DCALLED=outer", "-Wl,--build-id=none"))
        objcopy("--only-keep-debug", made, tmp_path / "main.debug")
        objcopy("--strip-all", made)
        linked(made, tmp_path / "main.debug")
        if not right:
            with open(tmp_path / "main.debug", "ab") as file:
                file.write(b"\0")
        with Worker(made) as worker:
            if right:
                assert count(worker, str(made), "inner") == 7
            else:
                with pytest.raises(SymbolNotFound):
                    count(worker, str(made), "inner")

    def test_symbols_packed_in_itself(self, stripped, tmp_path, count):
        """.gnu_debugdata, as Fedora's packages have it."""
        program, debug = stripped
        debug.write_bytes(lzma.compress(debug.read_bytes()))
        objcopy("--add-section", f".gnu_debugdata={debug}", program)
        debug.unlink()
        with Worker(program) as worker:
            assert count(worker, str(program), "inner") == 7

    def test_by_build_id_where_the_program_lives(self, tmp_path, count):
        container = Container(tmp_path / "root")
        made = build(
            container.root / "main",
            "main.c",
            "work.c",
            flags=("-DCALLED=outer", "-Wl,--build-id=0xabcdef01", "-static"),
        )
        folder = container.root / "usr/lib/debug/.build-id/ab"
        folder.mkdir(parents=True)
        objcopy("--only-keep-debug", made, folder / "cdef01.debug")
        objcopy("--strip-all", made)
        with container.run("/main") as worker:
            assert count(worker, "/main", "inner", container_pid=worker.pid) == 7


class TestContainers:
    @pytest.fixture
    def container(self, tmp_path):
        """A root whose library is where only its own cache says."""
        made = Container(tmp_path / "root")
        with_loader(made)
        lib = library(made.root / "opt/odd/libwork.so")
        build(made.root / "main", "main.c", flags=(str(lib),))
        (made.root / "etc/ld.so.conf").write_text("/opt/odd\n/lib\n")
        subprocess.run(
            ["ldconfig", "-r", made.root, "-f", "/etc/ld.so.conf", "-C", "/etc/ld.so.cache"], check=True
        )
        return made

    @pytest.mark.parametrize("overlay", [False, True], ids=["bind", "overlay"])
    @pytest.mark.parametrize("name", ["libwork", "/opt/odd/libwork.so"])
    def test_its_own_files_and_cache_are_meant(self, name, overlay, container, count):
        with container.run("/main", overlay=overlay) as worker:
            assert worker.pid != 1
            assert count(worker, name, container_pid=worker.pid) == 7
            assert count(worker, name, pid=worker.pid, container_pid=worker.pid) == 7

    def test_a_link_stays_when_the_container_is_gone(self, container, manager, program):
        with container.run("/main") as worker:
            link = manager.attach(program, UprobeAttach("libwork", "work", container_pid=worker.pid))
        again = manager.link(link.record.id)
        assert again.status.pin_present
        manager.detach([link.record.id])

    def test_a_root_that_was_changed_without_a_namespace(self, container, count):
        """chroot: what the process sees comes first."""
        with Worker("chroot", container.root, "/main") as worker:
            with pytest.raises(SymbolNotFound, match="used in /main, not defined there"):
                count(worker, "/main", container_pid=worker.pid)
            assert count(worker, "libwork", container_pid=worker.pid) == 7

    def test_a_run_path_in_a_container(self, tmp_path, count):
        container = Container(tmp_path / "root")
        with_loader(container)
        library(container.root / "app/lib/libwork.so")
        build(container.root / "app/main", "main.c", flags=('-DLIBRARY="libwork.so"', ORIGIN, "-ldl"))
        with container.run("/app/main") as worker:
            assert count(worker, "libwork", container_pid=worker.pid) == 7

    def test_a_library_of_musl(self, tmp_path, count):
        """musl has no cache; its own library is the dynamic linker."""
        container = Container(tmp_path / "root")
        machine = os.uname().machine
        (container.root / "lib").mkdir()
        shutil.copy(f"/lib/ld-musl-{machine}.so.1", container.root / "lib")
        lib = library(container.root / "odd/libwork.so", compiler="musl-gcc")
        build(container.root / "main", "main.c", compiler="musl-gcc", flags=(str(lib),))
        (container.root / f"etc/ld-musl-{machine}.path").write_text("/lib\n/odd\n")
        with container.run("/main") as worker:
            assert count(worker, "libwork", container_pid=worker.pid) == 7
            assert count(worker, "libc", "fflush", container_pid=worker.pid) == 1
            assert count(worker, "libc", "fflush", pid=worker.pid) == 1


def with_loader(container: Container) -> None:
    """glibc, where programs look for it first."""
    for path in (LOADER, subprocess.check_output(["gcc", "-print-file-name=libc.so.6"], text=True).strip()):
        target = Path(f"{container.root}/{LOADER if path == LOADER else 'lib/libc.so.6'}")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)


def versions() -> str:
    return f"-Wl,--version-script={SOURCES / 'versions.map'}"


def linked(program: Path, debug: Path) -> None:
    """Have the program name its debug file."""
    objcopy(f"--add-gnu-debuglink={debug}", program)


def go_program(folder: Path) -> Path:
    made = folder / "gowork"
    environment = {**os.environ, "CGO_ENABLED": "0"}
    subprocess.run(["go", "build", "-o", made, SOURCES / "work.go"], check=True, env=environment)
    return made
