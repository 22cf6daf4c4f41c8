# SPDX-License-Identifier: Apache-2.0
"""What accounting counted at a hook, told so that "who dropped my packet?" has an answer."""

from __future__ import annotations

from bpfman.cli.render.chain import head_json, hook_words, member_cells, member_json
from bpfman.cli.render.layout import NO_CELL, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bpfman.model.chain import Chain, MemberCount
    from bpfman.model.verdicts import Verdicts


def accounting_lines(chain: Chain, counts: Sequence[MemberCount]) -> list[str]:
    headers = (
        "POS",
        "PRIORITY",
        "PROGRAM ID",
        "FUNCTION NAME",
        "LINK ID",
        "RUNS",
        "VERDICTS",
        "ENDED HERE",
    )
    verdicts = chain.record.hook.verdicts
    rows = [
        [*member_cells(count.member), str(count.runs), _cell(count.verdicts), _cell(ended(verdicts, count))]
        for count in counts
    ]
    return [f"Chain: {hook_words(chain.record)}", "", *table(headers, rows)]


def accounting_json(chain: Chain, counts: Sequence[MemberCount]) -> dict[str, object]:
    return {
        **head_json(chain.record),
        "members": [
            {
                **member_json(chain, count.member),
                "runs": count.runs,
                "verdicts": dict(count.verdicts),
                "ended": ended(chain.record.hook.verdicts, count),
            }
            for count in counts
        ],
    }


def ended(verdicts: Verdicts, count: MemberCount) -> dict[str, int]:
    """Verdict -> packets for which this member was the last to run because of it.  What is not in the member's mask
    ends the chain, and so does any verdict outside the known range."""
    going_on = verdicts.names_of(count.member.proceed_on)
    return {name: runs for name, runs in count.verdicts.items() if runs and name not in going_on}


def _cell(counted: Mapping[str, int]) -> str:
    return " ".join(f"{name}={runs}" for name, runs in counted.items() if runs) or NO_CELL
