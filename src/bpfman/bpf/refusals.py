# SPDX-License-Identifier: Apache-2.0
"""Why the kernel refused a kind of program altogether: lockdown, a missing capability, or how it was built.

Called only after a failure: the reasons are found by looking at the running kernel, not at its version.
"""

from __future__ import annotations

import errno
import os

from bpfman.model import kinds

# include/uapi/linux/capability.h
_CAPABILITIES = {"CAP_SYS_ADMIN": 21, "CAP_NET_ADMIN": 12, "CAP_PERFMON": 38, "CAP_BPF": 39}
_LOCKDOWN = "/sys/kernel/security/lockdown"


# kernel/bpf/syscall.c: is_net_admin_prog_type, is_perfmon_prog_type
_OF_NETWORKS = frozenset((
    kinds.PROG_XDP, kinds.PROG_SCHED_CLS, kinds.PROG_CGROUP_SOCK, kinds.PROG_CGROUP_DEVICE, kinds.PROG_CGROUP_SOCK_ADDR,
    kinds.PROG_CGROUP_SYSCTL, kinds.PROG_CGROUP_SOCKOPT, kinds.PROG_SOCK_OPS, kinds.PROG_SK_LOOKUP,
    kinds.PROG_NETFILTER,
))  # fmt: skip
_OF_TRACING = frozenset((
    kinds.PROG_KPROBE, kinds.PROG_TRACEPOINT, kinds.PROG_PERF_EVENT, kinds.PROG_RAW_TRACEPOINT, kinds.PROG_TRACING,
    kinds.PROG_LSM, kinds.PROG_STRUCT_OPS,
))  # fmt: skip


def needed_to_load(kernel_type: int) -> tuple[str, ...]:
    """The capabilities that loading a program of that type wants."""
    return (
        "CAP_BPF",
        *(("CAP_PERFMON",) if kernel_type in _OF_TRACING else ()),
        *(("CAP_NET_ADMIN",) if kernel_type in _OF_NETWORKS else ()),
    )


def hint(error: int, *needed: str) -> str:
    """What stands behind EPERM or EACCES: `needed` are the capabilities that the operation wants."""
    if error not in (errno.EPERM, errno.EACCES):
        return ""
    if missing := missing_capabilities(*(needed or ("CAP_BPF", "CAP_PERFMON"))):
        are, them = ("are", "them") if len(missing) > 1 else ("is", "it")
        return f"{' and '.join(missing)} {are} missing: run as root, outside of a container that drops {them}"
    mode = lockdown()
    if mode == "integrity":
        # Linux itself refuses only writes to user memory then; kernels with patches of their own refuse more.
        return (
            "the kernel is locked down (integrity), and some refuse programs that could read or change them then: use "
            "a tracepoint, boot without lockdown= and Secure Boot, or look into `dmesg` for a security module or a "
            "seccomp filter that refuses it"
        )
    if mode and mode != "none":
        return (
            f"the kernel is locked down ({mode}), and refuses programs that could read or change it, whoever asks: "
            "boot it without lockdown= and Secure Boot, or use a tracepoint"
        )
    return "a security module or a seccomp filter refuses it (`dmesg` and the audit log may say which)"


def missing_capabilities(*names: str) -> list[str]:
    """Those of the named capabilities that this process lacks; CAP_SYS_ADMIN stands for the newer ones."""
    held = _effective()
    if held >> _CAPABILITIES["CAP_SYS_ADMIN"] & 1:
        return [name for name in names if name == "CAP_NET_ADMIN" and not held >> _CAPABILITIES[name] & 1]
    return [name for name in names if not held >> _CAPABILITIES[name] & 1]


def lockdown() -> str:
    """none, integrity or confidentiality; empty where the kernel does not say."""
    text = _read(_LOCKDOWN) or _read_detached("securityfs", "lockdown")
    return text.partition("[")[2].partition("]")[0]


def security_modules() -> list[str]:
    """The active security modules; none where the kernel does not say."""
    text = _read("/sys/kernel/security/lsm") or _read_detached("securityfs", "lsm")
    return text.strip().split(",") if text.strip() else []


def built_with(option: str) -> bool | None:
    """Whether the kernel was built with CONFIG_...; None where its configuration is not to be found."""
    text = _config()
    if not text:
        return None
    return any(f"\n{option}={value}\n" in text for value in ("y", "m"))


def _config() -> str:
    import gzip

    try:
        with gzip.open("/proc/config.gz", "rt") as file:
            return "\n" + file.read()
    except OSError:
        return "\n" + text if (text := _read(f"/boot/config-{os.uname().release}")) else ""


def _effective() -> int:
    for line in _read("/proc/self/status").splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _read_detached(fstype: str, path: str) -> str:
    """A file of a file system that nobody has mounted."""
    from bpfman.errors import KernelRefused
    from bpfman.syscalls import mounts

    try:
        root = mounts.detached(fstype)
    except KernelRefused:
        return ""
    try:
        with open(
            path, encoding="ascii", opener=lambda name, flags: os.open(name, flags, dir_fd=root)
        ) as file:
            return file.read()
    except OSError:
        return ""
    finally:
        os.close(root)
