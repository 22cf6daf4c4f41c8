# SPDX-License-Identifier: Apache-2.0
"""Loading: check what was asked against the object, load it, then pin, publish and record it, all or nothing.

The verifier's work is done before the lock is taken, unless maps are shared with what is there: other commands need not
wait for it.  Until rows and pins are written, only our descriptors hold the programs, and a crash leaves nothing.
"""

from __future__ import annotations

import os
import stat

from bpfman.bpf.object_maps import PIN_BY_NAME
from bpfman.bpf.object_summary import ObjectSummary
from bpfman.errors import InvalidRequest, MapNotFound, MapOwnerNotFound, ObjectError, TypeMismatch
from bpfman.manager.plan import Step
from bpfman.manager.work import now
from bpfman.model.code import ProgramMap
from bpfman.model.kinds import KINDS, family_of, hook_of_section, kind_of_section
from bpfman.model.program import ProgramRecord
from bpfman.model.value import NamedTuple
from bpfman.store import bytecode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from bpfman.bpf.object import LoadedMap, LoadedObject, LoadedProgram
    from bpfman.manager.work import Work
    from bpfman.model.program import LoadSpec, ProgramSpec

MAX_OBJECT = 16 << 20  # bytes


class Request(NamedTuple):
    """A load that was found sound: what was asked, the object's bytes and what is in it."""

    spec: LoadSpec
    data: bytes
    summary: ObjectSummary

    @property
    def name(self) -> str:
        """What libbpf names the object's internal maps after."""
        return source_of(self.spec)[1].rpartition("/")[2].partition(".")[0] or "object"

    @property
    def shares_maps(self) -> bool:
        """Whether maps of other loads may be used: then nobody else may load or unload meanwhile."""
        return self.spec.map_owner_id is not None or any(m.pinning == PIN_BY_NAME for m in self.summary.maps)


def read_object(path: str) -> bytes:
    """The file's bytes; ObjectError says why there are none."""
    if not path:
        raise InvalidRequest("the path of the object file is empty")
    try:
        # A FIFO or a device without a writer must not keep us waiting.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ObjectError(
                    f'object file "{path}" is not a regular file', "copy its contents to a file first"
                )
            data = file.read(MAX_OBJECT + 1)
    except FileNotFoundError:
        raise ObjectError(f'object file "{path}" does not exist') from None
    except IsADirectoryError:
        raise ObjectError(f'object file "{path}" is a directory', "name the .o file inside it") from None
    except (OSError, ValueError) as error:
        raise ObjectError(
            f'object file "{path}" cannot be read: {getattr(error, "strerror", error)}'
        ) from None
    if len(data) > MAX_OBJECT:
        raise ObjectError(f'object file "{path}" is larger than {MAX_OBJECT >> 20} MiB')
    return data


def source_of(loaded: LoadSpec | ProgramRecord) -> tuple[str, str]:
    """Where an object came from: kind ("file", "image", "unknown") and the path or image as typed."""
    if loaded.source_path is not None:
        return "file", loaded.source_path
    return ("image", loaded.image.url) if loaded.image else ("unknown", "")


def _summary(spec: LoadSpec, data: bytes) -> ObjectSummary:
    import sys

    try:
        return ObjectSummary.parse(data, sys.byteorder)
    except ObjectError as error:
        kind, source = source_of(spec)
        what = {"file": f'object file "{source}"', "image": f"object of image {source}"}.get(kind, "object")
        raise ObjectError(f"{what}: {error}", error.hint) from None


def check(spec: LoadSpec, data: bytes) -> Request:
    """Everything that can be known without the kernel."""
    summary = _summary(spec, data)
    if not spec.programs:
        raise InvalidRequest("no programs named", "name at least one: --programs TYPE:NAME")
    names = [program.name for program in spec.programs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise InvalidRequest(
            f'program "{twice}" is named twice', "load it once; it can be attached many times"
        )
    entries = summary.select(names)
    for program, entry in zip(spec.programs, entries, strict=True):
        _check_kind(program, entry.section)
    programs = zip(spec.programs, entries, strict=True)
    if spec.map_owner_id is not None and any(program.type == "struct_ops" for program in spec.programs):
        raise InvalidRequest(
            "struct_ops have a map of their own that holds them together, and cannot use those of another program",
            "load them without --map-owner-id",
        )
    spec = spec._replace(
        programs=tuple(_with_hook(program, entry.section, summary) for program, entry in programs)
    )
    for name, value in spec.globals.items():
        size = summary.variable(name).size
        if len(value) != size:
            raise InvalidRequest(
                f'global variable "{name}" has {size} byte(s), the value given has {len(value)}',
                f"give {size * 2} hexadecimal digits, in this machine's byte order",
            )
    return Request(spec, data, summary)


def _check_kind(program: ProgramSpec, section: str) -> None:
    if program.type not in KINDS:
        raise InvalidRequest(f'unknown program type "{program.type}"', "types: " + ", ".join(KINDS))
    kind = KINDS[program.type]
    if kind.attach_func and not program.attach_func:
        raise InvalidRequest(
            f'"{program.name}": {program.type} programs need a function: {program.type}:NAME:FUNCTION'
        )
    if program.attach_func and not kind.attach_func and not kind.hooks:
        raise InvalidRequest(
            f'"{program.name}": {program.type} programs take no function: {program.type}:NAME'
        )
    implied = kind_of_section(section)
    if implied is None or family_of(implied) != kind.family:
        raise TypeMismatch(
            f'program type mismatch: "{program.name}" is in section "{section}"'
            + (
                f", which makes it a {implied} program, not {program.type}"
                if implied
                else ", of no known type"
            ),
            f"load it as `{implied}:{program.name}`" if implied in KINDS else "",
        )


def _with_hook(program: ProgramSpec, section: str, summary: ObjectSummary) -> ProgramSpec:
    """The program with the hook that it is for, where its kind has several: as asked, or as its section says."""
    kind = KINDS[program.type]
    if kind.name == "struct_ops":
        return program._replace(attach_func=summary.operations_of(program.name).type)
    if not kind.hooks:
        return program
    hook = program.attach_func or hook_of_section(kind, section)
    if hook not in kind.hooks:
        why = f'{kind.name} has no hook "{hook}"' if hook else f'section "{section}" names no hook'
        raise InvalidRequest(
            f'"{program.name}": {why}',
            f"name one of {', '.join(kind.hooks)}: {kind.name}:NAME:HOOK",
        )
    return program._replace(attach_func=hook)


def load_into_kernel(work: Work, request: Request) -> LoadedObject:
    """Load; nothing is pinned yet, and closing the result undoes it."""
    return work.kernel.load_object(
        request.data, request.summary, request.spec.programs, name=request.name,
        globals=request.spec.globals, reuse=_maps_to_reuse(work, request),
    )  # fmt: skip


def _maps_to_reuse(work: Work, request: Request) -> dict[str, str]:
    """Map name -> pin: of the owner's set, and of what is pinned by name."""
    reuse = {m.name: work.layout.shared_map(m.name) for m in request.summary.maps if m.pinning == PIN_BY_NAME}
    owner_id = request.spec.map_owner_id
    if owner_id is None:
        return reuse
    owner = work.store.find_program(owner_id)
    if owner is None or owner.map_owner_id is not None or not work.is_alive(owner):
        hint = "`bpfman program list` shows the programs there are"
        if owner is not None and owner.map_owner_id is not None:
            hint = f"program {owner_id} uses the maps of program {owner.map_owner_id}: name that one"
        raise MapOwnerNotFound(owner_id, hint)
    there = {each.name for each in work.store.program_maps(owner_id) if not each.internal}
    for each in request.summary.maps:
        reuse[each.name] = _owners_pin(work, owner_id, each.name, there)
    return reuse


def _owners_pin(work: Work, owner_id: int, name: str, there: set[str]) -> str:
    if name not in there:
        raise InvalidRequest(
            f'map "{name}" is not among the maps of program {owner_id}: {", ".join(sorted(there)) or "none"}',
            "both programs must declare the maps they share under the same names",
        )
    pin = work.layout.map_pin(owner_id, name)
    if not work.kernel.pin_exists(pin):
        raise MapNotFound(
            f'map "{name}" of program {owner_id} cannot be shared: its pin {pin} was removed by hand',
            f"unload program {owner_id} and load it again",
        )
    return pin


def steps(work: Work, request: Request, loaded: LoadedObject) -> tuple[Step, ...]:
    """Record, pin, publish, finish."""
    records = [_record(work, request, program) for program in loaded.programs]
    shared = [each for each in loaded.maps if each.shared]
    ids = ", ".join(str(record.program_id) for record in records)

    def begin() -> None:
        with work.store.writing(work.lock) as tx:
            for record, program in zip(records, loaded.programs, strict=True):
                tx.add_program(record, _maps_of(program, loaded.maps), program.code)
                for each in shared:
                    tx.add_shared_map(each.name, record.program_id)

    def cancel() -> None:
        with work.store.writing(work.lock) as tx:
            for record in records:
                tx.remove_program(record.program_id)

    def finish() -> None:
        with work.store.writing(work.lock) as tx:
            for record in records:
                tx.finish_program(record.program_id)

    return (
        Step(f"record program {ids}", begin, cancel),
        *(_pin_shared(work, each) for each in shared if not each.reused),
        *(
            step
            for record, program in zip(records, loaded.programs, strict=True)
            for step in _program_steps(work, request, record, program, loaded)
        ),
        Step(f"record program {ids} as loaded", finish),
    )


def _pin_shared(work: Work, shared: LoadedMap) -> Step:
    path = work.layout.shared_map(shared.name)
    return Step(f"pin map {shared.name} at {path}", lambda: work.kernel.pin(shared.fd, path),
                lambda: _unpin(work, path))  # fmt: skip


def _unpin(work: Work, path: str) -> None:
    work.kernel.unpin(path)


def _program_steps(
    work: Work, request: Request, record: ProgramRecord, program: LoadedProgram, loaded: LoadedObject
) -> tuple[Step, ...]:
    program_id, pins = record.program_id, {}
    if record.map_owner_id is None:
        pins = {work.layout.map_pin(program_id, m.name): m.fd for m in loaded.maps if not m.internal}

    pinned: list[str] = []

    def pin_maps() -> None:
        try:
            for path, fd in pins.items():
                work.kernel.pin(fd, path)
                pinned.append(path)
        except BaseException:
            unpin_maps()
            raise

    def unpin_maps() -> None:
        """What was there before is not ours."""
        while pinned:
            work.kernel.unpin(pinned.pop())
        work.kernel.remove_directory(work.layout.map_dir(program_id))

    def publish() -> None:
        kind, source = source_of(request.spec)
        note = bytecode.Provenance(record.name, source, kind, record.created_at)
        bytecode.publish(work.layout, program_id, request.data, note)

    return (
        Step(f"pin program {program_id} ({record.name}) at {record.pin_path}",
             lambda: work.kernel.pin(program.fd, record.pin_path), lambda: _unpin(work, record.pin_path)),
        Step(f"pin {len(pins)} map(s) under {record.map_pin_path}", pin_maps, unpin_maps),
        Step(f"keep a copy of the object at {record.object_path}", publish,
             lambda: bytecode.remove(work.layout, program_id)),
    )  # fmt: skip


def _record(work: Work, request: Request, program: LoadedProgram) -> ProgramRecord:
    spec, layout, program_id = request.spec, work.layout, program.kernel.id
    return ProgramRecord(
        program_id=program_id,
        type=program.spec.type,
        name=program.spec.name,
        attach_func=program.spec.attach_func,
        object_path=layout.bytecode(program_id),
        source_path=spec.source_path,
        image=spec.image,
        globals=spec.globals,
        metadata=spec.metadata,
        license=request.summary.license,
        gpl_compatible=program.kernel.gpl_compatible,
        map_owner_id=spec.map_owner_id,
        pin_path=layout.program_pin(program_id),
        map_pin_path=layout.map_dir(program_id if spec.map_owner_id is None else spec.map_owner_id),
        owner=spec.owner,
        created_at=now(),
        tag=program.kernel.tag,
        load_time=program.kernel.load_time,
        frags=program.frags,
    )


def _maps_of(program: LoadedProgram, maps: tuple[LoadedMap, ...]) -> list[ProgramMap]:
    """All maps of the object: those that the program uses in the kernel's order, then the others."""
    by_id = {m.kernel.id: m for m in maps}
    used = [map_id for map_id in program.kernel.map_ids if map_id in by_id]
    rest = [map_id for map_id in by_id if map_id not in used]
    return [ProgramMap(map_id, by_id[map_id].name, by_id[map_id].internal, by_id[map_id].shared)
            for map_id in used + rest]  # fmt: skip
