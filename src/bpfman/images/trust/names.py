# SPDX-License-Identifier: Apache-2.0
"""Whether a signature was made for the name that an image is asked for by.

The rules are those of `signedIdentity` in containers-policy.json(5).  Without one, a signature would be as good for an
image that its maker signed for something else.
"""

from __future__ import annotations

from bpfman.errors import InvalidRequest, TrustMaterialError
from bpfman.images.digest import shown
from bpfman.images.reference import Reference, parse_reference
from bpfman.images.trust import demand
from bpfman.images.trust.refusal import NAME, Refusal
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from bpfman.images.trust.demand import SignedName


class _Name(NamedTuple):
    """A reference as it was written: `version` is empty where it had neither tag nor digest."""

    repository: str  # with its registry
    version: str
    is_digest: bool

    def __str__(self) -> str:
        mark = "@" if self.is_digest else ":"
        return f"{self.repository}{mark}{self.version}" if self.version else self.repository


def check_name(signed: str, image: Reference | None, wanted: SignedName) -> None:
    """Refusal unless `signed`, the name in a signature, is good for `image` (None for one in a file)."""
    if wanted.kind == demand.ANY_NAME or (not signed and wanted.nameless):
        return
    if not signed:
        raise Refusal(NAME, f"it names no image, and {wanted.kind} compares names")
    _RULES[wanted.kind](_parse(signed), image, wanted)


def _parse(text: str) -> _Name:
    try:
        return _name(text)
    except InvalidRequest:
        raise Refusal(NAME, f"it is for {shown(text)}, which is no name of an image") from None


def _name(text: str) -> _Name:
    found = parse_reference(text)
    written = bool(found.digest) or text.endswith(f":{found.tag}")
    return _Name(found.name, found.version if written else "", bool(found.digest))


def _configured(text: str, kind: str) -> _Name:
    try:
        return _name(text)
    except InvalidRequest as error:
        raise TrustMaterialError(f"{kind}: {error}", error.hint) from None


def _of(image: Reference | None, kind: str) -> _Name:
    if image is None:
        raise Refusal(NAME, f"{kind} compares names, and an image in a file has none")
    return _Name(image.name, image.version, bool(image.digest))


def _match_exact(signed: _Name, image: Reference | None, wanted: SignedName) -> None:
    _equal(signed, _of(image, wanted.kind))


def _match_repo_digest_or_exact(signed: _Name, image: Reference | None, wanted: SignedName) -> None:
    _repo_digest_or_exact(signed, _of(image, wanted.kind))


def _repo_digest_or_exact(signed: _Name, asked: _Name) -> None:
    """By a digest any tag will do, but no name without one: such a signature is for no image in particular."""
    if asked.is_digest and signed.version:
        _same_repository(signed, asked)
    else:
        _equal(signed, asked)


def _match_repository(signed: _Name, image: Reference | None, wanted: SignedName) -> None:
    _same_repository(signed, _of(image, wanted.kind))


def _exact_reference(signed: _Name, image: Reference | None, wanted: SignedName) -> None:
    _equal(signed, _configured(wanted.value, wanted.kind))


def _exact_repository(signed: _Name, image: Reference | None, wanted: SignedName) -> None:
    _same_repository(signed, _configured(wanted.value, wanted.kind))


def _remap_identity(signed: _Name, image: Reference | None, wanted: SignedName) -> None:
    asked = _of(image, wanted.kind)
    rest = asked.repository.removeprefix(wanted.prefix)
    if asked.repository.startswith(wanted.prefix) and rest[:1] in ("", "/"):
        asked = asked._replace(repository=wanted.signed_prefix + rest)
    _repo_digest_or_exact(signed, asked)


def _equal(signed: _Name, asked: _Name) -> None:
    if not signed.version or signed != asked:
        nearly = signed.repository == asked.repository and not signed.version
        raise Refusal(NAME, f"it is for {shown(str(signed))}, not for {asked}", _NO_TAG if nearly else "")


_NO_TAG = (
    'cosign signs for a repository, not for a tag: "signedIdentity": {"type": "matchRepository"} in policy.json '
    "takes that"
)


def _same_repository(signed: _Name, asked: _Name) -> None:
    if signed.repository != asked.repository:
        raise Refusal(NAME, f"it is for {shown(str(signed))}, not for {asked.repository}")


_RULES: dict[str, Callable[[_Name, Reference | None, SignedName], None]] = {
    demand.MATCH_EXACT: _match_exact,
    demand.MATCH_REPO_DIGEST_OR_EXACT: _match_repo_digest_or_exact,
    demand.MATCH_REPOSITORY: _match_repository,
    demand.EXACT_REFERENCE: _exact_reference,
    demand.EXACT_REPOSITORY: _exact_repository,
    demand.REMAP_IDENTITY: _remap_identity,
}
