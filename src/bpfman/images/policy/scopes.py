# SPDX-License-Identifier: Apache-2.0
"""The scopes that an image is in, from its own name up to its registry's domain.

Called with where an image is, by both sorts of rules; the most specific scope that a policy names decides.  Names and
order are those of containers-policy.json(5).
"""

from __future__ import annotations

import os

from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import TypeVar

    from bpfman.images.reference import Reference
    from bpfman.images.transport.location import Location

    Rule = TypeVar("Rule")

DOCKER = "docker"


class Scopes(NamedTuple):
    """`names` from the most specific on, those of `transport` in containers-transports(5)."""

    transport: str
    names: tuple[str, ...]


def scopes_of(location: Location) -> Scopes:
    if location.reference is not None:
        return Scopes(DOCKER, tuple(_of_reference(location.reference)))
    if location.transport == "docker-archive":  # has no scopes but its own
        return Scopes(location.transport, ())
    return Scopes(location.transport, tuple(_of_path(os.path.realpath(location.path))))


def most_specific(scopes: Scopes, rules: Mapping[str, Rule]) -> tuple[str, Rule] | None:
    """The rule of the most specific scope that has one, and the scope."""
    return next(((name, rules[name]) for name in scopes.names if name in rules), None)


def own_scopes(location: Location) -> Scopes:
    """The scopes of an image as bpfman's own rules name them.

    A registry is the same in capitals and with HTTPS's port written out; a path has its transport in front."""
    if location.reference is not None:
        registry = location.reference.registry.lower().removesuffix(":443")
        return scopes_of(location._replace(reference=location.reference._replace(registry=registry)))
    transport, names = scopes_of(location)
    return Scopes(transport, (*(f"{transport}:{name}" for name in names), f"{transport}:"))


def _of_reference(reference: Reference) -> Iterator[str]:
    yield str(reference)
    parts = reference.name.split("/")
    for count in range(len(parts), 0, -1):
        yield "/".join(parts[:count])
    labels = reference.registry.partition(":")[0].split(".")
    for first in range(1, len(labels)):
        yield "*." + ".".join(labels[first:])


def _of_path(path: str) -> Iterator[str]:
    while path not in ("/", ""):
        yield path
        path = os.path.dirname(path)
