# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import errno
import os

import pytest

from bpfman.bpf import pin
from bpfman.bpf.descriptor import Descriptor
from bpfman.bpf.map import Map
from bpfman.bpf.program import Program
from bpfman.errors import InvalidRequest, KernelRefused
from bpfman.syscalls import bpf
from tests.chain.parts import EXITING

pytestmark = pytest.mark.kernel


@pytest.fixture
def some_map(kept):
    """`some_map(NAME)`: an array of one number."""
    return lambda name="some": kept.enter_context(Map(bpf.map_create(2, 4, 4, 1, name=name)))


@pytest.fixture
def some_program(kept):
    return kept.enter_context(Program(bpf.prog_load(6, EXITING, "GPL", name="some")))


def name_at(path):
    found = Map.pinned(path)
    assert found is not None
    with found:
        return found.info.name


def test_a_pin_keeps_what_is_pinned(bpffs, some_map):
    path = f"{bpffs}/one/two/some"
    with some_map() as made:
        pin.pin(made.fd, path)
        number = made.info.id
    assert pin.exists(path)
    found = Map.pinned(path)
    assert found is not None
    with found:
        assert found.info.id == number
    assert os.stat(f"{bpffs}/one").st_mode & 0o777 == 0o755
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_a_pin_never_replaces_another(bpffs, some_map):
    path = f"{bpffs}/some"
    pin.pin(some_map("first").fd, path)
    with pytest.raises(KernelRefused, match=f"pin {path}: File exists") as refused:
        pin.pin(some_map("second").fd, path)
    assert (refused.value.errno, name_at(path)) == (errno.EEXIST, "first")


def test_replacing_leaves_one(bpffs, some_map):
    path = f"{bpffs}/some"
    for name in ("first", "second", "third"):
        pin.replace(some_map(name).fd, path)
        assert name_at(path) == name
    assert set(pin.names_in(bpffs)) - {"maps.debug", "progs.debug"} == {"some"}


def test_what_an_interrupted_replacement_left_is_no_obstacle(bpffs, some_map):
    path = f"{bpffs}/some"
    pin.pin(some_map("left").fd, f"{path}_next")
    pin.replace(some_map("new").fd, path)
    assert name_at(path) == "new"
    assert not pin.exists(f"{path}_next")


def test_removing_twice_is_fine(bpffs, some_map):
    pin.pin(some_map().fd, f"{bpffs}/some")
    assert pin.remove(f"{bpffs}/some") is True
    assert pin.remove(f"{bpffs}/some") is False
    assert pin.remove(f"{bpffs}/no/such/folder") is False


def test_directories_go_when_they_are_empty(bpffs, some_map):
    pin.pin(some_map().fd, f"{bpffs}/folder/some")
    pin.remove_directory(f"{bpffs}/folder")
    assert pin.names_in(f"{bpffs}/folder") == ["some"]
    pin.remove(f"{bpffs}/folder/some")
    pin.remove_directory(f"{bpffs}/folder")
    pin.remove_directory(f"{bpffs}/folder")
    assert not pin.exists(f"{bpffs}/folder")
    assert pin.names_in(f"{bpffs}/folder") == []


def test_where_nothing_is_pinned(bpffs):
    assert pin.open_pin(f"{bpffs}/nothing") is None
    assert Map.pinned(f"{bpffs}/nothing") is None
    assert Program.pinned(f"{bpffs}/nothing") is None


def test_what_is_pinned_is_taken_for_what_it_is(bpffs, some_map, some_program):
    """The kernel would answer questions about a program with the fields of a map."""
    pin.pin(some_map().fd, f"{bpffs}/map")
    pin.pin(some_program.fd, f"{bpffs}/program")
    with pytest.raises(InvalidRequest, match=f"what is pinned at {bpffs}/program is a program, not a map"):
        Map.pinned(f"{bpffs}/program")
    with pytest.raises(InvalidRequest, match=f"what is pinned at {bpffs}/map is a map, not a program"):
        Program.pinned(f"{bpffs}/map")
    fd = pin.open_pin(f"{bpffs}/map")
    assert fd is not None
    Descriptor(fd).close()


def test_an_ordinary_file_is_no_pin(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(KernelRefused, match=r"open pin .*: Permission denied"):
        pin.open_pin(str(tmp_path / "file"))


def test_ordinary_file_systems_take_no_pins(tmp_path, some_map):
    with pytest.raises(KernelRefused) as refused:
        pin.pin(some_map().fd, str(tmp_path / "some"))
    assert "bpffs" in refused.value.hint
    with pytest.raises(KernelRefused):
        pin.replace(some_map().fd, str(tmp_path / "some"))


@pytest.mark.parametrize("act", [pin.names_in, pin.remove_directory])
def test_what_is_no_directory(bpffs, some_map, act):
    pin.pin(some_map().fd, f"{bpffs}/some")
    with pytest.raises(KernelRefused, match=f"{bpffs}/some: Not a directory"):
        act(f"{bpffs}/some")
