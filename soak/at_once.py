# SPDX-License-Identifier: Apache-2.0
"""Commands at once, a process each, on one runtime directory: none fails, none is lost or done twice."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING, Any

from benchmarks import process
from benchmarks.cases import CASES
from soak.figure import Figure, Wrong, exactly, took
from soak.ground import Ground, ground, interfaces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from soak.scale import Scale

XDP = next(case for case in CASES if case.kind == "xdp")
LISTINGS = (("program", "list"), ("link", "list"), ("chain", "list"), ("map", "list"))


class Commands:
    """Start all, then wait: what each printed.  Each must succeed."""

    def __init__(self) -> None:
        self._running: list[subprocess.Popen[str]] = []

    def run(self, commands: Sequence[tuple[str, ...]]) -> list[str]:
        for words in commands:
            command = process.bpfman("--lock-timeout", "5m", *words)
            self._running.append(
                subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            )
        return [self._output(each) for each in self._running]

    @staticmethod
    def _output(running: subprocess.Popen[str]) -> str:
        output, error = running.communicate()
        if running.returncode:
            raise Wrong(f"{running.args!r} ended with {running.returncode}: {error}")
        return output

    def __enter__(self) -> Commands:
        return self

    def __exit__(self, *_: object) -> None:
        for running in self._running:
            if running.poll() is None:
                running.terminate()
            running.communicate()


def at_once(commands: Sequence[tuple[str, ...]]) -> list[str]:
    with Commands() as running:
        return running.run(commands)


def figures(scale: Scale, say: Callable[[str], None]) -> Iterator[Figure]:
    process.compile_bpfman()
    count = scale.commands
    with ground(say) as there, interfaces(2) as (inside, [shared, _]):
        began = time.monotonic()
        load = ("program", "load", "file", XDP.path, "--programs", f"xdp:{XDP.spec.name}", "-o", "json")
        programs = [_loaded(there, text) for text in at_once([load] * (count // 2))]
        say(f"{len(programs)} programs loaded at once")
        where = (shared, "--netns", inside.path, "--priority", "5", "-o", "json")
        attach = [("link", "attach", "xdp", str(each), *where) for each in programs]
        links = [_attached(there, text) for text in at_once(_mixed(attach, count)) if '"record"' in text]
        _note_chains(there)
        say(f"{len(links)} links attached at once, among listings")
        yield exactly("attached to one hook at once", len(set(links)), len(programs))
        yield exactly("members of its chain", len(_json("link", "list")["links"]), len(programs))
        half = len(programs) // 2
        changes: list[tuple[str, ...]] = [("link", "detach", str(each)) for each in links[:half]]
        changes += [("link", "get", str(each), "-o", "json") for each in links[half:]]
        changes += [("program", "get", str(each), "-o", "json") for each in programs]
        at_once(changes[:count])
        _note_chains(there)
        say("half detached, among gets")
        yield exactly(
            "members after half were detached", len(_json("link", "list")["links"]), len(links) - half
        )
        at_once(_mixed([("program", "unload", str(each)) for each in programs], count))
        yield took(f"all of it, {count} commands at a time", time.monotonic() - began)
        yield from there.nothing_left()


def _mixed(changes: Sequence[tuple[str, ...]], count: int) -> list[tuple[str, ...]]:
    """The changes among listings, so many commands in all."""
    listings = [LISTINGS[number % len(LISTINGS)] for number in range(count - len(changes))]
    mixed = [one for pair in zip(changes, listings, strict=False) for one in pair]
    return mixed + list(changes[len(listings) :])


def _json(*words: str) -> Any:
    return json.loads(process.output(process.bpfman(*words, "-o", "json")))


def _loaded(there: Ground, text: str) -> int:
    [program] = json.loads(text)["programs"]
    kernel = program["status"]["kernel"]
    there.traces.note("program", [kernel["id"]])
    there.traces.note("map", kernel["map_ids"] or ())
    return int(program["record"]["program_id"])


def _note_chains(there: Ground) -> None:
    there.traces.note("program", [each.record.program_id for each in there.manager().chains()])


def _attached(there: Ground, text: str) -> int:
    record = json.loads(text)["record"]
    there.traces.note("link", [record["kernel_link_id"]])
    return int(record["id"])
