# SPDX-License-Identifier: Apache-2.0
"""bpfman's own rules: [signing] of its configuration file, and the scopes in it.

Called with the table that somebody else read.  What is mistyped is an error that names the key: nothing about
security is ignored.  Reads no key; a rule keeps what the file says, and `material` reads it.
"""

from __future__ import annotations

import re

from bpfman.errors import BpfmanError
from bpfman.images.policy.capabilities import KEYS as LIMITS
from bpfman.images.policy.capabilities import Limits, read_limits
from bpfman.images.policy.scope_name import check_scope
from bpfman.images.policy.scopes import most_specific, own_scopes
from bpfman.images.policy.table import Table
from bpfman.images.trust.demand import Identity, fingerprint
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpfman.images.transport.location import Location

COMMAND_LINE = "the command line"  # where a rule is from that no file says
_SIGNERS = ("keys", "trusted_identities")
_SHARED = (
    "allow_unsigned", "verify_enabled", *_SIGNERS, "trusted_root", "require_log", "require_timestamp", "revoked",
    *LIMITS,
)  # fmt: skip
TOP = (*_SHARED, "containers_policy", "scopes")
SCOPE = (*_SHARED, "scope", "reject")
IDENTITY = (
    "certificate_identity", "certificate_identity_regexp", "certificate_oidc_issuer", "certificate_oidc_issuer_regexp"
)  # fmt: skip
_WILDCARDS = (".*", ".+", "^.*$", "^.+$")


class Rule(NamedTuple):
    """What is asked of images in a scope; `where` it is written.

    `keys` are files or PEM, `trusted_root` is a file, `revoked` has fingerprints.  Without keys and identities
    anybody's certificate is good.  `require_log` is None where the file does not say."""

    where: str
    allow_unsigned: bool = True
    verify_enabled: bool = True
    keys: tuple[str, ...] = ()
    identities: tuple[Identity, ...] = ()
    trusted_root: str = ""
    require_log: bool | None = None
    require_timestamp: bool = False
    revoked: frozenset[str] = frozenset()
    reject: bool = False
    limits: Limits = Limits()

    @property
    def any_identity(self) -> bool:
        return not self.keys and not self.identities

    @property
    def needs_instance(self) -> bool:
        """Whether it asks for certificates, a log or timestamps, which are a sigstore instance's."""
        return self.any_identity or bool(self.identities) or bool(self.require_log) or self.require_timestamp

    @property
    def names_nobody(self) -> bool:
        """Whether it leaves to others who must sign: then a signature that policy.json asks for is not its business."""
        asks = self.trusted_root or self.require_log is not None or self.require_timestamp or self.reject
        return self.any_identity and not asks


class Signing(NamedTuple):
    """All of [signing].  `containers_policy` is a file to use in place of policy.json's usual places; empty for those,
    None for none."""

    file: str
    rule: Rule
    scopes: Mapping[str, Rule] = {}
    containers_policy: str | None = ""

    def rule_for(self, location: Location) -> Rule:
        """The rule of the most specific scope that the image is in."""
        found = most_specific(own_scopes(location), self.scopes) if self.scopes else None
        return self.rule if found is None else found[1]


def default_signing(file: str) -> Signing:
    """What holds without a configuration file: images without a signature are accepted, with a warning."""
    return Signing(file, Rule(f"the default of [signing] in {file}"))


def read_signing(found: object, file: str) -> Signing:
    """ConfigurationError for whatever cannot be meant."""
    table = Table(found, "signing", file, TOP)
    rule = _read_rule(table, Rule(f"[signing] of {file}"))
    scopes: dict[str, Rule] = {}
    for each in table.tables("scopes", SCOPE):
        scope, scoped = _read_scope(each, rule, file)
        if scope in scopes:
            raise each.wrong(f'{each.name}: scope "{scope}" is there twice', "put both into one table")
        scopes[scope] = scoped
    return Signing(file, rule, scopes, _containers_policy(table))


def _containers_policy(table: Table) -> str | None:
    if table.raw("containers_policy") is False:
        return None
    path = table.text("containers_policy")
    if path and not path.startswith("/"):
        raise table.unexpected(
            "containers_policy", path, "the absolute path of a policy.json, or false for none"
        )
    return path


def _read_scope(table: Table, base: Rule, file: str) -> tuple[str, Rule]:
    if "scope" not in table:
        raise table.wrong(
            f"{table.name} has no scope", 'say which images it is about: scope = "quay.io/acme"'
        )
    scope = check_scope(table.text("scope"), table)
    reject = table.boolean("reject", False)
    rule = _read_rule(table, base._replace(where=f'signing.scopes "{scope}" of {file}', reject=reject))
    others = [key for key in _SHARED if key in table]
    if reject and others:
        raise table.wrong(
            f"{table.name} rejects all images and has {others[0]} too", "one of the two is in vain"
        )
    return scope, rule


def _read_rule(table: Table, base: Rule) -> Rule:
    """What the table says; for the rest, what `base` does.  Who names signers in a scope wants their signatures."""
    signers = any(key in table for key in _SIGNERS)
    scoped = "scopes" in table.name
    unsigned = base.allow_unsigned and not (scoped and signers)
    return Rule(
        where=base.where,
        allow_unsigned=table.boolean("allow_unsigned", unsigned),
        verify_enabled=table.boolean("verify_enabled", base.verify_enabled or signers),
        keys=_keys(table) if signers else base.keys,
        identities=_identities(table) if signers else base.identities,
        trusted_root=table.path("trusted_root") or base.trusted_root,
        require_log=table.boolean("require_log", False) if "require_log" in table else base.require_log,
        require_timestamp=table.boolean("require_timestamp", base.require_timestamp),
        revoked=base.revoked | _revoked(table),
        reject=base.reject,
        limits=read_limits(table, base.limits),
    )


def _keys(table: Table) -> tuple[str, ...]:
    found = table.texts("keys")
    for key in found:
        if not key.startswith("/") and not is_pem(key):
            raise table.unexpected("keys", key, "absolute paths of public keys, or the keys in PEM")
    return found


def is_pem(text: str) -> bool:
    return text.lstrip().startswith("-----BEGIN ")


def _revoked(table: Table) -> frozenset[str]:
    found = set()
    for text in table.texts("revoked"):
        try:
            found.add(fingerprint(text))
        except BpfmanError as error:
            raise table.wrong(f"{table.name}.revoked: {error}", error.hint) from None
    return frozenset(found)


def _identities(table: Table) -> tuple[Identity, ...]:
    tables = table.tables("trusted_identities", IDENTITY)
    found = tuple(_identity(each) for each in tables)
    if len(found) > 1 and any(map(_is_anybody, found)):
        raise table.wrong(
            f"{table.name}.trusted_identities has one that everybody matches beside others",
            "leave out the one with .* as identity and as issuer, or all others",
        )
    return found


def _identity(table: Table) -> Identity:
    subject, subject_regexp = _one_of(table, *IDENTITY[:2])
    issuer, issuer_regexp = _one_of(table, *IDENTITY[2:])
    return Identity(subject, subject_regexp, issuer, issuer_regexp)


def _one_of(table: Table, exact: str, regexp: str) -> tuple[str, str]:
    if (exact in table) == (regexp in table):
        both = "both" if exact in table else "neither"
        raise table.wrong(
            f"{table.name} has {both} of {exact} and {regexp}", "it needs exactly one of the two"
        )
    pattern = table.text(regexp)
    try:
        re.compile(pattern)
    except re.error as error:
        raise table.wrong(
            f'{table.name}.{regexp}: "{pattern[:60]}" is no regular expression: {error}'
        ) from None
    return table.text(exact), pattern


def _is_anybody(identity: Identity) -> bool:
    return identity.subject_regexp in _WILDCARDS and identity.issuer_regexp in _WILDCARDS
