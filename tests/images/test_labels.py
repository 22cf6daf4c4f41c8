# SPDX-License-Identifier: Apache-2.0
"""Labels are read in all dialects; one that cannot be read is taken for none."""

from __future__ import annotations

import json

import pytest

from bpfman.images.labels import CAPABILITIES, Labels, make_labels, read_labels


def test_programs_and_maps():
    labels = {"io.ebpf.programs": '{"count_pkts": "xdp"}', "io.ebpf.maps": '{"pkt_totals": "per_cpu_array"}'}
    assert read_labels(labels) == Labels({"count_pkts": "xdp"}, {"pkt_totals": "per_cpu_array"})


def test_the_labels_of_one_program():
    labels = {
        "io.ebpf.program_name": "xdp-counter",
        "io.ebpf.bpf_function_name": "xdp_stats",
        "io.ebpf.program_type": "xdp",
        "io.ebpf.filename": "bpf_bpfel.o",
    }
    assert read_labels(labels) == Labels({"xdp_stats": "xdp"}, {}, "bpf_bpfel.o")


def test_the_oldest_named_the_section():
    labels = {"io.ebpf.section_name": "pass", "io.ebpf.program_type": "xdp", "io.ebpf.filename": "pass.o"}
    assert read_labels(labels) == Labels({"pass": "xdp"}, {}, "pass.o")


@pytest.mark.parametrize(
    "value", ["", "{", "[]", "null", '{"a": 1}', '{"a": "x", "a": "y"}', "\ud800", "[" * 100_000]
)
def test_what_cannot_be_read_is_taken_for_none(value):
    assert read_labels({"io.ebpf.programs": value, "io.ebpf.maps": value}) == Labels()


def test_none_at_all():
    assert read_labels({}) == Labels()


def test_ours_are_read_back():
    made = make_labels({"b": "xdp", "a": "tc"}, {}, b"{}")
    assert read_labels(made) == Labels({"b": "xdp", "a": "tc"}, {})
    assert made["io.ebpf.programs"] == '{"a":"tc","b":"xdp"}'
    assert json.loads(made[CAPABILITIES]) == {}
