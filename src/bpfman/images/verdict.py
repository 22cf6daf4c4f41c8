# SPDX-License-Identifier: Apache-2.0
"""Why an image may be used: the outcome of a decision, as it is kept beside a cached image.

Made by `pulling` of what the rules say, kept by `cache`, told by the commands and by the audit trail.
"""

from __future__ import annotations

from bpfman.model.audit import UNVERIFIED
from bpfman.model.value import NamedTuple


class Verdict(NamedTuple):
    """`verdict` is one of model.audit.VERDICTS; then the rule that decided, its reason, and what identifies the rules
    that were in force.  `verified_digest` is what a signature was found good for; empty without one."""

    verdict: str = ""
    rule: str = ""
    reason: str = ""
    policy: str = ""
    verified_digest: str = ""


UNDECIDED = Verdict()
NO_RULES = Verdict(UNVERIFIED, reason="the program that asked does not ask for signatures")
