# SPDX-License-Identifier: Apache-2.0
"""[signing]: what its keys mean, which scope decides, and that nothing mistyped is passed over."""

from __future__ import annotations

import tomllib

import pytest

from bpfman.errors import ConfigurationError
from bpfman.images.policy.signing import default_signing, read_signing
from bpfman.images.transport.location import parse_location
from bpfman.images.trust.demand import Identity

PEM = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"
FINGERPRINT = "ab" * 32


def read(text: str):
    return read_signing(tomllib.loads(text).get("signing", {}), "bpfman.toml")


def rule_for(text: str, image: str):
    return read(text).rule_for(parse_location(image))


def test_without_a_word_unsigned_images_are_accepted_and_signatures_verified():
    for rule in (default_signing("bpfman.toml").rule, read("[signing]").rule):
        assert rule.allow_unsigned
        assert rule.verify_enabled
        assert rule.any_identity
        assert not rule.reject
        assert not rule.limits


def test_all_keys():
    rule = read(f"""
[signing]
allow_unsigned = false
verify_enabled = true
keys = ["/etc/bpfman/acme.pub", '''{PEM}''']
trusted_root = "/etc/bpfman/root.json"
require_log = true
require_timestamp = true
revoked = ["{FINGERPRINT}", "SHA256:{":".join(["CD"] * 32)}"]
forbid = ["drop-packets"]
allow = ["report-events"]
kinds = ["xdp", "tc"]
helpers = ["map_lookup_elem"]
forbid_helpers = ["probe_write_user"]
kfuncs = []
forbid_kfuncs = ["bpf_sock_destroy"]
[[signing.trusted_identities]]
certificate_identity = "dev@acme.example"
certificate_oidc_issuer = "https://accounts.acme.example"
[[signing.trusted_identities]]
certificate_identity_regexp = "https://github.com/acme/.*"
certificate_oidc_issuer_regexp = "https://token[.]actions[.].*"
""").rule
    assert not rule.allow_unsigned
    assert rule.keys == ("/etc/bpfman/acme.pub", PEM)
    assert rule.trusted_root == "/etc/bpfman/root.json"
    assert rule.require_log is True
    assert rule.require_timestamp
    assert rule.revoked == {FINGERPRINT, "cd" * 32}
    assert rule.identities == (
        Identity(subject="dev@acme.example", issuer="https://accounts.acme.example"),
        Identity(subject_regexp="https://github.com/acme/.*", issuer_regexp="https://token[.]actions[.].*"),
    )
    limits = rule.limits
    assert (limits.forbid, limits.allow, limits.kinds) == (
        ("drop-packets",),
        ("report-events",),
        ("xdp", "tc"),
    )
    assert (limits.helpers, limits.forbid_helpers) == (("map_lookup_elem",), ("probe_write_user",))
    assert (limits.kfuncs, limits.forbid_kfuncs) == ((), ("bpf_sock_destroy",))


def test_patterns_must_match_all_of_a_name():
    identity = read("""
[[signing.trusted_identities]]
certificate_identity_regexp = "dev@acme"
certificate_oidc_issuer_regexp = "https://a|https://b"
""").rule.identities[0]
    assert identity.matches_subject("dev@acme")
    assert not identity.matches_subject("dev@acme.evil.example")
    assert not identity.matches_subject("evil-dev@acme")
    assert identity.matches_issuer("https://b")
    assert not identity.matches_issuer("https://b.evil.example")


SCOPED = """
[signing]
allow_unsigned = true
keys = ["/top.pub"]
revoked = ["{FINGERPRINT}"]
forbid = ["send-signals"]

[[signing.scopes]]
scope = "quay.io"
allow_unsigned = false

[[signing.scopes]]
scope = "quay.io/acme"
keys = ["/acme.pub"]

[[signing.scopes]]
scope = "quay.io/acme/tools"
allow_unsigned = true
forbid = ["drop-packets"]
revoked = ["{OTHER}"]

[[signing.scopes]]
scope = "quay.io/evil"
reject = true

[[signing.scopes]]
scope = "*.corp.example"
verify_enabled = false

[[signing.scopes]]
scope = "oci-archive:"
allow_unsigned = false
""".replace("{FINGERPRINT}", FINGERPRINT).replace("{OTHER}", "ef" * 32)


@pytest.mark.parametrize(
    ("image", "allow", "verify", "keys", "reject"),
    [
        ("docker.io/acme/x", True, True, ("/top.pub",), False),
        ("quay.io/other/x", False, True, ("/top.pub",), False),
        ("quay.io/acme/x", False, True, ("/acme.pub",), False),
        ("quay.io/acme/tools:1", True, True, ("/top.pub",), False),
        ("quay.io/evil/x", True, True, ("/top.pub",), True),
        ("a.corp.example/x", True, False, ("/top.pub",), False),
        ("oci-archive:/srv/x.tar", False, True, ("/top.pub",), False),
        ("oci:/srv/x", True, True, ("/top.pub",), False),
    ],
)
def test_the_most_specific_scope_decides(image, allow, verify, keys, reject):
    rule = rule_for(SCOPED, image)
    assert (rule.allow_unsigned, rule.verify_enabled, rule.keys, rule.reject) == (allow, verify, keys, reject)


def test_a_scope_takes_over_what_it_does_not_say():
    rule = rule_for(SCOPED, "quay.io/acme/tools:1")
    assert rule.limits.forbid == ("drop-packets",)
    assert rule.revoked == {FINGERPRINT, "ef" * 32}  # what is revoked stays so
    assert rule_for(SCOPED, "quay.io/acme/x").limits.forbid == ("send-signals",)
    assert rule.where == 'signing.scopes "quay.io/acme/tools" of bpfman.toml'


def test_who_names_signers_in_a_scope_wants_their_signatures():
    assert not rule_for('[[signing.scopes]]\nscope = "quay.io"\nkeys = ["/k"]', "quay.io/x").allow_unsigned
    named = '[[signing.scopes]]\nscope = "quay.io"\nkeys = ["/k"]\nallow_unsigned = true'
    assert rule_for(named, "quay.io/x").allow_unsigned
    assert read('[signing]\nkeys = ["/k"]').rule.allow_unsigned  # the top says what it says


def test_the_other_policy_can_be_elsewhere_or_left_out():
    assert read("[signing]").containers_policy == ""
    assert read('[signing]\ncontainers_policy = "/srv/policy.json"').containers_policy == "/srv/policy.json"
    assert read("[signing]\ncontainers_policy = false").containers_policy is None


IDENTITY = "[[signing.trusted_identities]]\n"
SCOPE = '[[signing.scopes]]\nscope = "quay.io"\n'

BAD = {
    "signing = 3": ("signing is 3, expected a table", ""),
    "[[signing]]": ("signing is an array, expected a table", ""),
    "[signing]\nallow_unsined = false": ('signing has no key "allow_unsined"', "did you mean allow_unsigned?"),
    "[signing]\nAllow_Unsigned = false": ('signing has no key "Allow_Unsigned"', "did you mean allow_unsigned?"),
    "[signing]\nrequire = true": ('signing has no key "require"', "require_"),
    "[signing]\nreject = true": ('signing has no key "reject"', ""),
    '[signing]\nallow_unsigned = "false"': ('signing.allow_unsigned is "false", expected true or false', ""),
    "[signing]\nallow_unsigned = 0": ("signing.allow_unsigned is 0, expected true or false", ""),
    "[signing]\nverify_enabled = 1": ("signing.verify_enabled is 1, expected true or false", ""),
    "[signing]\nrequire_log = 'yes'": ('signing.require_log is "yes"', ""),
    "[signing]\nkeys = '/a.pub'": ("signing.keys is", ""),
    "[signing]\nkeys = [1]": ("signing.keys has 1 in it", ""),
    "[signing]\nkeys = ['']": ('signing.keys has "" in it', ""),
    "[signing]\nkeys = ['acme.pub']": ('signing.keys is "acme.pub"', ""),
    "[signing]\ntrusted_root = 'root.json'": ('signing.trusted_root is "root.json"', ""),
    "[signing]\ntrusted_root = ''": ("signing.trusted_root is", ""),
    "[signing]\nrevoked = ['abc']": ("is no fingerprint", "openssl"),
    "[signing]\nforbid = ['drop-packet']": ('signing.forbid: "drop-packet" is no effect', "did you mean drop-packets"),
    "[signing]\nforbid = 'drop-packets'": ("signing.forbid is", ""),
    "[signing]\nallow = ['everything']": ('"everything" is no effect', "effects: "),
    "[signing]\nkinds = ['xpd']": ('"xpd" is no kind', "xdp"),
    "[signing]\nhelpers = ['map_lookup']": ('"map_lookup" is no helper', "map_lookup_elem"),
    "[signing]\ncontainers_policy = true": ("signing.containers_policy is true", ""),
    "[signing]\ncontainers_policy = 'x'": ("signing.containers_policy is", ""),
    "[signing]\ntrusted_identities = {}": ("signing.trusted_identities is a table", ""),
    "[signing]\ntrusted_identities = ['a']": ("signing.trusted_identities is", ""),
    f"{IDENTITY}": ("neither of certificate_identity and certificate_identity_regexp", "exactly one"),
    f"{IDENTITY}certificate_identity = 'a'": ("neither of certificate_oidc_issuer", "exactly one"),
    f"{IDENTITY}certificate_oidc_issuer = 'a'": ("neither of certificate_identity", "exactly one"),
    f"{IDENTITY}certificate_identity = 'a'\ncertificate_identity_regexp = 'a'\ncertificate_oidc_issuer = 'b'": (
        "both of certificate_identity", "exactly one"
    ),
    f"{IDENTITY}certificate_identity = 'a'\ncertificate_oidc_issuer = 'b'\ncertificate_oidc_issuer_regexp = 'b'": (
        "both of certificate_oidc_issuer", "exactly one"
    ),
    f"{IDENTITY}certificate_identity = ''\ncertificate_oidc_issuer = 'b'": ("certificate_identity is", ""),
    f"{IDENTITY}certificate_identity_regexp = '('\ncertificate_oidc_issuer = 'b'": ("is no regular expression", ""),
    f"{IDENTITY}certificate_identity = 'a'\ncertificate_issuer = 'b'": ('no key "certificate_issuer"', "oidc"),
    f"{IDENTITY}certificate_identity_regexp = '.*'\ncertificate_oidc_issuer_regexp = '.*'\n"
    f"{IDENTITY}certificate_identity = 'a'\ncertificate_oidc_issuer = 'b'": ("everybody matches beside others", ".*"),
    "[signing]\nscopes = {}": ("signing.scopes is a table", ""),
    "[[signing.scopes]]\nallow_unsigned = false": ("signing.scopes has no scope", "quay.io/acme"),
    "[[signing.scopes]]\nscope = 3": ("signing.scopes.scope is 3", ""),
    f"{SCOPE}scopes = 'x'": ('signing.scopes has no key "scopes"', "scope"),
    f"{SCOPE}reject = 'yes'": ("signing.scopes.reject is", ""),
    f"{SCOPE}reject = true\nkeys = ['/a']": ("rejects all images and has keys too", ""),
    f"{SCOPE}alow_unsigned = false": ('no key "alow_unsigned"', "did you mean allow_unsigned?"),
    f"{SCOPE}{SCOPE}": ('scope "quay.io" is there twice', ""),
    f"{SCOPE}{SCOPE.replace('quay.io', 'QUAY.IO:443')}": ('scope "quay.io" is there twice', ""),
    f"{SCOPE}[[signing.scopes.trusted_identities]]\ncertificate_identity = 'a'": (
        "neither of certificate_oidc_issuer", ""
    ),
    f"{SCOPE}containers_policy = false": ('signing.scopes has no key "containers_policy"', ""),
}  # fmt: skip


@pytest.mark.parametrize("text", BAD)
def test_what_cannot_be_meant_is_an_error_that_names_the_key(text):
    message, hint = BAD[text]
    with pytest.raises(ConfigurationError) as caught:
        read(text)
    assert str(caught.value).startswith("bpfman.toml: ")
    assert message in str(caught.value)
    assert hint in caught.value.hint
