# SPDX-License-Identifier: Apache-2.0
"""Images without a network: what the cache says in a registry's stead, and what it has to offer when that is down.

Called by `images`.  Nothing of it is trusted or used: what is let in passes the gate.
"""

from __future__ import annotations

import time
from contextlib import contextmanager

from bpfman.errors import CacheError, RegistryFailed
from bpfman.images.platform import wanted_platform
from bpfman.images.pulling import NEVER, not_cached

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bpfman.images.cache import Cache
    from bpfman.images.inspecting import Inspection, ReadBytecode
    from bpfman.images.reference import Reference
    from bpfman.images.transport.location import Location

# What to do with what the cache has; `{object}` is the file of its bytecode.
SHOW = "`--pull-policy IfNotPresent` shows that"
USE = "`--pull-policy IfNotPresent` uses that"
JUDGE = "`--pull-policy Never` judges it by the signatures that were kept with it"
CARRY = "a machine that reaches it can write a file to load: `bpfman image copy {} oci-archive:FILE`"
BUILD = (
    "only its bytecode, so it cannot be copied from there; `bpfman image build TARGET {object}` makes another image of"
    " that, with a digest of its own and no signature"
)


class Shelf:
    """The cache, asked in a registry's stead; `environment` says for which platform, `warn` is told where it cannot be
    read and the registry is asked all the same."""

    def __init__(self, cache: Cache, environment: Mapping[str, str], warn: Callable[[str], None]) -> None:
        self._cache = cache
        self._environment = environment
        self._warn = warn

    def named(self, image: str) -> Reference | None:
        """The reference that a digest, or the beginning of one as `image list` shows it, stands for."""
        from bpfman.images.cache.naming import by_digest

        try:
            return by_digest(image, self._cache.entries())
        except CacheError:
            return None

    def inspection(self, location: Location, policy: str, read: ReadBytecode) -> Inspection | None:
        """None where the registry must be asked.  NotCached, and CacheError, where it may not be."""
        from bpfman.images.cached_inspection import inspect_cached

        if location.reference is None:
            return None
        try:
            platform = wanted_platform(self._environment)
            found = inspect_cached(self._cache, location.reference, platform, read)
        except CacheError as error:
            if policy == NEVER:
                raise
            self._warn(f"{error}; asking the registry")
            return None
        if found is None and policy == NEVER:
            raise not_cached(location)
        return found

    @contextmanager
    def offering(self, location: Location, what: str, otherwise: str = "") -> Iterator[None]:
        """Where the registry fails, the hint tells of what the cache has of the image, if it has anything, and `what`
        to do with that; `otherwise` of something else."""
        try:
            yield
        except RegistryFailed as error:
            offer = self._offer(location, what) if what else ""
            error.hint = "; ".join(filter(None, [error.hint, offer or otherwise.format(location)]))
            raise

    def _offer(self, location: Location, what: str) -> str:
        try:
            entry = self._cache.find(str(location), str(wanted_platform(self._environment)))
        except CacheError:
            return ""
        if entry is None:
            return ""
        day = time.strftime("%Y-%m-%d", time.gmtime(entry.pulled_at))
        path = f"{self._cache.directory}/{entry.directory}/bytecode.o"
        return f"the cache has it as of {day}: {what.format(object=path)}"
