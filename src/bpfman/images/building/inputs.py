# SPDX-License-Identifier: Apache-2.0
"""Which object is for which platform: one bare object, `linux/ARCH=PATH` each, or a bpf2go project's directory.

Called with the words of a command line.  Looks into a directory, but never into an object.
"""

from __future__ import annotations

import os
import re

from bpfman.errors import InvalidRequest
from bpfman.images.platform import ARCHITECTURES, Architecture, parse_platform
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_BYTE_ORDERS = {"bpfel": "little", "bpfeb": "big"}
_FORMS = "give one object, or linux/ARCH=PATH for each platform, or --cilium-ebpf-project DIR"


class Input(NamedTuple):
    """One object file; without an architecture it is for this machine."""

    path: str
    architecture: Architecture | None = None

    @property
    def platform(self) -> str:
        return self.architecture.platform if self.architecture else ""

    @property
    def build_arg(self) -> str:
        """The build argument of the Containerfiles that names it."""
        return self.architecture.build_arg if self.architecture else "BYTECODE_FILE"


def parse_inputs(words: Sequence[str], project: str | None) -> tuple[Input, ...]:
    """The objects, by platform.  InvalidRequest for combinations that make no sense."""
    if project is not None:
        if words:
            raise InvalidRequest("a project's directory and single objects cannot be combined", _FORMS)
        return _of_project(project)
    if not words:
        raise InvalidRequest("no bytecode given", _FORMS)
    inputs = [_parse(word) for word in words]
    bare = [each for each in inputs if each.architecture is None]
    if bare and len(inputs) > 1:
        what = (
            "several objects without a platform" if len(bare) > 1 else "objects with and without a platform"
        )
        raise InvalidRequest(f"{what} cannot be one image", _FORMS)
    return _sorted(inputs)


def _parse(word: str) -> Input:
    """A path that has an `=` is written with `./` or `/` in front."""
    platform, equals, path = word.partition("=")
    is_bare = not equals or word.startswith((".", "/"))
    if not (word if is_bare else path):
        raise InvalidRequest(f'"{word}" names no file', _FORMS)
    return Input(word) if is_bare else Input(path, parse_platform(platform))


def _sorted(inputs: Sequence[Input]) -> tuple[Input, ...]:
    found: dict[str, Input] = {}
    for each in inputs:
        if each.platform in found:
            raise InvalidRequest(
                f"two objects for {each.platform}: {found[each.platform].path} and {each.path}",
                "give one a platform",
            )
        found[each.platform] = each
    return tuple(found[platform] for platform in sorted(found))


def _of_project(directory: str) -> tuple[Input, ...]:
    try:
        names = sorted(name for name in os.listdir(directory) if name.endswith(".o"))
    except OSError as error:
        raise InvalidRequest(f"cannot read the project {directory}: {error.strerror}") from None
    if not names:
        raise InvalidRequest(f"the project {directory} has no objects", "run `go generate` in it first")
    return _sorted([Input(os.path.join(directory, name), _recognise(name, directory)) for name in names])


def _recognise(name: str, directory: str) -> Architecture:
    """The architecture in a name such as meter_x86_bpfel.o (cilium/ebpf, cmd/bpf2go)."""
    words = set(re.split(r"[_.-]", name.lower().removesuffix(".o")))
    orders = {order for token, order in _BYTE_ORDERS.items() if token in words}
    found = [row for row in ARCHITECTURES.values() if orders == {row.byteorder} and words & set(row.tokens)]
    if len(found) != 1:
        raise InvalidRequest(
            f"unrecognised cilium/ebpf bytecode file {os.path.join(directory, name)}",
            "its name must have an architecture and a byte order, as in meter_x86_bpfel.o (bpf2go -target amd64,arm64)",
        )
    return found[0]
