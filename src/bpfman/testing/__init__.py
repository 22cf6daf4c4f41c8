# SPDX-License-Identifier: Apache-2.0
"""Test tools for bpfman and for the programs of its users: network namespaces, veth pairs, a fake kernel.

Used from tests only; nothing that runs in production may import it.  Add `bpfman.testing.fixtures` to
`pytest_plugins` to have the fixtures.
"""
