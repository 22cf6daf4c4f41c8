# SPDX-License-Identifier: Apache-2.0
"""What an image passes before it is used: the rules of the machine, the rules on what programs can do, the audit trail.

Called by `images`, for each image once.  The library is behind the same gate as the command line: who wants no rules
says so.
"""

from __future__ import annotations

from contextlib import contextmanager

from bpfman.errors import BpfmanError
from bpfman.images.verdict import UNDECIDED, Verdict
from bpfman.manager.configuration import read_config_if_there
from bpfman.model.audit import LOAD, REFUSED, UNSIGNED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import Any, Literal

    from bpfman.images.capability import CapabilityManifest
    from bpfman.images.policy.decision import Decision
    from bpfman.images.policy.evidence import Evidence
    from bpfman.images.policy.rules import Rules
    from bpfman.images.pulling import Judge, Pulled, Trust
    from bpfman.images.transport.location import Location
    from bpfman.manager.auditing import Auditor
    from bpfman.model.audit import Who
    from bpfman.model.program import ProgramSpec
    from bpfman.store.layout import Layout

    Trusting = Trust | Literal["everybody"] | None


class Guard:
    """Makes gates.  `trust` None stands for the rules of the machine, which are read when they are needed; a trusted
    root that was fetched for them is in `cache_dir`."""

    def __init__(
        self,
        trust: Trusting,
        config: str,
        environment: Mapping[str, str],
        who: Who | None,
        warn: Callable[[str], None],
        cache_dir: str,
    ) -> None:
        self._trust = trust
        self._path = config
        self._environment = environment
        self._who = who
        self._warn = warn
        self._cache_dir = cache_dir
        self._config: Mapping[str, Any] | None = None

    @property
    def trust(self) -> Trust | None:
        """The rules; None for none.  ConfigurationError for those of the machine that cannot be understood."""
        if self._trust is None:
            self._trust = self.machine()
        return None if self._trust == "everybody" else self._trust

    def machine(self) -> Rules:
        """The rules of the machine, whatever rules this library works by."""
        from bpfman.manager.trust import machine_rules

        return machine_rules(self._configuration(), self._path, self._environment, self._cache_dir)

    def gate(self, action: str, image: str, programs: tuple[ProgramSpec, ...], layout: Layout | None) -> Gate:
        """The way in for one image; without a layout nothing is recorded."""
        auditor = None if layout is None else self.auditor(layout)
        try:
            trust = self.trust
        except BpfmanError as error:
            if auditor is not None:
                auditor.record(action, image, "", Verdict(REFUSED, self._path, str(error)), _names(programs))
            raise
        return Gate(trust, auditor, action, image, programs, self._warn, self._path)

    def auditor(self, layout: Layout) -> Auditor:
        from bpfman.manager.auditing import Auditor, audit_settings, this_process

        settings = audit_settings(self._configuration(), self._path, layout)
        return Auditor(settings, self._who or this_process(), self._warn)

    def _configuration(self) -> Mapping[str, Any]:
        if self._config is None:
            self._config = read_config_if_there(self._path)
        return self._config


class Gate:
    """Judges for a Puller, and records what refuses; `pass_through` is the last step before an image is used."""

    def __init__(
        self, trust: Trust | None, auditor: Auditor | None, action: str, image: str, programs: tuple[ProgramSpec, ...],
        warn: Callable[[str], None], config: str,
    ) -> None:  # fmt: skip
        self._trust = trust
        self._auditor = auditor
        self._action = action
        self._image = image
        self._programs = programs
        self._warn = warn
        self._config = config

    @property
    def rules(self) -> Judge | None:
        """For the Puller: itself, or None where there are no rules."""
        return None if self._trust is None else self

    def policy(self, location: Location) -> str:
        assert self._trust is not None
        with self._recording(""):
            return self._trust.policy(location)

    def decide(self, location: Location, digests: tuple[str, ...], evidence: Evidence) -> Decision:
        assert self._trust is not None
        with self._recording(digests[0]):
            return self._trust.decide(location, digests, evidence)

    def check(self, decision: Decision) -> Decision:
        """The decision that counts: raises what a refusal says, and records it."""
        if decision.verdict == REFUSED:
            part = decision.deciding
            self._record(decision.digest, Verdict(REFUSED, part.rule, part.reason, decision.policy))
        return decision.check()

    def pass_through(
        self, location: Location, pulled: Pulled, manifest: Callable[[], CapabilityManifest]
    ) -> None:
        """Let an image in, record that, and warn where nobody vouches for it.  CapabilityRefused, StoreError."""
        if self._trust is not None:
            with self._recording(pulled.digest, pulled.verdict):
                self._trust.admit(location, manifest, self._programs)
        self._record(pulled.digest, pulled.verdict, cached=pulled.from_cache)
        if pulled.verdict.verdict == UNSIGNED:
            self._warn(
                f"image {self._image} has no signature: nobody vouches for "
                f"{'what was loaded' if self._action == LOAD else 'it'}. To refuse such images, write "
                f"`allow_unsigned = false` below [signing] in {self._config}"
            )

    @contextmanager
    def _recording(self, digest: str, known: Verdict = UNDECIDED) -> Iterator[None]:
        """Whatever keeps an image out by an error is a refusal, by the rule that is `known`."""
        try:
            yield
        except BpfmanError as error:
            self._record(digest, known._replace(verdict=REFUSED, reason=str(error)))
            raise

    def _record(self, digest: str, verdict: Verdict, *, cached: bool = False) -> None:
        if self._auditor is not None:
            self._auditor.record(
                self._action, self._image, digest, verdict, _names(self._programs), cached=cached
            )


def _names(programs: tuple[ProgramSpec, ...]) -> tuple[str, ...]:
    return tuple(each.name for each in programs)
