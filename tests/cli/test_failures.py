# SPDX-License-Identifier: Apache-2.0
"""How failures are told, and what a command does about signals, closed pipes and full disks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bpfman.cli.failure import verifier_reason
from bpfman.errors import (
    BpfmanError,
    Interrupted,
    LinkNotFound,
    LockTimeout,
    PartialFailure,
    ProgramNotFound,
    VerifierRefused,
)
from bpfman.manager import Planned
from tests.cli import samples

LOG = """\
0: R1=ctx() R10=fp0
; const __u8 *data = (void *)(long)ctx->data; @ bad.bpf.c:15
0: (61) r1 = *(u32 *)(r1 +0)          ; R1=pkt(r=0)
; return data[13] == 8; @ bad.bpf.c:18
1: (71) r1 = *(u8 *)(r1 +13)
invalid access to packet, off=13 size=1, R1(id=0,off=13,r=0)
R1 offset is outside of the packet
processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
"""


def test_one_line_and_a_hint(bpfman_command, stand_in):
    stand_in.answers["link"] = LinkNotFound(7, "list them")
    result = bpfman_command("link", "get", "7")
    assert result == (1, "", "bpfman: error: link 7 does not exist\n  hint: list them\n")


def test_no_hint_no_line(bpfman_command, stand_in):
    stand_in.answers["program"] = BpfmanError("it broke")
    assert bpfman_command("program", "get", "7").err == "bpfman: error: it broke\n"


def test_load_says_what_failed(bpfman_command, stand_in):
    stand_in.answers["load_file"] = LockTimeout("/run/bpfman/.lock", "30s")
    result = bpfman_command("program", "load", "x.o", "--programs", "xdp:a")
    assert result.status == 1
    assert result.err.splitlines()[0] == (
        "bpfman: error: failed to load programs: timed out waiting for lock /run/bpfman/.lock (--lock-timeout=30s)"
    )


def test_verifier_reason_first_then_the_whole_log(bpfman_command, stand_in):
    stand_in.answers["load_file"] = VerifierRefused("load bad", 13, LOG, "compare with data_end")
    result = bpfman_command("program", "load", "x.o", "--programs", "xdp:bad")
    assert result.status == 1
    head = [
        "bpfman: error: failed to load programs: load bad: the kernel's verifier refused it (Permission denied)",
        "  ; return data[13] == 8; @ bad.bpf.c:18",
        "  1: (71) r1 = *(u8 *)(r1 +13)",
        "  invalid access to packet, off=13 size=1, R1(id=0,off=13,r=0)",
        "  R1 offset is outside of the packet",
        "  hint: compare with data_end",
        "verifier log:",
    ]
    assert result.err == "\n".join(head) + "\n" + LOG


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        ("", []),
        ("processed 0 insns (limit 1000000)\n", []),
        ("func#0 @0\nunknown opcode 8d\n", ["func#0 @0", "unknown opcode 8d"]),
        ("; x; @ a.c:1\n0: a\n1: b\n2: c\nR1 bad\n", ["; x; @ a.c:1", "1: b", "2: c", "R1 bad"]),
        ("; x\nR1 bad\nverification time 9 usec\nstack depth 0\n", ["; x", "R1 bad"]),
    ],
)
def test_verifier_reason(log, reason):
    assert verifier_reason(log) == reason


def test_refusal_without_a_log(bpfman_command, stand_in):
    stand_in.answers["load_file"] = VerifierRefused("load bad", 7, "")
    assert len(bpfman_command("program", "load", "x.o", "--programs", "xdp:bad").err.splitlines()) == 1


def test_some_of_several(bpfman_command, stand_in):
    failures = [("program 12", ProgramNotFound(12, hint="list them")), ("program 13", BpfmanError("busy"))]
    stand_in.answers["unload"] = PartialFailure("2 of 3 program(s) failed to unload", failures)
    result = bpfman_command("program", "unload", "11", "12", "13")
    assert result.status == 1
    assert result.err.splitlines() == [
        "program 12: program 12 does not exist",
        "  hint: list them",
        "program 13: busy",
        "bpfman: error: 2 of 3 program(s) failed to unload",
    ]


def test_the_only_one(bpfman_command, stand_in):
    stand_in.answers["detach"] = PartialFailure(
        "1 of 1 link(s) failed to detach", [("link 3", LinkNotFound(3))]
    )
    assert bpfman_command("link", "detach", "3").err.splitlines() == [
        "bpfman: error: link 3 does not exist",
        "  hint: `bpfman link list` shows the links there are",
    ]


@pytest.mark.parametrize(
    "argv",
    [
        ("program", "load", "x.o", "--programs", "xdp:a"),
        ("program", "unload", "1"),
        ("program", "delete", "--all"),
        ("link", "attach", "xdp", "1", "eth0", "-p", "1"),
        ("link", "attach", "tc", "1", "eth0", "ingress", "-p", "1"),
        ("link", "attach", "tcx", "1", "eth0", "ingress", "-p", "1"),
        ("link", "attach", "tracepoint", "1", "sched/sched_switch"),
        ("link", "detach", "1"),
        ("link", "delete", "1"),
        ("chain", "account", "on", "xdp", "eth0"),
        ("chain", "account", "off", "xdp", "eth0"),
        ("dispatcher", "delete", "xdp", "1", "2"),
        ("load", "file", "-p", "x.o", "--programs", "xdp:a"),
        ("attach", "1", "xdp", "-i", "eth0", "-p", "1"),
        ("unload", "1"),
        ("detach", "1"),
    ],
    ids=" ".join,
)
def test_dry_run_prints_the_plan(bpfman_command, stand_in, argv):
    plan = Planned(("pin program 1", "record it"))
    changes = ("load_file", "unload", "delete_programs", "attach", "detach", "delete_links", "set_accounting")
    stand_in.answers |= dict.fromkeys((*changes, "forget_chain"), plan)
    assert bpfman_command(*argv, "--dry-run") == (0, "pin program 1\nrecord it\n", "")
    assert stand_in.made_with["dry_run"] is True


def test_dry_run_as_json_and_of_nothing(bpfman_command, stand_in):
    stand_in.answers["attach"] = Planned(("pin it",))
    argv = ("link", "attach", "xdp", "1", "eth0", "-p", "1", "--dry-run")
    assert json.loads(bpfman_command(*argv, "-o", "json").out) == {"steps": ["pin it"]}
    stand_in.answers["attach"] = Planned(())
    assert bpfman_command(*argv).out == "nothing to do\n"


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), Interrupted("interrupted", "it was undone")])
def test_interruption(bpfman_command, stand_in, interruption):
    stand_in.answers["attach"] = interruption
    result = bpfman_command("link", "attach", "xdp", "1", "eth0", "-p", "1")
    assert result.status == 1
    assert result.err.startswith("bpfman: error: interrupted\n  hint: ")


def test_handlers_are_as_before_afterwards(bpfman_command, stand_in):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    stand_in.answers["programs"] = []
    bpfman_command("program", "list")
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_root_is_required(bpfman_command, stand_in, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    result = bpfman_command("program", "list")
    assert result.status == 1
    assert result.err.startswith("bpfman: error: must run as root\n")
    assert stand_in.calls == []


@pytest.mark.parametrize(
    "line", ["version", "help", "help program load", "link get --help", "completions bash"]
)
def test_root_is_not_required(bpfman_command, monkeypatch, line):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert bpfman_command(*line.split()).status == 0


def test_misuse_comes_before_privileges(bpfman_command, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert bpfman_command("program", "get").status == 80


@pytest.mark.parametrize(("mode", "status"), [("", 0), ("bpfman-rpc", 0), ("bpfman-ns", 1), ("nonsense", 1)])
def test_mode_switch(bpfman_command, monkeypatch, mode, status):
    monkeypatch.setenv("BPFMAN_MODE", mode)
    result = bpfman_command("version")
    assert result.status == status
    assert bool(result.err) == bool(status)


class TestConfiguration:
    def test_absent_by_default(self, bpfman_command, stand_in):
        stand_in.answers["programs"] = []
        assert bpfman_command("program", "list").status == 0

    def test_absent_though_named(self, bpfman_command, stand_in, tmp_path):
        result = bpfman_command("program", "list", "--config", str(tmp_path / "none.toml"))
        assert result.status == 1
        assert "cannot read the configuration file" in result.err
        assert "No such file or directory" in result.err

    def test_named_by_the_environment(self, bpfman_command, stand_in, monkeypatch, tmp_path):
        monkeypatch.setenv("BPFMAN_CONFIG", str(tmp_path))
        assert "Is a directory" in bpfman_command("program", "list").err

    @pytest.mark.parametrize("content", [b"[signing\n", b"\xff\xfe", b"a = 1\na = 2\n"])
    def test_malformed(self, bpfman_command, stand_in, tmp_path, content):
        path = tmp_path / "bpfman.toml"
        path.write_bytes(content)
        result = bpfman_command("--config", str(path), "program", "list")
        assert result.status == 1
        assert f"{path} is not valid TOML" in result.err

    def test_older_sections_are_left_alone(self, bpfman_command, stand_in, tmp_path):
        stand_in.answers["programs"] = []
        path = tmp_path / "bpfman.toml"
        path.write_text('[interfaces.eth0]\nxdp_mode = "drv"\n[logging]\nlevel = "info"\n')
        assert bpfman_command("--config", str(path), "program", "list") == (0, "", "")


class TestProcess:
    """Whole processes: what only the operating system can do to a command."""

    @staticmethod
    def command(*argv: str, **options):
        code = "import sys; from bpfman.cli.main import main; sys.exit(main())"
        return subprocess.run(
            [sys.executable, "-c", code, *argv], stderr=subprocess.PIPE, check=False, **options
        )

    def test_full_disk(self):
        with open("/dev/full", "w") as full:
            done = self.command("--help", stdout=full)
        assert done.returncode == 1
        assert done.stderr == b"bpfman: error: cannot write the output: No space left on device\n"

    def test_reader_that_has_gone(self):
        read, write = os.pipe()
        os.close(read)
        done = self.command("--help", stdout=write)
        os.close(write)
        assert done.returncode == 1
        assert done.stderr == b""

    def test_closed_stdout(self):
        done = self.command("--help", preexec_fn=lambda: os.close(1))
        assert done.returncode == 1
        assert b"cannot write the output: stdout is closed" in done.stderr

    def test_closed_stderr(self):
        done = self.command("nonsense", stdout=subprocess.PIPE, preexec_fn=lambda: os.close(2))
        assert done.returncode == 80
        assert done.stdout.startswith(b"Usage: ")

    def test_arguments_that_are_no_utf8(self):
        done = self.command("program", "get", os.fsdecode(b"\xff"), stdout=subprocess.PIPE)
        assert done.returncode == 80
        assert b"expected a number, got" in done.stderr

    def test_statuses_leave_the_process(self):
        assert self.command("version", stdout=subprocess.PIPE).returncode == 0
        assert self.command("nonsense", stdout=subprocess.PIPE).returncode == 80

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    def test_first_signal_cancels_second_ends(self, number):
        """A change that waits, and then one that does not stop at the first signal."""
        assert self.signalled("wait()", number, times=1) == (1, b"bpfman: error: interrupted")
        stubborn = "try:\n        wait()\n    except KeyboardInterrupt:\n        wait()"
        assert self.signalled(stubborn, number, times=2) == (1, b"")

    def test_ignored_signals_stay_ignored(self):
        command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]
        script = "ready(); import os, signal; os.kill(os.getpid(), signal.SIGINT); print('went on', file=sys.stderr)"
        done = subprocess.run(
            [*command, *self.script(script)], capture_output=True, check=False, cwd=Path(__file__).parents[2]
        )
        assert done.stderr == b"went on\n"
        assert done.returncode == 0

    @staticmethod
    def script(body: str) -> list[str]:
        """A process whose `program list` does `body`, telling on stdout each time that it waits."""
        code = f"""
import os, sys, time
import bpfman.cli.program.list as command
from bpfman.cli.main import main

def ready():
    os.write(1, b"ready")

def wait():
    ready()
    time.sleep(60)

def run(args):
    {body}

os.geteuid = lambda: 0
command.COMMAND.run = run
sys.exit(main(["program", "list"]))
"""
        return [sys.executable, "-c", code]

    def signalled(self, body: str, number: signal.Signals, times: int) -> tuple[int, bytes]:
        with subprocess.Popen(self.script(body), stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(times):
                assert process.stdout.read(5) == b"ready"
                process.send_signal(number)
            _, err = process.communicate(timeout=30)
            return process.returncode, err.partition(b"\n")[0]


def test_warnings_go_to_stderr(bpfman_command, stand_in):
    stand_in.answers["programs"] = []
    bpfman_command("program", "list")
    warn = stand_in.made_with["warn"]
    stand_in.answers["link"] = samples.XDP_LINK
    warn("the pin of link 3 is gone")
    assert (
        bpfman_command("link", "get", "3", "-o", "json").err == "bpfman: warning: the pin of link 3 is gone\n"
    )


@pytest.mark.parametrize(
    ("spec", "logged"),
    [("info", True), ("warn,manager=trace", True), ("warn", False), ("info,manager=error", False)],
)
def test_steps_are_logged_when_asked(spec, logged):
    """In a process of its own: logging is configured once for all."""
    imports = "from bpfman.cli.session import _log_step; from bpfman.manager.plan import Step"
    log = f"{imports}; _log_step(Step('pin it', run))"
    done = subprocess.run(
        TestProcess.script(log), capture_output=True, check=True, env={**os.environ, "BPFMAN_LOG": spec}
    )
    assert done.stderr.endswith(b" INFO bpfman.manager: pin it\n") == logged
    assert bool(done.stderr) == logged
