# SPDX-License-Identifier: Apache-2.0
"""Images: what fetching, keeping and loading costs beside loading a file."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

from benchmarks import process
from benchmarks.clock import in_turns, median, ms, seconds
from benchmarks.place import COUNTER, Place, place
from benchmarks.row import Row
from bpfman.images.capability import capabilities_of
from bpfman.manager.bytecode import read_bytecode
from bpfman.manager.images import Images
from tests.images.small_registry import small_registry

if TYPE_CHECKING:
    from collections.abc import Iterator

PULLED, CACHED = 150, 20  # the most that loading an image should take, ms


def rows(effort: int) -> Iterator[Row]:
    with place() as node, small_registry() as registry, tempfile.TemporaryDirectory() as cache:
        images, name = Images(cache), f"{registry.host}/acme/meter:1"
        how = f"median of {effort}; a registry in Python, on loopback"
        building = [seconds(lambda: images.build(name, [COUNTER[0]])) for _ in range(effort)]
        yield Row("build and push an image", ms(median(building)), "ms", None, how)
        pulling = [_load(node, images, name, fresh=True) for _ in range(effort)]
        yield Row("pull and load an image", ms(median(pulling)), "ms", PULLED, how)
        cached = [_load(node, images, name, fresh=False) for _ in range(effort)]
        yield Row("load a cached image", ms(median(cached)), "ms", CACHED, f"median of {effort}")
        yield _command(cache, name, effort)
        yield _analysis(effort)


def _load(node: Place, images: Images, name: str, *, fresh: bool) -> float:
    if fresh:
        images.cache.prune(max_size=0)
    loaded: list[int] = []

    def load() -> None:
        (program,) = images.load(node.manager, name, [COUNTER[1]])
        loaded.append(program.record.program_id)

    took = seconds(load)
    node.manager.unload(loaded)
    return took


def _command(cache: str, name: str, effort: int) -> Row:
    """`program load image` of a cached image beside `program load file` of the same object."""
    programs = ("--programs", f"{COUNTER[1].type}:{COUNTER[1].name}")
    image = process.bpfman("program", "load", "image", name, *programs, "--image-cache-dir", cache)
    file = process.bpfman("program", "load", "file", COUNTER[0], *programs)
    slow, quick = map(median, in_turns(effort, lambda: _timed(image), lambda: _timed(file)))
    how = f"{ms(slow):.1f} ms / {ms(quick):.1f} ms (medians of {effort}, in turns)"
    return Row("`program load image`, cached / `program load file`", slow / quick, "x", 2, how)


def _timed(command: tuple[str, ...]) -> float:
    return seconds(lambda: process.run(command))


def _analysis(effort: int) -> Row:
    with open(COUNTER[0], "rb") as file:
        data = file.read()
    times = [seconds(lambda: capabilities_of(read_bytecode(data))) for _ in range(effort)]
    return Row("find out what a small object can do", ms(median(times)), "ms", None, f"median of {effort}")
