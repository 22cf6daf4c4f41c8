# SPDX-License-Identifier: Apache-2.0
"""One file for each kind of attachment the kernel has: how to make it, find it again, change it and take it away.

Called by `bpfman.manager`, which chooses the file by the row in `bpfman.model.kinds`.  A file here neither chooses
an order among programs nor writes to the store.
"""
