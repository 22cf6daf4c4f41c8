# SPDX-License-Identifier: Apache-2.0
"""Our NamedTuple behaves as typing's does: type checkers believe that it is that one."""

from __future__ import annotations

import pickle
import subprocess
import sys
import typing

import pytest

from bpfman.model import value


class Ours(value.NamedTuple):
    """A value."""

    x: int
    y: str = "a"
    z: tuple[int, ...] = ()

    @property
    def double(self) -> int:
        return self.x * 2


class Theirs(typing.NamedTuple):
    x: int
    y: str = "a"
    z: tuple[int, ...] = ()


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((1,), {}), ((1, "b"), {}), ((), {"x": 1, "z": (2,)}), ((1,), {"y": "q"}), ((1, "b", (3,)), {})],
)
def test_is_made_as_typings_is(args: tuple[object, ...], kwargs: dict[str, object]) -> None:
    ours, theirs = Ours(*args, **kwargs), Theirs(*args, **kwargs)  # type: ignore[arg-type]
    assert tuple(ours) == tuple(theirs)
    assert ours._asdict() == theirs._asdict()
    assert repr(ours) == repr(theirs).replace("Theirs", "Ours")
    assert ours._replace(x=9)._asdict() == theirs._replace(x=9)._asdict()


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [((), {}), ((1, "b", (), 4), {}), ((1,), {"x": 2}), ((1,), {"unknown": 2}), ((), {"y": "b"})],
)
def test_refuses_what_typings_refuses(args: tuple[object, ...], kwargs: dict[str, object]) -> None:
    for kind in (Ours, Theirs):
        with pytest.raises(TypeError):
            kind(*args, **kwargs)  # type: ignore[arg-type]


def test_is_frozen() -> None:
    with pytest.raises(AttributeError):
        Ours(1).x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError):
        Ours(1).other = 2  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="unknown"):
        Ours(1)._replace(unknown=2)  # type: ignore[call-arg]


def test_has_methods_docs_and_pickles() -> None:
    ours = Ours(3)
    assert ours.double == 6
    assert Ours.__doc__ == "A value."
    assert pickle.loads(pickle.dumps(ours)) == ours
    assert hash(ours) == hash((3, "a", ()))
    match ours:
        case Ours(x, y):
            assert (x, y) == (3, "a")
        case _:
            pytest.fail("it does not match by position")


def test_imports_neither_typing_nor_collections() -> None:
    heavy = {"typing", "collections", "re", "dataclasses"}
    script = f"import sys, bpfman.model.program; print(*({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-I", "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""
