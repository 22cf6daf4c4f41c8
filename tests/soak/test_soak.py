# SPDX-License-Identifier: Apache-2.0
"""That bpfman stands a little of each load, and that the soak tells when something is not as it must be."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from soak import __main__ as command
from soak import page, scale
from soak.figure import Figure, Wrong, exactly, none_of
from soak.workers import Workers
from tests.rules.repository import ROOT

LOADS = ("clients", "at_once", "programs", "interfaces", "traffic", "lasting")
SOAK = (sys.executable, "-u", "-m", "soak")


@pytest.mark.kernel
@pytest.mark.network
@pytest.mark.parametrize("load", LOADS)
def test_a_little_of_each_load(load, tmp_path):
    written = tmp_path / "soak.md"
    words = [*SOAK, load, "--short", "--write", str(written)]
    result = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.endswith("all as it must be\n")
    assert "| rows left | none | none | ok |" in written.read_text()
    assert "left in the kernel of 0 " not in written.read_text()


@pytest.mark.kernel
@pytest.mark.network
def test_interrupted_it_leaves_nothing():
    with subprocess.Popen([*SOAK, "clients"], cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout
        directory = next(line for line in running.stdout if " s  in /" in line).split()[-1]
        next(line for line in running.stdout if line.startswith("  kinds "))
        assert os.path.isdir(directory)
        running.send_signal(signal.SIGINT)
        said = running.stdout.read()
        assert running.wait(60) == command.INTERRUPTED
    assert said.endswith("interrupted; nothing is left behind\n")
    assert not os.path.exists(directory)


def run(monkeypatch, *figures):
    """The exit status of a soak whose one load tells these figures."""
    monkeypatch.setattr(command, "LOADS", {"load": ("A load", lambda *_: iter(figures))})
    monkeypatch.setattr(command, "machine", dict)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr("sys.argv", ["soak"])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    return command.main()


def test_a_figure_that_is_wrong_fails_it(monkeypatch, capsys):
    assert run(monkeypatch, exactly("packets", 5, 5), none_of("rows left", [])) == 0
    assert run(monkeypatch, exactly("packets", 4, 5)) == 1
    assert capsys.readouterr().out.endswith("WRONG:\n  load: packets\n")
    assert run(monkeypatch, none_of("rows left", ["link 3"])) == 1


def test_a_load_that_breaks_off_fails_it(monkeypatch, capsys):
    def breaks(*_):
        yield exactly("packets", 5, 5)
        raise Wrong("no more packets")

    monkeypatch.setitem(command.LOADS, "breaks", ("A load", breaks))
    *_, last = command._load("breaks", scale.SHORT)
    assert not last.right
    assert "no more packets" in last.what


def test_what_fails_in_another_process_is_told():
    def fail():
        raise ValueError("out of luck")

    with Workers([fail]) as workers, pytest.raises(Wrong, match="out of luck"):
        workers.results(1, lambda _: None)


def test_the_page_says_what_was_wrong():
    text = page.markdown({"kernel": "6.18"}, {"load": ("A load", [Figure("rows", "3", "none", False)])})
    assert "- kernel: 6.18\n" in text
    assert "| rows | 3 | none | WRONG |\n" in text
    assert "make soak ARGS=load" in text


def test_the_published_page_has_every_load():
    published = (ROOT / "docs" / "soak.md").read_text()
    assert tuple(command.LOADS) == LOADS
    for load in LOADS:
        assert f"make soak ARGS={load}" in published
    assert "WRONG" not in published
