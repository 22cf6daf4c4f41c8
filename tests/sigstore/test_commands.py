# SPDX-License-Identifier: Apache-2.0
"""As an operator lives it: a private instance, a configuration, commands, and the trail that they leave."""

from __future__ import annotations

import json

import pytest

from tests.sigstore.conftest import OBJECT, publish

pytestmark = pytest.mark.kernel

PERSON = "dev@example.com"
STATS = ("--programs", "xdp:xdp_stats")


@pytest.fixture
def host(debian_registry):
    """One kind of registry is enough here."""
    return debian_registry


@pytest.fixture
def signed(cosign, image, sigstore, node):
    cosign.sign_keyless(image.pinned, sigstore, PERSON)
    node.believe(sigstore.trusted_root.read_bytes(), PERSON, sigstore.issuer.url)
    return image


def trail(bpfman):
    done = bpfman("audit", "log", "--output=json")
    assert (done.status, done.err) == (0, "")
    return json.loads(done.out)["events"]


def test_a_signed_image_is_loaded_and_the_trail_says_why(bpfman, signed, node):
    done = bpfman("program", "load", "image", signed.tag, *STATS, "--output=json")
    assert (done.status, done.err) == (0, "")
    (program,) = node.manager.programs()
    assert program.record.image.digest == signed.digest
    (event,) = trail(bpfman)
    assert event["action"] == "load"
    assert event["verdict"] == "accepted"
    assert event["digest"] == signed.digest
    assert event["programs"] == ["xdp_stats"]
    assert PERSON in event["reason"]
    assert (event["uid"], event["cached"]) == (0, False)
    text = bpfman("audit", "log")
    assert signed.tag in text.out


def test_again_from_the_cache(bpfman, signed, node):
    for _ in range(2):
        done = bpfman("program", "load", "image", signed.tag, *STATS, "--pull-policy=IfNotPresent")
        assert (done.status, done.err) == (0, "")
    assert [event["cached"] for event in trail(bpfman)] == [False, True]
    assert len(node.manager.programs()) == 2


def test_somebody_else_is_refused_by_every_command(bpfman, signed, node, sigstore):
    node.believe(sigstore.trusted_root.read_bytes(), "else@example.com", sigstore.issuer.url)
    for command in (("program", "load", "image", signed.tag, *STATS), ("image", "pull", signed.tag),
                    ("image", "verify", signed.tag)):  # fmt: skip
        done = bpfman(*command)
        assert done.status not in (0, 2)
        assert f"it was signed by {PERSON}" in done.err
        assert "Traceback" not in done.err
    node.holds_nothing()
    assert [(event["action"], event["verdict"]) for event in trail(bpfman)] == [
        ("load", "refused"),
        ("pull", "refused"),
        ("verify", "refused"),
    ]


def test_an_unsigned_image_is_loaded_with_a_warning_until_that_is_forbidden(bpfman, image, node):
    done = bpfman("program", "load", "image", image.tag, *STATS)
    assert done.status == 0
    assert "has no signature" in done.err
    assert "allow_unsigned = false" in done.err
    node.configure("allow_unsigned = false")
    done = bpfman("program", "load", "image", image.tag, *STATS)
    assert done.status != 0
    assert "unsigned images are not allowed" in done.err
    assert len(node.manager.programs()) == 1
    assert [event["verdict"] for event in trail(bpfman)] == ["accepted-unsigned", "refused"]


def test_verify_explains_which_rule_decided(bpfman, signed, node):
    done = bpfman("image", "verify", signed.tag)
    assert (done.status, done.err) == (0, "")
    for expected in (str(node.config), PERSON, signed.digest):
        assert expected in done.out
    assert node.images.cached() == []


def test_verify_by_flags(bpfman, signed, sigstore, node):
    node.configure()
    who = (f"--certificate-identity={PERSON}", f"--certificate-oidc-issuer={sigstore.issuer.url}")
    root = f"--trusted-root={sigstore.trusted_root}"
    assert bpfman("image", "verify", signed.tag, *who, root).status == 0
    wrong = (f"--certificate-identity=x{PERSON}", who[1], root)
    done = bpfman("image", "verify", signed.tag, *wrong)
    assert done.status != 0
    assert "verification failed: " in done.err


def test_what_can_do_too_much_is_not_loaded_whoever_signed_it(
    cosign, bpfman, host, environment, tmp_path, sigstore, node
):
    image = publish(host, environment, tmp_path, str(OBJECT.with_name("xdp_drop.o")))
    cosign.sign_keyless(image.pinned, sigstore, PERSON)
    root = sigstore.trusted_root.read_bytes()
    node.believe(root, PERSON, sigstore.issuer.url, 'forbid = ["drop-packets"]')
    done = bpfman("program", "load", "image", image.tag, "--programs", "xdp:xdp_drop")
    assert done.status != 0
    assert "drop" in done.err
    assert node.manager.programs() == []
    assert [event["verdict"] for event in trail(bpfman)] == ["refused"]
    node.believe(root, PERSON, sigstore.issuer.url)
    assert bpfman("program", "load", "image", image.tag, "--programs", "xdp:xdp_drop").status == 0


def test_a_machine_whose_rules_cannot_be_read_loads_nothing(bpfman, signed, node):
    node.config.write_text("[signing]\nallow_unsinged = false\n")
    done = bpfman("program", "load", "image", signed.tag, *STATS)
    assert done.status != 0
    assert "allow_unsinged" in done.err
    node.configure('trusted_root = "/nonexistent/trusted_root.json"')
    done = bpfman("program", "load", "image", signed.tag, *STATS)
    assert done.status != 0
    assert "/nonexistent/trusted_root.json" in done.err
    assert node.manager.programs() == []
