# SPDX-License-Identifier: Apache-2.0
"""The Containerfiles ask for the arguments that `image generate-build-args` prints."""

from __future__ import annotations

import re

from bpfman.images.labels import MAPS, PROGRAMS
from bpfman.images.platform import ARCHITECTURES
from tests.rules.repository import ROOT


def read(name: str) -> str:
    return (ROOT / "packaging" / name).read_text()


def test_one_object():
    text = read("Containerfile.bytecode")
    assert re.findall(r"^ARG (\w+)$", text, re.MULTILINE) == ["BYTECODE_FILE", "PROGRAMS", "MAPS"]
    assert re.findall(r"^LABEL (\S+)=", text, re.MULTILINE) == [PROGRAMS, MAPS]
    assert text.count("FROM scratch") == 1


def test_an_object_for_each_platform():
    text = read("Containerfile.bytecode.multi.arch")
    stages = re.findall(
        r"^FROM scratch AS bytecode-(\w+)\nARG (\w+)\nCOPY \$\{(\w+)\} /$", text, re.MULTILINE
    )
    assert stages == [(row.name, row.build_arg, row.build_arg) for row in ARCHITECTURES.values()]
    assert text.index("ARG TARGETARCH") < text.index("FROM")
    assert re.findall(r"^LABEL (\S+)=", text, re.MULTILINE) == [PROGRAMS, MAPS]
