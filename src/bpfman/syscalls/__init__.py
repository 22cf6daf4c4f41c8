# SPDX-License-Identifier: Apache-2.0
"""The kernel as it is: bpf(2), libbpf, perf, netlink, namespaces and mounts.

Called by `bpfman.bpf`, and by `bpfman.manager` for namespaces and mounts.  All of ctypes is here, behind typed
functions; a failing call raises an error of `bpfman.errors` that carries its errno.  Nothing here decides
anything: no retries, no defaults, no knowledge of chains, programs' names or the store.
"""
