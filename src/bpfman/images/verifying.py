# SPDX-License-Identifier: Apache-2.0
"""Asks what rules say of an image, without using anything of it.

Called for `image verify`.  An image that has nothing for this machine is verified by what its name leads to.
"""

from __future__ import annotations

from bpfman.errors import PlatformMissing
from bpfman.images.contents import resolve
from bpfman.images.platform import wanted_platform
from bpfman.images.policy.evidence import recorder
from bpfman.images.transport.location import open_source

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.images.policy.decision import Decision
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
        return rules.decide(location, digests, recorder(source, access))
