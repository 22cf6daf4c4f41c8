# SPDX-License-Identifier: Apache-2.0
"""What a chain is made of, before any kernel sees it."""

from __future__ import annotations

from itertools import combinations

import pytest

from bpfman.bpf.btf import Btf
from bpfman.chain import instructions as bpf
from bpfman.chain.compose import MAX_FUNCTIONS, NAME, Place, alone, compose
from bpfman.errors import ChainLimit
from bpfman.model.code import MapReference, ProgramCode
from bpfman.model.verdicts import TC, XDP
from tests.chain.parts import part, returning
from tests.chain.test_types import btf_of

XDP_DEFAULT, TC_DEFAULT = XDP.parse([]), TC.parse([])
EXIT = bpf.encode(bpf.EXIT)


def functions(count: int, name: str = "many"):
    """A member of `count` functions, each but the last of which calls the next."""
    code = b"".join(
        bpf.encode(bpf.CALL, 0, bpf.LOCAL_CALL, 0, 1) + EXIT if i < count - 1 else EXIT for i in range(count)
    )
    return part(code, name)


def names(composition) -> list[str]:
    btf = Btf.parse(composition.btf)
    return [btf.name(type_id) for _, type_id in composition.func_info]


def test_a_lone_xdp_member_that_goes_on_to_nothing_stays_as_it_is():
    member = returning(2, "xdp_pass")
    composition = compose([Place(member, XDP_DEFAULT)], XDP)
    assert composition.instructions == member.code.instructions
    assert composition.name == "xdp_pass"
    assert composition.func_info[0][0] == 0


@pytest.mark.parametrize(
    ("proceed_on", "verdict", "unwrapped"),
    [
        (["pass", "dispatcher_return"], 2, True),
        (["pass"], 2, True),
        (["dispatcher_return"], 2, True),
        (["drop"], 2, False),  # a dropped packet would go on, and pass
        (["pass", "tx"], 2, False),
        (["pass", "dispatcher_return"], 31, False),  # which the kernel would take for an invalid verdict
    ],
)
def test_a_lone_xdp_member_is_wrapped_where_that_changes_a_verdict(proceed_on, verdict, unwrapped):
    place = Place(returning(verdict), XDP.parse(proceed_on))
    assert alone(place, XDP) is unwrapped
    assert (compose([place], XDP).name != NAME) is unwrapped


@pytest.mark.parametrize(
    "names", [n for size in range(3) for n in combinations(("pipe", "ok", "unspec"), size)]
)
def test_a_lone_tc_member_is_always_wrapped(names):
    """When its chain runs out the verdict is ok, whatever it went on after."""
    assert compose([Place(returning(0), TC.parse(names))], TC).name == NAME


def test_a_lone_member_that_is_counted_is_wrapped():
    assert compose([Place(returning(2), XDP_DEFAULT)], XDP, accounting=7).name == NAME


def test_a_program_that_is_a_member_twice_stands_there_once():
    member, other = returning(2, "twice"), returning(1, "once")
    places = [Place(member, XDP_DEFAULT), Place(other, 0), Place(member, 0)]
    composition = compose(places, XDP)
    assert names(composition) == [NAME, "twice", "once"]
    assert [name for _, _, name in composition.blocks] == ["twice", "once"]


def test_programs_of_one_name_are_two():
    composition = compose([Place(returning(2, "same"), 0), Place(returning(1, "same"), 0)], XDP)
    assert names(composition) == [NAME, "same", "same"]


def test_every_function_has_a_type_in_the_order_of_their_code():
    places = [Place(functions(3, "three"), XDP_DEFAULT), Place(functions(1, "one"), XDP_DEFAULT)]
    composition = compose(places, XDP)
    starts = [start for start, _ in composition.func_info]
    assert starts == sorted(set(starts))
    assert starts == list(bpf.function_starts(composition.instructions))
    assert names(composition) == [NAME, "three", "three_1", "three_2", "one"]


def test_an_instruction_tells_whose_it_is():
    composition = compose([Place(functions(2, "first"), XDP_DEFAULT), Place(returning(1, "second"), 0)], XDP)
    (start, end, _), (second, behind, _) = composition.blocks
    assert composition.owner_of(start - 1) is None
    assert {composition.owner_of(at) for at in range(start, end)} == {"first"}
    assert {composition.owner_of(at) for at in range(second, behind)} == {"second"}
    assert composition.owner_of(behind) is None
    assert behind == len(composition.instructions) // bpf.SIZE


def test_references_to_maps_move_with_their_member():
    code = bpf.encode(bpf.LD_IMM64, 1, bpf.MAP_FD) + bytes(8) + bpf.encode(bpf.MOV32_IMM, 0) + EXIT
    member = part(code)._replace(code=ProgramCode(code, (MapReference(0, 70),)))
    composition = compose([Place(returning(2), XDP_DEFAULT), Place(member, XDP_DEFAULT)], XDP)
    start = composition.blocks[1][0]
    assert composition.maps == (MapReference(start, 70),)
    assert compose([Place(member, XDP_DEFAULT)], XDP, accounting=9).maps[0].map_id == 9


# licences and fragments


@pytest.mark.parametrize(
    ("licences", "carried"),
    [
        ([("GPL", True), ("Dual BSD/GPL", True)], "GPL"),
        ([("Dual BSD/GPL", True)], "GPL"),
        ([("GPL", True), ("Proprietary", False)], "Proprietary"),
        ([("Apache-2.0", False), ("GPL", True), ("Proprietary", False)], "Apache-2.0"),
        ([("", False)], ""),
    ],
)
def test_a_chain_carries_gpl_or_the_first_licence_that_is_not_compatible(licences, carried):
    places = [Place(returning(2, license=text, gpl_compatible=fine), 0) for text, fine in licences]
    assert compose(places, XDP).license == carried


@pytest.mark.parametrize(
    ("frags", "without"), [([True, True], ()), ([True, False], ("1",)), ([False] * 2, ("0", "1"))]
)
def test_a_chain_takes_fragments_when_all_its_members_do(frags, without):
    places = [Place(returning(2, str(number), frags=each), 0) for number, each in enumerate(frags)]
    composition = compose(places, XDP)
    assert composition.without_frags == without
    assert composition.frags is (without == ())


# what cannot be composed


def test_as_many_functions_as_the_kernel_allows():
    places = [Place(returning(2, f"member_{n}"), XDP_DEFAULT) for n in range(MAX_FUNCTIONS - 1)]
    assert len(compose(places, XDP).func_info) == MAX_FUNCTIONS


def test_one_function_more_is_refused_with_the_name_of_the_member():
    places = [Place(returning(2, f"member_{n}"), XDP_DEFAULT) for n in range(MAX_FUNCTIONS)]
    with pytest.raises(
        ChainLimit, match=r'no room for program "member_255": the kernel allows 256 functions'
    ) as error:
        compose(places, XDP)
    assert "detach" in error.value.hint


def test_the_functions_of_members_and_of_accounting_count():
    places = [Place(functions(127, "half"), 0), Place(functions(128, "other_half"), 0)]
    assert compose(places, XDP)
    with pytest.raises(ChainLimit, match="other_half"):
        compose(places, XDP, accounting=1)


@pytest.mark.parametrize("accounting", [None, 7])
def test_a_program_may_be_a_member_until_jumps_no_longer_reach(accounting):
    """Which costs no functions."""
    member = returning(2, "again")
    assert compose(
        [Place(member, XDP_DEFAULT, slot % 256) for slot in range(1500)], XDP, accounting=accounting
    )
    with pytest.raises(ChainLimit, match="a chain of 9000 members is too long"):
        compose([Place(member, XDP_DEFAULT, slot % 256) for slot in range(9000)], XDP, accounting=accounting)


def test_programs_that_call_kernel_modules_are_refused():
    member = returning(2, "uses_module")
    member = member._replace(code=member.code._replace(modules=True))
    with pytest.raises(
        ChainLimit, match=r'"uses_module" uses functions or variables of a kernel module'
    ) as error:
        compose([Place(member, XDP_DEFAULT), Place(returning(2), 0)], XDP)
    assert "tcx" in error.value.hint


def with_local_types(name: str, btf: bytes):
    member = returning(2, name, btf=btf)
    return member._replace(code=member.code._replace(local_types=True))


def test_the_btf_of_a_program_with_ids_of_its_own_types_comes_first():
    """Then they stay what they were."""
    first, second = btf_of("types.o"), btf_of("xdp_loop.o")
    places = [Place(returning(2, "plain", btf=first), 0), Place(with_local_types("own_types", second), 0)]
    merged, alone = Btf.parse(compose(places, XDP).btf), Btf.parse(second)
    assert [merged.name(n) for n in range(1, len(alone))] == [alone.name(n) for n in range(1, len(alone))]


def test_two_programs_with_ids_of_their_own_types_are_refused():
    places = [
        Place(with_local_types("one", btf_of("types.o")), 0),
        Place(with_local_types("two", btf_of("xdp_loop.o")), 0),
    ]
    with pytest.raises(ChainLimit, match=r'programs "one" and "two" both carry ids of their own types'):
        compose(places, XDP)


def test_two_programs_of_one_object_share_its_types():
    btf = btf_of("types.o")
    places = [Place(with_local_types("one", btf), 0), Place(with_local_types("two", btf), 0)]
    assert len(compose(places, XDP).btf) < 2 * len(btf)


def test_types_that_libbpf_cannot_read_name_their_program():
    with pytest.raises(ChainLimit, match=r'types of program "broken" cannot be merged'):
        compose([Place(returning(2, "broken", btf=b"not type information"), 0)], XDP)


def test_more_maps_than_a_program_may_have_are_refused_with_the_name_of_the_member():
    members = [returning(2, f"member_{number}") for number in range(65)]
    members = [
        each._replace(code=each.code._replace(maps=(MapReference(0, 500 + number),)))
        for number, each in enumerate(members)
    ]
    places = [Place(each, XDP_DEFAULT) for each in members]
    assert compose(places[:64], XDP)
    with pytest.raises(ChainLimit, match='maps of program "member_64": the kernel allows 64 maps'):
        compose(places, XDP)
    with pytest.raises(ChainLimit, match="member_63"):
        compose(places[:64], XDP, accounting=1)
