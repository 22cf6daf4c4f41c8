# SPDX-License-Identifier: Apache-2.0
"""Bytecode images: references, registries, layouts and archives, the cache, building, and what bytecode can do.

Called by `bpfman.manager`, which joins it with what reads ELF.  Nothing here knows the store, a chain or an object
file's insides: what it needs to know of bytecode it is given as a value (`bytecode.Bytecode`).  Whatever comes from a
registry or a file is believed only when its size and digest are right, and bounded even then.

`program load image` of a cached image must not wait for OpenSSL: urllib3 and ssl are imported by `registry/`, which
is imported when the network is needed.
"""
