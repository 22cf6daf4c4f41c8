# SPDX-License-Identifier: Apache-2.0
"""A disagreement that the doctor found."""

from __future__ import annotations

from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Finding(NamedTuple):
    """`subject` is the thing, `what` is wrong with it, `remedy` what a repair does about it, or a person can.  `repair`
    does it; repairing one thing may put others right, so it must not mind finding nothing to do."""

    subject: str
    what: str
    remedy: str
    repair: Callable[[], object] | None = None
