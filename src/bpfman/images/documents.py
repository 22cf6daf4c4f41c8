# SPDX-License-Identifier: Apache-2.0
"""Reads JSON that somebody else wrote: manifests, configurations, tokens, credential files.

Each getter takes the object, a key, and where that is for the error.  A key given twice is refused: two readers could
see different things, and one of them checked the signature.
"""

from __future__ import annotations

import json

from bpfman.errors import MalformedImage
from bpfman.images.digest import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    Object = Mapping[str, Any]


def read_object(data: bytes, where: str) -> dict[str, Any]:
    """The JSON object in `data`; MalformedImage for anything else."""
    found = _read(data, where)
    if not isinstance(found, dict):
        raise MalformedImage(f"{where} is {_kind(found)} in JSON, expected an object")
    return found


def read_objects(data: bytes, where: str, limit: int) -> list[dict[str, Any]]:
    """The JSON array of at most `limit` objects in `data`; MalformedImage for anything else."""
    return objects({"array": _read(data, where)}, "array", where, limit)


def _read(data: bytes, where: str) -> object:
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise MalformedImage(f"{where} is not valid JSON: {_reason(error)}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{shown(next(n for n in names if names.count(n) > 1))} is given twice")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _reason(error: Exception) -> str:
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)


def text(found: Object, key: str, where: str, default: str | None = None) -> str:
    """A string; `default` where there is none, an error where there is no default."""
    value = found.get(key, default)
    if not isinstance(value, str):
        raise _unexpected(where, key, value, "a string")
    return value


def integer(found: Object, key: str, where: str) -> int:
    """A number of bytes, or such: never negative."""
    value = found.get(key)
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise _unexpected(where, key, value, "a whole number")
    return value


def objects(found: Object, key: str, where: str, limit: int) -> list[dict[str, Any]]:
    """An array of objects, at most `limit` of them; none where the key is missing or null."""
    value = found.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise _unexpected(where, key, value, "an array of objects")
    if len(value) > limit:
        raise MalformedImage(f"{where}: {len(value)} {key}, more than {limit}")
    return value


def object_at(found: Object, key: str, where: str) -> dict[str, Any]:
    """An object; an empty one where the key is missing or null."""
    value = found.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _unexpected(where, key, value, "an object")
    return value


def strings(found: Object, key: str, where: str) -> dict[str, str]:
    """An object of strings: annotations, labels."""
    value = object_at(found, key, where)
    for name, item in value.items():
        if not isinstance(item, str):
            raise _unexpected(f"{where}: {key}", name, item, "a string")
    return value


def dump(value: object) -> bytes:
    """JSON as this program writes it: the same bytes for the same value, everywhere."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def _unexpected(where: str, key: str, value: object, expected: str) -> MalformedImage:
    return MalformedImage(f"{where}: {shown(key)} is {_kind(value)}, expected {expected}")


def _kind(value: object) -> str:
    """What a value is, and not which: it may be a secret."""
    return next(name for types, name in _KINDS if isinstance(value, types))


_KINDS: tuple[tuple[type, str], ...] = (
    (type(None), "missing"), (str, "a string"), (bool, "true or false"), (dict, "an object"), (list, "an array"),
    (object, "a number"),
)  # fmt: skip
