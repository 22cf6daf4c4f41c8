# SPDX-License-Identifier: Apache-2.0
"""What is packed is unpacked, within bounds; what we pack has one form everywhere."""

from __future__ import annotations

import gzip
import hashlib
from contextlib import suppress

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from bpfman.errors import ImageTooLarge, MalformedImage
from bpfman.images import limits
from bpfman.images.compression import pack, unpack

PACKERS = {"gzip": gzip.compress, "zstd": zstd.compress}


@pytest.fixture(params=sorted(PACKERS))
def packed(request):
    return PACKERS[request.param]


def test_what_is_packed_is_unpacked(packed):
    assert unpack(packed(b"x" * 100_000), "it") == b"x" * 100_000
    assert unpack(packed(b""), "it") == b""


def test_anything_else_stays_as_it_is():
    assert unpack(b"\x7fELF", "it") == b"\x7fELF"
    assert unpack(b"", "it") == b""


def test_parts_behind_one_another_and_padding(packed):
    assert unpack(packed(b"a") + packed(b"b") + bytes(100), "it") == b"ab"


def test_a_frame_to_be_skipped_is_skipped():
    """podman's zstd:chunked layers end with one."""
    skippable = b"\x50\x2a\x4d\x18\x04\0\0\0data"
    assert unpack(zstd.compress(b"a") + skippable, "it") == b"a"


def test_a_bomb_is_stopped(packed):
    bomb = packed(bytes(limits.MAX_UNPACKED + 1))
    assert len(bomb) < 100_000
    with pytest.raises(ImageTooLarge, match=r"it .* unpacks to more than 64 MiB"):
        unpack(bomb, "it")


def test_many_small_bombs_are_one(packed):
    with pytest.raises(ImageTooLarge):
        unpack(packed(bytes(1 << 20)) * 65, "it")


def test_a_window_of_gigabytes_is_refused():
    options = {
        zstd.CompressionParameter.window_log: 30,
        int(zstd.CompressionParameter.enable_long_distance_matching): 1,
    }
    compressor = zstd.ZstdCompressor(options=options)
    with pytest.raises(MalformedImage, match="cannot be unpacked"):
        unpack(compressor.compress(b"x" * 10) + compressor.flush(), "it")


@pytest.mark.parametrize("cut", [1, 5, 12])
def test_what_is_cut_off_is_refused(packed, cut):
    with pytest.raises(MalformedImage, match=r"it .* (ends early|cannot be unpacked)"):
        unpack(packed(b"some bytes")[:-cut], "it")


def test_what_follows_and_is_no_part_is_refused(packed):
    with pytest.raises(MalformedImage):
        unpack(packed(b"a") + b"garbage", "it")


def test_a_wrong_checksum_is_refused():
    data = bytearray(gzip.compress(b"some bytes"))
    data[-8] ^= 1
    with pytest.raises(MalformedImage, match="incorrect data check"):
        unpack(bytes(data), "it")


def test_parts_without_end_are_refused():
    with pytest.raises(MalformedImage, match="more than 10000 parts"):
        unpack(gzip.compress(b"", mtime=0) * 10_001, "it")


@given(st.binary(max_size=200), st.sampled_from([b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"]))
def test_garbage_raises_nothing_else(garbage, magic):
    with suppress(MalformedImage):
        unpack(magic + garbage, "it")


# packing


@given(st.binary(max_size=1000))
def test_ours_is_gzip(data):
    assert gzip.decompress(pack(data)) == data
    assert unpack(pack(data), "it") == data


@pytest.mark.parametrize("size", [0, 1, 65534, 65535, 65536, 131070, 200_000])
def test_blocks_end_where_they_must(size):
    data = bytes(range(256)) * (size // 256 + 1)
    assert gzip.decompress(pack(data[:size])) == data[:size]


def test_ours_has_one_form():
    assert pack(b"abc").hex() == "1f8b08000000000000ff010300fcff616263c241243503000000"
    digest = hashlib.sha256(pack(b"abc" * 40_000)).hexdigest()
    assert digest == "056de6b62b50202858207e23c44a116147cf32a3bfcd0aa908a442f56ef22ddd"
