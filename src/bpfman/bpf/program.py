# SPDX-License-Identifier: Apache-2.0
"""Programs in the kernel: opened by id or pin, loaded from bare instructions, run on a packet of one's own.

`manager/` uses it for chains; by itself it is the small library for "that program, now".
"""

from __future__ import annotations

import struct

from bpfman.bpf import code, explain, info, pin
from bpfman.bpf.descriptor import Descriptor
from bpfman.errors import KernelRefused, ProgramNotFound
from bpfman.model.value import NamedTuple
from bpfman.syscalls import bpf, libbpf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from bpfman.model.code import MapReference
    from bpfman.model.kernel import KernelProgram


class Types(NamedTuple):
    """A loaded program's function types: raw BTF, and the type id of each function in order of its start."""

    btf_id: int
    btf: bytes
    functions: tuple[int, ...]


class TestRun(NamedTuple):
    """`verdict` as the program returned it (unsigned 32 bits), `ns` a run on average, `packet` as it left it."""

    verdict: int
    ns: int
    packet: bytes


class Bytecode(NamedTuple):
    """A program to load from instructions; `func_info` has (instruction, type id in `btf`) pairs."""

    name: str
    program_type: int
    expected_attach: int
    instructions: bytes
    maps: tuple[MapReference, ...]
    license: str
    btf: bytes = b""
    func_info: tuple[tuple[int, int], ...] = ()
    flags: int = 0


class Program(Descriptor):
    """A descriptor of a program."""

    @classmethod
    def by_id(cls, program_id: int) -> Self:
        try:
            return cls(bpf.fd_by_id(bpf.PROG_BY_ID, program_id))
        except FileNotFoundError:
            raise ProgramNotFound(program_id) from None
        except OSError as error:
            raise KernelRefused(f"open program {program_id}", error.errno or 0) from error

    @classmethod
    def pinned(cls, path: str) -> Self | None:
        """The program pinned at `path`; None when nothing is."""
        fd = pin.open_pin(path, "bpf-prog")
        return None if fd is None else cls(fd)

    @classmethod
    def load(cls, bytecode: Bytecode) -> Self:
        """Load instructions.  Raises KernelRefused, or VerifierRefused with the whole log."""
        descriptors: dict[int, int] = {}
        opened: list[Descriptor] = []
        try:
            for map_id in dict.fromkeys(reference.map_id for reference in bytecode.maps):
                opened.append(_map(map_id))
                descriptors[map_id] = opened[-1].fd
            if bytecode.btf:
                opened.append(_btf(bytecode.btf))
            return cls(_load(bytecode, code.patch(bytecode.instructions, bytecode.maps, descriptors),
                             opened[-1].fd if bytecode.btf else 0))  # fmt: skip
        finally:
            for descriptor in opened:
                descriptor.close()

    @property
    def info(self) -> KernelProgram:
        return info.program(self.fd)

    def types(self) -> Types | None:
        """The types of its functions; None for a program without BTF."""
        try:
            btf_id, size, records = bpf.prog_func_info(self.fd)
            if not records:
                return None
            functions = tuple(
                struct.unpack_from("=I", records, at + 4)[0] for at in range(0, len(records), size)
            )
            with Descriptor(bpf.fd_by_id(bpf.BTF_BY_ID, btf_id)) as btf:
                return Types(btf_id, bpf.btf_data(btf.fd), functions)
        except OSError as error:
            raise KernelRefused("read the types of a program", error.errno or 0) from error

    def test_run(self, packet: bytes, *, repeat: int = 1, room: int = 0) -> TestRun:
        """Run it on a packet (BPF_PROG_TEST_RUN).  `room` is how much of the packet to give back, in bytes."""
        try:
            return TestRun(*bpf.prog_test_run(self.fd, packet, repeat=repeat, out_size=room))
        except OSError as error:
            raise KernelRefused("run the program on a packet", error.errno or 0) from error


def _map(map_id: int) -> Descriptor:
    try:
        return Descriptor(bpf.fd_by_id(bpf.MAP_BY_ID, map_id))
    except OSError as error:
        raise KernelRefused(f"open map {map_id}", error.errno or 0) from error


def _btf(data: bytes) -> Descriptor:
    try:
        return Descriptor(bpf.btf_load(data))
    except OSError as error:
        log = libbpf.LogBuffer()
        try:
            return Descriptor(bpf.btf_load(data, log.array))
        except OSError:
            raise explain.refusal("load type information (BTF)", error.errno or 0, log.text()) from error


def _load(bytecode: Bytecode, instructions: bytes, btf_fd: int) -> int:
    """The verifier writes its log only when asked, and asking costs time: ask after a refusal."""
    func_info = b"".join(struct.pack("=II", start, type_id) for start, type_id in bytecode.func_info)
    log: libbpf.LogBuffer | None = None
    while True:
        try:
            return bpf.prog_load(
                bytecode.program_type, instructions, bytecode.license, name=bytecode.name,
                expected_attach=bytecode.expected_attach, flags=bytecode.flags, btf_fd=btf_fd,
                func_info=func_info, log=log.array if log else None,
            )  # fmt: skip
        except OSError as error:
            if log is not None:
                what = f"failed to load program {bytecode.name}"
                raise explain.refusal(what, error.errno or 0, log.text()) from error
            log = libbpf.LogBuffer()
