# SPDX-License-Identifier: Apache-2.0
"""The verbs of `bpfman dispatcher`, the reference implementation's word for chains; hidden from help."""
