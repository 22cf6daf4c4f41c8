# SPDX-License-Identifier: Apache-2.0
"""The `bpfman` command: parsers built on demand, text and JSON output, exit codes.

Called by a person or a script.  No logic: a command turns arguments into one call of `bpfman.manager` and its
result into lines.  What `program` and `link` commands import decides how fast they start, so modules here import
late and little.
"""
