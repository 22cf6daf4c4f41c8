# SPDX-License-Identifier: Apache-2.0
"""Speed and memory, measured: `make bench`.

A file here measures one thing a user would name and gives rows.  Nothing here is a test: a machine that is busy misses
targets, and the table says so.  Everything happens in a runtime directory and network namespaces of its own.
"""
