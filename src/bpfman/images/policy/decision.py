# SPDX-License-Identifier: Apache-2.0
"""What was decided about an image, by which rules, and why: for messages, `image verify` and the audit trail.

Made by `rules`.  A refusal is a decision too; its error says what to do.
"""

from __future__ import annotations

from bpfman.images.transport.location import REGISTRY
from bpfman.model.audit import ACCEPTED, REFUSED
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.errors import BpfmanError
    from bpfman.images.trust.demand import Verified


class Part(NamedTuple):
    """What one rule says; `verdict` is one of model.audit.VERDICTS.  `signature` is the one that satisfied it."""

    rule: str
    verdict: str
    reason: str
    signature: Verified | None = None
    error: BpfmanError | None = None


class Decision(NamedTuple):
    """What the rules say together.  bpfman's own comes first; `policy` identifies them all.

    `source` is where the signatures were read; from the cache, `pulled_at` is the Unix time at which the image was
    pulled."""

    image: str
    digest: str
    parts: tuple[Part, ...]
    policy: str
    source: str = REGISTRY
    pulled_at: int | None = None

    @property
    def verdict(self) -> str:
        return self.deciding.verdict

    @property
    def deciding(self) -> Part:
        """The part that decided: a refusal, else a signature that was good, else bpfman's own."""
        found = {part.verdict: part for part in reversed(self.parts)}
        return found.get(REFUSED) or found.get(ACCEPTED) or self.parts[0]

    def check(self) -> Decision:
        """Raises what the first rule that refuses says."""
        refused = next((part.error for part in self.parts if part.error is not None), None)
        if refused is not None:
            raise refused
        return self

    @property
    def verified_digest(self) -> str:
        return self.digest if self.verdict == ACCEPTED else ""
