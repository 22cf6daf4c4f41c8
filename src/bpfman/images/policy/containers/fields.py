# SPDX-License-Identifier: Apache-2.0
"""One object of policy.json: which keys it may have, and what they are.

Called by what reads the policy.  An error says where in which file, and which key was meant, perhaps.
"""

from __future__ import annotations

from bpfman.errors import ConfigurationError
from bpfman.images.policy.containers.requirement import Blob
from bpfman.images.policy.table import near

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any


class Fields:
    """The object at `where`, which may have `keys` and no others."""

    def __init__(self, found: object, where: str, file: str, keys: Iterable[str]) -> None:
        self.where = where
        self.file = file
        if not isinstance(found, dict):
            raise self.wrong("is no object")
        self._found: Mapping[str, Any] = found
        known = tuple(keys)
        for key in found:
            if key not in known:
                raise self.wrong(f'has no key "{key}"', near(key, known) or "keys: " + ", ".join(known))

    def __contains__(self, key: str) -> bool:
        return key in self._found

    def required(self, key: str) -> Any:
        if key not in self._found:
            raise self.wrong(f'has no "{key}", which it must have')
        return self._found[key]

    def text(self, key: str) -> str:
        """A text that must be there, and not empty."""
        found = self.required(key)
        if not isinstance(found, str) or not found:
            raise self.wrong(f'"{key}" must be a text')
        return found

    def optional(self, key: str) -> str:
        return self.text(key) if key in self else ""

    def texts(self, key: str) -> tuple[str, ...]:
        """An array of at least one text."""
        found = self.required(key)
        if (
            not isinstance(found, list)
            or not found
            or not all(isinstance(each, str) and each for each in found)
        ):
            raise self.wrong(f'"{key}" must be an array of at least one text')
        return tuple(found)

    def mapping(self, key: str) -> Mapping[str, Any]:
        """An object; an empty one where the key is missing."""
        found = self._found.get(key, {})
        if not isinstance(found, dict):
            raise self.wrong(f'"{key}" is no object')
        return found

    def one_of(self, keys: Iterable[str], *, at_least: int = 1) -> str:
        """Which of the keys there is: exactly one, or at most one."""
        known = tuple(keys)
        there = [key for key in known if key in self]
        if not at_least <= len(there) <= 1:
            few = "exactly" if at_least else "at most"
            raise self.wrong(
                f"must have {few} one of {', '.join(known)}, and has {' and '.join(there) or 'none'}"
            )
        return there[0] if there else ""

    def blobs(self, key: str) -> tuple[Blob, ...]:
        """What a key names: `…Path`, `…Paths`, `…Data` and `…Datas` are the four sorts there are."""
        many = key.endswith("s")
        texts = self.texts(key) if many else (self.text(key),)
        if key.removesuffix("s").endswith("Path"):
            return tuple(Blob(path=each) for each in texts)
        return tuple(Blob(data=self._base64(key, each)) for each in texts)

    def _base64(self, key: str, text: str) -> bytes:
        import binascii

        try:
            return binascii.a2b_base64(text, strict_mode=True)
        except ValueError as error:  # a binascii.Error, or a letter that is not even ASCII
            raise self.wrong(f'"{key}" is not base64: {error}') from None

    def wrong(self, what: str, hint: str = "") -> ConfigurationError:
        return ConfigurationError(f"{self.where} {what}", hint)
