# SPDX-License-Identifier: Apache-2.0
"""Gets the bytecode of an image: from the cache, or from where the image is.

Called by `manager`, which brings what reads objects.  The order is what makes it safe: the manifest is fetched by
digest or checked against one, then trusted or not, and only then is anything unpacked; the object is looked into
before it is kept.  Whatever fails leaves nothing behind.
"""

from __future__ import annotations

from bpfman.errors import CacheError, InvalidRequest, NotCached, ObjectError
from bpfman.images.labels import Labels, read_labels
from bpfman.images.platform import byteorder_of, wanted_platform
from bpfman.images.transport.location import open_source
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Protocol

    from bpfman.images.cache import Cache, Entry
    from bpfman.images.contents import Image
    from bpfman.images.manifest import Document
    from bpfman.images.platform import ByteOrder, Platform
    from bpfman.images.transfer import Source
    from bpfman.images.transport.location import Access, Location

    class Trust(Protocol):
        """Whom to trust.  `policy` identifies the rules in force: a verdict holds for the rules it was made by.

        `verify` is asked before anything of an image is used: its name, what that leads to (an index, perhaps), and
        where signatures can be fetched.  It raises ImageError to refuse."""

        policy: str

        def verify(self, reference: str, document: Document, source: Source) -> Verdict: ...


ALWAYS, IF_NOT_PRESENT, NEVER = "Always", "IfNotPresent", "Never"
POLICIES = (ALWAYS, IF_NOT_PRESENT, NEVER)


class Verdict(NamedTuple):
    """That an image may be used.  `verified_digest` is what a signature was found good for; empty for an image that is
    accepted without one."""

    verified_digest: str
    explanation: str = ""


class Pulled(NamedTuple):
    """An image's bytecode.  `digest` is that of the platform's own manifest."""

    reference: str
    digest: str
    data: bytes
    labels: Labels
    from_cache: bool


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
        trust: Trust | None = None,
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
            raise NotCached(
                f"image {location} not in cache and pull policy is Never",
                "`bpfman image pull` puts it there; on a machine without a network, load it from oci-archive:FILE",
            )
        return self._fetch(location, platform)

    # from the cache

    def _cached(self, location: Location, platform: Platform, policy: str) -> Pulled | None:
        entry = self._cache.find(str(location), str(platform))
        if entry is None or not self._still_trusted(entry, location, policy):
            return None
        data = self._cache.object(entry)
        if data is None:
            return None
        return Pulled(entry.reference, entry.digest, data, Labels(entry.programs, entry.maps), True)

    def _still_trusted(self, entry: Entry, location: Location, policy: str) -> bool:
        """Whether a cached image may be used by the rules of now; it is verified again if those have changed."""
        if self._trust is None or entry.policy == self._trust.policy:
            return True
        if policy == NEVER:
            raise NotCached(
                f"image {location} was cached under another signing policy and pull policy is Never",
                "pull it again, so that it is verified by the policy of now",
            )
        root = self._cache.root(entry)
        if root is None:
            return False
        with open_source(location, self._access) as source:
            verdict = self._trust.verify(str(location), root, source)
        try:
            self._cache.update(
                entry._replace(policy=self._trust.policy, verified_digest=verdict.verified_digest)
            )
        except CacheError as error:
            self._complain(error)
        return True

    def _complain(self, error: CacheError) -> None:
        """An image that cannot be kept can still be used."""
        if self._warn is None:
            raise error
        self._warn(f"{error}; going on without keeping it")

    # from where it is

    def _fetch(self, location: Location, platform: Platform) -> Pulled:
        from bpfman.images.contents import resolve

        with open_source(location, self._access) as source:
            root = source.manifest()
            verdict = self._trust.verify(str(location), root, source) if self._trust else Verdict("")
            image = resolve(source, platform, root)
            data, labels = self._known(image, platform) or self._unpack(source, image, platform)
        if self._keep and location.reference is not None:
            self._store(location, platform, image, data, labels, verdict)
        return Pulled(str(location), image.digest, data, labels, False)

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
    ) -> None:
        policy = self._trust.policy if self._trust else ""
        try:
            self._cache.store(
                str(location), str(platform), image, data, labels,
                policy=policy, verified_digest=verdict.verified_digest,
            )  # fmt: skip
        except CacheError as error:
            self._complain(error)
