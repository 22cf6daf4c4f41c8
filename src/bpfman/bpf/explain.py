# SPDX-License-Identifier: Apache-2.0
"""What to say when the kernel refuses a program: hints by the verifier's words, or by errno where it said nothing.

Called only after a failure, by `bpf/object.py` and `bpf/program.py`.
"""

from __future__ import annotations

import errno

from bpfman.bpf import refusals
from bpfman.errors import KernelRefused, VerifierRefused

_TOO_LARGE = "the verifier gave up after a million instructions: split the program"
# The verifier's words (kernel/bpf/verifier.c, 5.10 to 6.18) and what they ask for.
_HINTS = (
    ("invalid access to packet", "compare the pointer with data_end before this packet access"),
    ("map_value_or_null", "check the result of bpf_map_lookup_elem() for NULL before using it"),
    ("GPL-restricted function", 'the helper is GPL-only: declare char _license[] SEC("license") = "GPL"'),
    ("cannot call GPL", 'the function is GPL-only: declare char _license[] SEC("license") = "GPL"'),
    ("combined stack size", "use less stack: 512 bytes in all, for a function and what it calls"),
    ("invalid write to stack", "use less stack: 512 bytes in all, for a function and what it calls"),
    ("back-edge", "bound the loop: unroll it, or use bpf_loop()"),
    ("infinite loop detected", "bound the loop: unroll it, or use bpf_loop()"),
    ("too complex", "the verifier gave up: split the program, or move loops into bpf_loop() callbacks"),
    ("BPF program is too large", _TOO_LARGE),
    ("invalid func unknown", "this kernel does not have that helper"),
    ("unknown func", "this kernel does not have that helper for programs of this type"),
    ("program of this type cannot use helper", "that helper is not for programs of this type"),
    ("calling kernel function", "that kernel function is not for programs of this type"),
    ("unbounded m", "bound the index or length (compare it, or mask it with &) before using it"),
    (
        "outside of the allowed memory range",
        "the access may reach beyond the value: compare the index with its size",
    ),
    ("invalid access to map value", "the access may reach beyond the value: compare the index with its size"),
    (
        "read from stack",
        "part of what is passed on the stack is not set: initialise it whole, padding too (= {})",
    ),
    (
        "invalid bpf_context access",
        "programs of this type may not use that field of their context, or not so",
    ),
    ("min value is negative", "make the index or length unsigned, or check that it is not negative"),
    ("!read_ok", "a variable is used before it is set"),
    ("missing btf func_info", "compile with -g, so that the object carries BTF"),
    ("unreachable insn", "the program has code that can never run"),
    ("invalid mem access", "the pointer may be invalid on this path: check it first"),
)

_ENOTSUPP = 524  # the kernel's own number (include/linux/errno.h), which is not ENOTSUP
_ERRNO_HINTS = {
    errno.EINVAL: "this kernel does not know the program's type, or something the program uses",
    errno.E2BIG: "the program has more instructions than this kernel allows",
    errno.ENOMEM: "the machine is out of memory, or the memlock limit is too low (ulimit -l)",
    _ENOTSUPP: "this kernel or its JIT lacks something that the program uses",
}


def refusal(what: str, error: int, log: str, *needed: str) -> KernelRefused:
    """The error for a program (or type information) that the kernel did not take; `needed` are the capabilities that it
    wants."""
    if not log.strip():
        return KernelRefused(what, error, _ERRNO_HINTS.get(error) or refusals.hint(error, *needed))
    hint = hint_for(log)
    if error == errno.ENOSPC:
        # No disk is full: the log outgrew its 16 MiB, of which kernels before 6.4 keep the first.
        error, hint = errno.E2BIG, hint or _TOO_LARGE
    return VerifierRefused(what, error, log, hint)


def hint_for(log: str) -> str:
    """A hint for a verifier log, from its end: earlier lines may hold the same words for a path that was fine."""
    for line in reversed(log.splitlines()[-20:]):
        for words, hint in _HINTS:
            if words in line:
                return hint
    return ""
