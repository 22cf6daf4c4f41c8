# SPDX-License-Identifier: Apache-2.0
"""Nothing is loaded from an image past a policy that asks for signatures, and nothing unverified in silence."""

from __future__ import annotations

import pytest

from bpfman.cli.image.unverified import check
from bpfman.errors import BpfmanError, Unsupported


@pytest.mark.parametrize(
    "signing",
    [
        "allow_unsigned = false",
        "allow_unsigned = false\nverify_enabled = true",
        '[[signing.trusted_identities]]\ncertificate_identity = "a@example.com"',
    ],
)
def test_a_policy_that_asks_for_signatures_refuses_every_image(tmp_path, bpfman_command, signing):
    config = tmp_path / "bpfman.toml"
    config.write_text(f"[signing]\n{signing}\n")
    with pytest.raises(Unsupported, match="asks for signed images"):
        check(str(config), "example.com/meter:1")
    result = bpfman_command(
        "--config",
        str(config),
        "program",
        "load",
        "image",
        "localhost:1/acme/meter:1",
        "--programs",
        "xdp:count",
    )
    assert result.status == 1
    assert "failed to load from image: " in result.err
    assert "asks for signed images" in result.err
    assert "program load file" in result.err


@pytest.mark.parametrize(
    "text", [None, "", "[logging]\nlevel = 'info'\n", "[signing]\nallow_unsigned = true\n"]
)
def test_without_such_a_policy_a_warning_names_the_image(tmp_path, text):
    config = tmp_path / "bpfman.toml"
    if text is not None:
        config.write_text(text)
    assert "the signature of image example.com/meter:1 is not verified" in check(
        str(config), "example.com/meter:1"
    )


def test_who_switched_verification_off_is_not_warned(tmp_path):
    config = tmp_path / "bpfman.toml"
    config.write_text("[signing]\nverify_enabled = false\nallow_unsigned = false\n")
    assert check(str(config), "example.com/meter:1") == ""


@pytest.mark.parametrize("text", ["[signing", "signing = 3\n"])
def test_a_policy_that_cannot_be_read_is_not_passed_over(tmp_path, text):
    config = tmp_path / "bpfman.toml"
    config.write_text(text)
    with pytest.raises(BpfmanError):
        check(str(config), "example.com/meter:1")
