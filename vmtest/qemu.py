# SPDX-License-Identifier: Apache-2.0
"""The command lines of a virtual machine's two processes: QEMU, and virtiofsd, which serves the machine's files.

Called by `machine.py`, which makes the listening sockets and starts them.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vmtest import agent
from vmtest.settings import ACCELERATOR

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from vmtest.kernel import Kernel

_C_VIRTIOFSD = "/usr/lib/qemu/virtiofsd"  # Debian 12, in qemu-system-common
_RUST_VIRTIOFSD = "/usr/libexec/virtiofsd"  # Debian 13, in virtiofsd

_KERNEL_OPTIONS = (
    # What tests may rely on.
    "audit=1 lsm=landlock,lockdown,yama,bpf panic=-1 oops=panic console=ttyS0 quiet loglevel=4",
    # Speed and calm, under emulation on a busy machine.
    "mitigations=off nokaslr norandmaps tsc=reliable nowatchdog rcupdate.rcu_cpu_stall_suppress=1",
    "rcupdate.rcu_expedited=1 random.trust_cpu=on cryptomgr.notests initcall_blacklist=jent_mod_init",
)

# One thread for all of a guest's processors: with a thread each, the kernel's rewriting of running code (as when an
# XDP program is replaced under traffic) now and then meets one that still runs what was there before, and panics.
_ACCELERATORS = {"tcg": "tcg,thread=single"}
# "rep movsb" is emulated byte by byte: without erms and fsrm, the kernel and libc copy words.
_CPUS = {"kvm": "host", "tcg": "max,erms=off,fsrm=off"}


def virtiofsd(listener: int) -> list[str]:
    """Serves / at the listening socket with that descriptor."""
    if os.access(_C_VIRTIOFSD, os.X_OK):
        # A program's start reads many files: with cache=auto, which drops a file's data whenever it is opened, it
        # would take Python twice as long.  With timeout=1 the guest looks each second whether files have changed.
        options = "source=/,sandbox=chroot,log_level=warn,cache=always,timeout=1"
        return [_C_VIRTIOFSD, "-o", options, f"--fd={listener}"]
    return [_RUST_VIRTIOFSD, "--shared-dir=/", "--sandbox=chroot", "--cache=auto", f"--fd={listener}"]


def qemu(kernel: Kernel, folder: Path, ports: Sequence[int], memory: int) -> list[str]:
    """The machine of `folder`, with the initramfs and the virtiofsd socket (`root`) that are there.  `ports` are the
    descriptors of the listening sockets for the agent, `memory` is in MiB."""
    command = ["qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
    command += ["-machine", "q35,memory-backend=ram", "-accel", _ACCELERATORS.get(ACCELERATOR, ACCELERATOR)]
    command += ["-cpu", _CPUS.get(ACCELERATOR, "max"), "-smp", "2"]
    # virtiofsd writes into the guest's memory.
    command += ["-object", f"memory-backend-memfd,id=ram,size={memory}M,share=on", "-m", str(memory)]
    command += ["-kernel", str(kernel.image), "-initrd", str(folder / "initramfs")]
    command += ["-append", " ".join(_KERNEL_OPTIONS), "-serial", f"file:{folder / 'console'}"]
    command += ["-chardev", f"socket,id=root,path={folder / 'root'}"]
    command += ["-device", "vhost-user-fs-pci,chardev=root,tag=root,queue-size=1024"]
    command += ["-device", "virtio-serial-pci"]
    for fd in ports:
        command += ["-chardev", f"socket,id=port{fd},fd={fd},server=on,wait=off"]
        command += ["-device", f"virtserialport,chardev=port{fd},name={agent.PORT_NAME}.{fd}"]
    return command
