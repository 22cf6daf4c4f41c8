# SPDX-License-Identifier: Apache-2.0
"""Digests are computed without OpenSSL, are what hashlib computes, and wrong ones are caught."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import pytest

from bpfman.errors import DigestMismatch, MalformedImage
from bpfman.images import digest


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_a_digest_is_what_hashlib_computes(algorithm):
    assert (
        digest.digest_of(b"bytes", algorithm) == f"{algorithm}:{hashlib.new(algorithm, b'bytes').hexdigest()}"
    )
    builtin = digest._builtin(algorithm)
    assert builtin is not None
    state = builtin()
    state.update(b"bytes")
    assert state.hexdigest() == hashlib.new(algorithm, b"bytes").hexdigest()


def test_openssl_is_not_loaded_for_it():
    code = (
        "import sys; from bpfman.images.digest import digest_of; digest_of(b''); print(sorted(sys.modules))"
    )
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "'_hashlib'" not in modules
    assert "'_ssl'" not in modules


def test_other_bytes_are_a_mismatch_that_names_both_digests():
    expected = digest.digest_of(b"these")
    digest.check(b"these", expected, "the layer")
    with pytest.raises(DigestMismatch) as refused:
        digest.check(b"those", expected, "the layer")
    assert digest.digest_of(b"those") in str(refused.value)
    assert expected in str(refused.value)


@pytest.mark.parametrize(
    "text", ["", "sha256:", "sha256:" + "A" * 64, "sha256:" + "0" * 63, "md5:" + "0" * 32, 7, None]
)
def test_what_is_no_digest_is_refused(text):
    with pytest.raises(MalformedImage, match=r"the index: .* is no digest"):
        digest.parse_digest(text, "the index")
