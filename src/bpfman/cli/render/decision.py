# SPDX-License-Identifier: Apache-2.0
"""What was decided about an image, as text and JSON: the outcome first, then each rule with its reason."""

from __future__ import annotations

from bpfman.cli.render.image import read_from_json
from bpfman.cli.render.times import rfc3339
from bpfman.images.digest import one_line
from bpfman.model.audit import ACCEPTED, REFUSED, UNSIGNED, UNVERIFIED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from bpfman.images.policy.decision import Decision, Part
    from bpfman.images.trust.demand import Verified

_OUTCOMES = {
    ACCEPTED: "signature verified",
    UNSIGNED: "unsigned image accepted by policy",
    UNVERIFIED: "signature verification disabled",
    REFUSED: "refused",
}


def decision_lines(image: str, decision: Decision) -> list[str]:
    lines = [f"Image {image}: {_OUTCOMES[decision.verdict]}", f"  digest: {decision.digest}"]
    if decision.pulled_at is not None:
        lines.append(
            f"  read from: the cache, as of {rfc3339(decision.pulled_at)}; the registry was not asked"
        )
    for part in decision.parts:
        lines += [f"  {'refuses' if part.verdict == REFUSED else 'accepts'}: {part.rule}", *_reason(part)]
    return lines


def _reason(part: Part) -> list[str]:
    if part.signature is None:
        return [f"    {line}" for line in part.reason.splitlines()]
    found = part.signature
    lines = [f"signed by {found.signer}", f"signature: {found.signature}"]
    if found.when is not None:
        lines.append(f"signed at: {rfc3339(int(found.when))}")
    if found.proof:
        lines.append(f"proof: {found.proof}")
    lines += [
        f"not counted: timestamp of {name}, which the trusted root does not know" for name in found.strangers
    ]
    if found.name:
        lines.append(f"for: {one_line(found.name)}")
    return [f"    {line}" for line in lines]


def decision_json(image: str, decision: Decision) -> dict[str, Any]:
    deciding = decision.deciding
    return {
        "image": image,
        "reference": decision.image,
        "digest": decision.digest,
        "verdict": decision.verdict,
        "rule": deciding.rule,
        "reason": deciding.reason,
        "policy": decision.policy,
        "rules": [_part_json(part) for part in decision.parts],
        **read_from_json(decision.source, decision.pulled_at),
    }


def _part_json(part: Part) -> dict[str, Any]:
    return {
        "rule": part.rule,
        "verdict": part.verdict,
        "reason": part.reason,
        "hint": part.error.hint if part.error else "",
        "signature": _signature_json(part.signature) if part.signature else None,
    }


def _signature_json(found: Verified) -> dict[str, Any]:
    return {
        "signer": found.signer,
        "layout": found.layout,
        "signature": found.signature,
        "signed_at": None if found.when is None else rfc3339(int(found.when)),
        "proof": found.proof,
        "name": found.name,
        "annotations": dict(found.annotations),
        "not_counted": [f"timestamp of {name}" for name in found.strangers],
    }
