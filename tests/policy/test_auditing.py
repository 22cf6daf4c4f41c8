# SPDX-License-Identifier: Apache-2.0
"""Every decision is an event: what was decided, by which rule, for whom; and what happens where it cannot be kept."""

from __future__ import annotations

import os

import pytest

from bpfman.errors import (
    CapabilityRefused,
    ConfigurationError,
    NotCached,
    SignatureRefused,
    StoreError,
    Unsigned,
)
from bpfman.images.pulling import ALWAYS, IF_NOT_PRESENT, NEVER
from bpfman.images.transport.location import Access
from bpfman.manager import Manager, Planned
from bpfman.manager.auditing import command_line, login_name, this_process
from bpfman.manager.images import Images, SigningKey
from bpfman.manager.trail import Filter, Trail
from bpfman.model.audit import ACCEPTED, REFUSED, UNSIGNED, UNVERIFIED, Who
from bpfman.model.program import ProgramSpec
from bpfman.store.layout import Layout
from tests.images.conftest import HASTE
from tests.policy.test_trusting import KEYS, Machine

PROGRAMS = [ProgramSpec("xdp", "xdp_stats")]
WHO = Who(0, "alice", 1, "tests")


@pytest.fixture
def machine(small, environment, home, tmp_path):
    return Machine(small, environment, home, tmp_path).says("")


@pytest.fixture
def layout(tmp_path):
    return Layout(str(tmp_path / "run"))


def images(machine: Machine, layout: Layout | None = None, who: Who | None = WHO) -> Images:
    access = Access(environment=machine.environment, patience=HASTE)
    return Images(
        str(machine.folder / "cache"), access=access, config=str(machine.config), layout=layout, who=who,
        warn=machine.warnings.append,
    )  # fmt: skip


def name(machine: Machine) -> str:
    return f"{machine.registry.host}/acme/meter"


def events(layout: Layout, config: str = "/nowhere.toml"):
    trail = Trail(layout, config)
    found = list(trail.events())
    assert trail.damaged == 0
    return found


def verdicts(layout: Layout) -> list[tuple[str, str, bool]]:
    return [(event.action, event.verdict, event.cached) for event in events(layout)]


@pytest.mark.kernel
def test_a_load_is_recorded_beside_the_store(machine, manager):
    digest = machine.put(by="acme")
    machine.says(KEYS)
    for policy in (ALWAYS, IF_NOT_PRESENT):
        images(machine).load(manager, name(machine), PROGRAMS, policy=policy)
    first, second = events(manager.layout)
    assert (first.action, first.verdict, first.cached) == ("load", ACCEPTED, False)
    assert (first.image, first.digest, first.programs) == (name(machine), digest, ("xdp_stats",))
    assert first.rule == f"[signing] of {machine.config}"
    assert "acme.pub" in first.reason
    assert first.policy.startswith("sha256:")
    assert first.who == WHO
    assert second == first._replace(time=second.time, cached=True)
    assert os.path.dirname(Trail(manager.layout)._log.path) == f"{manager.layout.runtime_dir}/audit"


def test_all_sorts_of_decisions(machine, layout):
    machine.put()
    images(machine, layout).pull(name(machine))
    machine.says("[signing]\nverify_enabled = false")
    images(machine, layout).pull(name(machine), ALWAYS)
    machine.says(KEYS)
    with pytest.raises(Unsigned):
        images(machine, layout).pull(name(machine), ALWAYS)
    machine.put(by="other")
    with pytest.raises(SignatureRefused):
        images(machine, layout).pull(name(machine), ALWAYS)
    machine.says("[signing]\nallow = 3")
    with pytest.raises(ConfigurationError):
        images(machine, layout).pull(name(machine), ALWAYS)
    machine.says(KEYS)
    (machine.folder / "acme.pub").unlink()
    with pytest.raises(ConfigurationError):
        images(machine, layout).pull(name(machine))
    assert [verdict for _, verdict, _ in verdicts(layout)] == [UNSIGNED, UNVERIFIED, *[REFUSED] * 4]
    refused = events(layout)[-1]
    assert "cannot read" in refused.reason
    assert refused.image == name(machine)


@pytest.mark.kernel
def test_what_is_only_planned_is_a_question(machine, manager):
    machine.put()
    planning = Manager(manager.layout, dry_run=True)
    with pytest.raises(Planned):
        images(machine).load(planning, name(machine), PROGRAMS, keep=False)
    assert verdicts(manager.layout) == [("verify", UNSIGNED, False)]


@pytest.mark.kernel
def test_what_programs_may_not_do_is_recorded(machine, manager):
    machine.put()
    machine.says('[signing]\nforbid = ["drop-packets"]')
    with pytest.raises(CapabilityRefused):
        images(machine).load(manager, name(machine), PROGRAMS)
    (event,) = events(manager.layout)
    assert event.verdict == REFUSED
    assert "may drop-packets, which is forbidden" in event.reason


@pytest.mark.kernel
def test_who_asks_for_no_rules_is_recorded_too(machine, manager):
    machine.put()
    access = Access(environment=machine.environment, patience=HASTE)
    Images(str(machine.folder / "cache"), access=access, trust="everybody").load(
        manager, name(machine), PROGRAMS
    )
    (event,) = events(manager.layout)
    assert event.verdict == UNVERIFIED
    assert event.who == this_process()


def test_a_question_is_recorded(machine, layout):
    machine.put(by="acme")
    machine.says(KEYS)
    assert images(machine, layout).verify(name(machine)).verdict == ACCEPTED
    assert verdicts(layout) == [("verify", ACCEPTED, False)]


# what cannot be written


def test_what_cannot_be_recorded_is_not_let_in(machine, layout):
    machine.put()
    with open(layout.runtime_dir, "w") as file:
        file.write("in the way")
    with pytest.raises(
        StoreError, match="cannot be used, as that cannot be recorded in the audit trail"
    ) as caught:
        images(machine, layout).pull(name(machine))
    assert caught.value.hint


@pytest.mark.kernel
def test_nothing_is_loaded_that_cannot_be_recorded(machine, manager):
    machine.put()
    machine.says('[audit]\ndirectory = "{}/trail"')
    (machine.folder / "trail").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be recorded"):
        images(machine).load(manager, name(machine), PROGRAMS)
    assert manager.programs() == []


def test_a_trail_that_is_not_required_is_warned_of(machine, layout):
    machine.put()
    machine.says('[audit]\nrequired = false\ndirectory = "{}/trail"')
    (machine.folder / "trail").write_text("in the way")
    images(machine, layout).pull(name(machine))
    assert any("the audit trail cannot be written" in warning for warning in machine.warnings)


def test_a_refusal_that_cannot_be_recorded_is_one_all_the_same(machine, layout):
    machine.put()
    machine.says(KEYS + '[audit]\ndirectory = "{}/trail"')
    (machine.folder / "trail").write_text("in the way")
    with pytest.raises(Unsigned):
        images(machine, layout).pull(name(machine))
    assert any("the audit trail cannot be written" in warning for warning in machine.warnings)


# where and what


def test_a_lasting_place_of_ones_own(machine, layout):
    machine.put()
    machine.says('[audit]\ndirectory = "{}/trail"\nmax_bytes = 4096\nfiles = 2')
    for _ in range(40):
        images(machine, layout).pull(name(machine))
    assert not os.path.exists(layout.audit_dir)
    assert sorted(os.listdir(machine.folder / "trail")) == [
        ".lock",
        "audit.jsonl",
        "audit.jsonl.1",
        "audit.jsonl.2",
    ]
    assert 10 < len(events(layout, str(machine.config))) < 40


@pytest.mark.parametrize(
    "text",
    ["directry = '/x'", "directory = 'x'", "max_bytes = 1", "max_bytes = '4M'", "files = -1", "required = 1"],
)
def test_settings_that_cannot_be_meant_are_errors(machine, layout, text):
    machine.says(f"[audit]\n{text}")
    with pytest.raises(ConfigurationError, match="audit"):
        images(machine, layout).pull(name(machine))


def test_events_can_be_chosen(machine, layout):
    machine.put()
    images(machine, layout).pull(name(machine))
    machine.says(KEYS)
    with pytest.raises(Unsigned):
        images(machine, layout).pull(name(machine), ALWAYS)
    trail = Trail(layout)
    first, second = trail.events()

    def chosen(**wanted) -> list[object]:
        return list(trail.events(Filter(**wanted)))

    assert chosen(verdicts=(REFUSED,)) == [second]
    assert chosen(since=second.time) == [second]
    assert chosen(until=second.time) == [first]
    assert chosen(image="acme/meter") == [first, second]
    assert chosen(image=first.digest[:20]) == [first, second]
    assert chosen(image="acme/other") == []


def test_credentials_stay_out_of_it():
    words = [
        "bpfman",
        "image",
        "copy",
        "a",
        "b",
        "--source-auth",
        "c2VjcmV0",
        "--target-auth=c2VjcmV0",
        "-o",
        "json",
    ]
    assert "c2VjcmV0" not in command_line(words)
    assert command_line(words).startswith("bpfman image copy a b --source-auth ... --target-auth=...")
    assert command_line(words).endswith("-o json")
    assert command_line(["bpfman", "--registry-auth"]) == "bpfman --registry-auth"


def test_a_person_is_known_by_the_login_or_by_sudo(monkeypatch):
    with open("/proc/self/loginuid") as file:
        if int(file.read()) == 0xFFFFFFFF:
            assert login_name({"SUDO_USER": "alice"}) == "alice"
            assert login_name({}) == ""
        else:
            assert login_name({"SUDO_USER": "mallory"}) != "mallory"


def test_a_signature_made_here_is_recorded(machine, layout):
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

    digest = machine.put()
    pem = machine.keys["acme"].private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"open sesame")
    )
    for _ in range(2):
        images(machine, layout).sign(name(machine), SigningKey(pem, "acme.key", lambda: b"open sesame"))
    made = events(layout)
    assert [(event.action, event.verdict, event.digest, event.rule) for event in made] == [
        ("sign", "signed", digest, "acme.key")
    ] * 2


def test_what_cannot_be_judged_without_a_network_is_recorded(machine, layout):
    machine.put()
    access = Access(environment=machine.environment, patience=HASTE)
    Images(str(machine.folder / "cache"), access=access, trust="everybody").pull(name(machine))
    with pytest.raises(NotCached):
        images(machine, layout).pull(name(machine), NEVER)
    (event,) = events(layout)
    assert event.verdict == REFUSED
    assert "cached under another signing policy" in event.reason
