# SPDX-License-Identifier: Apache-2.0
"""The proxy variables mean what they mean to Go's programs."""

from __future__ import annotations

import pytest

from bpfman.images.registry.proxy import proxy_for

PROXY = {"HTTPS_PROXY": "http://proxy.example:3128"}


def test_each_scheme_has_its_variable():
    environment = {"https_proxy": "http://secure.example:1", "HTTP_PROXY": "http://plain.example:2"}
    assert proxy_for("https", "quay.io", 443, environment) == "http://secure.example:1"
    assert proxy_for("http", "quay.io", 80, environment) == "http://plain.example:2"
    assert proxy_for("https", "quay.io", 443, {}) == ""
    assert proxy_for("https", "quay.io", 443, {"ALL_PROXY": "all.example:3"}) == "http://all.example:3"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1.2.3", "::1"])
def test_this_machine_is_asked_directly(host):
    assert proxy_for("https", host, 5000, PROXY) == ""


@pytest.mark.parametrize(
    ("host", "port", "exceptions", "direct"),
    [
        ("quay.io", 443, "quay.io", True),
        ("quay.io", 443, "QUAY.IO", True),
        ("cdn.quay.io", 443, "quay.io", True),
        ("cdn.quay.io", 443, ".quay.io", True),
        ("quay.io", 443, ".quay.io", False),
        ("cdn.quay.io", 443, "*.quay.io", True),
        ("notquay.io", 443, "quay.io", False),
        ("quay.io", 443, "a.example, quay.io ,b.example", True),
        ("quay.io", 443, "*", True),
        ("quay.io", 443, "", False),
        ("quay.io", 5000, "quay.io:5000", True),
        ("quay.io", 443, "quay.io:5000", False),
        ("10.1.2.3", 443, "10.0.0.0/8", True),
        ("11.1.2.3", 443, "10.0.0.0/8", False),
        ("10.1.2.3", 443, "10.1.2.3", True),
        ("fd00::5", 443, "fd00::/8", True),
        ("fd00::5", 443, "[fd00::5]:443", True),
        ("fd00::5", 443, "fd00::5", True),
        ("quay.io", 443, "10.0.0.0/99", False),
    ],
)
def test_no_proxy_names_the_exceptions(host, port, exceptions, direct):
    found = proxy_for("https", host, port, {**PROXY, "NO_PROXY": exceptions})
    assert (found == "") is direct
