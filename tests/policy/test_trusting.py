# SPDX-License-Identifier: Apache-2.0
"""Pulling by rules: who is let in, that nothing is unpacked before, and that a verdict holds as long as its rules."""

from __future__ import annotations

import json

import pytest

from bpfman.errors import (
    CapabilityRefused,
    ConfigurationError,
    ImageError,
    NotCached,
    SignatureRefused,
    Unsigned,
    Untrusted,
)
from bpfman.images.digest import digest_of
from bpfman.images.manifest import OCI_INDEX, OCI_MANIFEST
from bpfman.images.platform import host_architecture
from bpfman.images.pulling import ALWAYS, NEVER
from bpfman.images.transport.location import Access
from bpfman.manager.images import Images
from bpfman.model.program import ProgramSpec
from tests.images.conftest import HASTE, OBJECTS
from tests.images.samples import config, index, layer, manifest, put_image
from tests.trust.attaching import attach_bundle, attach_payloads
from tests.trust.authority import IDENTITY, ISSUER
from tests.trust.keys import new_key, pem, spki
from tests.trust.signer import World
from tests.trust.signing import Proofs, bundle, enveloped, statement

ELF = (OBJECTS / "xdp_counter.o").read_bytes()


class Machine:
    """Somebody with a configuration file, a policy.json, keys and a cache, beside a registry."""

    def __init__(self, small, environment, home, folder) -> None:
        self.registry, self.folder = small, folder
        self.environment = environment
        self.policy = home / ".config" / "containers" / "policy.json"
        self.config = folder / "bpfman.toml"
        self.keys = {name: new_key() for name in ("acme", "other")}
        for name, key in self.keys.items():
            (folder / f"{name}.pub").write_text(pem(key))
        self.warnings: list[str] = []

    def says(self, text: str) -> Machine:
        """The configuration file; `{}` is where the keys are, `<host>` the registry."""
        self.config.write_text(text.replace("{}", str(self.folder)).replace("<host>", self.registry.host))
        return self

    @property
    def images(self) -> Images:
        access = Access(environment=self.environment, patience=HASTE)
        self.warnings = []
        return Images(
            str(self.folder / "cache"), access=access, config=str(self.config), warn=self.warnings.append
        )

    def pull(self, name: str = "acme/meter", policy: str = ALWAYS):
        return self.images.pull(f"{self.registry.host}/{name}", policy)

    # images

    def put(self, name: str = "acme/meter", by: str = "") -> str:
        """An image, signed or not; gives its digest."""
        digest = put_image(self.registry, ELF, name, labels={"name": name})
        if by:
            self.sign(name, digest, by)
        return digest

    def put_older(self) -> None:
        """An image with a signature as cosign 2 makes them with a key."""
        name = f"{self.registry.host}/acme/meter"
        digest = self.put()
        signed = World().payload(digest, name, self.keys["acme"], logged=False)
        attach_payloads(self.registry, "acme/meter", digest, [signed])

    def sign(self, name: str, digest: str, by: str, about: str = "") -> None:
        """A bundle as cosign 3 makes them with a key."""
        attach_bundle(self.registry, name, digest, self.bundle(about or digest, by))

    def bundle(self, digest: str, by: str) -> bytes:
        return bundle(enveloped(self.keys[by], statement(digest)), Proofs())

    def asked_for(self, digest: str) -> bool:
        """Whether anything of an image but its manifest was fetched."""
        wanted = json.loads(self.registry.manifests["acme/meter", digest][1])
        blobs = [each["digest"] for each in (wanted["config"], *wanted["layers"])]
        return any(blob in path for blob in blobs for path in self.registry.paths())


@pytest.fixture
def machine(small, environment, home, tmp_path):
    return Machine(small, environment, home, tmp_path)


KEYS = '[signing]\nallow_unsigned = false\nkeys = ["{}/acme.pub"]\n'


# who is let in


def test_signed_by_the_key_that_is_named(machine):
    digest = machine.put(by="acme")
    pulled = machine.says(KEYS).pull()
    assert pulled.data == ELF
    assert pulled.verdict.verdict == "accepted"
    assert pulled.verdict.verified_digest == digest
    assert f"{machine.folder}/acme.pub" in pulled.verdict.reason
    assert str(machine.config) in pulled.verdict.rule
    assert machine.warnings == []


def test_signed_in_the_older_layout(machine):
    machine.put_older()
    assert machine.says(KEYS).pull().verdict.verdict == "accepted"


def test_a_key_in_the_file_itself(machine):
    machine.put(by="acme")
    text = f"[signing]\nallow_unsigned = false\nkeys = ['''{pem(machine.keys['acme'])}''']"
    assert machine.says(text).pull().verdict.verdict == "accepted"


def test_signed_by_who_is_named(machine):
    world = World()
    digest = machine.put()
    attach_bundle(machine.registry, "acme/meter", digest, world.bundle(digest))
    (machine.folder / "root.json").write_bytes(world.trusted_root())
    root = '[signing]\nallow_unsigned = false\ntrusted_root = "{}/root.json"\n'
    assert machine.says(root).pull().verdict.verdict == "accepted"  # anybody's, as nobody is named
    who = (
        "[[signing.trusted_identities]]\ncertificate_identity = '{}'\ncertificate_oidc_issuer = '"
        + ISSUER
        + "'\n"
    )
    accepted = machine.says(root + who.replace("{}", IDENTITY)).pull()
    assert IDENTITY in accepted.verdict.reason
    with pytest.raises(SignatureRefused, match="identity"):
        machine.says(root + who.replace("{}", "eve@evil.example")).pull()


REFUSED = {
    "unsigned": ("", "", Unsigned, "has no signatures and unsigned images are not allowed"),
    "somebody else's key": ("other", "", SignatureRefused, "it was not made by"),
    "for another image": ("acme", "sha256:" + "0" * 64, SignatureRefused, "it is for sha256:0000"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_whom_nobody_vouches_for_leaves_nothing(machine, case):
    by, about, error, why = REFUSED[case]
    digest = machine.put()
    if by:
        machine.sign("acme/meter", digest, by, about)
    with pytest.raises(error, match=why) as caught:
        machine.says(KEYS).pull()
    assert isinstance(caught.value, Untrusted)
    assert caught.value.hint
    assert not machine.asked_for(digest)
    assert machine.images.cached() == []


@pytest.mark.parametrize("by", ["other", "acme"])
def test_a_bad_signature_is_an_error_though_none_would_be_allowed(machine, by):
    digest = machine.put()
    machine.sign("acme/meter", digest, by, "sha256:" + "0" * 64 if by == "acme" else "")
    with pytest.raises(SignatureRefused):
        machine.says('[signing]\nkeys = ["{}/acme.pub"]').pull()


def test_one_good_signature_is_enough(machine):
    digest = machine.put(by="other")
    machine.sign("acme/meter", digest, "acme")
    assert machine.says(KEYS).pull().verdict.verdict == "accepted"


def test_a_key_that_no_file_names_is_told_of(machine):
    machine.put(by="acme")
    with pytest.raises(SignatureRefused) as caught:
        machine.says("").pull()
    assert "it was signed with a key" in caught.value.hint
    assert "keys = " in caught.value.hint


def test_unsigned_images_are_let_in_with_one_warning_that_says_what_to_do(machine):
    machine.put()
    for policy in (ALWAYS, NEVER):
        verdict = machine.says("").pull(policy=policy).verdict
        assert verdict.verdict == "accepted-unsigned"
        assert verdict.verified_digest == ""
        assert len(machine.warnings) == 1
    (warning,) = machine.warnings
    assert "has no signature: nobody vouches for it" in warning
    assert "`allow_unsigned = false` below [signing]" in warning
    assert str(machine.config) in warning


def test_who_switches_verification_off_is_not_warned(machine):
    digest = machine.put(by="other")
    images = machine.says("[signing]\nverify_enabled = false\nallow_unsigned = false").images
    verdict = images.pull(f"{machine.registry.host}/acme/meter").verdict
    assert (verdict.verdict, verdict.verified_digest) == ("accepted-unverified", "")
    assert machine.warnings == []
    assert not any(digest in path and "referrers" in path for path in machine.registry.paths())


@pytest.mark.parametrize("signed", ["the index", "the platform's image"])
def test_a_signature_of_an_index_or_of_the_image_in_it(machine, signed):
    parts = []
    for architecture in (host_architecture(), "s390x"):
        configuration, blob = config({}, architecture), layer(ELF)
        machine.registry.add(configuration)
        machine.registry.add(blob)
        data = manifest([blob], configuration)
        machine.registry.put("acme/many", digest_of(data), OCI_MANIFEST, data)
        parts.append((data, architecture))
    root = index(parts)
    for version in ("latest", digest_of(root)):
        machine.registry.put("acme/many", version, OCI_INDEX, root)
    machine.sign("acme/many", digest_of(root if signed == "the index" else parts[0][0]), "acme")
    assert machine.says(KEYS).pull("acme/many").verdict.verdict == "accepted"
    machine.put("acme/other", by="acme")
    for version in ("latest", digest_of(root)):
        machine.registry.put("acme/again", version, OCI_INDEX, root)
    machine.registry.put("acme/again", digest_of(parts[0][0]), OCI_MANIFEST, parts[0][0])
    machine.registry.put("acme/again", digest_of(parts[1][0]), OCI_MANIFEST, parts[1][0])
    machine.sign("acme/again", digest_of(parts[1][0]), "acme")  # another platform's says nothing
    with pytest.raises(Unsigned):
        machine.pull("acme/again")


def test_scopes(machine):
    machine.put(by="acme")
    machine.put("evil/meter", by="acme")
    machine.put("lab/meter")
    machine.says(f"""{KEYS}
[[signing.scopes]]
scope = "<host>/evil"
reject = true
[[signing.scopes]]
scope = "<host>/lab/meter"
allow_unsigned = true
""")
    assert machine.pull().verdict.verdict == "accepted"
    assert machine.pull("lab/meter").verdict.verdict == "accepted-unsigned"
    with pytest.raises(Untrusted, match=r'is rejected by signing\.scopes "127\.0\.0\.1:[0-9]+/evil"'):
        machine.pull("evil/meter")


def test_both_policies_must_agree(machine):
    digest = machine.put(by="acme")
    machine.policy.write_text('{"default": [{"type": "reject"}]}')
    with pytest.raises(Untrusted, match=r"is rejected by default of .*/policy\.json"):
        machine.says(KEYS).pull()
    assert not machine.asked_for(digest)
    elsewhere = machine.folder / "policy.json"
    elsewhere.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    named = KEYS.replace("keys", f'containers_policy = "{elsewhere}"\nkeys')
    assert machine.says(named).pull().verdict.verdict == "accepted"
    assert (
        machine.says(KEYS.replace("keys", "containers_policy = false\nkeys")).pull().verdict.verdict
        == "accepted"
    )
    machine.policy.write_text("{}")
    with pytest.raises(ConfigurationError, match='has no "default"'):
        machine.says(KEYS).pull()


def test_the_other_policy_is_enforced_where_verification_is_off(machine):
    machine.put()
    machine.policy.write_text('{"default": [{"type": "reject"}]}')
    with pytest.raises(Untrusted, match="is rejected"):
        machine.says("[signing]\nverify_enabled = false").pull()


@pytest.mark.parametrize("text", ["[signing", "[signing]\nallow_unsined = false\n", "signing = 3\n"])
def test_rules_that_cannot_be_read_are_not_passed_over(machine, text):
    machine.put()
    with pytest.raises(ConfigurationError, match=str(machine.config)):
        machine.says(text).pull()
    assert machine.registry.seen == []


@pytest.mark.parametrize("text", [KEYS, '[signing]\nallow_unsigned = false\ntrusted_root = "{}/acme.pub"'])
def test_a_file_that_a_rule_names_must_be_there(machine, text):
    machine.put(by="acme")
    (machine.folder / "acme.pub").unlink()
    with pytest.raises(ConfigurationError, match=f"cannot read {machine.folder}/acme.pub, named by"):
        machine.says(text).pull()


def test_where_signatures_cannot_be_looked_up_nothing_is_let_in(machine, small):
    machine.put()
    small.always("GET", "/referrers/", lambda h: h.reply(500))
    small.always("GET", ".sig", lambda h: h.reply(500))
    with pytest.raises(Untrusted, match=r"the signatures of image .* cannot be looked up"):
        machine.says("").pull()


def test_who_wants_no_rules_says_so(machine):
    machine.put()
    machine.says(KEYS)
    access = Access(environment=machine.environment, patience=HASTE)
    images = Images(
        str(machine.folder / "cache"), access=access, config=str(machine.config), trust="everybody"
    )
    assert images.pull(f"{machine.registry.host}/acme/meter").verdict.verdict == "accepted-unverified"
    with pytest.raises(Unsigned):  # which says nothing to who has rules
        machine.pull(policy="IfNotPresent")


# as long as the rules


def requests(machine: Machine) -> int:
    return len(machine.registry.seen)


def test_a_verdict_holds_as_long_as_its_rules(machine):
    machine.put(by="acme")
    machine.says(KEYS).pull()
    before = requests(machine)
    machine.pull(policy="IfNotPresent")
    machine.says("# words\n" + KEYS.replace("allow", "verify_enabled = true\nallow")).pull(
        policy="IfNotPresent"
    )
    (machine.folder / "copy.pub").write_bytes((machine.folder / "acme.pub").read_bytes())
    machine.says(KEYS.replace("acme.pub", "copy.pub")).pull(policy="IfNotPresent")
    machine.says(KEYS + '[[signing.scopes]]\nscope = "quay.io"\nreject = true').pull(policy="IfNotPresent")
    machine.policy.write_text(
        '{"default": [{"type": "insecureAcceptAnything"}], "transports": {"docker": {"x": [{"type": "reject"}]}}}'
    )
    assert machine.pull(policy="IfNotPresent").from_cache
    assert requests(machine) == before


def test_what_a_file_holds_is_part_of_the_rules(machine):
    machine.put(by="acme")
    machine.says(KEYS).pull()
    (machine.folder / "acme.pub").write_bytes((machine.folder / "other.pub").read_bytes())
    for policy in ("IfNotPresent", NEVER):
        with pytest.raises(SignatureRefused):
            machine.pull(policy=policy)


CHANGES = {
    "another key": (KEYS.replace("acme.pub", "other.pub"), SignatureRefused),
    "rejected": (KEYS + '[[signing.scopes]]\nscope = "<host>"\nreject = true', Untrusted),
    "in a log": (KEYS + "require_log = true\n", SignatureRefused),
}


@pytest.mark.parametrize("change", CHANGES)
def test_rules_that_changed_are_asked_again(machine, change):
    text, error = CHANGES[change]
    machine.put(by="acme")
    machine.says(KEYS).pull()
    for policy in ("IfNotPresent", NEVER, ALWAYS):
        with pytest.raises(error):
            machine.says(text).pull(policy=policy)
    machine.says(KEYS).pull(policy=NEVER)


def test_other_rules_are_asked_without_a_network(machine):
    """By the signatures that were kept: an air-gapped machine gets new keys and goes on."""
    digest = machine.put(by="acme")
    machine.sign("acme/meter", digest, "other")
    machine.says(KEYS).pull()
    before = requests(machine)
    for policy in (NEVER, "IfNotPresent"):
        pulled = machine.says(KEYS.replace("acme.pub", "other.pub")).pull(policy=policy)
        assert "other.pub" in pulled.verdict.reason
        assert machine.says(KEYS).pull(policy=policy).verdict.verified_digest == digest
    assert requests(machine) == before


def test_an_unsigned_image_stays_usable_without_a_network_if_the_new_rules_allow_it(machine):
    machine.put()
    machine.says("").pull()
    assert (
        machine.says('[signing]\nkeys = ["{}/acme.pub"]').pull(policy=NEVER).verdict.verdict
        == "accepted-unsigned"
    )
    with pytest.raises(Unsigned):
        machine.says(KEYS).pull(policy=NEVER)


def test_whose_signatures_were_never_looked_at_must_be_looked_up(machine):
    machine.put(by="acme")
    machine.says("[signing]\nverify_enabled = false").pull()
    with pytest.raises(ImageError, match="were not kept"):
        machine.says(KEYS).pull(policy=NEVER)
    assert machine.pull(policy="IfNotPresent").verdict.verdict == "accepted"
    assert machine.pull(policy=NEVER).verdict.verdict == "accepted"


def test_who_was_cached_without_rules_is_refused_without_a_network(machine):
    machine.put()
    access = Access(environment=machine.environment, patience=HASTE)
    name = f"{machine.registry.host}/acme/meter"
    Images(str(machine.folder / "cache"), access=access, trust="everybody").pull(name)
    with pytest.raises(NotCached, match="cached under another signing policy and pull policy is Never"):
        machine.says("").pull(policy=NEVER)


# what programs can do


def load(machine: Machine, manager, text: str, *programs: str):
    specs = [ProgramSpec("xdp", name) for name in programs]
    return machine.says(text).images.load(
        manager, f"{machine.registry.host}/acme/meter", specs, policy=ALWAYS
    )


LIMITS = {
    "forbid": ('forbid = ["drop-packets"]', 'it may drop-packets, which is forbidden'),
    "allow": ('allow = ["report-events"]', "and only report-events is allowed"),
    "nothing": ("allow = []", "and only nothing is allowed"),
    "kinds": ('kinds = ["tc"]', "it is of kind xdp, and only tc may be"),
    "forbidden helper": ('forbid_helpers = ["map_lookup_elem"]', "helper map_lookup_elem, which is forbidden"),
    "other helpers": ('helpers = ["ktime_get_ns"]', "helper map_lookup_elem, and only ktime_get_ns is allowed"),
}  # fmt: skip


@pytest.mark.kernel
@pytest.mark.parametrize("case", LIMITS)
def test_programs_are_judged_by_what_they_can_do(machine, manager, case):
    text, why = LIMITS[case]
    # What the publisher says of it is not asked.
    put_image(machine.registry, ELF, labels={"io.bpfman.capabilities": '{"effects": []}'})
    scope = f'[[signing.scopes]]\nscope = "<host>/acme"\n{text}'
    with pytest.raises(CapabilityRefused, match=why) as caught:
        load(machine, manager, scope, "xdp_stats")
    assert 'program "xdp_stats"' in str(caught.value)
    assert "signing.scopes" in str(caught.value)
    assert manager.programs() == []
    machine.says(scope).pull()  # of programs that are not loaded nothing is asked
    load(machine, manager, scope.replace("/acme", "/other"), "xdp_stats")


@pytest.mark.kernel
def test_what_is_allowed_may_be_loaded(machine, manager):
    put_image(machine.registry, ELF)
    limits = '[signing]\nkinds = ["xdp"]\nforbid = ["write-user-memory"]\nhelpers = ["map_lookup_elem"]'
    assert len(load(machine, manager, limits, "xdp_stats")) == 1


@pytest.mark.kernel
@pytest.mark.parametrize("text", ["forbid = ['change-results']", "kinds = ['xdp']", "allow = []"])
def test_the_functions_of_a_struct_ops_are_judged(machine, manager, text):
    """They are loaded together, by the name of what holds them, which is no program's."""
    put_image(machine.registry, (OBJECTS / "struct_ops.o").read_bytes())
    images = machine.says(f"[signing]\n{text}").images
    with pytest.raises(CapabilityRefused):
        images.load(manager, f"{machine.registry.host}/acme/meter", [ProgramSpec("struct_ops", "counted")])
    images.load(manager, f"{machine.registry.host}/acme/meter", [ProgramSpec("xdp", "beside")])


@pytest.mark.kernel
def test_of_an_object_only_what_is_loaded_is_judged(machine, manager):
    put_image(machine.registry, (OBJECTS / "xdp_verdicts.o").read_bytes())
    forbidding = '[signing]\nforbid = ["drop-packets"]'
    load(machine, manager, forbidding, "xdp_pass")
    with pytest.raises(CapabilityRefused):
        load(machine, manager, forbidding, "xdp_pass", "xdp_drop")
    assert len(manager.programs()) == 1


# the other policy's signatures


def attached(machine: Machine) -> None:
    """An image with a signature of cosign 2, which a policy.json asks for."""
    machine.put_older()
    rule = {
        "type": "sigstoreSigned", "keyPath": str(machine.folder / "acme.pub"),
        "signedIdentity": {"type": "matchRepository"},
    }  # fmt: skip
    machine.policy.write_text(json.dumps({"default": [rule]}))
    folder = machine.policy.parent / "registries.d"
    folder.mkdir()
    (folder / "all.yaml").write_text("default-docker: {use-sigstore-attachments: true}")


@pytest.mark.parametrize(
    "text", ["", "[signing]\nallow_unsigned = false\n", "[signing]\nverify_enabled = false\n"]
)
def test_what_is_revoked_is_so_for_the_other_policy_too(machine, text):
    attached(machine)
    assert machine.says(text).pull().verdict.verdict == "accepted"
    revoked = f'revoked = ["{digest_of(spki(machine.keys["acme"]))}"]\n'
    for policy in (ALWAYS, NEVER):
        with pytest.raises(SignatureRefused, match="revoked"):
            machine.says((text or "[signing]\n") + revoked).pull(policy=policy)


def test_requirements_are_judged_by_one_reading_of_registries_d(machine):
    """What somebody changes meanwhile does not come between them."""
    attached(machine)
    both = json.loads(machine.policy.read_text())["default"] * 2
    machine.policy.write_text(json.dumps({"default": both}))

    def change_and_answer(handler) -> None:
        (machine.policy.parent / "registries.d" / "all.yaml").write_text("[")
        handler._serve()

    machine.registry.misbehave("GET", r"/referrers/", change_and_answer)
    assert machine.says("").pull().verdict.verdict == "accepted"
    with pytest.raises(ConfigurationError, match=r"all\.yaml is not valid YAML"):
        machine.pull()


def test_who_asks_for_a_log_leaves_nothing_to_the_other_policy(machine):
    attached(machine)
    with pytest.raises(SignatureRefused):
        machine.says("[signing]\nrequire_log = true").pull()


# the public instance


def test_what_was_fetched_of_the_public_instance_is_believed(machine):
    """The tests' own instance plays the public one, of which bpfman has the keys of some time ago."""
    world = World()
    digest = machine.put()
    attach_bundle(machine.registry, "acme/meter", digest, world.bundle(digest))
    with pytest.raises(SignatureRefused):
        machine.says("").pull()
    (machine.folder / "cache").mkdir(exist_ok=True)
    (machine.folder / "cache" / "trusted_root.json").write_bytes(world.trusted_root())
    assert machine.pull().verdict.verdict == "accepted"
    (machine.folder / "cache" / "trusted_root.json").write_bytes(World().trusted_root())
    with pytest.raises(SignatureRefused):  # other keys, so the verdict of before says nothing
        machine.pull(policy=NEVER)
