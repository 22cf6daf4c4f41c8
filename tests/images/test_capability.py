# SPDX-License-Identifier: Apache-2.0
"""What bytecode can do is found in its instructions; what cannot be ruled out is said to be possible."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpfman.images.bytecode import Bytecode, Function, Instruction, Map, Program
from bpfman.images.capability import capabilities_of, effects
from bpfman.images.capability.effects import EFFECTS
from bpfman.images.capability.flow import Budget
from bpfman.images.capability.flow import follow as follow_within
from bpfman.images.capability.helpers import effects_of_helpers, helper_name
from bpfman.images.capability.state import SCALAR, Value, computed, constant, join
from bpfman.manager.bytecode import read_bytecode
from bpfman.model.kinds import KINDS
from tests.images.conftest import OBJECTS

XDP_PACKET = frozenset((0, 8))


def capabilities(name: str):
    return capabilities_of(read_bytecode((OBJECTS / f"{name}.o").read_bytes()))


def programs(name: str) -> dict:
    return {each.name: each for each in capabilities(name).programs}


# compiled programs, named after what they do


@pytest.mark.parametrize(("program", "words"), [
    ("reads_packets", []),
    ("rewrites_directly", ["rewrite-packets"]),
    ("rewrites_through_the_stack", ["rewrite-packets"]),
    ("rewrites_in_a_function", ["drop-packets", "redirect-packets", "rewrite-packets"]),
    ("rewrites_in_a_callback", ["rewrite-packets"]),
    ("rewrites_by_a_helper", ["rewrite-packets"]),
    ("rewrites_by_a_kernel_function", ["call-kernel-functions", "rewrite-packets"]),
    ("marks_packets", ["mark-packets"]),
    ("redirects_packets", ["drop-packets", "redirect-packets"]),
    ("drops_some_packets", ["drop-packets"]),
    ("drops_by_sending_back", ["drop-packets", "redirect-packets"]),
    ("drops_by_relocation", ["drop-packets", "redirect-packets"]),
    ("drops_by_throwing", sorted(EFFECTS)),
    ("drops_by_changing_the_type", ["drop-packets", "mark-packets"]),
    ("lets_a_socket_go", ["change-sockets"]),
    ("reads_by_printing", ["read-kernel-memory", "read-user-memory", "report-events"]),
    ("looks_where_the_kernel_is", ["read-kernel-memory"]),
    ("changes_what_is_pointed_to", ["change-results"]),
    ("denies_by_setting_the_result", ["change-results", "deny-operations"]),
    ("writes_user_memory", ["write-user-memory"]),
    ("sends_signals", ["send-signals"]),
    ("denies_operations", ["deny-operations", "read-kernel-memory"]),
    ("changes_addresses", ["change-results"]),
])  # fmt: skip
def test_effects_are_found_by_whatever_way(program, words):
    assert list(programs("capabilities")[program].effects) == words


@pytest.mark.parametrize("family", ["xdp", "tc"])
def test_verdicts_that_a_program_returns_are_found(family):
    for name, program in programs(f"{family}_verdicts").items():
        word = name.removeprefix(f"{family}_")
        expected = {"chosen": None, "unknown": ("9",) if family == "xdp" else ("20",)}.get(word, (word,))
        assert program.verdicts == expected, name


def test_which_verdicts_drop():
    drops = {name for name, each in programs("xdp_verdicts").items() if "drop-packets" in each.effects}
    assert drops == {"xdp_aborted", "xdp_drop", "xdp_unknown", "xdp_chosen", "xdp_tx", "xdp_redirect"}
    drops = {name for name, each in programs("tc_verdicts").items() if "drop-packets" in each.effects}
    assert drops == {"tc_shot", "tc_stolen", "tc_queued", "tc_trap", "tc_chosen", "tc_redirect"}
    redirects = {
        name for name, each in programs("xdp_verdicts").items() if "redirect-packets" in each.effects
    }
    assert redirects == {"xdp_tx", "xdp_redirect", "xdp_chosen"}


def test_a_tail_call_leads_to_any_verdict():
    program = programs("xdp_tailcall")["xdp_tailcall"]
    assert program.verdicts is None
    assert {"tail-call", "drop-packets", "redirect-packets"} <= set(program.effects)


def test_helpers_and_kernel_functions_are_named_also_those_of_callbacks_and_functions():
    found = programs("capabilities")
    assert found["rewrites_in_a_callback"].helpers == ("loop",)
    assert found["rewrites_by_a_kernel_function"].kernel_functions == (
        "bpf_dynptr_from_skb",
        "bpf_dynptr_slice_rdwr",
    )
    assert programs("xdp_subprogs")["xdp_subprogs"].helpers == ("map_lookup_elem",)


def test_byte_orders_make_no_difference():
    for name in ("xdp_counter", "core_types", "globals", "types"):
        little, big = capabilities(name), capabilities(f"{name}.be")
        assert big.byteorder == "big"
        assert big.programs == little.programs


def test_the_document():
    found = json.loads(capabilities("xdp_counter").dump())
    assert found == {
        "version": 1,
        "license": "Dual BSD/GPL",
        "gpl_compatible": True,
        "byteorder": "little",
        "effects": ["drop-packets"],
        "programs": [
            {
                "name": "xdp_stats",
                "type": "xdp",
                "section": "xdp",
                "helpers": ["map_lookup_elem"],
                "kfuncs": [],
                "verdicts": ["aborted", "pass"],
                "effects": ["drop-packets"],
            }
        ],
        "maps": [
            {
                "name": "xdp_stats_map",
                "type": "per_cpu_array",
                "key_size": 4,
                "value_size": 16,
                "max_entries": 5,
                "shared": False,
            }
        ],
    }


def test_the_document_is_the_same_each_time():
    for path in sorted(OBJECTS.glob("*.o")):
        found = capabilities(path.stem)
        assert found.dump() == capabilities(path.stem).dump()
        assert set(found.effects) <= set(EFFECTS), path


def test_a_licence_that_is_not_the_kernels():
    assert not capabilities("nongpl").gpl_compatible


# instructions by hand

EXIT = Instruction(0x95, 0, 0, 0, 0)


def mov(register: int, number: int) -> Instruction:
    return Instruction(0xB7, register, 0, 0, number)


def copy(to: int, source: int) -> Instruction:
    return Instruction(0xBF, to, source, 0, 0)


def load(to: int, base: int, offset: int, size: int = 0x18) -> Instruction:
    return Instruction(0x61 | size, to, base, offset, 0)


def store(base: int, offset: int, source: int, size: int = 0x18) -> Instruction:
    return Instruction(0x63 | size, base, source, offset, 0)


def call(helper: int) -> Instruction:
    return Instruction(0x85, 0, 0, 0, helper)


def jump(opcode: int, offset: int, register: int = 0, number: int = 0) -> Instruction:
    return Instruction(opcode, register, 0, offset, number)


LOCAL_CALL = Instruction(0x85, 0, 1, 0, -1)
ADDRESS = (Instruction(0x18, 2, 4, 0, 0), Instruction(0, 0, 0, 0, 0))
DATA = load(2, 1, 0, 0)  # r2 = ctx->data, for XDP


def follow(functions, start: int, fields=XDP_PACKET):
    return follow_within(functions, start, fields, Budget())


def run(*instructions: Instruction, **more):
    return follow([Function("main", instructions, **more)], 0)


def test_constants_are_followed_through_arithmetic():
    assert run(mov(0, 1), EXIT).returns == frozenset({1})
    assert run(mov(0, -1), EXIT).returns == frozenset({0xFFFFFFFF})
    assert run(mov(0, 1), Instruction(0x07, 0, 0, 0, 1), EXIT).returns == frozenset({2})
    assert run(mov(3, 6), copy(0, 3), Instruction(0x57, 0, 0, 0, 3), EXIT).returns == frozenset({2})
    assert run(load(0, 1, 4), Instruction(0x57, 0, 0, 0, 1), EXIT).returns == frozenset({0, 1})
    assert run(
        load(0, 1, 4), Instruction(0x57, 0, 0, 0, 1), Instruction(0x47, 0, 0, 0, 2), EXIT
    ).returns == frozenset(
        {
            2,
            3,
        }
    )
    assert run(load(0, 1, 4), EXIT).returns is None
    assert run(call(5), EXIT).returns is None


def test_both_ways_of_a_condition_are_walked():
    assert run(mov(0, 1), jump(0x15, 1, 1, 0), mov(0, 2), EXIT).returns == frozenset({1, 2})


def test_a_loop_comes_to_an_end():
    counting = run(mov(0, 0), Instruction(0x07, 0, 0, 0, 1), jump(0x55, -2, 0, 100), EXIT)
    assert counting.returns is None
    assert counting.understood


def test_what_is_never_reached_is_not_counted():
    assert run(mov(0, 2), EXIT, call(36)).helpers == frozenset()
    assert run(jump(0x05, 1), call(36), mov(0, 2), EXIT).helpers == frozenset()


@pytest.mark.parametrize(
    ("instructions", "writes"),
    [
        ([DATA, store(2, 0, 3)], True),
        ([DATA, copy(6, 2), Instruction(0x07, 6, 0, 0, 14), store(6, 0, 3, 0x10)], True),
        ([DATA, Instruction(0x72, 2, 0, 0, 1)], True),  # ST
        ([DATA, Instruction(0xDB, 2, 3, 0, 0)], True),  # atomic add
        ([load(2, 1, 4, 0), store(2, 0, 3)], False),  # data_end: the verifier lets nobody write there
        ([DATA, store(10, -8, 2), load(4, 10, -8), store(4, 0, 3)], True),
        ([DATA, store(10, -8, 2), load(4, 10, -16), store(4, 0, 3)], False),
        (
            [
                DATA,
                copy(5, 10),
                Instruction(0x07, 5, 0, 0, -16),
                store(5, 8, 2),
                load(4, 10, -8),
                store(4, 0, 3),
            ],
            True,
        ),
        # At a place that is not known, so it may be this one.
        (
            [
                DATA,
                copy(5, 10),
                Instruction(0x0F, 5, 7, 0, 0),
                store(5, 0, 2),
                load(4, 10, -8),
                store(4, 0, 3),
            ],
            True,
        ),
        (
            [
                DATA,
                store(10, -8, 2),
                copy(5, 10),
                Instruction(0x0F, 5, 7, 0, 0),
                load(4, 5, 0),
                store(4, 0, 3),
            ],
            True,
        ),
        ([DATA, Instruction(0x0F, 7, 2, 0, 0), store(7, 0, 3)], True),  # number + packet
        ([DATA, Instruction(0xBC, 4, 2, 0, 0), store(4, 0, 3)], False),  # half a pointer is none
        ([call(1), store(0, 0, 3)], False),  # a map's value
        ([store(10, -8, 3)], False),
        ([store(1, 4, 3)], False),  # the context
        ([DATA, jump(0x15, 1, 3, 0), copy(2, 10), store(2, -8, 3)], True),  # one of the two
        # The same field, reached from elsewhere in the context, and one that may be it.
        ([Instruction(0x07, 1, 0, 0, 4), load(2, 1, -4, 0), store(2, 0, 3)], True),
        ([Instruction(0x07, 1, 0, 0, 4), load(2, 1, 0, 0), store(2, 0, 3)], False),
        ([Instruction(0x0F, 1, 7, 0, 0), load(2, 1, 4, 0), store(2, 0, 3)], True),
    ],
)
def test_writes_into_packets_are_seen(instructions, writes):
    assert run(*instructions, mov(0, 2), EXIT).writes_packets is writes


def test_writes_into_the_context_are_told_apart():
    found = run(store(1, 8, 3, 0), mov(0, 2), EXIT)
    assert found.writes_context
    assert not found.writes_packets


def test_what_the_context_points_to_counts_as_the_context():
    assert run(load(2, 1, 4), store(2, 0, 3), mov(0, 2), EXIT).writes_context
    assert not run(call(1), store(0, 0, 3), mov(0, 2), EXIT).writes_context


@pytest.mark.parametrize(
    ("instructions", "patched"),
    [
        ([mov(0, 2), EXIT], 0),
        ([mov(0, 0), Instruction(0x07, 0, 0, 0, 2), EXIT], 1),
        ([Instruction(0x18, 0, 0, 0, 2), Instruction(0, 0, 0, 0, 0), EXIT], 0),
    ],
)
def test_a_number_that_is_filled_in_at_load_may_be_any(instructions, patched):
    assert run(*instructions).returns == frozenset({2})
    assert run(*instructions, patched=frozenset((patched,))).returns is None


def test_an_offset_that_is_filled_in_at_load_may_be_any():
    through_context = (load(2, 1, 4, 0), store(2, 0, 3), mov(0, 2), EXIT)
    assert run(*through_context, patched=frozenset((0,))).writes_packets
    stored = (DATA, store(10, -16, 2), load(4, 10, -8), store(4, 0, 3), mov(0, 2), EXIT)
    assert not run(*stored).writes_packets
    assert run(*stored, patched=frozenset((1,))).writes_packets
    assert run(*stored, patched=frozenset((2,))).writes_packets


def test_a_load_from_a_packet_that_is_too_short_ends_the_program():
    assert run(Instruction(0x30, 0, 0, 0, 12), mov(0, 2), EXIT).returns == frozenset({0, 2})


@pytest.mark.parametrize("name", ["bpf_throw", "acme_drop"])
def test_a_kernel_function_that_nobody_knows_may_do_anything(name):
    code = Function("main", (call(0), mov(0, 2), EXIT), {0: name})
    bytecode = Bytecode("little", "GPL", (Program("main", "xdp", "xdp", 0),), (), (code,))
    (program,) = capabilities_of(bytecode).programs
    assert set(program.effects) == set(EFFECTS)
    assert program.verdicts is None
    assert program.kernel_functions == (name,)


def test_a_helper_that_nobody_knows_may_do_anything():
    code = Function("main", (call(999), mov(0, 2), EXIT))
    bytecode = Bytecode("little", "GPL", (Program("main", "xdp", "xdp", 0),), (), (code,))
    assert set(capabilities_of(bytecode).effects) == set(EFFECTS)


@pytest.mark.parametrize(("number", "changes"), [(1, False), (2, True), (3, True)])
def test_maps_of_sockets_change_sockets(number, changes):
    code = Function("main", (call(number), mov(0, 2), EXIT))
    bytecode = Bytecode("little", "GPL", (Program("main", "xdp", "xdp", 0),), (), (code,), socket_maps=True)
    assert ("change-sockets" in capabilities_of(bytecode).effects) is changes
    assert "change-sockets" not in capabilities_of(bytecode._replace(socket_maps=False)).effects


def test_a_function_gets_what_it_is_passed_and_gives_what_it_returns():
    main = Function("main", (DATA, copy(1, 2), LOCAL_CALL, EXIT), {2: 1})
    writer = Function("writer", (store(1, 0, 3), mov(0, 4), EXIT))
    found = follow([main, writer], 0)
    assert found.writes_packets
    assert found.returns == frozenset({4})
    assert not follow(
        [main._replace(instructions=(mov(1, 0), mov(1, 0), LOCAL_CALL, EXIT)), writer], 0, XDP_PACKET
    ).writes_packets


def test_a_function_that_is_called_twice_gets_both():
    main = Function("main", (DATA, copy(1, 10), LOCAL_CALL, copy(1, 2), LOCAL_CALL, EXIT), {2: 1, 4: 1})
    keeper = Function("keeper", (store(1, -8, 3), mov(0, 2), EXIT))
    assert not follow([main, keeper], 0).writes_packets  # a call takes r2 away
    kept = Function(
        "main", (DATA, copy(6, 2), copy(1, 10), LOCAL_CALL, copy(1, 6), LOCAL_CALL, EXIT), {3: 1, 5: 1}
    )
    assert follow([kept, keeper], 0).writes_packets


def test_functions_that_call_each_other_come_to_an_end():
    one = Function("one", (LOCAL_CALL, EXIT), {0: 1})
    two = Function("two", (jump(0x15, 1, 1, 0), LOCAL_CALL, mov(0, 7), EXIT), {1: 0})
    assert follow([one, two], 0).returns == frozenset((7,))


def test_a_callback_is_walked():
    main = Function("main", (*ADDRESS, call(181), mov(0, 2), EXIT), {}, {0: 1})
    callback = Function("callback", (call(36), mov(0, 0), EXIT))
    found = follow([main, callback], 0)
    assert found.helpers == {181, 36}
    assert found.returns == frozenset({2})


@pytest.mark.parametrize(
    "instructions",
    [
        [jump(0x05, 100)],
        [jump(0x05, -5)],
        [mov(0, 2)],  # falls off the end
        [Instruction(0x8D, 3, 0, 0, 0), EXIT],  # a call through a register
        [Instruction(0x0D, 3, 0, 0, 0), EXIT],  # a jump through a register
        [Instruction(0xBF, 12, 0, 0, 0), EXIT],  # a register that does not exist
        [Instruction(0x85, 0, 1, 0, 50), EXIT],  # a function that nobody knows
        [Instruction(0x18, 2, 4, 0, 5), Instruction(0, 0, 0, 0, 0), mov(0, 2), EXIT],  # its address
        [Instruction(0x18, 1, 0, 0, 0)],  # half a load
        [],
    ],
)
def test_code_that_cannot_be_followed_may_do_anything(instructions):
    found = run(*instructions)
    assert not found.understood
    program = Program("main", "xdp", "xdp", 0)
    bytecode = Bytecode("little", "GPL", (program,), (), (Function("main", tuple(instructions)),))
    assert set(capabilities_of(bytecode).effects) == set(EFFECTS)


def test_code_that_takes_too_long_may_do_anything():
    """The budget is for all programs of an object: a hundred of them cost no more than one."""
    functions, budget = [Function("main", (*[mov(0, 2)] * 1000, EXIT))], Budget(5_000)
    understood = [follow_within(functions, 0, XDP_PACKET, budget).understood for _ in range(4)]
    assert understood == [True, True, False, False]


def test_a_program_in_circles_comes_to_an_end():
    """A loop around thousands of branches that each change many registers."""
    block = [jump(0x55, 1, 1, 0), mov(0, 1)] + [
        Instruction(0x07, register, 0, 0, 1) for register in (6, 7, 8, 9)
    ]
    found = run(*[mov(register, 0) for register in range(10)], *block * 500, jump(0x55, -3000, 1, 0), EXIT)
    assert found.understood
    assert found.returns == frozenset({0, 1})


@given(st.lists(st.builds(Instruction, st.integers(0, 255), st.integers(0, 11), st.integers(0, 11), st.integers(-3, 3),
                          st.integers(-2, 300)), max_size=12))  # fmt: skip
def test_whatever_the_code_there_is_an_answer(instructions):
    found = run(*instructions, EXIT)
    assert found.understood or found.writes_packets


# values

SMALL = st.integers(0, 7)
VALUES = st.builds(lambda numbers: Value(SCALAR, frozenset(numbers)), st.sets(SMALL, min_size=1, max_size=3))


@given(VALUES, VALUES, st.sampled_from([0x00, 0x10, 0x20, 0x40, 0x50, 0x60, 0x70, 0xA0]), st.booleans())
def test_arithmetic_covers_what_a_processor_does(left, right, operation, wide):
    found = computed(operation, left, right, wide)
    bits = 64 if wide else 32
    functions = {
        0x00: lambda a, b: a + b, 0x10: lambda a, b: a - b, 0x20: lambda a, b: a * b, 0x40: lambda a, b: a | b,
        0x50: lambda a, b: a & b, 0x60: lambda a, b: a << b, 0x70: lambda a, b: a >> b, 0xA0: lambda a, b: a ^ b,
    }  # fmt: skip
    for a in left.constants:
        for b in right.constants:
            result = functions[operation](a, b) % (1 << bits)
            assert found.constants is None or result in found.constants


@given(VALUES, VALUES)
def test_joining_covers_both(one, other):
    both = join(one, other)
    assert join(both, one) == join(both, other) == both
    assert both.constants is None or both.constants == one.constants | other.constants


def test_many_constants_become_any():
    value = constant(0)
    for number in range(20):
        value = join(value, constant(number))
    assert value.constants is None


# words


def test_every_kernel_function_with_an_effect_has_one_that_is_published():
    from bpfman.images.capability import kernel_functions

    assert set(kernel_functions._EFFECTS) <= set(EFFECTS)
    assert kernel_functions.are_known(frozenset({"bpf_dynptr_slice_rdwr", "bpf_dynptr_size"}))


def test_helpers_have_the_kernels_names():
    assert (helper_name(1), helper_name(36), helper_name(211)) == (
        "map_lookup_elem",
        "probe_write_user",
        "cgrp_storage_delete",
    )
    assert helper_name(0) == "helper_0"
    assert helper_name(999) == "helper_999"


def test_every_effect_of_a_helper_is_one_that_is_published_and_every_name_exists():
    from bpfman.images.capability import helpers

    assert set(helpers._EFFECTS) <= set(EFFECTS)
    for names in helpers._EFFECTS.values():
        assert set(names.split()) <= set(helpers.HELPERS)
    assert effects_of_helpers(frozenset({"map_lookup_elem"})) == set()


def test_types_of_maps_have_the_words_of_labels():
    kinds = {each.name: each.type_name for each in read_bytecode((OBJECTS / "map_kinds.o").read_bytes()).maps}
    assert kinds["percpu_array"] == "per_cpu_array"
    assert kinds["lru_percpu_hash"] == "lru_per_cpu_hash"
    assert kinds["hash_of_maps"] == "hash_of_maps"
    assert Map("x", 33, 0, 0, 0, False).type_name == "arena"
    assert Map("x", 999, 0, 0, 0, False).type_name == "type_999"


def test_every_kind_has_a_rule_or_may_do_what_any_kind_may():
    assert set(KINDS) - set(effects._RULES) == {"struct_ops"}
    assert set(effects._RULES) <= set(KINDS)


def test_a_kind_without_a_word_is_labelled_by_its_section_and_may_stop_anything():
    bytecode = Bytecode(
        "little", "", (Program("f", "", "?flow_dissector/x", 0),), (), (Function("f", (mov(0, 0), EXIT)),)
    )
    (program,) = capabilities_of(bytecode).programs
    assert program.type == "flow_dissector"
    assert {"drop-packets", "deny-operations"} <= set(program.effects)
