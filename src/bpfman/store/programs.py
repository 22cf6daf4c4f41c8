# SPDX-License-Identifier: Apache-2.0
"""Programs as rows: their records, maps and instructions.

Called by `database` (reads) and `transaction` (writes); decides nothing.  Functions that read take `Rows`, those
that write a `Connection` with an open transaction.
"""

from __future__ import annotations

from bpfman.errors import Conflict, ProgramNotFound, StoreError
from bpfman.model.code import MapReference, ProgramCode, ProgramMap
from bpfman.model.program import ImageSource, ProgramRecord

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bpfman.store.connection import Connection, Row, Rows

LOADING, LOADED, UNLOADING = "loading", "loaded", "unloading"

_COLUMNS = (
    "id, type, name, attach_func, object_path, source_path, image_url, image_digest, image_pull_policy, license, "
    "gpl_compatible, map_owner_id, pin_path, map_pin_path, owner, created_at, tag, load_time, frags"
)


def select(rows: Rows, where: str, parameters: Sequence[object] = ()) -> list[ProgramRecord]:
    """The records that a condition on the table `programs` holds for, by id."""
    found = rows(f"SELECT {_COLUMNS} FROM programs WHERE {where} ORDER BY id", parameters)
    if not found:
        return []
    scope = f"program_id IN (SELECT id FROM programs WHERE {where})"
    metadata: dict[int, dict[str, str]] = {row[0]: {} for row in found}
    for program_id, key, value in rows(
        f"SELECT program_id, key, value FROM program_metadata WHERE {scope}", parameters
    ):
        metadata[program_id][key] = value
    variables: dict[int, dict[str, bytes]] = {row[0]: {} for row in found}
    for program_id, name, data in rows(
        f"SELECT program_id, name, value FROM program_globals WHERE {scope}", parameters
    ):
        variables[program_id][name] = data
    return [_record(row, variables[row[0]], metadata[row[0]]) for row in found]


def _record(row: Row, variables: dict[str, bytes], metadata: dict[str, str]) -> ProgramRecord:
    url, digest, pull_policy = row[6:9]
    return ProgramRecord(
        program_id=row[0],
        type=row[1],
        name=row[2],
        attach_func=row[3],
        object_path=row[4],
        source_path=row[5],
        image=ImageSource(url, digest, pull_policy) if url is not None else None,
        globals=variables,
        metadata=metadata,
        license=row[9],
        gpl_compatible=bool(row[10]),
        map_owner_id=row[11],
        pin_path=row[12],
        map_pin_path=row[13],
        owner=row[14],
        created_at=row[15],
        tag=row[16],
        load_time=row[17],
        frags=bool(row[18]),
    )


def select_maps(rows: Rows, program_id: int) -> tuple[ProgramMap, ...]:
    found = rows(
        "SELECT map_id, name, internal, shared FROM program_maps WHERE program_id = ? ORDER BY ordinal",
        (program_id,),
    )
    return tuple(
        ProgramMap(map_id, name, bool(internal), bool(shared)) for map_id, name, internal, shared in found
    )


def select_code(rows: Rows, program_id: int) -> ProgramCode:
    found = rows(
        "SELECT instructions, local_types, modules FROM program_code WHERE program_id = ?", (program_id,)
    )
    if not found:
        raise StoreError(
            f"the instructions of program {program_id} are not in the store",
            "unload the program and load it again",
        )
    instructions, local_types, modules = found[0]
    references = rows(
        "SELECT instruction, map_id FROM program_code_maps WHERE program_id = ? ORDER BY instruction",
        (program_id,),
    )
    maps = tuple(MapReference(instruction, map_id) for instruction, map_id in references)
    return ProgramCode(instructions, maps, bool(local_types), bool(modules))


def insert(
    connection: Connection, record: ProgramRecord, maps: Iterable[ProgramMap], code: ProgramCode | None
) -> None:
    """Writes a program with all that is kept of it, in state "loading"."""
    if connection.rows("SELECT 1 FROM programs WHERE id = ?", (record.program_id,)):
        raise Conflict(
            f"the store has a program {record.program_id} already",
            "the kernel gave its id away again: run the command once more, the old row is cleaned up first",
        )
    _insert_row(connection, record)
    program_id = record.program_id
    connection.run_each(
        "INSERT INTO program_metadata VALUES (?, ?, ?)",
        ((program_id, key, value) for key, value in record.metadata.items()),
    )
    connection.run_each(
        "INSERT INTO program_globals VALUES (?, ?, ?)",
        ((program_id, name, data) for name, data in record.globals.items()),
    )
    connection.run_each(
        "INSERT INTO program_maps VALUES (?, ?, ?, ?, ?, ?)",
        ((program_id, ordinal, *each) for ordinal, each in enumerate(maps)),
    )
    if code is not None:
        _insert_code(connection, program_id, code)


def _insert_row(connection: Connection, record: ProgramRecord) -> None:
    values = (
        record.program_id,
        record.type,
        record.name,
        record.attach_func,
        record.object_path,
        record.source_path,
        *(record.image or (None, None, None)),
        record.license,
        record.gpl_compatible,
        record.map_owner_id,
        record.pin_path,
        record.map_pin_path,
        record.owner,
        record.created_at,
        record.tag,
        record.load_time,
        record.frags,
        record.map_set_id,
        LOADING,
    )
    marks = ", ".join("?" * len(values))
    connection.run(f"INSERT INTO programs ({_COLUMNS}, map_set_id, state) VALUES ({marks})", values)


def _insert_code(connection: Connection, program_id: int, code: ProgramCode) -> None:
    connection.run(
        "INSERT INTO program_code VALUES (?, ?, ?, ?)",
        (program_id, code.instructions, code.local_types, code.modules),
    )
    connection.run_each(
        "INSERT INTO program_code_maps VALUES (?, ?, ?)",
        ((program_id, *reference) for reference in code.maps),
    )


def set_state(connection: Connection, program_id: int, state: str) -> None:
    if not connection.run("UPDATE programs SET state = ? WHERE id = ?", (state, program_id)):
        raise ProgramNotFound(program_id)


def delete(connection: Connection, program_id: int) -> None:
    """Removes a program and all that belongs to it.  Conflict while links refer to it, finished or not."""
    links = connection.rows("SELECT id FROM links WHERE program_id = ? ORDER BY id", (program_id,))
    if links:
        ids = ", ".join(str(row[0]) for row in links)
        raise Conflict(f"program {program_id} still has links: {ids}", "detach them first")
    if not connection.run("DELETE FROM programs WHERE id = ?", (program_id,)):
        raise ProgramNotFound(program_id)
