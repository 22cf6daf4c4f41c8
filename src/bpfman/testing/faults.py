# SPDX-License-Identifier: Apache-2.0
"""Making a kernel fail where a test wants it to: at one of its methods, once or from then on.

    class FaultyKernel(Faults, Kernel): ...     # the real one, with failures on demand

    kernel.fail("update_link", KernelRefused("switch", errno.ENOMEM))
    manager.attach(...)                         # raises it, and nothing has changed

Used from tests only.  A failing method does nothing but raise.
"""

from __future__ import annotations

from itertools import chain, repeat

from bpfman.bpf.kernel import Kernel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PUBLIC = frozenset(name for name in vars(Kernel) if not name.startswith("_"))


class Faults:
    """Comes before a `Kernel` among the bases.  `calls` has the names of the methods that were called, in order."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._faults: dict[str, Iterator[BaseException | None]] = {}

    def fail(self, method: str, error: BaseException, *, after: int = 0, times: int | None = 1) -> None:
        """Have calls of a method raise, behind so many that do not; `times=None` is for ever, until `mend`."""
        if method not in PUBLIC:
            raise ValueError(f"a kernel has no method {method}")
        failing = repeat(error) if times is None else repeat(error, times)
        self._faults[method] = chain(repeat(None, after), failing)

    def fail_all(self, error: BaseException) -> None:
        """Have everything raise until `mend`: the machine is out of order."""
        for method in PUBLIC:
            self.fail(method, error, times=None)

    def mend(self) -> None:
        self._faults.clear()

    def __getattribute__(self, name: str) -> object:
        found = object.__getattribute__(self, name)
        if name not in PUBLIC:
            return found
        return object.__getattribute__(self, "_told")(name, found)

    def _told(self, name: str, method: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            self.calls.append(name)
            error = next(self._faults.get(name, iter(())), None)
            if error is not None:
                raise error
            return method(*arguments, **options)

        return call
