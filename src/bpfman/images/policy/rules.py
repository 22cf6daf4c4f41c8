# SPDX-License-Identifier: Apache-2.0
"""The rules of a machine, asked together: bpfman's own and policy.json must both agree.

Made by `manager` of what the machine's files say, asked by what pulls before anything of an image is unpacked, and by
`image verify`, which shows what they say.
"""

from __future__ import annotations

import time
from functools import cache, partial

from bpfman.errors import ConfigurationError, ImageError, TrustMaterialError, Unsupported, Untrusted
from bpfman.images.policy.containers.requirement import SIGNED
from bpfman.images.policy.decision import Decision, Part
from bpfman.images.policy.material import identity_of
from bpfman.images.policy.public import public_root
from bpfman.model.audit import REFUSED, UNVERIFIED
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bpfman.images.capability import CapabilityManifest
    from bpfman.images.policy.containers.requirement import Policy, Requirement
    from bpfman.images.policy.evidence import Evidence
    from bpfman.images.policy.signing import Rule, Signing
    from bpfman.images.transport.location import Location
    from bpfman.model.program import ProgramSpec

# What somebody on this machine must put right, or whoever signs: a decision not to use the image.
REFUSALS = (Untrusted, ConfigurationError, TrustMaterialError, Unsupported)


class Applicable(NamedTuple):
    """The rules that one image is under; `requirements` is None where the machine has no policy.json.

    `left_to_others` is whether bpfman's own names nobody and policy.json does: then who signs is not its business."""

    own: Rule
    requirements: tuple[Requirement, ...] | None
    where: str
    left_to_others: bool = False


class Rules:
    """`environment` says whose home directory registries.d is looked for in; in `cache_dir` may be a newer trusted root
    of the public sigstore instance; `now` is asked for the Unix time."""

    def __init__(
        self,
        signing: Signing,
        containers: Policy | None,
        environment: Mapping[str, str],
        cache_dir: str = "",
        now: Callable[[], float] = time.time,
    ) -> None:
        self._signing = signing
        self._containers = containers
        self._environment = environment
        self._cache_dir = cache_dir
        self._now = now

    def applicable(self, location: Location) -> Applicable:
        rule = own = self._signing.rule_for(location)
        if own.needs_instance and not own.trusted_root:
            own = own._replace(trusted_root=public_root(self._cache_dir))
        if self._containers is None:
            return Applicable(own, None, "")
        from bpfman.images.policy.containers.policy import requirements_for

        where, requirements = requirements_for(self._containers, location)
        signed = any(each.type in SIGNED for each in requirements)
        return Applicable(own, requirements, where, left_to_others=rule.names_nobody and signed)

    def with_rule(self, location: Location, change: Callable[[Rule], Rule]) -> Rules:
        """The same, but with bpfman's own rule for that image changed."""
        rule = change(self._signing.rule_for(location))
        signing = self._signing._replace(rule=rule, scopes={})
        return Rules(signing, self._containers, self._environment, self._cache_dir, self._now)

    def policy(self, location: Location) -> str:
        """Identifies the rules that an image is under.  ConfigurationError where what they name cannot be read."""
        return _identity(self.applicable(location))

    def decide(self, location: Location, digests: tuple[str, ...], evidence: Evidence) -> Decision:
        """What all the rules say, also where the first refuses.

        `digests` are what the name leads to (an index, perhaps), and the platform's own manifest if that is another."""
        found = self.applicable(location)
        parts = [_asked(found.own.where, location, lambda: self._own(found, location, digests, evidence))]
        if found.requirements:
            parts += self._required(found, found.requirements, location, digests[-1], evidence)
        return Decision(str(location), digests[0], tuple(parts), _identity(found))

    def _own(
        self, found: Applicable, location: Location, digests: tuple[str, ...], evidence: Evidence
    ) -> Part:
        from bpfman.images.policy.own import judge

        if found.left_to_others:
            return Part(found.own.where, UNVERIFIED, f"it names nobody, and {found.where} says who must sign")
        return judge(found.own, location, digests, evidence, self._now())

    def _required(
        self,
        found: Applicable,
        requirements: tuple[Requirement, ...],
        location: Location,
        digest: str,
        evidence: Evidence,
    ) -> Iterator[Part]:
        """What policy.json says; its requirements are judged by one reading of registries.d."""
        from bpfman.images.policy.containers.judging import Subject, judge
        from bpfman.images.policy.containers.registries import read_registries

        registries = cache(partial(read_registries, self._environment))
        subject = Subject(location, digest, evidence, registries, self._now(), found.own.revoked)
        for each in requirements:
            yield _asked(found.where, location, partial(judge, each, found.where, subject))

    def admit(
        self,
        location: Location,
        manifest: Callable[[], CapabilityManifest],
        programs: tuple[ProgramSpec, ...],
    ) -> None:
        """CapabilityRefused unless these programs may be loaded; `manifest` is asked only where there is a rule."""
        rule = self._signing.rule_for(location)
        if rule.limits:
            rule.limits.check(rule.where, str(location), manifest(), programs)


def _identity(found: Applicable) -> str:
    return identity_of(found.own, found.requirements, found.where)


def _asked(rule: str, location: Location, ask: Callable[[], Part]) -> Part:
    """What a rule says; a refusal is an answer.  Where signatures cannot be looked up, nothing is known: refused."""
    try:
        return ask()
    except REFUSALS as error:
        return Part(rule, REFUSED, str(error), error=error)
    except ImageError as error:
        unknown = Untrusted(f"the signatures of image {location} cannot be looked up: {error}", error.hint)
        return Part(rule, REFUSED, str(unknown), error=unknown)
