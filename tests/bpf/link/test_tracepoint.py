# SPDX-License-Identifier: Apache-2.0

from __future__ import annotations

import pytest

from bpfman.bpf.link import tracepoint
from bpfman.errors import TracepointNotFound
from bpfman.model.kinds import KINDS
from bpfman.model.targets import TracepointAttach

pytestmark = pytest.mark.kernel

KIND = KINDS["tracepoint"]


def test_that_is_there_is_accepted():
    tracepoint.check(KIND, TracepointAttach("sched", "sched_switch"))


@pytest.mark.parametrize(
    ("group", "name", "first"),
    [
        ("sched", "sched_swich", "sched/sched_switch"),
        ("sched", "switch", "sched/sched_switch"),
        ("syscals", "sys_enter_openat", "syscalls/sys_enter_openat"),
        ("", "sched_switch", "sched/sched_switch"),
    ],
)
def test_that_is_not_there_is_told_with_near_ones_in_front(group, name, first):
    with pytest.raises(TracepointNotFound) as missing:
        tracepoint.check(KIND, TracepointAttach(group, name))
    suggestions = str(missing.value).partition("did you mean: ")[2].rstrip("?").split(", ")
    assert first in suggestions
    assert len(suggestions) <= 3


def test_of_the_group_asked_for_comes_first():
    with pytest.raises(TracepointNotFound) as missing:
        tracepoint.check(KIND, TracepointAttach("syscalls", "sys_enter_kil"))
    assert "did you mean: syscalls/sys_enter_kill, syscalls/" in str(missing.value)
