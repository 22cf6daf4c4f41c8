# SPDX-License-Identifier: Apache-2.0
"""The command line without a kernel: a stand-in for the manager that records what it is asked and answers with samples.

For questions of parsing and printing only; what the commands do is tested with the manager itself.
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import pytest

import bpfman.manager
from bpfman.cli.main import main


class Result(NamedTuple):
    status: int
    out: str
    err: str


class StandIn:
    """Answers each method with what `answers` has for it: a value, or an exception to raise."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {}
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.made_with: dict[str, Any] = {}

    def make(self, layout: Any, **options: Any) -> StandIn:
        self.made_with = {"layout": layout, **options}
        return self

    def __getattr__(self, name: str) -> Any:
        if not hasattr(bpfman.manager.Manager, name):
            raise AttributeError(name)

        def answer(*args: Any, **kwargs: Any) -> Any:
            self.calls.append((name, args, kwargs))
            value = self.answers.get(name)
            if isinstance(value, BaseException):
                raise value
            return value

        return answer


@pytest.fixture
def stand_in(monkeypatch) -> StandIn:
    made = StandIn()
    monkeypatch.setattr("bpfman.manager.Manager", _Factory(made))
    return made


class _Factory:
    """In the place of the class: its methods are known, making one gives the stand-in."""

    def __init__(self, stand_in: StandIn) -> None:
        self._stand_in = stand_in
        self._real = bpfman.manager.Manager

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __call__(self, *args: Any, **kwargs: Any) -> StandIn:
        return self._stand_in.make(*args, **kwargs)


@pytest.fixture
def bpfman_command(monkeypatch, capsysbinary):
    """Runs a command line as root would: bpfman_command("program", "list").status"""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for name in [name for name in os.environ if name.startswith("BPFMAN_")]:
        monkeypatch.delenv(name)

    def run(*argv: str) -> Result:
        status = main(argv)
        captured = capsysbinary.readouterr()
        return Result(status, captured.out.decode(), captured.err.decode())

    return run
