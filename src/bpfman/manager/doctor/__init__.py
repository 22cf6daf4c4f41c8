# SPDX-License-Identifier: Apache-2.0
"""Telling, in words, where rows, pins and the kernel disagree, and putting it right.

Each file looks at one kind of thing and knows its remedies, which are the same operations that changes are made of.
Called by the Manager, under the lock: what is unfinished then was cut short, not under way."""
