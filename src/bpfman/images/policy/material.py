# SPDX-License-Identifier: Apache-2.0
"""Reads what rules name: keys, certificates, trusted roots.  And what identifies rules: their words and those contents.

Called before a cached verdict is believed, so it imports nothing that reads keys.  A file that cannot be read is an
error, not a rule less.
"""

from __future__ import annotations

from bpfman.errors import ConfigurationError
from bpfman.images import documents
from bpfman.images.digest import digest_of
from bpfman.images.limits import read_file
from bpfman.images.policy.signing import is_pem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from bpfman.images.policy.containers.requirement import Blob, Requirement
    from bpfman.images.policy.signing import Rule

_MAX = 8 << 20  # bytes of a keyring or trusted root


def read_material(path: str, rule: str) -> bytes:
    """A file that a rule names."""
    try:
        return read_file(path, _MAX)
    except OSError as error:
        raise ConfigurationError(
            f"cannot read {path}, named by {rule}: {error.strerror}",
            "without it, nothing can be verified by that rule",
        ) from None


def key_data(key: str, rule: str) -> bytes:
    """A key of [signing]: the PEM in the file itself, or in a file."""
    return key.encode() if is_pem(key) else read_material(key, rule)


def blob_data(blob: Blob, rule: str) -> bytes:
    return read_material(blob.path, rule) if blob.path else blob.data


def identity_of(rule: Rule, requirements: tuple[Requirement, ...] | None, where: str) -> str:
    """The digest of what decides: the same for the same rules, whichever words and files they are in."""
    described = {"signing": _describe_rule(rule)}
    if requirements is not None:
        described["containers"] = [_describe(each, where) for each in requirements]
    return digest_of(documents.dump(described))


def _describe_rule(rule: Rule) -> Any:
    if not rule.verify_enabled or rule.reject:  # then nothing else is looked at before loading
        revoked = sorted(rule.revoked)  # which policy.json's signatures are held against too
        return {"verify_enabled": rule.verify_enabled, "reject": rule.reject, "revoked": revoked}
    return {
        "allow_unsigned": rule.allow_unsigned,
        "keys": sorted(digest_of(key_data(key, rule.where)) for key in rule.keys),
        "identities": sorted(map(list, rule.identities)),
        "trusted_root": digest_of(read_material(rule.trusted_root, rule.where)) if rule.trusted_root else "",
        "require_log": rule.require_log,
        "require_timestamp": rule.require_timestamp,
        "revoked": sorted(rule.revoked),
    }


def _describe(value: Any, where: str) -> Any:
    """A requirement with the contents of its files in place of their names."""
    from bpfman.images.policy.containers.requirement import Blob

    if isinstance(value, Blob):
        return digest_of(blob_data(value, where))
    if isinstance(value, bytes):
        return digest_of(value)
    return [_describe(each, where) for each in value] if isinstance(value, tuple) else value
