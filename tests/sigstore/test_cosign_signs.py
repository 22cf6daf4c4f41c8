# SPDX-License-Identifier: Apache-2.0
"""Cosign signs, bpfman verifies and the kernel runs it: keys and people, both layouts, all registries."""

from __future__ import annotations

import base64
import json
import subprocess

import pytest

from bpfman.errors import SignatureRefused, Unsigned
from bpfman.model.audit import ACCEPTED, REFUSED
from tests.images.conftest import PASSWORD, USER
from tests.sigstore.conftest import OBJECT, publish
from tests.sigstore.cosign import Refused
from tests.trust.signer import World

pytestmark = pytest.mark.kernel

PERSON = "dev@example.com"
LAYOUTS = pytest.mark.parametrize("bundle", [True, False], ids=["bundle", "tag"])


def keyless(cosign, image, sigstore, how: str, person: str = PERSON) -> None:
    if how == "tag":
        cosign.sign_keyless_by_tag(image, sigstore, person)
    else:
        cosign.sign_keyless(image, sigstore, person, log={"log1": 1, "log2": 2}[how])


@pytest.fixture
def believe(node, sigstore):
    """Take what one person signed, by the instance's word."""

    def person(email: str = PERSON, *lines: str) -> None:
        node.believe(sigstore.trusted_root.read_bytes(), email, sigstore.issuer.url, *lines)

    return person


class TestKeys:
    @LAYOUTS
    def test_the_right_key(self, cosign, image, keys, node, bundle):
        cosign.sign(image.pinned, keys, bundle=bundle)
        node.believe_key(keys.public)
        assert node.load(image.tag).status.kernel is not None
        (event,) = node.events()
        assert (event.verdict, event.digest, event.image) == (ACCEPTED, image.digest, image.tag)

    @LAYOUTS
    def test_another_key(self, cosign, image, keys, other_keys, node, bundle):
        cosign.sign(image.pinned, other_keys, bundle=bundle)
        node.believe_key(keys.public, "allow_unsigned = true")
        with pytest.raises(SignatureRefused, match="signature: "):
            node.load(image.tag)
        node.holds_nothing()
        assert [event.verdict for event in node.events()] == [REFUSED]

    @LAYOUTS
    def test_several_signatures(self, cosign, image, keys, other_keys, node, bundle):
        cosign.sign(image.pinned, other_keys, bundle=bundle)
        cosign.sign(image.pinned, keys, bundle=bundle)
        cosign.sign(image.pinned, other_keys, "-a", "by=others", bundle=bundle)
        node.believe_key(keys.public)
        assert node.load(image.tag).status.kernel is not None

    def test_the_layout_that_is_good_counts(self, cosign, image, keys, other_keys, node):
        cosign.sign(image.pinned, other_keys, bundle=True)
        cosign.sign(image.pinned, keys, bundle=False)
        node.believe_key(keys.public)
        assert node.load(image.tag).status.kernel is not None

    def test_nobody(self, image, keys, node):
        node.believe_key(keys.public)
        with pytest.raises(Unsigned):
            node.load(image.tag)
        node.holds_nothing()

    def test_a_signature_of_another_image_is_none(
        self, cosign, image, host, environment, tmp_path, keys, node
    ):
        other = publish(host, environment, tmp_path, str(OBJECT.with_name("xdp_pass.o")))
        cosign.sign(other.pinned, keys)
        node.believe_key(keys.public)
        with pytest.raises(Unsigned):
            node.load(image.tag)


ALGORITHMS = {
    "p384": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"),
    "p521": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"),
    "rsa": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072"),
    "ed25519": ("-algorithm", "ED25519"),
}


class TestKinds:
    @pytest.fixture
    def make(self, cosign, tmp_path):
        def key(algorithm):
            pem = tmp_path / f"{algorithm}.pem"
            command = ["openssl", "genpkey", *ALGORITHMS[algorithm], "-out", pem]
            subprocess.run(command, check=True, capture_output=True)
            return cosign.import_key(tmp_path, pem, "open sesame")

        return key

    @pytest.fixture
    def host(self, go_registry):
        return go_registry

    @LAYOUTS
    @pytest.mark.parametrize("algorithm", [name for name in ALGORITHMS if name != "ed25519"])
    def test_cosign_signs(self, cosign, image, make, node, algorithm, bundle):
        keys = make(algorithm)
        cosign.sign(image.pinned, keys, bundle=bundle)
        node.believe_key(keys.public)
        assert node.load(image.tag).status.kernel is not None

    def test_cosigns_own_form_of_ed25519_is_named(self, cosign, image, make, node):
        keys = make("ed25519")
        cosign.sign(image.pinned, keys)
        node.believe_key(keys.public)
        with pytest.raises(SignatureRefused) as caught:
            node.load(image.tag)
        assert "Ed25519ph" in caught.value.hint

    @LAYOUTS
    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_bpfman_signs(self, cosign, image, make, bpfman, node, algorithm, bundle):
        keys, layout = make(algorithm), "--layout=bundle" if bundle else "--layout=tag"
        done = bpfman(
            "image", "sign", image.tag, f"--key={keys.private}", layout, COSIGN_PASSWORD=keys.password
        )
        assert done.status == 0, done.err
        assert cosign.verify_with_key(image.pinned, keys, bundle=bundle)
        node.believe_key(keys.public)
        assert node.load(image.tag).status.kernel is not None


class TestWhatElseCosignAttaches:
    """It may say a lot about an image without signing it."""

    @pytest.fixture
    def attest(self, cosign, keys, tmp_path):
        (tmp_path / "predicate.json").write_text('{"checked": true}')

        def run(image, *words):
            what = (f"--predicate={tmp_path}/predicate.json", "--type=custom", f"--key={keys.private}")
            where = ("--tlog-upload=false", "--use-signing-config=false", "--allow-http-registry")
            cosign.run("attest", "--yes", *what, *where, *words, image, password=keys.password)

        return run

    @LAYOUTS
    def test_an_attestation_is_no_signature(self, attest, image, keys, node, bundle):
        attest(image.pinned, f"--new-bundle-format={str(bundle).lower()}")
        node.believe_key(keys.public)
        with pytest.raises(Unsigned):
            node.load(image.tag)
        node.holds_nothing()

    @LAYOUTS
    def test_nor_does_it_hide_one(self, attest, cosign, image, keys, node, bundle):
        attest(image.pinned, f"--new-bundle-format={str(bundle).lower()}")
        cosign.sign(image.pinned, keys, bundle=bundle)
        node.believe_key(keys.public)
        assert node.load(image.tag).status.kernel is not None


class TestPeople:
    @pytest.mark.parametrize("how", ["log1", "log2", "tag"])
    def test_the_right_person(self, cosign, image, sigstore, node, believe, how):
        keyless(cosign, image.pinned, sigstore, how)
        believe()
        assert node.load(image.tag).status.kernel is not None
        (event,) = node.events()
        assert event.verdict == ACCEPTED
        assert PERSON in event.reason
        assert node.warnings == []

    @pytest.mark.parametrize("how", ["log1", "log2", "tag"])
    def test_somebody_else(self, cosign, image, sigstore, node, believe, how):
        keyless(cosign, image.pinned, sigstore, how, "mallory@example.com")
        believe(PERSON, "allow_unsigned = true")
        with pytest.raises(SignatureRefused, match=r"identity: it was signed by mallory@example\.com"):
            node.load(image.tag)
        node.holds_nothing()

    def test_another_instance(self, cosign, image, sigstore, node, tmp_path_factory):
        """The right name, certified by an instance that nobody here believes in."""
        keyless(cosign, image.pinned, sigstore, "log2")
        node.believe(World().trusted_root(), PERSON, sigstore.issuer.url)
        with pytest.raises(SignatureRefused, match=r"(certificate|log|timestamp): "):
            node.load(image.tag)
        node.holds_nothing()

    def test_somebody_among_others(self, cosign, image, sigstore, node, believe):
        for person, how in (("a@example.com", "log1"), (PERSON, "log2"), ("b@example.com", "tag")):
            keyless(cosign, image.pinned, sigstore, how, person)
        believe()
        assert node.load(image.tag).status.kernel is not None
        believe("b@example.com")
        assert node.load(image.tag).status.kernel is not None

    def test_a_stamp_and_no_log_in_the_older_layout(self, cosign, image, sigstore, node, believe):
        token = f"--identity-token={sigstore.issuer.token(PERSON)}"
        stamp = f"--timestamp-server-url={sigstore.timestamps}/api/v1/timestamp"
        where = (
            f"--fulcio-url={sigstore.fulcio}",
            "--use-signing-config=false",
            "--tlog-upload=false",
            stamp,
        )
        layout = ("--new-bundle-format=false", f"--trusted-root={sigstore.trusted_root}")
        cosign.run("sign", "--yes", token, *where, *layout, "--allow-http-registry", image.pinned)
        believe(PERSON, "require_log = false", "require_timestamp = true")
        assert node.load(image.tag).status.kernel is not None
        believe(PERSON)  # an instance that has logs wants their word
        with pytest.raises(SignatureRefused, match="log: "):
            node.load(image.tag)

    def test_a_key_and_a_log(self, cosign, image, keys, sigstore, node):
        """With a key, cosign enters it into a log and has it stamped as well."""
        config = (f"--signing-config={sigstore.signing_config}", f"--trusted-root={sigstore.trusted_root}")
        cosign.run("sign", "--yes", f"--key={keys.private}", *config, "--allow-http-registry", image.pinned,
                   password=keys.password)  # fmt: skip
        node.believe_key(
            keys.public,
            f'trusted_root = "{sigstore.trusted_root}"',
            "require_log = true",
            "require_timestamp = true",
        )
        assert node.load(image.tag).status.kernel is not None


class TestPlatforms:
    """An index, and the image of this machine's platform in it: a signature of either is one of the bytecode."""

    @pytest.fixture
    def index(self, host, environment, tmp_path):
        words = [f"linux/{arch}={OBJECT}" for arch in ("amd64", "arm64")]
        return publish(host, environment, tmp_path, *words)

    @LAYOUTS
    def test_the_index_is_signed(self, cosign, index, keys, node, bundle):
        cosign.sign(index.pinned, keys, bundle=bundle)
        node.believe_key(keys.public)
        assert node.load(index.tag).status.kernel is not None

    @LAYOUTS
    def test_all_are_signed(self, cosign, index, keys, node, bundle):
        cosign.sign(index.pinned, keys, "--recursive", bundle=bundle)
        node.believe_key(keys.public)
        assert node.load(index.tag).status.kernel is not None
        platform = node.manager.programs()[0].record.image.digest
        assert platform != index.digest
        assert node.load(f"{index.repository}@{platform}").status.kernel is not None

    def test_the_platform_is_signed(self, cosign, index, keys, node):
        node.configure()
        platform = node.load(index.tag).record.image.digest
        cosign.sign(f"{index.repository}@{platform}", keys)
        node.believe_key(keys.public)
        assert node.load(index.tag).status.kernel is not None


class TestAirGap:
    """Signatures travel with a copy, and are verified where there is no network."""

    @pytest.mark.parametrize("how", ["log2", "tag"])
    def test_a_copy_in_an_archive(self, cosign, image, sigstore, node, believe, tmp_path, how):
        keyless(cosign, image.pinned, sigstore, how)
        archive = f"oci-archive:{tmp_path}/meter.tar:1"
        copied = node.images.copy(image.tag, archive)
        assert copied.digest == image.digest
        believe()
        assert node.load(archive).status.kernel is not None
        believe("else@example.com")
        with pytest.raises(SignatureRefused):
            node.load(archive)

    def test_an_archive_without_its_signatures(self, cosign, image, sigstore, node, believe, tmp_path):
        keyless(cosign, image.pinned, sigstore, "log2")
        archive = f"oci-archive:{tmp_path}/meter.tar:1"
        node.images.copy(image.tag, archive, referrers=False)
        believe()
        with pytest.raises(Unsigned):
            node.load(archive)
        node.holds_nothing()

    def test_a_copy_to_another_registry(self, cosign, image, go_registry, sigstore, node, believe):
        keyless(cosign, image.pinned, sigstore, "log1")
        target = f"{go_registry}/mirror/{image.repository.rpartition('/')[2]}:1"
        node.images.copy(image.tag, target)
        believe()
        assert node.load(target).status.kernel is not None


class TestCopiesOfCosign:
    """`cosign copy` takes along the older layout alone, and tags the image as a list of referrers would be."""

    @pytest.fixture
    def copied(self, cosign, image, go_registry):
        def copy() -> str:
            target = f"{go_registry}/copied/{image.repository.rpartition('/')[2]}"
            cosign.run("copy", "--allow-http-registry", image.tag, f"{target}:1")
            return target

        return copy

    def test_the_older_layout(self, cosign, image, sigstore, node, believe, copied):
        keyless(cosign, image.pinned, sigstore, "tag")
        believe()
        assert node.load(f"{copied()}:1").status.kernel is not None

    def test_a_bundle_is_lost_as_cosign_says_too(self, cosign, image, keys, node, copied):
        cosign.sign(image.pinned, keys)
        target = copied()
        with pytest.raises(Refused):
            cosign.verify_with_key(f"{target}@{image.digest}", keys)
        node.believe_key(keys.public)
        with pytest.raises(Unsigned):
            node.load(f"{target}:1")


def test_a_registry_that_wants_to_know_who_asks(
    cosign, private_registry, authority, environment, home, keys, node, tmp_path
):
    authority.believed_by(home, private_registry)
    folder = home / ".docker"
    folder.mkdir()
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    (folder / "config.json").write_text(json.dumps({"auths": {private_registry: {"auth": auth}}}))
    image = publish(private_registry, environment, tmp_path)
    who = (f"--registry-username={USER}", f"--registry-password={PASSWORD}")
    cosign.sign(image.pinned, keys, *who, f"--registry-cacert={authority.certificate}")
    node.believe_key(keys.public)
    assert node.load(image.tag).status.kernel is not None
