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
from bpfman.errors import KernelRefused, MapNotFound
from bpfman.model.kernel import map_type_name
from bpfman.syscalls import bpf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Self

    from bpfman.bpf.decode import Decoder
    from bpfman.model.kernel import KernelMap

# enum bpf_map_type
PERCPU_ARRAY = 6
_PER_CPU = frozenset((5, 6, 10, 21))  # percpu hash, array, LRU hash, cgroup storage
_ARRAYS = frozenset((2, 6))  # their elements cannot be deleted
_NOT_READABLE = {
    4: "perf event arrays are read with perf buffers",
    27: "ring buffers are read by mapping them",
    31: "user ring buffers are written by mapping them",
    16: "Bloom filters can only be asked, not listed",
}


class Map(Descriptor):
    """A descriptor of a map.  Keys and values are Python values by the map's BTF: numbers, strings, lists, dicts by
    member name; bytes where there is no BTF.  Values of per-CPU maps are lists, one element a CPU."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd)
        try:
            self.info: KernelMap = info.map(fd)
        except OSError as error:
            self.close()
            if error.errno == errno.EINVAL:
                raise MapNotFound("what is pinned there is not a map") from None
            raise KernelRefused("ask the kernel about a map", error.errno or 0) from error
        self._decoders: tuple[Decoder, Decoder] | None = None

    @classmethod
    def by_id(cls, map_id: int) -> Self:
        try:
            return cls(bpf.fd_by_id(bpf.MAP_BY_ID, map_id))
        except FileNotFoundError:
            raise MapNotFound(f"map {map_id} does not exist", "`bpfman map list` shows those there are") from None
        except OSError as error:
            raise KernelRefused(f"open map {map_id}", error.errno or 0) from error

    @classmethod
    def pinned(cls, path: str) -> Self | None:
        """The map pinned at `path`; None when nothing is."""
        fd = pin.open_pin(path)
        return None if fd is None else cls(fd)

    @property
    def per_cpu(self) -> bool:
        return self.info.type in _PER_CPU

    @property
    def types(self) -> tuple[Decoder, Decoder]:
        """The decoders of keys and values: `describe()` says what they are, `parse(text)` reads a typed one."""
        if self._decoders is None:
            self._decoders = _decoders(self.info)
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
            raise self._refused("delete", key, error) from error

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
        name = f"map {self.info.name} (id {self.info.id})"
        if error.errno == errno.ENOENT:
            return MapNotFound(f"{name} has no key {key.hex(' ')}", f"`bpfman map dump {self.info.id}` lists them")
        if verb == "delete" and self.info.type in _ARRAYS:
            return KernelRefused(f"{verb} in {name}", error.errno or 0, "elements of arrays stay; set them to 0")
        hints = {
            errno.E2BIG: f"it has {self.info.max_entries} entries: the key is out of range, or the map is full",
            errno.EPERM: "the map is frozen or read-only, or its pin was opened without the right to write",
        }
        hint = _NOT_READABLE.get(self.info.type) or hints.get(error.errno or 0, "")
        kind = map_type_name(self.info.type)
        return KernelRefused(f"{verb} {name}, a {kind}", error.errno or 0, hint)


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


def _decoders(found: KernelMap) -> tuple[Decoder, Decoder]:
    """By the map's BTF, which the kernel keeps; by size alone where it has none."""
    from bpfman.bpf.btf import Btf
    from bpfman.bpf.decode import Decoder, bytes_decoder

    if not found.btf_id or not (found.btf_key_type_id or found.btf_value_type_id):
        return bytes_decoder(found.key_size), bytes_decoder(found.value_size)
    fd = bpf.fd_by_id(bpf.BTF_BY_ID, found.btf_id)
    try:
        btf = Btf.parse(bpf.btf_data(fd))
    finally:
        os.close(fd)
    key = Decoder(btf, found.btf_key_type_id) if found.btf_key_type_id else bytes_decoder(found.key_size)
    return key, Decoder(btf, found.btf_value_type_id)
