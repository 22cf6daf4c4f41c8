# SPDX-License-Identifier: Apache-2.0
"""Whatever stands in a file of rules, it is read or it is an error that names the file; nothing else happens."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfman.errors import ConfigurationError, MalformedImage, NotCached, TrustMaterialError
from bpfman.images.policy import signing
from bpfman.images.policy.containers.gpg import keyring_of
from bpfman.images.policy.containers.policy import parse_policy
from bpfman.images.policy.evidence import Kept
from bpfman.manager.auditing import audit_settings
from bpfman.store.audit_line import parse_line
from bpfman.store.layout import Layout
from tests.policy.cases import BAD, GPG, SIGSTORE

WORDS = st.sampled_from([
    "default", "transports", "docker", "oci", "type", "keyType", "GPGKeys", "keyPath", "keyPaths", "keyData", "fulcio",
    "pki", "signedIdentity", "matchExact", "remapIdentity", "prefix", "signedBy", "sigstoreSigned", "reject",
    "insecureAcceptAnything", "rekorPublicKeyPath", "/a", "", "eA==", "a.example/b:1", *signing.TOP, *signing.SCOPE,
    "certificate_identity", "certificate_identity_regexp", "drop-packets", "xdp", "quay.io", "directory", "required",
])  # fmt: skip
LEAVES = st.one_of(WORDS, st.text(max_size=8), st.integers(), st.booleans(), st.none(), st.floats())
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(WORDS, st.text(max_size=4)), inner, max_size=5)
    ),
    max_leaves=25,
)


def parts(tree: object) -> list[tuple[object, object]]:
    """Every place in a tree, as the container and the key."""
    if isinstance(tree, dict):
        return [place for key in tree for place in ((tree, key), *parts(tree[key]))]
    if isinstance(tree, list):
        return [place for key in range(len(tree)) for place in ((tree, key), *parts(tree[key]))]
    return []


def copied(tree: object) -> object:
    if isinstance(tree, dict):
        return {key: copied(value) for key, value in tree.items()}
    return [copied(value) for value in tree] if isinstance(tree, list) else tree


@given(TREES)
def test_signing(tree):
    with suppress(ConfigurationError):
        signing.read_signing(tree, "bpfman.toml")


@given(TREES)
def test_auditing(tree):
    with suppress(ConfigurationError):
        audit_settings({"audit": tree}, "bpfman.toml", Layout())


@given(TREES)
def test_policies(tree):
    with suppress(ConfigurationError):
        parse_policy(tree, "policy.json")


@given(st.sampled_from([*GPG.values(), *SIGSTORE.values()]), st.data())
def test_policies_in_which_one_thing_is_another(requirements, data):
    tree = {"default": copied(requirements), "transports": {"docker": {"quay.io": copied(requirements)}}}
    container, key = data.draw(st.sampled_from(parts(tree)))
    container[key] = data.draw(TREES)
    with suppress(ConfigurationError):
        parse_policy(tree, "policy.json")


def test_the_bad_ones_are_all_refused():
    for rules in BAD.values():
        if not isinstance(rules, str):
            with suppress(ConfigurationError):
                parse_policy(rules, "policy.json")
                raise AssertionError(rules)


@given(st.binary(max_size=200))
def test_lines_of_the_trail(line):
    parse_line(line)


@given(st.binary(max_size=200).map(lambda data: b"-----BEGIN PGP PUBLIC KEY BLOCK-----" + data))
def test_keyrings(data):
    with suppress(TrustMaterialError):
        keyring_of(data, "keyring")


@pytest.mark.parametrize(
    "text",
    [
        b"{}",
        b'{"manifests": {"x": 3}}',
        b'{"manifests": {"x": ["!", "", ""]}}',
        b"[]",
        b'{"manifests": {"x": ["\\u0080", "", ""]}}',
    ],
)
@pytest.mark.parametrize("ask", ["manifest", "referrers", "lookaside"])
def test_kept_signatures_that_are_none(text, ask):
    with pytest.raises((NotCached, MalformedImage)):
        getattr(Kept(text, "image"), ask)("x")
