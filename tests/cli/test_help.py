# SPDX-License-Identifier: Apache-2.0
"""Every command explains itself: help, an example that can be typed, a page, a manual, a completion."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from bpfman.cli.command import Group, Leaf
from bpfman.cli.commands import ROOT
from bpfman.cli.flags import GLOBAL
from bpfman.cli.generate.walk import groups, leaves
from bpfman.cli.parser import Parser
from bpfman.manager.configuration import CONFIG_PATH
from bpfman.manager.images import CACHE_DIR
from bpfman.model.kinds import KINDS
from bpfman.store.layout import Layout

REPOSITORY = Path(__file__).resolve().parents[2]
DOCS = REPOSITORY / "docs"


def every_leaf(node: Group = ROOT, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Leaf]]:
    """All commands, hidden ones too."""
    found: list[tuple[tuple[str, ...], Leaf]] = []
    for name, child in node.children.items():
        if isinstance(child, Group):
            found += every_leaf(child, (*path, name))
        else:
            found.append(((*path, name), child))
    return found


EVERY = every_leaf()
IDS = [" ".join(path) for path, _ in EVERY]
VISIBLE = [path for path, _, _ in leaves()]


@pytest.mark.parametrize(("path", "leaf"), EVERY, ids=IDS)
def test_every_command_has_help(bpfman_command, path, leaf):
    long, short = bpfman_command(*path, "--help"), bpfman_command(*path, "-h")
    assert long.status == short.status == 0
    command = leaf.load()
    for flag in command.flags:
        assert f"{flag}" in short.out
        assert flag.about.split()[0] in short.out
    for argument in command.arguments:
        assert argument.metavar in short.out
    assert "--runtime-dir" in long.out
    assert "--runtime-dir" not in short.out
    assert "Examples:" in long.out
    assert command.description.split()[0] in long.out


@pytest.mark.parametrize("verb", sorted({kind.verb for kind in KINDS.values()}))
def test_attaching_tells_what_it_needs_and_since_when(bpfman_command, verb):
    """The first kernel is the one of the table."""
    text = " ".join(bpfman_command("link", "attach", verb, "--help").out.split())
    needs = text.partition(" Needs Linux ")[2].partition(" Arguments: ")[0]
    since = {kind.attach_since for kind in KINDS.values() if kind.verb == verb}
    assert {re.split(r"[^\d.]", needs)[0].rstrip(".")} == since


def test_every_kind_is_in_the_documentation():
    page = (DOCS / "kinds.md").read_text()
    assert [kind for kind in KINDS if f"`{kind}`" not in page] == []
    assert [kind.verb for kind in KINDS.values() if f"# bpfman link attach {kind.verb} " not in page] == []


@pytest.mark.parametrize(("path", "leaf"), EVERY, ids=IDS)
def test_help_fits_80_columns(bpfman_command, path, leaf):
    text = bpfman_command(*path, "--help").out
    assert [line for line in text.partition("Examples:")[0].splitlines() if len(line) > 80] == []


@pytest.mark.parametrize(("path", "leaf"), EVERY, ids=IDS)
def test_examples_can_be_typed(path, leaf):
    """Of each example, the words after `bpfman` are understood, and are this command."""
    for _, line in leaf.load().examples:
        words = shlex.split(
            line.replace("\\\n", " ").replace("$(bpfman program list -q --application edge-app)", "1")
        )
        if words[0] != "bpfman":  # source <(bpfman completions bash)
            words = shlex.split(line.partition("(")[2].rstrip(")"))
        argv = words[1 : next((i for i, word in enumerate(words) if word in ("|", "&&")), None)]
        parser = Parser(ROOT, GLOBAL, {})
        parser.parse(argv)
        assert parser.node.about
        assert parser.command is not None
        assert parser.command.run is leaf.load().run


@pytest.mark.parametrize("path", [path for path, _ in groups()], ids=lambda path: " ".join(path) or "bpfman")
def test_every_group_has_help(bpfman_command, path):
    result = bpfman_command(*path, "--help")
    assert result.status == 0
    assert result.out.startswith("Usage: bpfman")
    assert [line for line in result.out.splitlines() if len(line) > 80] == []
    assert bpfman_command("help", *path).out == result.out


@pytest.mark.parametrize(
    ("name", "path"),
    [("config", CONFIG_PATH), ("runtime-dir", Layout().runtime_dir), ("image-cache-dir", CACHE_DIR)],
)
def test_help_names_the_places_of_the_library(name, path):
    """Declarations have them again, since importing them would cost every command."""
    [flag] = [each for each in GLOBAL if each.name == name]
    assert f"default {path}" in flag.about
    assert flag.default in (None, path)


def test_help_of_a_command_named_by_help(bpfman_command):
    assert (
        bpfman_command("help", "link", "attach", "tc").out
        == bpfman_command("link", "attach", "tc", "--help").out
    )


def test_help_after_global_flags(bpfman_command):
    assert bpfman_command("--runtime-dir", "/r", "help", "link").out == bpfman_command("help", "link").out


def test_help_wins_over_what_is_missing(bpfman_command):
    assert bpfman_command("link", "attach", "xdp", "-p", "1", "--help").status == 0


@pytest.mark.parametrize("path", VISIBLE, ids=" ".join)
def test_every_command_is_documented(path):
    words = " ".join(path)
    assert f"bpfman {words}\n" in (REPOSITORY / "docs/commands.md").read_text()
    manual = (REPOSITORY / f"man/bpfman-{'-'.join(path)}.1").read_text()
    assert f'.TH "BPFMAN\\-{words.upper().replace(" ", "-")}"'.replace("\\-", "-") in manual


def test_no_manual_of_what_is_no_command():
    named = {"bpfman" + "".join(f"-{word}" for word in path) for path in VISIBLE}
    named |= {"bpfman" + "".join(f"-{word}" for word in path) for path, _ in groups()}
    assert {page.stem for page in (REPOSITORY / "man").iterdir()} == named


def test_manuals_are_sound_roff():
    if not shutil.which("groff"):
        pytest.skip("needs the command groff")
    for page in (REPOSITORY / "man").iterdir():
        done = subprocess.run(["groff", "-man", "-ww", "-z", page], capture_output=True, check=True)
        assert done.stderr == b"", page


class TestCompletions:
    SCRIPT = REPOSITORY / "completions/bpfman.bash"

    @pytest.fixture
    def complete(self, tmp_path):
        """Words that bash offers for the last word of a command line, with a bpfman that knows two ids."""
        fake = tmp_path / "bpfman"
        fake.write_text("#!/bin/sh\necho 412\necho 415\n")
        fake.chmod(0o755)

        def offered(*words: str) -> list[str]:
            code = 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _bpfman; printf "%s\\n" "${COMPREPLY[@]}"'
            done = subprocess.run(
                ["bash", "-c", code, str(self.SCRIPT), "bpfman", *words],
                capture_output=True,
                text=True,
                check=True,
                env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
                cwd=tmp_path,
            )
            assert done.stderr == ""
            return done.stdout.split()

        return offered

    @pytest.mark.parametrize(
        ("line", "words"),
        [
            ("", ["program", "link", "chain", "map"]),
            ("pro", ["program"]),
            ("program ", ["load", "unload", "get", "list"]),
            ("--runtime-dir /tmp link ", ["attach", "detach", "get", "list"]),
            ("program unload ", ["412", "415"]),
            ("program unload 412 415 ", ["412", "415"]),
            ("link attach xdp 41", ["412", "415"]),
            ("link attach tc 412 eth0 ", ["ingress", "egress"]),
            ("link attach tc 412 eth0 ingress -p 1 --proceed-on sh", ["shot"]),
            ("link attach xdp 412 eth0 -p 1 --mode gen", ["generic"]),
            ("program list -o ", ["text", "json"]),
            ("program list --type = kp", ["kprobe"]),
            (
                "program list --type = ",
                ["xdp", "tc", "tcx", "tracepoint", "kprobe", "kretprobe", "uprobe", "uretprobe"],
            ),
            ("program list --qui", ["--quiet"]),
            ("chain account o", ["on", "off"]),
            ("chain get ", ["xdp", "tc"]),
            ("program load file ", ["bpfman"]),
        ],
    )
    def test_bash_offers(self, complete, line, words):
        assert complete(*line.split(" "))[: len(words)] == words

    def test_bash_offers_interfaces(self, complete):
        assert set(complete("link", "attach", "xdp", "412", "")) == set(os.listdir("/sys/class/net"))

    @pytest.mark.parametrize(
        ("name", "path"),
        [(name, path) for name in ("bpfman.bash", "_bpfman", "bpfman.fish") for path in VISIBLE],
    )
    def test_every_flag_of_every_command_is_offered(self, name, path):
        script = (REPOSITORY / "completions" / name).read_text()
        command = next(command for found, _, command in leaves() if found == path)
        for flag in command.flags:
            assert (f"-l {flag.name}" if name.endswith("fish") else str(flag)) in script
        assert path[-1] in script

    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_a_script_can_be_printed_and_written(self, bpfman_command, shell, tmp_path):
        name = {"bash": "bpfman.bash", "zsh": "_bpfman", "fish": "bpfman.fish"}[shell]
        assert bpfman_command("completions", shell).out == (REPOSITORY / "completions" / name).read_text()
        assert bpfman_command("completions", "--shell", shell, str(tmp_path / "new")) == (0, "", "")
        assert (tmp_path / "new" / name).read_text() == (REPOSITORY / "completions" / name).read_text()


def test_manuals_can_be_written(bpfman_command, tmp_path):
    assert bpfman_command("man", str(tmp_path)) == (0, "", "")
    assert {page.name for page in tmp_path.iterdir()} == {
        page.name for page in (REPOSITORY / "man").iterdir()
    }


def test_manuals_that_cannot_be_written(bpfman_command):
    result = bpfman_command("man", "/proc/nowhere")
    assert result.status == 1
    assert "cannot write into /proc/nowhere: " in result.err


def test_version(bpfman_command):
    labels = [line.partition(":")[0] for line in bpfman_command("version").out.splitlines()]
    assert labels == [
        "Version",
        "Git commit",
        "Git branch",
        "Git state",
        "Build date",
        "Python version",
        "Platform",
    ]
