# SPDX-License-Identifier: Apache-2.0
"""Gets the bytecode of an image: from the cache, or from where the image is.

Called by `manager`, which brings what reads objects.  The order is what makes it safe: manifests are fetched by
digest or checked against one, then trusted or not, and only then is anything unpacked; the object is looked into
before it is kept.  Whatever fails leaves nothing behind.
"""

from __future__ import annotations

from bpfman.errors import CacheError, InvalidRequest, NotCached, ObjectError
from bpfman.images.labels import Labels, read_labels
from bpfman.images.platform import byteorder_of, wanted_platform
from bpfman.images.transport.location import open_source
from bpfman.images.verdict import NO_RULES, Verdict
from bpfman.model.audit import REFUSED
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from bpfman.images.cache import Cache, Entry
    from bpfman.images.capability import CapabilityManifest
    from bpfman.images.contents import Image
    from bpfman.images.platform import ByteOrder, Platform
    from bpfman.images.policy.decision import Decision
    from bpfman.images.policy.evidence import Evidence
    from bpfman.images.transfer import Source
    from bpfman.images.transport.location import Access, Location
    from bpfman.model.program import ProgramSpec

    class Trust(Protocol):
        """Whom to trust.  `policy` identifies the rules that an image is under: a verdict holds for the rules it was
        made by.  `decide` is asked before anything of an image is used: where it is, the digests of what its name leads
        to and of its own manifest, and where its signatures are.  `admit` raises CapabilityRefused for programs
        that may not be loaded."""

        def policy(self, location: Location) -> str: ...
        def decide(self, location: Location, digests: tuple[str, ...], evidence: Evidence) -> Decision: ...
        def admit(
            self,
            location: Location,
            manifest: Callable[[], CapabilityManifest],
            programs: tuple[ProgramSpec, ...],
        ) -> None: ...

    class Judge(Protocol):
        """What the Puller asks of those rules.  `check` is told the decision that counts, and raises what a refusal
        says: one by what was kept does not count while the registry can still be asked."""

        def policy(self, location: Location) -> str: ...
        def decide(self, location: Location, digests: tuple[str, ...], evidence: Evidence) -> Decision: ...
        def check(self, decision: Decision) -> Decision: ...


ALWAYS, IF_NOT_PRESENT, NEVER = "Always", "IfNotPresent", "Never"
POLICIES = (ALWAYS, IF_NOT_PRESENT, NEVER)


class Pulled(NamedTuple):
    """An image's bytecode.  `digest` is that of the platform's own manifest."""

    reference: str
    digest: str
    data: bytes
    labels: Labels
    from_cache: bool
    verdict: Verdict


def parse_policy(text: str) -> str:
    """A pull policy in any case; the empty string is the default."""
    found = next((policy for policy in POLICIES if policy.lower() == text.lower()), None)
    if found is None and text:
        raise InvalidRequest(f'unknown pull policy "{text}"', "policies: " + ", ".join(POLICIES))
    return found or IF_NOT_PRESENT


class Puller:
    """`check` looks into an object and raises ObjectError.  With `keep`, what is fetched goes into the cache; `warn` is
    told where that fails, None makes it an error."""

    def __init__(
        self,
        cache: Cache,
        access: Access,
        check: Callable[[bytes, ByteOrder], object],
        warn: Callable[[str], None] | None = None,
        trust: Judge | None = None,
        *,
        keep: bool = True,
    ) -> None:
        self._cache = cache
        self._keep = keep
        self._access = access
        self._check = check
        self._warn = warn
        self._trust = trust

    def pull(self, location: Location, policy: str = IF_NOT_PRESENT) -> Pulled:
        """The bytecode for this machine, or for the one that GOARCH names.

        Raises ImageError of all kinds, and ObjectError for what is no object for that machine."""
        platform = wanted_platform(self._access.environment)
        if location.reference is None:  # what is in a file is at hand already
            return self._fetch(location, platform)
        if policy != ALWAYS and (found := self._cached(location, platform, policy)) is not None:
            return found
        if policy == NEVER:
            raise not_cached(location)
        return self._fetch(location, platform)

    # from the cache

    def _cached(self, location: Location, platform: Platform, policy: str) -> Pulled | None:
        entry = self._cache.find(str(location), str(platform))
        if entry is None:
            return None
        trusted = self._still_trusted(entry, location, policy)
        data = self._cache.object(trusted) if trusted else None
        if trusted is None or data is None:
            return None
        labels = Labels(trusted.programs, trusted.maps)
        return Pulled(trusted.reference, trusted.digest, data, labels, True, trusted.verdict)

    def _still_trusted(self, entry: Entry, location: Location, policy: str) -> Entry | None:
        """The entry with a verdict by the rules of now, which is made anew if those have changed; None where the image
        must be fetched again for that."""
        if self._trust is None:
            return entry._replace(verdict=NO_RULES)
        if entry.verdict.policy == self._trust.policy(location):
            return entry
        kept = decide_by_kept(self._cache, entry, location, self._trust)
        if policy == NEVER:
            decision = kept or unknown(entry, location, self._trust.policy(location))
            return self._renewed(entry, self._trust.check(decision), b"")
        if kept is not None and kept.verified_digest:
            return self._renewed(entry, kept, b"")
        return self._verified_again(entry, location, self._trust)

    def _verified_again(self, entry: Entry, location: Location, trust: Judge) -> Entry:
        from bpfman.images.policy.evidence import recorder

        with open_source(location, self._access) as source:
            evidence = recorder(source, self._access)
            decision = trust.check(trust.decide(location, _digests(entry), evidence))
        return self._renewed(entry, decision, evidence.dump())

    def _renewed(self, entry: Entry, decision: Decision, evidence: bytes) -> Entry:
        renewed = entry._replace(verdict=verdict_of(decision))
        try:
            return self._cache.update(renewed, evidence)
        except CacheError as error:
            self._complain(error)
            return renewed

    def _complain(self, error: CacheError) -> None:
        """An image that cannot be kept can still be used."""
        if self._warn is None:
            raise error
        self._warn(f"{error}; going on without keeping it")

    # from where it is

    def _fetch(self, location: Location, platform: Platform) -> Pulled:
        from bpfman.images.contents import resolve

        with open_source(location, self._access) as source:
            image = resolve(source, platform, source.manifest())
            verdict, evidence = self._judged(location, source, image)
            data, labels = self._known(image, platform) or self._unpack(source, image, platform)
        if self._keep and location.reference is not None:
            self._store(location, platform, image, data, labels, verdict, evidence)
        return Pulled(str(location), image.digest, data, labels, False, verdict)

    def _judged(self, location: Location, source: Source, image: Image) -> tuple[Verdict, bytes]:
        """What the rules say, and the signatures that they looked at."""
        if self._trust is None:
            return NO_RULES, b""
        from bpfman.images.policy.evidence import recorder

        digests = tuple(dict.fromkeys((image.root.digest, image.digest)))
        evidence = recorder(source, self._access)
        decision = self._trust.check(self._trust.decide(location, digests, evidence))
        return verdict_of(decision), evidence.dump()

    def _known(self, image: Image, platform: Platform) -> tuple[bytes, Labels] | None:
        """What the cache has of the same manifest under another name."""
        entry = self._cache.find_digest(image.digest)
        if entry is None or entry.platform != str(platform):
            return None
        data = self._cache.object(entry)
        return None if data is None else (data, Labels(entry.programs, entry.maps))

    def _unpack(self, source: Source, image: Image, platform: Platform) -> tuple[bytes, Labels]:
        from bpfman.images.contents import read_config, read_object

        labels = read_config(source, image.manifest)
        data = read_object(source, image, labels, platform)
        try:
            self._check(data, byteorder_of(platform))
        except ObjectError as error:
            raise ObjectError(f"the object in {source}: {error}", error.hint) from None
        return data, read_labels(labels)

    def _store(
        self,
        location: Location,
        platform: Platform,
        image: Image,
        data: bytes,
        labels: Labels,
        verdict: Verdict,
        evidence: bytes,
    ) -> None:
        try:
            self._cache.store(
                str(location), str(platform), image, data, labels,
                verdict, evidence=evidence,
            )  # fmt: skip
        except CacheError as error:
            self._complain(error)


def not_cached(location: Location) -> NotCached:
    return NotCached(
        f"image {location} not in cache and pull policy is Never",
        "`bpfman image pull` puts it there; on a machine without a network, load it from oci-archive:FILE",
    )


def decide_by_kept(cache: Cache, entry: Entry, location: Location, trust: Judge | Trust) -> Decision | None:
    """What the rules of now say by the signatures that were kept; None where none were looked at."""
    from bpfman.images.policy.evidence import Kept

    data = cache.evidence(entry)
    return None if data is None else trust.decide(location, _digests(entry), Kept(data, str(location)))


def unknown(entry: Entry, location: Location, policy: str) -> Decision:
    """A refusal for want of anything to judge by."""
    from bpfman.images.policy.decision import Decision, Part

    error = NotCached(
        f"image {location} was cached under another signing policy and pull policy is Never",
        "its signatures were not kept: pull it again, so that it is verified by the policy of now",
    )
    part = Part("the pull policy", REFUSED, str(error), error=error)
    return Decision(str(location), entry.root, (part,), policy)


def verdict_of(decision: Decision) -> Verdict:
    """What is kept of a decision."""
    part = decision.deciding
    return Verdict(part.verdict, part.rule, part.reason, decision.policy, decision.verified_digest)


def _digests(entry: Entry) -> tuple[str, ...]:
    return tuple(dict.fromkeys((entry.root, entry.digest)))
