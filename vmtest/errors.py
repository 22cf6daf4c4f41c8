# SPDX-License-Identifier: Apache-2.0
"""The one exception of this package that says something about the machine rather than about a test."""

from __future__ import annotations


class MachineError(Exception):
    """A kernel could not be had, or a virtual machine failed; the message holds the last lines of its logs."""
