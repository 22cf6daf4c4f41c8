# SPDX-License-Identifier: Apache-2.0
"""The commands `bpfman image …`: declarations, and what prints their results."""
