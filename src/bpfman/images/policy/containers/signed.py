# SPDX-License-Identifier: Apache-2.0
"""Reads the requirements of policy.json that ask for signatures: by whom, and for which name.

Called by `policy`.  What may stand together is what containers/image accepts (signature/policy_config.go and
policy_config_sigstore.go).
"""

from __future__ import annotations

import re

from bpfman.errors import InvalidRequest
from bpfman.images.policy.containers.fields import Fields
from bpfman.images.policy.containers.requirement import Fulcio, PkiRequirement, Requirement
from bpfman.images.reference import parse_reference
from bpfman.images.trust import demand
from bpfman.images.trust.demand import SignedName

_KEY_TYPES = ("GPGKeys", "signedByGPGKeys", "X509Certificates", "signedByX509CAs")
_GPG_KEYS = ("keyPath", "keyPaths", "keyData")
_KEYS = ("keyPath", "keyPaths", "keyData", "keyDatas")
_LOGS = ("rekorPublicKeyPath", "rekorPublicKeyPaths", "rekorPublicKeyData", "rekorPublicKeyDatas")
_REMAPPED = re.compile(r"[A-Za-z0-9.\[\]:_-]+(?:/[a-z0-9._-]+)*")


def read_signed_by(found: object, where: str, file: str) -> Requirement:
    fields = Fields(found, where, file, ("type", "keyType", *_GPG_KEYS, "signedIdentity"))
    key_type = fields.text("keyType")
    if key_type not in _KEY_TYPES:
        raise fields.wrong(
            f'has the keyType "{key_type}", which is none', "it is GPGKeys for all that use it"
        )
    keys = fields.blobs(fields.one_of(_GPG_KEYS))
    return Requirement(fields.text("type"), keys=keys, name=_signed_identity(fields), key_type=key_type)


def read_signed_base_layer(found: object, where: str, file: str) -> Requirement:
    fields = Fields(found, where, file, ("type", "baseLayerIdentity"))
    return Requirement(fields.text("type"), name=_name(fields.required("baseLayerIdentity"), where, file))


def read_sigstore_signed(found: object, where: str, file: str) -> Requirement:
    fields = Fields(found, where, file, ("type", *_KEYS, "fulcio", "pki", *_LOGS, "signedIdentity"))
    source = fields.one_of((*_KEYS, "fulcio", "pki"))
    log = fields.one_of(_LOGS, at_least=0)
    if source == "fulcio" and not log:
        raise fields.wrong(
            "has fulcio and none of " + ", ".join(_LOGS), "a log must prove when it was signed"
        )
    if source == "pki" and log:
        raise fields.wrong(f"has pki and {log}", "signatures by certificates of one's own are in no log")
    return Requirement(
        fields.text("type"),
        keys=fields.blobs(source) if source in _KEYS else (),
        fulcio=_fulcio(fields, file) if source == "fulcio" else None,
        pki=_pki(fields, file) if source == "pki" else None,
        logs=fields.blobs(log) if log else (),
        name=_signed_identity(fields),
    )


def _fulcio(requirement: Fields, file: str) -> Fulcio:
    where = f"{requirement.where}.fulcio"
    fields = Fields(
        requirement.required("fulcio"), where, file, ("caPath", "caData", "oidcIssuer", "subjectEmail")
    )
    (authority,) = fields.blobs(fields.one_of(("caPath", "caData")))
    return Fulcio(authority, fields.text("oidcIssuer"), fields.text("subjectEmail"))


def _pki(requirement: Fields, file: str) -> PkiRequirement:
    roots, between = ("caRootsPath", "caRootsData"), ("caIntermediatesPath", "caIntermediatesData")
    names = ("subjectEmail", "subjectHostname")
    fields = Fields(requirement.required("pki"), f"{requirement.where}.pki", file, (*roots, *between, *names))
    if not any(name in fields for name in names):
        raise fields.wrong("must have subjectEmail or subjectHostname")
    intermediates = fields.one_of(between, at_least=0)
    return PkiRequirement(
        fields.blobs(fields.one_of(roots))[0],
        fields.blobs(intermediates)[0] if intermediates else None,
        fields.optional("subjectEmail"),
        fields.optional("subjectHostname"),
    )


def _signed_identity(fields: Fields) -> SignedName:
    if "signedIdentity" not in fields:
        return SignedName(demand.MATCH_REPO_DIGEST_OR_EXACT, nameless=False)
    return _name(fields.required("signedIdentity"), f"{fields.where}.signedIdentity", fields.file)


def _name(found: object, where: str, file: str) -> SignedName:
    kinds = {
        demand.MATCH_EXACT: (), demand.MATCH_REPO_DIGEST_OR_EXACT: (), demand.MATCH_REPOSITORY: (),
        demand.EXACT_REFERENCE: ("dockerReference",), demand.EXACT_REPOSITORY: ("dockerRepository",),
        demand.REMAP_IDENTITY: ("prefix", "signedPrefix"),
    }  # fmt: skip
    kind = found.get("type") if isinstance(found, dict) else None
    if not isinstance(kind, str) or kind not in kinds:
        raise Fields({}, where, file, ()).wrong(
            f"has the type {kind!r}, which is none", "types: " + ", ".join(kinds)
        )
    fields = Fields(found, where, file, ("type", *kinds[kind]))
    values = [fields.text(key) for key in kinds[kind]]
    if kind == demand.REMAP_IDENTITY:
        prefix, signed = (_prefix(fields, key) for key in kinds[kind])
        return SignedName(kind, prefix=prefix, signed_prefix=signed, nameless=False)
    return SignedName(kind, _reference(fields, kind, values[0]) if values else "", nameless=False)


def _reference(fields: Fields, kind: str, value: str) -> str:
    try:
        found = parse_reference(value)
    except InvalidRequest as error:
        raise fields.wrong(f"names no image: {error}", error.hint) from None
    if kind == demand.EXACT_REFERENCE and not found.digest and not value.endswith(f":{found.tag}"):
        raise fields.wrong(f'"{value}" has neither tag nor digest')
    return value


def _prefix(fields: Fields, key: str) -> str:
    value = fields.text(key)
    if not _REMAPPED.fullmatch(value):
        raise fields.wrong(f'"{key}" is "{value}", which no image\'s name begins with')
    return value
