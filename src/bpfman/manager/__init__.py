# SPDX-License-Identifier: Apache-2.0
"""What bpfman does: load, attach, detach, unload, list, recover; the layers below are joined here and only here.

Called by the command line, by the daemon and by `import bpfman`.  A change is planned as a short tuple of steps by a
function without side effects, then run by one loop that can undo.  Nothing here prints, parses arguments or speaks a
network protocol.
"""
