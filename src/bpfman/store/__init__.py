# SPDX-License-Identifier: Apache-2.0
"""What bpfman remembers: the SQLite database, the writer lock, the paths of the runtime directory.

Called by `bpfman.manager`.  All of sqlite3 is here.  Reads take no lock; a change needs the lock and takes it as an
argument.  Nothing here asks the kernel: what is true there is `bpfman.bpf`'s to say.
"""
