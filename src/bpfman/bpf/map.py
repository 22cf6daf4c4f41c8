# SPDX-License-Identifier: Apache-2.0
"""Maps: opened by id or pin, read and written by the types their BTF tells.

    with Map.pinned("/run/bpfman/fs/maps/412/pkt_totals") as totals:
        print(totals[2])                    # {'packets': 17, 'bytes': 1428}, or a list of them, one a CPU

A public part of the library, for programs without privilege too: a pin that they may read is all they need.
Iteration is the kernel's: of a map that changes meanwhile, entries may be missed or seen twice.
"""

from __future__ import annotations

import errno
import os

from bpfman.bpf import info, pin
from bpfman.bpf.descriptor import Descriptor
from bpfman.errors import InvalidRequest, KernelRefused, MapNotFound, ObjectError
from bpfman.model.kernel import map_type_name
from bpfman.syscalls import bpf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Self

    from bpfman.bpf.btf import Btf
    from bpfman.bpf.decode import Decoder
    from bpfman.model.kernel import KernelMap

# enum bpf_map_type
PERCPU_ARRAY = 6
_PER_CPU = frozenset((5, 6, 10, 21))  # percpu hash, array, LRU hash, cgroup storage
_ARRAYS = frozenset((2, 6))  # their elements cannot be deleted
# Why entries of some types cannot be read or written as others can, and what they hold.
_PECULIAR = {
    3: "its values are descriptors of programs, and are read as their ids",
    4: "perf event arrays are read with perf buffers",
    12: "its values are descriptors of maps, and are read as their ids",
    13: "its values are descriptors of maps, and are read as their ids",
    16: "Bloom filters can only be asked, not listed",
    22: "queues have no keys: push with update(b'', value), look at the next element with lookup(b'')",
    23: "stacks have no keys: push with update(b'', value), look at the next element with lookup(b'')",
    27: "ring buffers are read by mapping them",
    31: "user ring buffers are written by mapping them",
}


class Map(Descriptor):
    """A descriptor of a map.  Keys and values are Python values by the map's BTF: numbers, strings, lists, dicts by
    member name; bytes where there is no BTF.  Values of per-CPU maps are lists, one element a CPU."""

    def __init__(self, fd: int, types_from: str = "") -> None:
        super().__init__(fd)
        try:
            self.info: KernelMap = info.map(fd)
        except OSError as error:
            self.close()
            raise KernelRefused("ask the kernel about a map", error.errno or 0) from error
        self._types_from = types_from
        self._decoders: tuple[Decoder, Decoder] | None = None

    @classmethod
    def by_id(cls, map_id: int) -> Self:
        try:
            return cls(bpf.fd_by_id(bpf.MAP_BY_ID, map_id))
        except FileNotFoundError:
            raise MapNotFound(
                f"map {map_id} does not exist", "`bpfman map list` shows those there are"
            ) from None
        except OSError as error:
            raise KernelRefused(f"open map {map_id}", error.errno or 0) from error

    @classmethod
    def pinned(cls, path: str, *, types_from: str = "") -> Self | None:
        """The map pinned at `path`, to be read only where the pin may not be written; None when nothing is.

        The kernel tells types to root only.  A program without privilege names the object file that the map was made
        by, such as the copy that bpfman keeps; without `types_from`, it sees bytes."""
        fd = pin.open_pin(path, "bpf-map")
        return None if fd is None else cls(fd, types_from)

    @property
    def per_cpu(self) -> bool:
        return self.info.type in _PER_CPU

    @property
    def types(self) -> tuple[Decoder, Decoder]:
        """The decoders of keys and values: `describe()` says what they are, `parse(text)` reads a typed one."""
        if self._decoders is None:
            self._decoders = _decoders(self.info, self._types_from)
        return self._decoders

    # typed

    def __getitem__(self, key: Any) -> Any:
        return self.decode_value(self.lookup(self.types[0].encode(key)))

    def __setitem__(self, key: Any, value: Any) -> None:
        """Of a per-CPU map, a list sets each CPU's value, anything else is set on all of them."""
        encode = self.types[1].encode
        if not self.per_cpu:
            data = encode(value)
        else:
            values = value if isinstance(value, list) and len(value) == possible_cpus() else None
            each = [encode(one) for one in values] if values else [encode(value)] * possible_cpus()
            data = b"".join(one.ljust(self._stride, b"\0") for one in each)
        self.update(self.types[0].encode(key), data)

    def __delitem__(self, key: Any) -> None:
        self.delete(self.types[0].encode(key))

    def __iter__(self) -> Iterator[Any]:
        return (self.types[0].decode(key) for key in self.raw_keys())

    def items(self) -> Iterator[tuple[Any, Any]]:
        for key in self.raw_keys():
            try:
                yield self.types[0].decode(key), self.decode_value(self.lookup(key))
            except MapNotFound:  # deleted since
                continue

    def decode_value(self, data: bytes) -> Any:
        decode = self.types[1].decode
        if not self.per_cpu:
            return decode(data)
        return [decode(one) for one in self.split(data)]

    # raw

    def lookup(self, key: bytes) -> bytes:
        """The value's bytes; of a per-CPU map all CPUs' one behind another, each rounded up to 8 bytes.  MapNotFound
        when there is no such key."""
        size = self._stride * possible_cpus() if self.per_cpu else self.info.value_size
        try:
            return bpf.map_lookup(self.fd, key, size)
        except OSError as error:
            raise self._refused("read", key, error) from error

    def split(self, data: bytes) -> list[bytes]:
        """One value for each CPU, of what `lookup` gives for a per-CPU map."""
        return [data[at : at + self.info.value_size] for at in range(0, len(data), self._stride)]

    def update(self, key: bytes, value: bytes) -> None:
        try:
            bpf.map_update(self.fd, key, value)
        except OSError as error:
            raise self._refused("write", key, error) from error

    def delete(self, key: bytes) -> None:
        try:
            bpf.map_delete(self.fd, key)
        except OSError as error:
            raise self._refused("delete in", key, error) from error

    def raw_keys(self) -> Iterator[bytes]:
        key: bytes | None = None
        seen = 0
        while seen <= self.info.max_entries * 2:  # a map that is written to meanwhile could keep us for ever
            try:
                key = bpf.map_next_key(self.fd, key, self.info.key_size)
            except FileNotFoundError:
                return
            except OSError as error:
                raise self._refused("list", b"", error) from error
            seen += 1
            yield key

    @property
    def _stride(self) -> int:
        return (self.info.value_size + 7) & ~7

    def _refused(self, verb: str, key: bytes, error: OSError) -> KernelRefused | MapNotFound:
        name = f"map {self.info.name} (id {self.info.id}, {map_type_name(self.info.type)})"
        if error.errno == errno.ENOENT:
            what = f"has no key {key.hex(' ')}" if key else "is empty"
            return MapNotFound(f"{name} {what}", f"`bpfman map dump {self.info.id}` lists its entries")
        if verb == "delete in" and self.info.type in _ARRAYS:
            return KernelRefused(f"{verb} {name}", error.errno or 0, "elements of arrays stay; set them to 0")
        hints = {
            errno.E2BIG: f"it has {self.info.max_entries} entries: the key is out of range, or the map is full",
            errno.EPERM: "the map is frozen or read-only, or its pin was opened without the right to write",
        }
        hint = hints.get(error.errno or 0) or _PECULIAR.get(self.info.type, "")
        return KernelRefused(f"{verb} {name}", error.errno or 0, hint)


def create_per_cpu_array(name: str, value_size: int) -> Map:
    """A per-CPU array of one value of `value_size` bytes (32 KiB at most)."""
    try:
        return Map(bpf.map_create(PERCPU_ARRAY, 4, value_size, 1, name=name))
    except OSError as error:
        raise KernelRefused(f"create map {name}", error.errno or 0) from error


_possible: int = 0


def possible_cpus() -> int:
    """How many CPUs the machine may ever have: so many values a per-CPU map has."""
    global _possible
    if not _possible:
        with open("/sys/devices/system/cpu/possible", encoding="ascii") as file:
            _possible = int(file.read().strip().rpartition("-")[2].rpartition(",")[2]) + 1
    return _possible


def _decoders(found: KernelMap, types_from: str) -> tuple[Decoder, Decoder]:
    """By the map's BTF; by size alone where there is none, or nobody tells."""
    from bpfman.bpf.decode import Decoder, bytes_decoder

    key, value = bytes_decoder(found.key_size, "key"), bytes_decoder(found.value_size)
    btf = None
    if found.btf_key_type_id or found.btf_value_type_id:
        btf = _types_in(types_from) if types_from else _types_in_kernel(found.btf_id)
    if btf is None:
        return key, value
    if found.btf_key_type_id:
        key = Decoder(btf, found.btf_key_type_id, "key")
    value = Decoder(btf, found.btf_value_type_id)
    if (key.size, value.size) != (found.key_size, found.value_size):
        raise InvalidRequest(
            f"map {found.name} was not made by {types_from or 'its BTF'}: its keys and values have {found.key_size} "
            f"and {found.value_size} bytes, those types have {key.size} and {value.size}",
            "name the object file that the map was loaded from",
        )
    return key, value


def _types_in_kernel(btf_id: int) -> Btf | None:
    """None without the right to ask (CAP_SYS_ADMIN), or when the kernel has it no more."""
    from bpfman.bpf.btf import Btf

    try:
        fd = bpf.fd_by_id(bpf.BTF_BY_ID, btf_id)
    except (PermissionError, FileNotFoundError):
        return None
    try:
        return Btf.parse(bpf.btf_data(fd))
    finally:
        os.close(fd)


def _types_in(path: str) -> Btf | None:
    """The types of an object file, which libbpf gives to the kernel under the same ids."""
    from bpfman.bpf.btf import Btf
    from bpfman.bpf.elf import ElfFile

    try:
        with open(path, "rb") as file:
            elf = ElfFile.parse(file.read())
    except OSError as error:
        raise ObjectError(f'object file "{path}" cannot be read: {error.strerror}') from error
    section = elf.section(".BTF")
    return Btf.parse(elf.data(section)) if section else None
