# SPDX-License-Identifier: Apache-2.0
"""Every operation on images, for the command line, the daemon and whoever imports the library.

    images = Images()
    images.pull("quay.io/acme/meter:1.2")
    [program] = images.load(manager, "quay.io/acme/meter:1.2", [ProgramSpec("xdp", "count_pkts")])

Joins what knows images with what reads objects and with the Manager, which load programs and know nothing of images.
What needs the network imports it; a cached image is loaded without.
"""

from __future__ import annotations

import time
from functools import partial

from bpfman.errors import InvalidRequest, ObjectError
from bpfman.images.cache import Cache
from bpfman.images.pulling import ALWAYS, IF_NOT_PRESENT, Puller
from bpfman.images.transport.location import CACHE, Access, Location, open_source, open_target, parse_location
from bpfman.images.verdict import Verdict
from bpfman.manager import offline
from bpfman.manager.configuration import CONFIG_PATH
from bpfman.manager.gate import Guard
from bpfman.model.audit import LOAD, PULL, SIGN, SIGNED, VERIFY
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bpfman.images.building.image import ObjectFile
    from bpfman.images.building.inputs import Input
    from bpfman.images.bytecode import Bytecode
    from bpfman.images.cache.cache import Pruned
    from bpfman.images.cache.entry import Entry
    from bpfman.images.capability import CapabilityManifest
    from bpfman.images.copying import Copied
    from bpfman.images.inspecting import Inspection
    from bpfman.images.platform import ByteOrder
    from bpfman.images.policy.decision import Decision
    from bpfman.images.policy.signing import Rule
    from bpfman.images.pulling import Pulled
    from bpfman.images.registry.credentials import Credentials
    from bpfman.images.trust.signing import Signed
    from bpfman.manager.gate import Gate, Trusting
    from bpfman.manager.manager import Manager
    from bpfman.model.audit import Who
    from bpfman.model.program import Program, ProgramSpec
    from bpfman.store.layout import Layout

CACHE_DIR = "/var/cache/bpfman"


class SigningKey(NamedTuple):
    """A private key in PEM.  `name` is what messages call it; `password` is asked if it is encrypted."""

    data: bytes
    name: str
    password: Callable[[], bytes]


class BuildArgs(NamedTuple):
    """What `docker build` is told with the Containerfiles; `arguments` are names and the paths that were given."""

    platforms: tuple[str, ...]
    arguments: Mapping[str, str]
    programs: Mapping[str, str]
    maps: Mapping[str, str]


def _unchanged(rule: Rule) -> Rule:
    return rule


class Images:
    """Works with one cache; `access` says how to get at registries.

    `trust` says whom to believe: by default whom the machine does, by [signing] of the file `config` and policy.json;
    "everybody" switches that off, for tools that only look.  What is decided is recorded in the audit trail of `layout`
    (of the manager, for what is loaded), as asked for by `who` (this process).  `warn` is told of images that nobody
    signed, and of what could not be cached.  Without `files`, images are in registries only: for a server, whose
    clients are not to name its files."""

    def __init__(
        self,
        cache_dir: str = CACHE_DIR,
        *,
        access: Access = Access(),  # noqa: B008 - a frozen value
        trust: Trusting = None,
        warn: Callable[[str], None] | None = None,
        files: bool = True,
        config: str = CONFIG_PATH,
        layout: Layout | None = None,
        who: Who | None = None,
    ) -> None:
        self.cache = Cache(cache_dir)
        self._files = files
        self._access = access
        self._warn = warn
        self._layout = layout
        self._shelf = offline.Shelf(self.cache, access.environment, warn or _ignore)
        self._guard = Guard(trust, config, access.environment, who, warn or _ignore, cache_dir)

    # using

    def pull(self, image: str, policy: str = IF_NOT_PRESENT) -> Pulled:
        """An image's bytecode, kept in the cache; CacheError where it cannot be.

        Raises InvalidRequest, ImageError of all kinds (Untrusted, if the rules refuse it), and ObjectError for what is
        no object for this machine."""
        location = self._location(image)
        gate = self._guard.gate(PULL, image, (), self._layout)
        return self._let_in(gate, Puller(self.cache, self._access, _read, trust=gate.rules), location, policy)

    def _let_in(self, gate: Gate, puller: Puller, location: Location, policy: str) -> Pulled:
        with self._shelf.offering(location, offline.USE if policy == ALWAYS else "", offline.CARRY):
            pulled = puller.pull(location, policy)
        gate.pass_through(location, pulled, partial(_capabilities, pulled, self._access.environment))
        return pulled

    def load(
        self,
        manager: Manager,
        image: str,
        programs: Sequence[ProgramSpec],
        *,
        policy: str = IF_NOT_PRESENT,
        globals: Mapping[str, bytes] = {},
        metadata: Mapping[str, str] = {},
        map_owner_id: int | None = None,
        owner: str = "",
        keep: bool = True,
    ) -> tuple[Program, ...]:
        """Load programs of an image, all or none; in request order.  `keep` is whether to cache it.

        Raises what `pull` and `Manager.load` raise, and CapabilityRefused for programs that the rules forbid; a cache
        that cannot be written is only warned of."""
        from bpfman.model.program import ImageSource, LoadSpec

        location = self._location(image)
        action = VERIFY if manager.dry_run else LOAD  # of what is only planned, nothing is let in
        gate = self._guard.gate(action, image, tuple(programs), self._layout or manager.layout)
        puller = Puller(self.cache, self._access, _read, self._warn or _ignore, gate.rules, keep=keep)
        pulled = self._let_in(gate, puller, location, policy)
        source = ImageSource(image, pulled.digest, policy)
        spec = LoadSpec(tuple(programs), None, source, globals, metadata, map_owner_id, owner)
        return manager.load(spec, pulled.data)

    def verify(
        self, image: str, change: Callable[[Rule], Rule] = _unchanged, policy: str = ALWAYS
    ) -> Decision:
        """What the machine's rules say of an image, with bpfman's own rule for it changed as asked; uses nothing of it.

        A cached image is judged by the signatures that were kept with it, unless `policy` wants the registry.  Raises
        ImageError for an image that cannot be had; a refusal is in the decision."""
        from bpfman.images.pulling import verdict_of
        from bpfman.images.verifying import decide, decide_cached

        location = self._location(image)
        rules = self._guard.machine().with_rule(location, change)
        decision = decide_cached(location, rules, self._access, self.cache, policy)
        if decision is None:
            with self._shelf.offering(location, offline.JUDGE):
                decision = decide(location, rules, self._access)
        if self._layout is not None:
            auditor, cached = self._guard.auditor(self._layout), decision.source == CACHE
            auditor.note(VERIFY, image, decision.digest, verdict_of(decision), cached=cached)
        return decision

    # the cache

    def cached(self) -> list[Entry]:
        """The images in the cache, by name."""
        return self.cache.entries()

    def remove(self, image: str) -> Pruned:
        """Remove an image from the cache: a name for all platforms, or a digest under all names, of which the first
        twelve hexadecimal digits will do.  NotCached."""
        from bpfman.errors import NotCached
        from bpfman.images.cache.naming import matching

        removed = self.cache.remove(matching(image, self.cached()))
        if not removed.entries:
            raise NotCached(f"image {image} not in cache", "`bpfman image list` shows what is")
        return removed

    # looking, copying

    def inspect(self, image: str, policy: str = IF_NOT_PRESENT) -> tuple[str, Inspection]:
        """The completed name, and what is known of the image without loading it: of a cached one by the cache, unless
        `policy` wants the registry.

        A cached image is also known by its digest, or the beginning of that.  Raises InvalidRequest, ImageError."""
        from bpfman.images.inspecting import inspect

        named = self._shelf.named(image)
        location = Location(named) if named else self._location(image)
        if policy != ALWAYS and (found := self._shelf.inspection(location, policy, _read)):
            return str(location), found
        with self._shelf.offering(location, offline.SHOW), open_source(location, self._access) as source:
            found = inspect(source, _read, self._access.environment)
        return str(location), found._replace(source=location.place)

    def copy(
        self,
        source: str,
        target: str,
        *,
        referrers: bool = True,
        target_credentials: Credentials | None = None,
    ) -> Copied:
        """Copy an image with all its platforms, and with what refers to it; its digest stays the same.

        The credentials of `access` are for the source alone: nobody's password goes to somebody else's registry."""
        from bpfman.images.copying import copy_image

        location, to = self._location(source), self._location(target)
        access = self._access._replace(credentials=target_credentials)
        with open_source(location, self._access) as read_from:
            with self._shelf.offering(location, offline.BUILD):
                root = read_from.manifest()
            with open_target(to, access) as write_to:
                return copy_image(read_from, write_to, root, referrers=referrers)

    def sign(
        self,
        image: str,
        key: SigningKey,
        *,
        layout: str = "bundle",
        name: str | None = None,
        annotations: Mapping[str, str] = {},
        recursive: bool = False,
    ) -> list[Signed]:
        """Sign an image, and with `recursive` every platform's; gives what has the signature now, the image first.

        `name` is what it is signed as: its repository unless another is given, nothing for an image in a file.  Raises
        InvalidRequest for a key that cannot be used, ImageError of all kinds."""
        from bpfman.images.trust.private_key import load_private_key
        from bpfman.images.trust.signing import Signing, sign

        location = self._location(image)
        private = load_private_key(key.data, key.name, key.password)
        if name is None:
            name = location.reference.name if location.reference else ""
        with open_source(location, self._access) as source:
            source.manifest()  # before a layout is made where there is none
        with open_target(location, self._access) as target:
            wanted = Signing(private, layout, name, annotations, int(time.time()))
            signed = sign(target, wanted, recursive=recursive)
        if self._layout is not None:
            auditor = self._guard.auditor(self._layout)
            for each in signed:
                auditor.note(
                    SIGN, image, each.digest, Verdict(SIGNED, key.name, "signed already" if each.was else "")
                )
        return signed

    def _location(self, image: str) -> Location:
        location = parse_location(image)
        if location.reference is None and not self._files:
            raise InvalidRequest(f'"{image}" names a file', "only images in registries can be used here")
        return location

    # building

    def build(
        self, image: str, words: Sequence[str], *, project: str | None = None, annotations: Mapping[str, str] = {},
        sbom: bool = False,
    ) -> str:  # fmt: skip
        """Build an image from objects and publish it; gives its name with its digest."""
        from bpfman.images.building.image import assemble, publish, source_date
        from bpfman.images.building.inputs import parse_inputs

        location = self._location(image)
        if location.reference is not None and location.reference.digest:
            raise InvalidRequest(f'"{image}" names a digest', "a tag is what an image is built for")
        date = source_date(self._access.environment)
        objects = [_read_file(each) for each in parse_inputs(words, project)]
        built = assemble(objects, annotations, date)
        name = location.reference.name if location.reference else str(location._replace(name=""))
        if sbom:
            from bpfman.images.building.image import referrer
            from bpfman.images.building.sbom import MEDIA_TYPE, make_sbom

            built = built._replace(referrers=tuple(
                referrer(part, make_sbom(name, part, each, annotations, date), MEDIA_TYPE)
                for part, each in zip(built.parts, objects, strict=True)
            ))  # fmt: skip
        with open_target(location, self._access) as target:
            publish(built, target)
        return f"{name}@{built.root.digest}"


def build_args(words: Sequence[str], project: str | None = None) -> BuildArgs:
    """The build arguments for some objects; labels come from the first."""
    from bpfman.images.building.inputs import parse_inputs

    objects = [_read_file(each) for each in parse_inputs(words, project)]
    first = objects[0].bytecode
    return BuildArgs(
        tuple(each.input.platform for each in objects if each.input.platform),
        {each.input.build_arg: each.input.path for each in objects},
        first.program_labels,
        first.map_labels,
    )


def _read(data: bytes, byteorder: ByteOrder) -> Bytecode:
    from bpfman.manager.bytecode import read_bytecode

    return read_bytecode(data, byteorder)


def _read_file(given: Input) -> ObjectFile:
    """An object to build an image of; of this machine's byte order if it is for no platform in particular."""
    import sys

    from bpfman.images.building.image import ObjectFile
    from bpfman.manager.loading import read_object

    try:
        data = read_object(given.path)
        bytecode = _read(data, given.architecture.byteorder if given.architecture else sys.byteorder)
    except ObjectError as error:
        raise ObjectError(f"open bytecode ELF {given.path}: {error}", error.hint) from None
    return ObjectFile(given, data, bytecode)


def _capabilities(pulled: Pulled, environment: Mapping[str, str]) -> CapabilityManifest:
    """What the bytecode at hand can do, whatever its labels say."""
    from bpfman.images.capability import capabilities_of
    from bpfman.images.platform import byteorder_of, wanted_platform

    return capabilities_of(_read(pulled.data, byteorder_of(wanted_platform(environment))))


def _ignore(warning: str) -> None:
    """Nobody wants to know."""
