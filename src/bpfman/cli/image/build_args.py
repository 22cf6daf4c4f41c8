# SPDX-License-Identifier: Apache-2.0
"""`bpfman image generate-build-args`: what to tell `docker build` with the Containerfiles."""

from __future__ import annotations

from bpfman.cli.command import Command
from bpfman.cli.flags import OUTPUT
from bpfman.cli.image.common import BYTECODE, PROJECT
from bpfman.cli.output import emit_json, emit_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.cli.command import Arguments


def run(args: Arguments) -> None:
    from bpfman.cli.render.image import build_args_json, build_args_lines
    from bpfman.manager.images import build_args

    found = build_args(args.bytecode or [], args.cilium_ebpf_project)
    if args.output == "json":
        emit_json(build_args_json(found))
    else:
        emit_lines(build_args_lines(found))


COMMAND = Command(
    run,
    arguments=[BYTECODE],
    flags=[PROJECT, OUTPUT],
    description="""\
Prints the build arguments for Containerfile.bytecode and Containerfile.bytecode.multi.arch: which object is for which \
platform, and the labels with its programs and maps. bpfman image build needs none of this; it is for those who build \
images with docker or podman.""",
    examples=[
        (
            "Build with docker",
            """\
bpfman image generate-build-args meter.o | sed 's/^/--build-arg=/' |
    xargs -d '\\n' docker build -f Containerfile.bytecode -t quay.io/acme/meter:1.2 .""",
        ),
    ],
    needs_root=False,
)
