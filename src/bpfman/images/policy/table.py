# SPDX-License-Identifier: Apache-2.0
"""Reads one table of settings about security: what is mistyped is an error, never a default.

Called for each table of [signing], and for [audit] by the manager.  Errors name the file, the table and the key, and
near names.
"""

from __future__ import annotations

from bpfman.errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any


class Table:
    """The table `name` of `file`, which may have `keys` and no others."""

    def __init__(self, found: object, name: str, file: str, keys: Iterable[str]) -> None:
        self.name = name
        self._file = file
        if not isinstance(found, dict):
            raise self.wrong(
                f"{name} is {kind_of(found)}, expected a table", f"write it as [{name}] with keys below it"
            )
        self._found: Mapping[str, Any] = found
        self._check_keys(tuple(keys))

    def _check_keys(self, known: tuple[str, ...]) -> None:
        for key in self._found:
            if key not in known:
                raise self.wrong(
                    f'{self.name} has no key "{key}"', near(key, known) or "keys: " + ", ".join(known)
                )

    def __contains__(self, key: str) -> bool:
        return key in self._found

    def raw(self, key: str) -> Any:
        return self._found.get(key)

    def boolean(self, key: str, default: bool) -> bool:
        found = self._found.get(key, default)
        if not isinstance(found, bool):
            raise self.unexpected(key, found, "true or false")
        return found

    def text(self, key: str, default: str = "") -> str:
        found = self._found.get(key, default)
        if not isinstance(found, str) or (key in self._found and not found.strip()):
            raise self.unexpected(key, found, "a text in quotes")
        return found

    def path(self, key: str, default: str = "") -> str:
        """An absolute path."""
        found = self.text(key, default)
        if found and not found.startswith("/"):
            raise self.unexpected(key, found, "an absolute path")
        return found

    def number(self, key: str, default: int, least: int) -> int:
        found = self._found.get(key, default)
        if type(found) is not int or found < least:
            raise self.unexpected(key, found, f"a whole number, {least} or greater")
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        """An array of texts; nothing where the key is missing."""
        found = self._found.get(key, [])
        if not isinstance(found, list):
            raise self.unexpected(key, found, "an array of texts")
        for each in found:
            if not isinstance(each, str) or not each.strip():
                raise self.wrong(f"{self.name}.{key} has {kind_of(each)} in it, expected texts")
        return tuple(found)

    def words(self, key: str, known: Iterable[str], what: str) -> tuple[str, ...]:
        """An array of texts, each of them one of those `known`."""
        known = tuple(known)
        for word in (found := self.texts(key)):
            if word not in known:
                hint = near(word, known) or f"{what}s: " + ", ".join(known)
                raise self.wrong(f'{self.name}.{key}: "{word}" is no {what}', hint)
        return found

    def tables(self, key: str, keys: Iterable[str]) -> tuple[Table, ...]:
        """An array of tables."""
        found = self._found.get(key, [])
        if not isinstance(found, list):
            raise self.unexpected(key, found, f"an array of tables, [[{self.name}.{key}]]")
        names = (
            f"{self.name}.{key}" + (f"[{number}]" if len(found) > 1 else "") for number in range(len(found))
        )
        known = tuple(keys)
        return tuple(Table(each, name, self._file, known) for each, name in zip(found, names, strict=True))

    def unexpected(self, key: str, found: object, expected: str) -> ConfigurationError:
        return self.wrong(f"{self.name}.{key} is {kind_of(found)}, expected {expected}")

    def wrong(self, message: str, hint: str = "") -> ConfigurationError:
        return ConfigurationError(f"{self._file}: {message}", hint)


def near(word: str, known: Iterable[str]) -> str:
    """A hint with the known words that look like a mistyped one."""
    import difflib

    found = difflib.get_close_matches(word.lower(), sorted(known))
    return "did you mean " + " or ".join(found) + "?" if found else ""


def kind_of(value: object) -> str:
    """What a value is, and which, where that says more."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value[:60]}"'
    return next((name for kind, name in _KINDS if isinstance(value, kind)), str(value)[:60])


_KINDS = ((dict, "a table"), (list, "an array"))
