# SPDX-License-Identifier: Apache-2.0
"""Why a program cannot be fixed to a function of the kernel."""

from __future__ import annotations

import pytest

from bpfman.bpf import attach_target, kernel_btf, struct_ops
from bpfman.errors import Unsupported
from bpfman.model.kinds import KINDS

OPTION = "use a kernel built with CONFIG_DEBUG_INFO_BTF"


def test_a_kernel_without_types_is_told_with_the_option_that_gives_them(monkeypatch, tmp_path):
    monkeypatch.setattr(kernel_btf, "PATH", str(tmp_path / "vmlinux"))

    error = attach_target._explained(KINDS["fentry"], "vfs_unlink")
    assert isinstance(error, Unsupported)
    assert (
        str(error)
        == f"this kernel has no BTF, which fentry programs need ({tmp_path}/vmlinux does not exist)"
    )
    assert error.hint == f"{OPTION}, or a kprobe in place of fentry and fexit"

    with pytest.raises(Unsupported, match="which struct_ops programs need") as refused:
        struct_ops.kernel_types()
    assert refused.value.hint == OPTION
