# SPDX-License-Identifier: Apache-2.0
"""Kernel objects a person can name: object files, programs, maps, BTF, pins and, in `link`, attachments.

A library by itself, over `bpfman.syscalls`: it knows no chain, store or image.  What holds a descriptor is used in
`with`.  Bytes from a file are not trusted until the reader in this layer has checked them; they reach libbpf only
afterwards.
"""
