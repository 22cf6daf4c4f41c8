# SPDX-License-Identifier: Apache-2.0
"""The command line of bpfman 0.5 and 0.6, as tutorials show it; hidden from help.

Exactly that command line's flags, over the same operations; what is printed is today's.
"""
