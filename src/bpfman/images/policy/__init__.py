# SPDX-License-Identifier: Apache-2.0
"""Whom this machine trusts: which rules an image is under, and what they say of it.

Two sorts of rules, which must both agree: bpfman's own ([signing] of its configuration file: `signing`) and those that
podman and skopeo keep too (policy.json: `containers`).  `rules` asks both.  Who signed what is judged by `trust`; what
bytecode may do, by the bytecode (`capabilities`).

A cached image is loaded by what was decided before: what reads signatures, keys or YAML is imported when it is needed.
"""
