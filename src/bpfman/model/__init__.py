# SPDX-License-Identifier: Apache-2.0
"""What bpfman talks about: programs, links, hooks, maps and their kinds, as frozen values.

Every other layer speaks in these types.  Nothing here opens a file, makes a system call or asks the time: a value
can be built, compared and printed on a machine without a kernel that knows BPF.
"""
