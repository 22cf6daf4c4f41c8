# SPDX-License-Identifier: Apache-2.0
"""`make demo`: two programs of two owners share the XDP hook of one interface, in a few seconds.

Runs the commands that a person would type, shows them with what they print, and says why.  Everything happens
between two network namespaces that stage.py makes and takes away; exits with 1 when something did not go as told.
"""

from __future__ import annotations

import json
import os
import shlex
import struct
import subprocess
import sys
import textwrap
import time
from pathlib import Path

from stage import CLIENT, INTERFACE, SERVER, SERVER_ADDRESS, stage

EXAMPLES = Path(__file__).resolve().parent
HOOK = f"xdp {INTERFACE} --netns /var/run/netns/{SERVER}"
LONGEST = 500  # bytes of an IP packet, for drop_big_pings
GONE_WITHIN = 3.0  # seconds: the kernel frees programs and maps a moment after their last user is gone

BOLD, PLAIN = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")


class Failed(Exception):
    """Something did not happen as the demo says it would."""


def main() -> int:
    if os.geteuid() != 0:
        sys.exit("demo: must run as root, as network namespaces and BPF programs need it: sudo make demo")
    os.chdir(EXAMPLES.parent)
    began = time.monotonic()
    try:
        with stage() as place:
            os.environ["RT"] = os.environ["BPFMAN_RUNTIME_DIR"] = place.runtime_dir
            os.environ["PATH"] = f"{os.path.dirname(sys.executable)}:{os.environ['PATH']}"
            play()
    except Failed as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: interrupted; everything it made is gone", file=sys.stderr)
        return 1
    say(f"That took {time.monotonic() - began:.1f} seconds. Next: README.md has a tour to type yourself.")
    return 0


def play() -> None:
    introduce()
    counter = count_packets()
    dropper = drop_big_pings(counter)
    see_who_dropped(counter)
    look_around()
    take_away(counter, dropper)


# the scenes


def introduce() -> None:
    title("Two programs share one hook")
    say(f"""
        Here are two network namespaces, {CLIENT} and {SERVER}, with a cable between them: an interface {INTERFACE} in
        each. bpfman keeps its state in a directory of this demo's own, so a bpfman that runs on this machine
        notices nothing.""")
    show(f"RT={os.environ['RT']}; export BPFMAN_RUNTIME_DIR=$RT")
    ping(size=56)


def count_packets() -> str:
    title("1. Count packets")
    say(
        "Load a program that counts packets and bytes for each verdict. It is verified, and runs nowhere yet."
    )
    program = load("examples/count_packets.o --programs xdp:count_packets --application traffic")
    say(f"Attach it to the server's {INTERFACE}, at priority 50. Lower priorities run first.")
    attach(program, 50)
    say("Send five pings of 56 bytes, and read the counts.")
    ping(size=56)
    say("""
        The map is pinned, and only root can open the pin. Let a group read it, and a program of that group can
        read the counts: it needs no root and no capability.""")
    pin = f"$RT/fs/maps/{program}/verdict_totals"
    run(f"chgrp nogroup {pin} && chmod 640 {pin}")
    read_without_root(program)
    return program


def drop_big_pings(counter: str) -> str:
    title("2. A second program on the same hook")
    say(f"""
        Someone else wants no pings over {LONGEST} bytes. Load their program with that limit set in its global variable
        (as bytes in memory order), and have it count in the first program's map.""")
    limit = struct.pack("=I", LONGEST).hex()
    program = load(
        f"examples/drop_big_pings.o --programs xdp:drop_big_pings --application guard"
        f" --global longest={limit} --map-owner-id {counter}"
    )
    say(
        "Attach it at priority 10. Both now run as one chain, switched in at once: no packet sees half of it."
    )
    attach(program, 10)
    say("It runs first, and only what it passes reaches the counter.")
    chain = run(f"bpfman chain get {HOOK}")
    expect(chain.index("drop_big_pings") < chain.index("count_packets"), "drop_big_pings does not run first")
    return program


def see_who_dropped(counter: str) -> None:
    title("3. Who dropped my packet?")
    say("Switch accounting on, while traffic may flow: the same chain, with a counter behind each member.")
    run(f"bpfman chain account on {HOOK}")
    say("Five small pings and five big ones.")
    ping(size=56)
    ping(size=1000, answered=0)
    say("The small ones went on to count_packets. The big ones ended here: it was drop_big_pings.")
    run(f"bpfman chain account show {HOOK}")
    counts = json.loads(quiet(f"bpfman chain account show {HOOK} -o json"))["members"]
    expect([member["runs"] for member in counts] == [10, 5], f"accounting counted {counts}")
    say("The reader without root sees it in the map: ten passed in all, five dropped.")
    read_without_root(counter)
    totals = json.loads(quiet("bpfman map dump verdict_totals --total -o json"))["entries"]
    packets = {entry["key"]: entry["value"]["packets"] for entry in totals}
    expect(packets == {"XDP_PASS": 10, "XDP_DROP": 5}, f"the map has {packets}")
    say("Switch it off again: from now on no packet pays for it.")
    run(f"bpfman chain account off {HOOK}")


def look_around() -> None:
    title("4. What is there?")
    for command in ("program list", "link list", "chain list", "map dump verdict_totals --total"):
        run(f"bpfman {command}")


def take_away(counter: str, dropper: str) -> None:
    title("5. Take it all away")
    ids = kernel_ids()
    say("""
        Unloading detaches first. The counter stays on the hook without a moment's gap. Being alone, it runs by
        itself, with no chain around it:""")
    run(f"bpfman program unload {dropper}")
    run(f"ip -n {SERVER} link show {INTERFACE} | grep prog/xdp")
    ping(size=1000)
    for noun, numbers in kernel_ids().items():
        ids[noun] |= numbers
    run(f"bpfman program unload {counter}")
    say("Nothing of it is left:")
    check_nothing_left(ids)


# what the scenes are made of


def title(text: str) -> None:
    print(f"\n{BOLD}{text}\n{'=' * len(text)}{PLAIN}", flush=True)


def say(text: str) -> None:
    print("\n" + textwrap.fill(" ".join(text.split()), 100), flush=True)


def show(command: str) -> None:
    print(f"\n{BOLD}$ {command}{PLAIN}", flush=True)


def run(command: str, *, lines: int | None = None) -> str:
    """Show a command, run it, show what it printed (the first `lines` of it)."""
    show(command)
    output = quiet(command)
    shown = output.splitlines()
    for line in shown[:lines]:
        print(line)
    if lines is not None and len(shown) > lines:
        print(f"  ... ({len(shown) - lines} lines more)")
    return output


def quiet(command: str) -> str:
    result = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    if result.returncode:
        raise Failed(f"`{command}` failed:\n{result.stderr.strip()}")
    return result.stdout


def load(arguments: str) -> str:
    """Load a program; gives its id."""
    output = run(f"bpfman program load file {arguments}", lines=1)
    return output.split()[2]


def attach(program: str, priority: int) -> None:
    where = f"{INTERFACE} --priority {priority} --netns /var/run/netns/{SERVER}"
    run(f"bpfman link attach xdp {program} {where}", lines=1)


def ping(*, size: int, answered: int = 5) -> None:
    """Five pings; of the output, the line that counts."""
    command = f"ip netns exec {CLIENT} ping -c 5 -i 0.02 -W 0.2 -s {size} {SERVER_ADDRESS}"
    show(command)
    result = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)
    line = next((line for line in result.stdout.splitlines() if "received" in line), result.stderr)
    print(line)
    expect(f" {answered} received" in line, f"{answered} of 5 pings should have been answered")


def read_without_root(program: str) -> None:
    pin = f"$RT/fs/maps/{program}/verdict_totals"
    if not bpf_needs_privilege():
        run(f"python examples/reader.py {pin} $RT/programs/{program}/bytecode.o nobody")
        return
    say("""
        This kernel, older than 5.19, keeps all of bpf(2) from such a program. But it prints the map itself, to
        whoever may read the pin.""")
    run(f"setpriv --reuid=nobody --regid=nogroup --clear-groups cat {pin}")


def bpf_needs_privilege() -> bool:
    """Whether kernel.unprivileged_bpf_disabled stands for all of bpf(2): since 5.19 only for making things."""
    version = tuple(int(part) for part in os.uname().release.split(".")[:2])
    return version < (5, 19) and Path("/proc/sys/kernel/unprivileged_bpf_disabled").read_text().strip() != "0"


def kernel_ids() -> dict[str, set[int]]:
    """What bpfman has in the kernel now, by bpftool's words for it."""
    programs = json.loads(quiet("bpfman program list -o json"))["programs"]
    links = json.loads(quiet("bpfman link list -o json"))["links"]
    chains = json.loads(quiet("bpfman dispatcher list -o json"))["dispatchers"]
    return {
        "prog": {row["program_id"] for row in programs} | {row["runtime"]["program_id"] for row in chains},
        "map": {map_id for row in programs for map_id in row["kernel"]["map_ids"]},
        "link": {row["kernel_link_id"] for row in links},
    }


def check_nothing_left(ids: dict[str, set[int]]) -> None:
    for noun, numbers in ids.items():
        for number in sorted(numbers):
            expect(gone(f"bpftool {noun} show id {number}"), f"bpftool still shows {noun} {number}")
        print(f"  bpftool knows no {noun} {', '.join(map(str, sorted(numbers)))}")
    interface = quiet(f"ip -n {SERVER} -details link show {INTERFACE}")
    expect("xdp" not in interface, f"{INTERFACE} still has a program")
    print(f"  ip shows no program on {INTERFACE}")
    pins = quiet("find $RT/fs -type f ! -name '*.debug'").split()  # maps.debug, progs.debug: the kernel's own
    expect(not pins, f"pins are left: {pins}")
    print("  no pin is left in $RT/fs")
    for noun in ("program", "link", "chain", "map"):
        expect(not quiet(f"bpfman {noun} list"), f"bpfman still lists a {noun}")
    print("  bpfman lists no program, link, chain or map")


def gone(command: str) -> bool:
    deadline = time.monotonic() + GONE_WITHIN
    while subprocess.run(shlex.split(command), capture_output=True, check=False).returncode == 0:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def expect(truth: bool, otherwise: str) -> None:
    if not truth:
        raise Failed(otherwise)


if __name__ == "__main__":
    sys.exit(main())
