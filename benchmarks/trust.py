# SPDX-License-Identifier: Apache-2.0
"""Trust: what verifying costs where an image is new, and what is left of it where that was done before."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import process
from benchmarks.clock import in_turns, median, ms, seconds
from benchmarks.place import COUNTER, Place, place
from benchmarks.row import Row
from bpfman.images.digest import digest_of
from bpfman.images.transport.location import Access, parse_location
from bpfman.images.trust.demand import Demand, Identity, Instance
from bpfman.images.trust.signatures import BUNDLE, Found, Signature
from bpfman.images.trust.verifying import verify
from bpfman.manager.configuration import read_config
from bpfman.manager.images import Images
from bpfman.manager.trust import machine_rules
from tests.images.small_registry import SmallRegistry, small_registry
from tests.trust.attaching import attach_bundle
from tests.trust.authority import IDENTITY, ISSUER
from tests.trust.signer import World

if TYPE_CHECKING:
    from collections.abc import Iterator

OFFLINE, VERDICT = 50, 1  # the most that verifying and a verdict of before should take, ms
PULLED, CACHED = 150, 20  # as for images that nobody signed
REPOSITORY = "acme/meter"


class _Machine(NamedTuple):
    """A signed image in a registry, and a configuration that asks for that signature."""

    node: Place
    cache: str
    config: str
    image: str
    digest: str

    def images(self) -> Images:
        """As a command or a request has it: it reads the configuration anew."""
        return Images(self.cache, access=Access(environment={"HOME": self.cache}), config=self.config)


def rows(effort: int) -> Iterator[Row]:
    world = World()
    yield from _verifying(world, effort)
    yield _imports(effort)
    with _machine(world) as machine:
        yield _verdict(machine, effort)
        yield from _loading(machine, effort)
        yield _command(machine, effort)


def _verifying(world: World, effort: int) -> Iterator[Row]:
    """In memory, so without the registry: certificate, promises, log and its proof, stamp, identity."""
    digest = digest_of(b"an image")
    how = f"median of {effort}; the trusted root is read each time"
    for name, data in (("Rekor 1", world.bundle(digest)), ("Rekor 2 and a stamp", world.tile_bundle(digest))):
        found = Found(digest, (Signature(BUNDLE, "bundle", data),))
        _verify(world, found, f"{name}, first")  # what is imported late
        times = [_verify(world, found, f"{name}, {number}") for number in range(effort)]
        yield Row(f"verify a certificate's signature offline, {name}", ms(median(times)), "ms", OFFLINE, how)


def _verify(world: World, found: Found, name: str) -> float:
    """By an instance of that name: what is made of one is kept, and a command has nothing that was kept."""
    instance = Instance(name, trusted_root=world.trusted_root())
    demand = Demand(identities=(Identity(IDENTITY, issuer=ISSUER),), instance=instance)
    return seconds(lambda: verify(found, None, demand, time.time()))


def _imports(effort: int) -> Row:
    """What a process that must verify pays before it begins."""
    plain = (sys.executable, "-c", "import bpfman.manager.images")
    more = (sys.executable, "-c", "import bpfman.manager.images, bpfman.images.trust.verifying")
    quick, slow = map(median, in_turns(effort, lambda: _timed(plain), lambda: _timed(more)))
    how = f"medians of {effort} processes, in turns: OpenSSL, by cryptography"
    return Row("imports that verifying needs", ms(slow - quick), "ms", None, how)


def _verdict(machine: _Machine, effort: int) -> Row:
    """Whether a verdict of before still holds: the rules are found out, and what they name is read."""
    config, location = read_config(machine.config), parse_location(machine.image)

    def ask() -> None:
        machine_rules(config, machine.config, {"HOME": machine.cache}, machine.cache).policy(location)

    times = [seconds(ask) for _ in range(effort)]
    return Row("see that a cached verdict holds", ms(median(times)), "ms", VERDICT, f"median of {effort}")


def _loading(machine: _Machine, effort: int) -> Iterator[Row]:
    how = f"median of {effort}; a registry in Python, on loopback"
    pulling = [_load(machine, fresh=True) for _ in range(effort)]
    yield Row("pull, verify and load a signed image", ms(median(pulling)), "ms", PULLED, how)
    cached = [_load(machine, fresh=False) for _ in range(effort)]
    yield Row("load a cached signed image", ms(median(cached)), "ms", CACHED, f"median of {effort}")


def _load(machine: _Machine, *, fresh: bool) -> float:
    if fresh:
        machine.images().cache.prune(max_size=0)
    loaded: list[int] = []

    def load() -> None:
        (program,) = machine.images().load(machine.node.manager, machine.image, [COUNTER[1]])
        loaded.append(program.record.program_id)

    took = seconds(load)
    machine.node.manager.unload(loaded)
    return took


def _command(machine: _Machine, effort: int) -> Row:
    """`program load image` of a cached, signed image beside `program load file` of the same object."""
    programs = ("--programs", f"{COUNTER[1].type}:{COUNTER[1].name}")
    where = ("--image-cache-dir", machine.cache, "--config", machine.config)
    image = process.bpfman("program", "load", "image", machine.image, *programs, *where)
    file = process.bpfman("program", "load", "file", COUNTER[0], *programs)
    slow, quick = map(median, in_turns(effort, lambda: _timed(image), lambda: _timed(file)))
    how = f"{ms(slow):.1f} ms / {ms(quick):.1f} ms (medians of {effort}, in turns)"
    return Row("`program load image`, cached and signed / `program load file`", slow / quick, "x", 2, how)


def _timed(command: tuple[str, ...]) -> float:
    return seconds(lambda: process.run(command))


@contextmanager
def _machine(world: World) -> Iterator[_Machine]:
    with place() as node, small_registry() as registry, tempfile.TemporaryDirectory() as folder:
        name = f"{registry.host}/{REPOSITORY}:1"
        digest = _publish(registry, name, world, folder)
        yield _Machine(node, f"{folder}/cache", _configuration(folder, world), name, digest)


def _publish(registry: SmallRegistry, name: str, world: World, folder: str) -> str:
    built = Images(f"{folder}/building", trust="everybody").build(name, [COUNTER[0]])
    digest = built.rpartition("@")[2]
    attach_bundle(registry, REPOSITORY, digest, world.tile_bundle(digest))
    return digest


def _configuration(folder: str, world: World) -> str:
    """The configuration file of who takes what one person signed, and its trusted root."""
    root, config = os.path.join(folder, "trusted_root.json"), os.path.join(folder, "bpfman.toml")
    with open(root, "wb") as file:
        file.write(world.trusted_root())
    with open(config, "w", encoding="ascii") as text:
        text.write(f"""\
[signing]
allow_unsigned = false
containers_policy = false
trusted_root = {json.dumps(root)}
trusted_identities = [
  {{ certificate_identity = {json.dumps(IDENTITY)}, certificate_oidc_issuer = {json.dumps(ISSUER)} }},
]
""")
    return config
