# SPDX-License-Identifier: Apache-2.0
"""The base of every frozen value: `NamedTuple`, without importing `typing` at run time.

A command is a process, and `typing` alone takes longer to import than `program list` takes to ask the kernel.
Type checkers see the real `typing.NamedTuple`; at run time an equal class is made of `collections.namedtuple`.
Nothing but value classes belongs here.
"""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple as NamedTuple
else:
    class _ValueMeta(type):
        def __new__(mcs, name, bases, namespace):
            fields = namespace.get("__annotations__", {})
            defaults = [namespace.pop(field) for field in fields if field in namespace]
            base = namedtuple(name, fields, defaults=defaults, module=namespace["__module__"])
            namespace.setdefault("__slots__", ())
            return type(name, (base,), namespace)

    NamedTuple = type.__new__(_ValueMeta, "NamedTuple", (), {})
