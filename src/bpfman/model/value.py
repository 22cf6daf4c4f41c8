# SPDX-License-Identifier: Apache-2.0
"""The base of every frozen value: `NamedTuple`, without what it costs at start-up.

A command is a process.  `typing` alone takes longer to import than `program list` takes to ask the kernel, and
`collections.namedtuple` compiles code for each class.  Type checkers see the real `typing.NamedTuple`; at run time a
class with the same behaviour (fields, defaults, `_replace`, `_asdict`, matching, pickling) is made without either.
Nothing but value classes belongs here.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:
    from _collections import _tuplegetter  # what collections.namedtuple makes its fields of

    class _Value(tuple):
        __slots__ = ()
        _fields = ()
        _field_defaults = {}  # noqa: RUF012 - never changed

        def __new__(cls, *args, **kwargs):
            if kwargs or len(args) != len(cls._fields):
                args = _complete(cls, args, kwargs)
            return tuple.__new__(cls, args)

        @classmethod
        def _make(cls, values):
            return cls(*values)

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def _replace(self, **changes):
            unknown = [name for name in changes if name not in self._fields]
            if unknown:
                raise ValueError(f"{type(self).__name__} has no field {', '.join(unknown)}")
            return tuple.__new__(
                type(self), [changes.get(name, old) for name, old in zip(self._fields, self, strict=True)]
            )

        def __repr__(self):
            fields = ", ".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
            return f"{type(self).__name__}({fields})"

        def __getnewargs__(self):
            return tuple(self)

    def _complete(cls, args, kwargs):
        """The values in field order: those given by position, by name, by default."""
        given = dict(zip(cls._fields, args, strict=False))
        missing = [
            n for n in cls._fields if n not in given and n not in kwargs and n not in cls._field_defaults
        ]
        if len(args) > len(cls._fields) or missing or any(n in given or n not in cls._fields for n in kwargs):
            raise TypeError(
                f"{cls.__name__}() takes {', '.join(cls._fields)}: got {len(args)} by position and "
                f"{', '.join(kwargs) or 'none'} by name"
                + (f"; missing {', '.join(missing)}" if missing else "")
            )
        values = {**cls._field_defaults, **given, **kwargs}
        return [values[name] for name in cls._fields]

    class _ValueMeta(type):
        def __new__(mcs, name, bases, namespace):
            fields = tuple(namespace.get("__annotations__", ()))
            namespace["_field_defaults"] = {field: namespace[field] for field in fields if field in namespace}
            namespace["_fields"] = namespace["__match_args__"] = fields
            namespace.setdefault("__slots__", ())
            for index, field in enumerate(fields):
                namespace[field] = _tuplegetter(index, f"Field {index}")
            return type(name, (_Value,), namespace)

    NamedTuple = type.__new__(_ValueMeta, "NamedTuple", (), {})
