# SPDX-License-Identifier: Apache-2.0
"""Label selectors over metadata, in Kubernetes' syntax: `team=edge,ring!=canary,zone in (a,b),!legacy`.

As there, `!=` and `notin` also match where the key is absent, and an empty selector matches everything.
Imported only when a selector is given.
"""

from __future__ import annotations

from bpfman.cli.command import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PUNCTUATION = ("==", "!=", "=", "!", ",", "(", ")", "<", ">")
_HINT = "requirements are KEY, !KEY, KEY=VALUE, KEY!=VALUE, KEY in (A,B), KEY notin (A,B), KEY>N, KEY<N"


class Requirement:
    """One test of one key.  `negated` also holds where the key is absent."""

    __slots__ = ("key", "negated", "operator", "values")

    def __init__(self, key: str, operator: str, values: Sequence[str] = (), *, negated: bool = False) -> None:
        self.key = key
        self.operator = operator
        self.values = values
        self.negated = negated

    def matches(self, metadata: Mapping[str, str]) -> bool:
        return self._holds(metadata) != self.negated

    def _holds(self, metadata: Mapping[str, str]) -> bool:
        if self.key not in metadata:
            return False
        value = metadata[self.key]
        if self.operator == "exists":
            return True
        if self.operator == "in":
            return value in self.values
        return value.isdecimal() and _compares(int(value), self.operator, int(self.values[0]))


class Selector:
    """All requirements must match."""

    __slots__ = ("requirements",)

    def __init__(self, requirements: Sequence[Requirement]) -> None:
        self.requirements = tuple(requirements)

    def matches(self, metadata: Mapping[str, str]) -> bool:
        return all(requirement.matches(metadata) for requirement in self.requirements)


def parse_selector(text: str) -> Selector:
    tokens = _tokens(text)
    requirements = []
    while tokens:
        requirements.append(_requirement(tokens, text))
        if tokens and tokens.pop(0) != ",":
            raise _invalid(text, "requirements are separated by commas")
        if not tokens and text.rstrip().endswith(","):
            raise _invalid(text, "nothing after the last comma")
    return Selector(requirements)


def _compares(value: int, operator: str, other: int) -> bool:
    return value > other if operator == ">" else value < other


def _tokens(text: str) -> list[str]:
    """Words and punctuation, in order."""
    tokens: list[str] = []
    word = ""
    position = 0
    while position < len(text):
        mark = next((mark for mark in _PUNCTUATION if text.startswith(mark, position)), "")
        if mark or text[position].isspace():
            tokens += [token for token in (word, mark) if token]
            word = ""
        else:
            word += text[position]
        position += len(mark) or 1
    return [*tokens, word] if word else tokens


def _requirement(tokens: list[str], text: str) -> Requirement:
    first = tokens.pop(0)
    if first == "!":
        return Requirement(_word(tokens, text, "a key after !"), "exists", negated=True)
    if first in _PUNCTUATION:
        raise _invalid(text, f'unexpected "{first}"')
    if not tokens or tokens[0] == ",":
        return Requirement(first, "exists")
    operator = tokens.pop(0)
    if operator in ("=", "==", "!="):
        return Requirement(first, "in", [_value(tokens, text)], negated=operator == "!=")
    if operator in ("in", "notin"):
        return Requirement(first, "in", _set(tokens, text), negated=operator == "notin")
    if operator in ("<", ">"):
        return Requirement(first, operator, [_limit(tokens, text)])
    raise _invalid(text, f'unknown operator "{operator}"')


def _word(tokens: list[str], text: str, what: str) -> str:
    if not tokens or tokens[0] in _PUNCTUATION:
        raise _invalid(text, f"expected {what}")
    return tokens.pop(0)


def _value(tokens: list[str], text: str) -> str:
    """The word after `=`; none means the empty value."""
    return "" if not tokens or tokens[0] == "," else _word(tokens, text, "a value")


def _limit(tokens: list[str], text: str) -> str:
    limit = _word(tokens, text, "a number")
    if not limit.isdecimal():
        raise _invalid(text, f'expected a number, got "{limit}"')
    return limit


def _set(tokens: list[str], text: str) -> list[str]:
    """`(a, b)`; an item may be empty."""
    if not tokens or tokens.pop(0) != "(" or ")" not in tokens:
        raise _invalid(text, "in and notin need values in parentheses")
    end = tokens.index(")")
    inside = tokens[:end]
    del tokens[: end + 1]
    values = [""]
    for token in inside:
        if token == ",":
            values.append("")
        elif token in _PUNCTUATION or values[-1]:
            raise _invalid(text, f'unexpected "{token}"')
        else:
            values[-1] = token
    return values


def _invalid(text: str, why: str) -> UsageError:
    return UsageError(f'invalid label selector: "{text}": {why}', _HINT)
