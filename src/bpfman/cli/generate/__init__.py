# SPDX-License-Identifier: Apache-2.0
"""Completions, man pages and docs/commands.md, made from the declarations of the commands."""
