# SPDX-License-Identifier: Apache-2.0
"""Composes the members of a hook into one ordinary program: instructions, function info and BTF in, the same out.

Called by `bpfman.manager`.  Pure: it takes and returns values, so that what a chain will be can be shown before
anything is loaded.  It opens no descriptor, asks no kernel and knows neither the store nor libbpf.
"""
