# SPDX-License-Identifier: Apache-2.0
"""Loading, attaching, detaching, keeping and showing: joins the kernel, the chains and the store, which do not know
each other.  Decides nothing about how it looks to a person, and imports no command, server or exporter."""

from bpfman.manager.manager import Manager as Manager
from bpfman.manager.plan import Planned as Planned
