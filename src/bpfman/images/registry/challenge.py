# SPDX-License-Identifier: Apache-2.0
"""Reads WWW-Authenticate: how a registry wants to be convinced (RFC 9110, section 11.6.1).

Called by `authentication`.  A header may hold several challenges; those that cannot be read are left out.
"""

from __future__ import annotations

import re

from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PART = re.compile(
    rf'\s*,*\s*(?:(?P<key>{_TOKEN})\s*=\s*(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<plain>[^\s,]+))|(?P<scheme>{_TOKEN}))'
)


class Challenge(NamedTuple):
    """`scheme` is in lower case, so are the names of its parameters."""

    scheme: str
    parameters: Mapping[str, str]


def parse_challenges(header: str) -> list[Challenge]:
    """The challenges of a header, in its order."""
    found: list[Challenge] = []
    at = 0
    while part := _PART.match(header, at):
        at = part.end()
        if part["scheme"]:
            found.append(Challenge(part["scheme"].lower(), {}))
        elif found:
            value = part["plain"] if part["quoted"] is None else re.sub(r"\\(.)", r"\1", part["quoted"])
            parameters = {**found[-1].parameters, part["key"].lower(): value}
            found[-1] = found[-1]._replace(parameters=parameters)
    return found
