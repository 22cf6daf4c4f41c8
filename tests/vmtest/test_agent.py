# SPDX-License-Identifier: Apache-2.0
"""The agent and its client, over a pseudo terminal in place of a virtio port: what a command says and how it ends.

A terminal, like a port, tells nothing of who is at its other end.
"""

from __future__ import annotations

import contextlib
import os
import pty
import select
import signal
import socket
import sys
import threading
import time
import tty

import pytest

from vmtest import agent, client
from vmtest.errors import MachineError

SECONDS = 10.0


@pytest.fixture
def machine(tmp_path):
    """A folder as a machine has it, with one port served by an agent in a process of its own."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    pid = os.fork()
    if pid == 0:
        with contextlib.suppress(BaseException):
            agent.serve(agent.Port(os.ttyname(slave)))
        os._exit(1)
    for log in ("log", "console"):
        (tmp_path / log).touch()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "port0"))
        listener.listen()
        bridge = threading.Thread(target=relay, args=(listener, master))
        bridge.start()
        yield tmp_path
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        listener.shutdown(socket.SHUT_RDWR)
        bridge.join()
    os.close(master)
    os.close(slave)


def relay(listener: socket.socket, master: int) -> None:
    """What QEMU does: one connection after another, bytes to and fro, until the listener is shut down."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        # A caller that went with output unread resets the connection.
        with connection, contextlib.suppress(ConnectionError):
            pass_on(connection, master)


def pass_on(connection: socket.socket, master: int) -> None:
    while True:
        ready, _, _ = select.select([connection.fileno(), master], [], [])
        if connection.fileno() in ready:
            data = connection.recv(512)
            if not data:
                return
            while data:
                data = data[os.write(master, data) :]
        elif master in ready:
            connection.sendall(os.read(master, 512))


def run(folder, *args, **options):
    out, err = bytearray(), bytearray()
    status = client.execute(folder, args, out=out.extend, err=err.extend, **options)
    return status, bytes(out), bytes(err)


def python(folder, code, **options):
    return run(folder, sys.executable, "-I", "-S", "-c", code, **options)


def test_a_commands_output_and_status_come_back(machine):
    status, out, err = run(machine, "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (status, out, err) == (3, b"out\n", b"err\n")


def test_commands_follow_one_another(machine):
    assert [run(machine, "echo", str(number))[1] for number in range(5)] == [b"%d\n" % n for n in range(5)]


def test_a_commands_end_by_a_signal_is_told(machine):
    assert run(machine, "sh", "-c", "kill -9 $$")[0] == 128 + signal.SIGKILL


def test_a_command_that_is_not_there_has_envs_status(machine):
    status, _, err = run(machine, "no-such-command")
    assert status == 127
    assert b"no-such-command" in err


def test_a_command_gets_directory_and_environment(machine, tmp_path):
    status, out, _ = run(
        machine, "sh", "-c", 'pwd; echo "$WORD"', cwd=tmp_path, env={**os.environ, "WORD": "said"}
    )
    assert (status, out.decode().splitlines()) == (0, [str(tmp_path), "said"])


def test_long_and_binary_output_is_whole(machine):
    _, out, err = python(machine, "import os; os.write(1, bytes(range(256)) * 400); os.write(2, b'R' * 3000)")
    assert out == bytes(range(256)) * 400
    assert err == b"R" * 3000


def test_a_command_ends_at_its_timeout_and_the_next_one_runs(machine, tmp_path):
    with pytest.raises(TimeoutError):
        run(machine, "sh", "-c", f"echo $$ > {tmp_path}/pid; sleep 100", timeout=1)
    assert not os.path.exists(f"/proc/{(tmp_path / 'pid').read_text().strip()}")
    assert run(machine, "echo", "next")[1] == b"next\n"


def test_what_a_command_left_behind_ends_with_it(machine, tmp_path):
    status, _, _ = run(machine, "sh", "-c", f"sleep 100 & echo $! > {tmp_path}/pid")
    assert status == 0
    deadline = time.monotonic() + SECONDS
    while os.path.exists(f"/proc/{(tmp_path / 'pid').read_text().strip()}"):
        assert time.monotonic() < deadline, "a command's child has outlived it"


def test_a_caller_that_goes_away_does_not_keep_the_next_one_waiting(machine):
    """Its request is still running, and what it was told is still on its way."""
    with client.free_port(machine) as port:
        request = b'{"args": ["sh", "-c", "while :; do echo yes; done"], "env": {}}'
        port.sendall(agent.MAGIC + bytes(agent.NONCE) + len(request).to_bytes(4, "big") + request)
        assert port.recv(1)
    assert run(machine, "echo", "mine", timeout=SECONDS)[:2] == (0, b"mine\n")


def test_a_port_in_use_is_left_to_who_uses_it(tmp_path):
    with contextlib.ExitStack() as stack:
        for number in range(client.PORTS):
            listener = stack.enter_context(socket.socket(socket.AF_UNIX))
            listener.bind(str(tmp_path / f"port{number}"))
            listener.listen()
        used = [stack.enter_context(client.free_port(tmp_path)).getpeername() for _ in range(client.PORTS)]
        assert len(set(used)) == client.PORTS
        with pytest.raises(MachineError, match="8 commands are running already"), client.free_port(tmp_path):
            pass


def test_a_machine_that_ends_is_told_with_its_last_words(tmp_path):
    (tmp_path / "log").write_text("what QEMU says of it")
    (tmp_path / "console").write_text("the last words of the kernel")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "port0"))
        listener.listen()

        def end() -> None:
            listener.accept()[0].close()

        ending = threading.Thread(target=end)
        ending.start()
        with pytest.raises(MachineError) as caught:
            run(tmp_path, "true")
        ending.join()
    assert "what QEMU says of it\nthe last words of the kernel" in str(caught.value)


def test_a_machine_that_is_not_there_is_told(tmp_path):
    with pytest.raises(MachineError, match="no machine named nowhere is up"):
        run(tmp_path / "nowhere", "true")
