# SPDX-License-Identifier: Apache-2.0
"""`bpfman audit ...`, a file each."""
