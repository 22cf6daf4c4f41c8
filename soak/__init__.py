# SPDX-License-Identifier: Apache-2.0
"""bpfman under load, for minutes: `make soak`.

Each file is one load that a person would name; it raises `Wrong`, or gives figures with what they must be.  In contrast
to benchmarks/, a figure that is not what it must be fails the run.  Everything happens in runtime directories, network
namespaces and cgroups of its own, which are gone at the end, after Ctrl-C too.
"""
