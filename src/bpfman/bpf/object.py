# SPDX-License-Identifier: Apache-2.0
"""Loading programs from an object file: open, choose, set globals, share maps, load.

`load` is called by `manager/` with bytes that `bpf/elf.py` has found sound, so libbpf's C sees no object that ours
did not check.  Only what was named is loaded; all maps of the object are made.  Nothing is pinned here: when the
`LoadedObject` is closed, whatever was not pinned meanwhile is gone.
"""

from __future__ import annotations

import errno

from bpfman.bpf import attach_target, code, explain, frags, info, refusals, struct_ops
from bpfman.errors import InvalidRequest, KernelRefused, ObjectError
from bpfman.model.kinds import ATTACH_NONE, KINDS, expected_attach
from bpfman.model.value import NamedTuple
from bpfman.syscalls import libbpf

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from bpfman.bpf.object_summary import ObjectSummary
    from bpfman.model.code import ProgramCode
    from bpfman.model.kernel import KernelMap, KernelProgram
    from bpfman.model.kinds import Kind
    from bpfman.model.program import ProgramSpec


class LoadedProgram(NamedTuple):
    """A program in the kernel, held by the LoadedObject's descriptor `fd` until it is pinned."""

    spec: ProgramSpec
    fd: int
    kernel: KernelProgram
    code: ProgramCode
    frags: bool


class LoadedMap(NamedTuple):
    """A map of the object.  `name` is the full name in the object, `shared` that it is pinned by name, `internal`
    that it holds global data, `reused` that it was made by an earlier load."""

    name: str
    fd: int
    kernel: KernelMap
    internal: bool
    shared: bool
    reused: bool


class LoadedObject:
    """What one load brought into the kernel; programs in request order."""

    def __init__(self, handle: int, programs: tuple[LoadedProgram, ...], maps: tuple[LoadedMap, ...]) -> None:
        self._handle = handle
        self.programs = programs
        self.maps = maps

    def close(self) -> None:
        if self._handle:
            libbpf.call("bpf_object__close", self._handle)
            self._handle = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def load(
    data: bytes,
    summary: ObjectSummary,
    specs: Sequence[ProgramSpec],
    *,
    name: str,
    globals: Mapping[str, bytes] = {},
    reuse: Mapping[str, int] = {},
) -> LoadedObject:
    """Load `specs` (checked against `summary` already) into the kernel.

    `reuse` maps a map's name to the descriptor of one that takes its place.  Raises VerifierRefused with the whole
    log, KernelRefused, Unsupported, ObjectError when libbpf cannot make sense of the object, InvalidRequest when a map
    to reuse is of another shape."""
    operations = struct_ops.Chosen(summary, specs)
    with libbpf.messages() as printed:
        try:
            handle = libbpf.open_object(operations.for_libbpf(data), name)
        except OSError as error:
            raise _unreadable(printed, error) from error
        try:
            return _load(handle, summary, specs, operations, globals, reuse, printed)
        except BaseException:
            if not operations:  # of which libbpf 1.1 cannot load none
                _close_modules(handle)
            libbpf.call("bpf_object__close", handle)
            raise


def _close_modules(handle: int) -> None:
    """For an object that was not loaded.  libbpf 1.1 keeps the BTF of all modules open, once it has looked for a
    function there, until it loads: so it is to load nothing."""
    try:
        for program in libbpf.iterate("bpf_object__next_program", handle):
            libbpf.call("bpf_program__set_autoload", program, False)
        for map_handle in libbpf.iterate("bpf_object__next_map", handle):
            libbpf.call("bpf_map__set_autocreate", map_handle, False)
        libbpf.call("bpf_object__load", handle)
    except OSError:  # it was loaded, or what it is refused for has been told
        pass


def _load(
    handle: int,
    summary: ObjectSummary,
    specs: Sequence[ProgramSpec],
    operations: struct_ops.Chosen,
    globals: Mapping[str, bytes],
    reuse: Mapping[str, int],
    printed: list[str],
) -> LoadedObject:
    log = libbpf.LogBuffer()
    chosen = _choose(handle, operations.functions_of(specs), log)
    maps = list(libbpf.iterate("bpf_object__next_map", handle))
    operations.declare({_map_name(map_handle): map_handle for map_handle in maps})
    shared = {m for m in maps if libbpf.text("bpf_map__pin_path", m)}
    for map_handle in shared:
        # Pinned by the manager at its own place, not by libbpf.
        libbpf.call("bpf_map__set_pin_path", map_handle, None)
    _set_globals(maps, summary, globals)
    for map_handle in maps:
        if (fd := reuse.get(_map_name(map_handle))) is not None:
            _reuse(map_handle, fd)
    try:
        libbpf.call("bpf_object__load", handle)
    except OSError as error:
        _check_frags(chosen, summary, error)
        operations.check_refusal(error, printed)
        needed = {each for spec in specs for each in refusals.needed_to_load(KINDS[spec.type].kernel_type)}
        raise _refused(chosen, log, printed, error, sorted(needed)) from error
    loaded_maps = tuple(_loaded_map(m, m in shared, reuse) for m in maps if _is_made(m))
    by_name = {m.name: m.fd for m in loaded_maps}
    operations.fill(
        by_name, {name: libbpf.call("bpf_program__fd", program) for name, program in chosen.items()}
    )
    by_fd = {m.fd: m.kernel.id for m in loaded_maps}
    local_types = summary.has_local_type_ids
    programs = [
        _loaded_program(spec, chosen[operations.first_of(spec)], by_fd, summary, local_types)
        for spec in specs
    ]
    return LoadedObject(handle, tuple(programs), loaded_maps)


def _choose(handle: int, specs: Sequence[ProgramSpec], log: libbpf.LogBuffer) -> dict[str, int]:
    """Have libbpf load just `specs`, as what they were declared; name -> handle."""
    wanted = {spec.name: spec for spec in specs}
    chosen = {}
    for program in libbpf.iterate("bpf_object__next_program", handle):
        spec = wanted.get(libbpf.text("bpf_program__name", program) or "")
        libbpf.call("bpf_program__set_autoload", program, spec is not None)
        if spec is None:
            continue
        kind = KINDS[spec.type]
        if kind.name != "struct_ops":  # of these libbpf knows which operation each is
            libbpf.call("bpf_program__set_type", program, kind.kernel_type)
            libbpf.call("bpf_program__set_expected_attach_type", program, _expected_attach(kind, spec))
        if kind.attach_func:
            attach_target.fix(program, kind, spec.attach_func or "")
        libbpf.call("bpf_program__set_log_buf", program, log.address, log.SIZE)
        chosen[spec.name] = program
    return chosen


def _expected_attach(kind: Kind, spec: ProgramSpec) -> int:
    """A USDT program is attached to many places at once where the kernel can, which has to be said now."""
    if kind.name == "usdt":
        from bpfman.bpf.link import uprobe_multi

        return kind.expected_attach if uprobe_multi.supported() else ATTACH_NONE
    return expected_attach(kind, spec.attach_func)


def _map_name(map_handle: int) -> str:
    return libbpf.text("bpf_map__name", map_handle) or ""


def _is_made(map_handle: int) -> bool:
    """Whether the kernel has the map.  Since libbpf 1.4 those that were not to be made have a descriptor too, of
    nothing."""
    try:
        return (
            bool(libbpf.call("bpf_map__autocreate", map_handle))
            and libbpf.call("bpf_map__fd", map_handle) >= 0
        )
    except OSError:
        return False


def _set_globals(maps: list[int], summary: ObjectSummary, globals: Mapping[str, bytes]) -> None:
    by_name = {variable.name: variable for variable in summary.globals}
    for name, value in globals.items():
        variable = by_name[name]
        for map_handle in maps:
            if _map_name(map_handle).endswith(variable.section) and libbpf.call(
                "bpf_map__is_internal", map_handle
            ):
                address, size = libbpf.initial_value(map_handle)
                if variable.offset + len(value) > size:
                    raise ObjectError(
                        f'global variable "{name}" lies outside of its section {variable.section}'
                    )
                libbpf.write(address + variable.offset, value)
                break
        else:
            raise ObjectError(f'global variable "{name}": the object has no section {variable.section}')


def _reuse(map_handle: int, fd: int) -> None:
    """Put the map behind `fd` in place of one of the object's, if it has the same shape."""
    there = info.map(fd)
    for what, field in (
        ("type", "type"), ("key_size", "key_size"), ("value_size", "value_size"),
        ("max_entries", "max_entries"), ("map_flags", "flags"),
    ):  # fmt: skip
        wanted, found = libbpf.call(f"bpf_map__{what}", map_handle), getattr(there, field)
        if field == "max_entries" and not wanted:
            continue  # perf event arrays: libbpf makes one entry a CPU
        # The kernel adds BPF_F_RDONLY_PROG and others of its own; of the flags, only what was asked must be there.
        if wanted & ~found if field == "flags" else wanted != found:
            raise InvalidRequest(
                f'map "{_map_name(map_handle)}" cannot be shared: its {field.replace("_", " ")} is {wanted} in the '
                f"object and {found} in the map that is there (id {there.id})",
                "load it without sharing, or build both programs from the same map definition",
            )
    libbpf.call("bpf_map__reuse_fd", map_handle, fd)


def _loaded_map(map_handle: int, shared: bool, reuse: Mapping[str, int]) -> LoadedMap:
    name, fd = _map_name(map_handle), libbpf.call("bpf_map__fd", map_handle)
    internal = bool(libbpf.call("bpf_map__is_internal", map_handle))
    return LoadedMap(name, fd, info.map(fd), internal, shared, name in reuse)


def _loaded_program(
    spec: ProgramSpec, handle: int, map_ids: Mapping[int, int], summary: ObjectSummary, local_types: bool
) -> LoadedProgram:
    fd = libbpf.call("bpf_program__fd", handle)
    count = libbpf.call("bpf_program__insn_cnt", handle)
    instructions = libbpf.read(libbpf.call("bpf_program__insns", handle), count * 8)
    return LoadedProgram(
        spec=spec,
        fd=fd,
        kernel=info.program(fd),
        code=code.extract(instructions, map_ids, local_types),
        frags=_takes_frags(spec.name, summary),
    )


def _takes_frags(name: str, summary: ObjectSummary) -> bool:
    section = next((program.section for program in summary.programs if program.name == name), "")
    return section.removeprefix("?").startswith("xdp.frags")


def _unreadable(printed: list[str], error: OSError) -> ObjectError:
    why = printed[-1] if printed else error.strerror
    return ObjectError(
        f"libbpf cannot read the object: {why}", "build it with a current clang, for libbpf 1.0"
    )


# What libbpf prints before it tries in another way.
_ASIDES = ("BTF loading error", "-- BEGIN BTF", "Error loading .BTF", "Error in bpf_create_map")


def _check_frags(chosen: Iterable[str], summary: ObjectSummary, error: OSError) -> None:
    """Raises Unsupported where the kernel refused for want of them."""
    wanting = [name for name in chosen if _takes_frags(name, summary)]
    if wanting and error.errno == errno.EINVAL and not frags.supported():
        raise frags.unsupported(wanting[0]) from error


def _refused(
    chosen: Mapping[str, int],
    log: libbpf.LogBuffer,
    printed: list[str],
    error: OSError,
    needed: Sequence[str],
) -> KernelRefused:
    """Say which program it was: libbpf stops at the first that fails, and tells only by what it prints."""
    verifier_log = log.text()
    failed = [
        name for name in chosen if any(f"'{name}'" in line and "failed to load" in line for line in printed)
    ]
    what = f"failed to load program {failed[0]}" if failed else "failed to load object"
    said = next((line for line in printed if not line.startswith(_ASIDES)), "")
    if verifier_log or failed or not said or error.errno == errno.EPERM:
        # Without the right to load anything, libbpf takes the memlock limit to be the reason.
        return explain.refusal(what, error.errno or 0, verifier_log, *needed)
    reason = f": {error.strerror}({-(error.errno or 0)})"  # which KernelRefused says again
    return KernelRefused(f"{what}: {said.removesuffix(reason)}", error.errno or 0)
