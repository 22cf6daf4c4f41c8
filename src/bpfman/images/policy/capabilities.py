# SPDX-License-Identifier: Apache-2.0
"""Who may load what: rules on what programs can do, judged by the programs themselves.

Read from [signing] and its scopes, asked before anything is loaded.  What a publisher's labels say is not looked at;
the manifest is made of the bytecode at hand (docs/capabilities.md says how, and how sure it is).
"""

from __future__ import annotations

from bpfman.errors import CapabilityRefused
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bpfman.images.capability import CapabilityManifest, ProgramCapabilities
    from bpfman.images.policy.table import Table
    from bpfman.model.program import ProgramSpec

KEYS = ("allow", "forbid", "kinds", "helpers", "forbid_helpers", "kfuncs", "forbid_kfuncs")


class Limits(NamedTuple):
    """What programs may be and do.  None allows all; an empty tuple nothing.

    `allow` and `forbid` are effects, the words of docs/capabilities.md."""

    allow: tuple[str, ...] | None = None
    forbid: tuple[str, ...] = ()
    kinds: tuple[str, ...] | None = None
    helpers: tuple[str, ...] | None = None
    forbid_helpers: tuple[str, ...] = ()
    kfuncs: tuple[str, ...] | None = None
    forbid_kfuncs: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return tuple(self) != _NO_LIMITS

    def check(
        self, rule: str, image: str, manifest: CapabilityManifest, programs: Iterable[ProgramSpec]
    ) -> None:
        """CapabilityRefused unless these programs of the object may be loaded."""
        for spec in programs:
            for program in _meant(spec, manifest):
                if why := next(self._objections(program, spec.type), ""):
                    raise CapabilityRefused(
                        f'program "{program.name}" of image {image} may not be loaded: {why}, by {rule}',
                        "`bpfman image inspect` shows what the programs of an image can do",
                    )

    def _objections(self, program: ProgramCapabilities, kind: str) -> Iterator[str]:
        if self.kinds is not None and kind not in self.kinds:
            yield f"it is of kind {kind}, and only {_listed(self.kinds)} may be"
        yield from _beyond("may", program.effects, self.allow, self.forbid)
        yield from _beyond("calls the helper", program.helpers, self.helpers, self.forbid_helpers)
        yield from _beyond(
            "calls the kernel function", program.kernel_functions, self.kfuncs, self.forbid_kfuncs
        )


def _meant(spec: ProgramSpec, manifest: CapabilityManifest) -> list[ProgramCapabilities]:
    """The programs that are loaded by a name: one, or all functions of a struct_ops.

    All there are for a name that is none of theirs: what could be meant by it is not known here."""
    if spec.type == "struct_ops":
        return [each for each in manifest.programs if each.type == "struct_ops"]
    return [each for each in manifest.programs if each.name == spec.name] or list(manifest.programs)


_NO_LIMITS = (None, (), None, None, (), None, ())


def _beyond(
    does: str, found: Iterable[str], allowed: tuple[str, ...] | None, forbidden: tuple[str, ...]
) -> Iterator[str]:
    for each in found:
        if each in forbidden:
            yield f"it {does} {each}, which is forbidden"
        elif allowed is not None and each not in allowed:
            yield f"it {does} {each}, and only {_listed(allowed)} is allowed"


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(words) or "nothing"


def read_limits(table: Table, base: Limits) -> Limits:
    """The limits in a table; what it does not name is as in `base`.  ConfigurationError."""
    from bpfman.images.capability.effects import EFFECTS
    from bpfman.images.capability.helpers import HELPERS
    from bpfman.model.kinds import KINDS

    known: dict[str, tuple[Iterable[str], str]] = {
        "allow": (EFFECTS, "effect"), "forbid": (EFFECTS, "effect"), "kinds": (KINDS, "kind"),
        "helpers": (HELPERS, "helper"), "forbid_helpers": (HELPERS, "helper"),
    }  # fmt: skip
    words = {key: table.words(key, *known[key]) for key in known if key in table}
    names = {key: table.texts(key) for key in ("kfuncs", "forbid_kfuncs") if key in table}
    return base._replace(**words, **names)
