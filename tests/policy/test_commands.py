# SPDX-License-Identifier: Apache-2.0
"""`image verify` and `audit log`: what they print, on which stream, with which exit status."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time

import pytest

from bpfman.cli.audit.when import point
from bpfman.cli.command import UsageError
from bpfman.cli.main import main
from tests.policy.test_trusting import KEYS, Machine
from tests.trust.attaching import attach_bundle
from tests.trust.attacks import Scene
from tests.trust.authority import IDENTITY, ISSUER
from tests.trust.signer import World


@pytest.fixture
def machine(small, environment, home, tmp_path):
    return Machine(small, environment, home, tmp_path).says("")


@pytest.fixture
def run(machine, tmp_path, capfd, monkeypatch):
    """Run a command as that machine's user; gives its status, what it printed, and what it said on stderr."""
    for name, value in machine.environment.items():
        monkeypatch.setenv(name, value)
    flags = ["--config", str(machine.config), "--runtime-dir", str(tmp_path / "run"),
             "--image-cache-dir", str(tmp_path / "cache")]  # fmt: skip

    def command(line: str, *words: object):
        status = main([*line.split(), *map(str, words), *flags])
        out, err = capfd.readouterr()
        return status, out, err

    return command


@pytest.fixture
def image(machine):
    return f"{machine.registry.host}/acme/meter:latest"


def test_a_signature_that_is_good(run, machine, image):
    digest = machine.put(by="acme")
    machine.says(KEYS)
    status, out, err = run("image verify", image)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[:3] == [
        f"Image {image}: signature verified",
        f"  digest: {digest}",
        f"  accepts: [signing] of {machine.config}",
    ]
    assert lines[3] == f"    signed by key {machine.folder}/acme.pub"
    assert f"  accepts: default of {machine.policy}" in lines


def test_no_signature(run, machine, image):
    machine.put()
    status, out, _ = run("image verify", image)
    assert (status, out.splitlines()[0]) == (0, f"Image {image}: unsigned image accepted by policy")
    machine.says(KEYS)
    status, out, err = run("image verify", image)
    assert status == 1
    assert out.splitlines()[0] == f"Image {image}: refused"
    assert err.startswith(
        f"bpfman: error: verification failed: image {image} has no signatures and unsigned images are not allowed"
    )
    assert run("image verify --allow-unsigned", image)[0] == 0


def test_verification_that_is_off(run, machine, image):
    machine.put()
    machine.says("[signing]\nverify_enabled = false")
    status, out, _ = run("image verify", image)
    assert (status, out.splitlines()[0]) == (0, f"Image {image}: signature verification disabled")


def test_flags_stand_in_place_of_the_file(run, machine, image):
    machine.put(by="other")
    machine.says(KEYS)
    assert run("image verify", image)[0] == 1
    status, out, _ = run("image verify --key", machine.folder / "other.pub", image)
    assert status == 0
    assert "  accepts: the command line" in out.splitlines()
    assert (
        run("image verify --key", machine.folder / "acme.pub", "--key", machine.folder / "other.pub", image)[
            0
        ]
        == 0
    )


def test_flags_on_who_signed(run, machine, image):
    world = World()
    digest = machine.put()
    attach_bundle(machine.registry, "acme/meter", digest, world.bundle(digest))
    (machine.folder / "root.json").write_bytes(world.trusted_root())
    root = ["--trusted-root", machine.folder / "root.json", image]
    who = f"--certificate-identity {IDENTITY} --certificate-oidc-issuer {ISSUER}"
    status, out, _ = run(f"image verify {who}", *root)
    assert status == 0
    assert IDENTITY in out
    patterns = "--certificate-identity-regexp .* --certificate-oidc-issuer-regexp https?://.*"
    assert run(f"image verify {patterns}", *root)[0] == 0
    status, _, err = run(f"image verify {who.replace(IDENTITY, 'eve@evil.example')}", *root)
    assert status == 1
    assert "identity" in err


def test_a_timestamp_that_does_not_count_is_told(run, machine):
    scene = Scene(machine.registry, "acme/meter", machine.put())
    scene.bundle(scene.entry(), stamps=(World().stamp(scene.envelope.signature),))
    (machine.folder / "root.json").write_bytes(scene.root)
    who = f"--certificate-identity {IDENTITY} --certificate-oidc-issuer {ISSUER}"
    words = (f"image verify {who}", "--trusted-root", machine.folder / "root.json", scene.name)
    status, out, err = run(*words)
    assert (status, err) == (0, "")
    assert (
        "    not counted: timestamp of CN=stamper,O=tests, which the trusted root does not know"
        in out.splitlines()
    )
    (rule, *_) = json.loads(run(*words, "-o", "json")[1])["rules"]
    assert rule["signature"]["not_counted"] == ["timestamp of CN=stamper,O=tests"]


@pytest.mark.parametrize(
    "flags",
    [
        "--certificate-identity a",
        "--certificate-oidc-issuer a",
        "--certificate-identity a --certificate-identity-regexp a --certificate-oidc-issuer b",
        "--certificate-identity-regexp ( --certificate-oidc-issuer b",
    ],
)
def test_half_an_identity_is_none(run, image, flags):
    status, _, err = run(f"image verify {flags}", image)
    assert status == 80
    assert "certificate-" in err


def test_the_explanation_as_json(run, machine, image):
    digest = machine.put(by="acme")
    machine.says(KEYS)
    found = json.loads(run("image verify", image, "-o json".split()[0], "json")[1])
    assert (found["verdict"], found["digest"], found["image"]) == ("accepted", digest, image)
    assert [each["verdict"] for each in found["rules"]] == ["accepted", "accepted-unsigned"]
    assert found["rules"][0]["signature"]["signer"] == f"key {machine.folder}/acme.pub"
    machine.policy.write_text('{"default": [{"type": "reject"}]}')
    status, out, err = run("image verify", image, "-o", "json")
    assert status == 1
    found = json.loads(out)
    assert found["verdict"] == "refused"
    assert found["rule"] == f"default of {machine.policy}"
    assert [each["verdict"] for each in found["rules"]] == ["accepted", "refused"]
    assert "verification failed: " in err


def test_an_image_that_is_not_there(run, image):
    status, out, err = run("image verify", image)
    assert (status, out) == (1, "")
    assert err.startswith("bpfman: error: verification failed: ")


def test_nothing_is_kept_or_unpacked(run, machine, image, tmp_path):
    digest = machine.put(by="acme")
    machine.says(KEYS)
    run("image verify", image)
    assert not os.path.exists(tmp_path / "cache")
    assert not machine.asked_for(digest)


class TestWithoutARegistry:
    @pytest.fixture(autouse=True)
    def down(self, run, machine, image):
        """An image that was pulled while rules let it in, and whose registry has been failing since."""
        machine.put(by="acme")
        machine.says(KEYS)
        assert run("image pull", image)[0] == 0
        machine.registry.always("GET", "", lambda handler: handler.refuse(404, "GONE"))
        machine.registry.seen.clear()

    @pytest.mark.parametrize("policy", ["Never", "IfNotPresent"])
    def test_the_signatures_that_were_kept_are_judged(self, run, machine, image, policy):
        status, out, err = run("image verify -p", policy, image)
        assert (status, err, machine.registry.seen) == (0, "", [])
        lines = out.splitlines()
        assert lines[0] == f"Image {image}: signature verified"
        assert re.fullmatch(
            r"  read from: the cache, as of 2[-0-9T:]+Z; the registry was not asked", lines[2]
        )
        assert lines[4] == f"    signed by key {machine.folder}/acme.pub"
        found = json.loads(run("image verify -o json -p", policy, image)[1])
        assert (found["source"], found["verdict"]) == ("cache", "accepted")
        assert found["pulled_at"] in lines[2]

    def test_by_the_rules_of_now(self, run, machine, image):
        status, out, err = run("image verify -p Never --key", machine.folder / "other.pub", image)
        assert status == 1
        assert out.splitlines()[0] == f"Image {image}: refused"
        assert "verification failed: " in err
        assert machine.registry.seen == []
        machine.policy.write_text('{"default": [{"type": "reject"}]}')
        assert run("image verify -p Never", image)[0] == 1

    def test_it_is_recorded_as_one_by_the_cache(self, run, image):
        run("image verify -p Never", image)
        events = json.loads(run("audit log -o json")[1])["events"]
        assert [(each["action"], each["cached"]) for each in events] == [("pull", False), ("verify", True)]

    def test_the_registry_is_asked_unless_that_is_said(self, run, machine, image):
        assert run("image verify", image)[0] == 1
        assert machine.registry.seen

    def test_what_is_not_cached(self, run, image):
        status, _, err = run("image verify -p Never", image.replace("latest", "1.2"))
        assert status == 1
        assert "not in cache and pull policy is Never" in err


def test_an_image_that_nobody_looked_at_cannot_be_judged_by_the_cache(run, machine, image, tmp_path):
    from bpfman.images.transport.location import Access
    from bpfman.manager.images import Images

    machine.put(by="acme")
    cache = str(tmp_path / "cache")
    Images(cache, access=Access(environment=machine.environment), trust="everybody").pull(image)
    machine.says(KEYS)
    status, _, err = run("image verify -p Never", image)
    assert status == 1
    assert "was cached under another signing policy" in err
    assert "pull it again" in err
    found = json.loads(run("image verify -o json -p IfNotPresent", image)[1])
    assert (found["source"], found["verdict"]) == ("registry", "accepted")


def test_a_registry_that_is_down_is_told_of_with_what_is_kept(run, machine, image):
    machine.put()
    assert run("image pull", image)[0] == 0
    machine.registry.always("GET", "", lambda handler: handler.refuse(503, "DOWN"))
    status, _, err = run("image verify", image)
    assert status == 1
    assert "verification failed: the manifest of" in err
    assert "the cache has it as of 2" in err
    assert "`--pull-policy Never` judges it" in err


# audit log


@pytest.fixture
def trail(run, machine, image):
    """Some decisions."""
    machine.put()
    run("image pull", image)
    machine.says(KEYS)
    run("image pull", image)
    run("image verify", image)


@pytest.mark.usefixtures("trail")
def test_the_trail_fits_a_terminal(run, image):
    status, out, err = run("audit log")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    # The tests' own paths are words that cannot be broken.
    assert max(len(line) for line in lines if "/pytest-" not in line) <= 80
    assert lines[0].split() == ["TIME", "VERDICT", "USER", "IMAGE"]
    rows = [line.split() for line in lines if re.match(r"\d{4}-", line)]
    assert [row[1] for row in rows] == ["unsigned", "REFUSED", "REFUSED"]
    assert len([line for line in lines if line.endswith(image)]) == 3
    assert [line.split(",")[0].strip() for line in lines if "sha256:" in line][:2] == ["pull", "pull"]
    assert "unsigned images are not allowed" in " ".join(" ".join(lines).split())


@pytest.mark.usefixtures("trail")
def test_the_trail_can_be_searched(run, image):
    def found(*words: str) -> list[str]:
        status, out, _ = run("audit log -o json", *words)
        assert status == 0
        return [event["verdict"] for event in json.loads(out)["events"]]

    assert found() == ["accepted-unsigned", "refused", "refused"]
    assert found("--verdict", "refused") == ["refused"] * 2
    assert found("--since", "1h", "--image", image) == found()
    assert found("--until", "1h") == []
    assert found("--since", "2100-01-01") == []
    status, out, _ = run("audit log --image nothing")
    assert (status, out) == (0, "")


def test_no_trail_is_an_empty_one(run):
    assert run("audit log") == (0, "", "")
    assert run("audit log -o json") == (0, '{\n  "events": []\n}\n', "")


@pytest.mark.usefixtures("trail")
def test_damage_is_told_of(run, tmp_path):
    with open(tmp_path / "run" / "audit" / "audit.jsonl", "a") as file:
        file.write("{torn\n")
    status, out, err = run("audit log")
    assert status == 0
    assert out
    assert err == "bpfman: warning: 1 damaged lines of the audit trail were left out\n"


def test_following(run, machine, image, tmp_path):
    machine.put()
    run("image pull", image)
    script = "import sys; from bpfman.cli.main import main; sys.exit(main(sys.argv[1:]))"
    flags = ["--runtime-dir", str(tmp_path / "run")]
    argv = [sys.executable, "-c", script, "audit", "log", "--follow", "-o", "json", *flags]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["verdict"] == "accepted-unsigned"
        machine.says(KEYS)
        run("image pull", image)
        assert json.loads(process.stdout.readline())["verdict"] == "refused"
        process.terminate()
        assert process.wait() == 0


def test_what_a_terminal_would_obey_is_not_printed(run, tmp_path):
    from bpfman.store.audit import AuditLog
    from tests.store.test_audit import EVENT

    AuditLog(str(tmp_path / "run" / "audit")).append(
        EVENT._replace(image="a\x1b[2Jb", reason="c\x1b]0;d\x07\ne")
    )
    _, out, _ = run("audit log")
    assert "\x1b" not in out
    assert "\x07" not in out


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-02", 86400), ("1970-01-01T01:00", 3600), ("1970-01-01T00:00:07", 7), ("1970-01-01T00:00:07Z", 7),
        ("1970-01-01 01:00", 3600),
    ],
)  # fmt: skip
def test_points_in_time(text, seconds):
    assert point(text) == seconds


@pytest.mark.parametrize(
    ("text", "ago"), [("90s", 90), ("15m", 900), ("2h", 7200), ("1d", 86400), ("1w", 604800)]
)
def test_so_long_ago(text, ago):
    assert abs(time.time() - ago - point(text)) < 5


@pytest.mark.parametrize("text", ["", "yesterday", "1", "1y", "-1h", "1970-13-01", "99999999999999d", "٣h"])
def test_what_is_no_time(text):
    with pytest.raises(UsageError, match="is no time"):
        point(text)
