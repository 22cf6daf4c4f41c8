# SPDX-License-Identifier: Apache-2.0
"""One tree of errors, each of which can say what happened, and what to do where that is known."""

from __future__ import annotations

import errno
import inspect
import os
import re

import pytest

from bpfman import errors
from bpfman.errors import BpfmanError, KernelRefused

TREE = {
    name: each
    for name, each in vars(errors).items()
    if inspect.isclass(each) and issubclass(each, BpfmanError)
}
PLAIN = [each for each in TREE.values() if each.__init__ is BpfmanError.__init__]


def described() -> dict[str, str]:
    """Name -> parent, as drawn at the top of the module."""
    parents: dict[str, str] = {}
    path = ["BpfmanError"]
    for line in (errors.__doc__ or "").splitlines():
        drawn = re.match(r"    ((?:│   |    )*)[├└]── (.*)", line)
        if drawn is None:
            continue
        depth = len(drawn[1]) // 4 + 1
        # A word of its own in a row of names, or the first of a line that goes on with what it means.
        names = [name for name in drawn[2].split() if name in TREE] or drawn[2].split()[:1]
        for name in names:
            parents[name] = path[depth - 1]
        path[depth:] = names[:1]
    return parents


def test_the_tree_is_drawn_as_it_is():
    actual = {name: each.__bases__[0].__name__ for name, each in TREE.items() if each is not BpfmanError}
    assert described() == actual


@pytest.mark.parametrize("error", PLAIN, ids=lambda each: each.__name__)
def test_what_happened_and_what_to_do(error):
    assert (str(error("it failed")), error("it failed").hint) == ("it failed", "")
    assert error("it failed", "try again").hint == "try again"


MADE = {
    "ProgramNotFound": (errors.ProgramNotFound(7), "program 7 does not exist", {"program_id": 7}),
    "ProgramNotFound, in other words": (errors.ProgramNotFound(7, "it left", "hm"), "it left", {"hint": "hm"}),
    "LinkNotFound": (errors.LinkNotFound(3, "list them"), "link 3 does not exist", {"link_id": 3, "hint": "list them"}),
    "MapOwnerNotFound": (errors.MapOwnerNotFound(9), "map_owner_id 9 does not exist", {"program_id": 9}),
    "LockTimeout": (
        errors.LockTimeout("/run/bpfman/.lock", "30s"),
        "timed out waiting for lock /run/bpfman/.lock (--lock-timeout=30s)",
        {},
    ),
    "KernelRefused": (
        KernelRefused("open it", errno.EACCES, "try"), "open it: Permission denied", {"errno": 13, "hint": "try"},
    ),
    "VerifierRefused": (
        errors.VerifierRefused("load it", errno.EINVAL, "the log\n", "mend it"),
        "load it: the kernel's verifier refused it (Invalid argument)",
        {"errno": 22, "log": "the log\n", "hint": "mend it"},
    ),
    "SignatureRefused": (
        errors.SignatureRefused("none is good", [("bundle 1", "identity", "it is Bob's")], "ask Alice"),
        "none is good",
        {"refusals": (("bundle 1", "identity", "it is Bob's"),), "hint": "ask Alice"},
    ),
    "PartialFailure": (
        errors.PartialFailure("1 of 2 failed", [("link 3", errors.LinkNotFound(3))]), "1 of 2 failed", {"hint": ""},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("error", "says", "fields"), MADE.values(), ids=[*MADE])
def test_errors_with_fields(error, says, fields):
    assert str(error) == says
    assert {name: getattr(error, name) for name in fields} == fields


def test_every_error_is_covered_here():
    assert {each.__name__ for each in PLAIN} | {name.partition(",")[0] for name in MADE} == set(TREE)


def test_a_lock_that_is_held_says_what_to_do():
    assert "--lock-timeout" in errors.LockTimeout("/run/bpfman/.lock", "30s").hint


def test_failures_keep_their_order():
    failures = [(f"link {number}", errors.LinkNotFound(number)) for number in (3, 1, 2)]
    assert errors.PartialFailure("3 of 3 failed", iter(failures)).failures == tuple(failures)  # type: ignore[arg-type]


def test_every_number_of_the_kernel_has_words():
    """524 is ENOTSUPP, which the kernel should not let out and does."""
    for number in errno.errorcode:
        assert str(KernelRefused("do it", number)) == f"do it: {os.strerror(number)}"
    assert str(KernelRefused("do it", 524)) == "do it: Operation not supported"
