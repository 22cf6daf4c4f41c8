# SPDX-License-Identifier: Apache-2.0
"""Asks what rules say of an image, without using anything of it.

Called for `image verify`.  An image that has nothing for this machine is verified by what its name leads to.  A cached
image can be asked about without a network, by the signatures that were kept with it.
"""

from __future__ import annotations

from bpfman.errors import PlatformMissing
from bpfman.images.contents import resolve
from bpfman.images.platform import wanted_platform
from bpfman.images.policy.decision import Decision, Part
from bpfman.images.policy.evidence import recorder
from bpfman.images.pulling import ALWAYS, NEVER, decide_by_kept, not_cached, unknown
from bpfman.images.transport.location import CACHE, open_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.images.cache import Cache, Entry
    from bpfman.images.policy.rules import Rules
    from bpfman.images.transport.location import Access, Location


def decide(location: Location, rules: Rules, access: Access) -> Decision:
    """What the rules say.  ImageError for an image that cannot be had."""
    with open_source(location, access) as source:
        root = source.manifest()
        try:
            own = resolve(source, wanted_platform(access.environment), root).digest
        except PlatformMissing:
            own = root.digest
        digests = tuple(dict.fromkeys((root.digest, own)))
        return rules.decide(location, digests, recorder(source, access))._replace(source=location.place)


def decide_cached(
    location: Location, rules: Rules, access: Access, cache: Cache, policy: str
) -> Decision | None:
    """What a load of the cached image would go by; None where that would ask the registry.  NotCached."""
    if policy == ALWAYS or location.reference is None:
        return None
    entry = cache.find(str(location), str(wanted_platform(access.environment)))
    if entry is None:
        if policy == NEVER:
            raise not_cached(location)
        return None
    now = rules.policy(location)
    holds = entry.verdict.policy == now
    found = decide_by_kept(cache, entry, location, rules) or (_before(entry) if holds else None)
    if policy == NEVER:
        found = found or unknown(entry, location, now)
    elif found is None or not (holds or found.verified_digest):
        return None
    return found._replace(source=CACHE, pulled_at=entry.pulled_at)


def _before(entry: Entry) -> Decision:
    """The decision by which the image was let in, as far as it is kept."""
    was = entry.verdict
    return Decision(entry.reference, entry.root, (Part(was.rule, was.verdict, was.reason),), was.policy)
