# SPDX-License-Identifier: Apache-2.0
"""What the tests share: what is demanded of most signatures, and the step at which one was refused."""

from __future__ import annotations

import pytest

from bpfman.errors import SignatureRefused
from bpfman.images.trust.demand import Demand, Identity, Key
from bpfman.images.trust.signatures import Found
from bpfman.images.trust.verifying import verify
from tests.images.trust.instance import NOW, found
from tests.trust.authority import IDENTITY, ISSUER
from tests.trust.keys import pem

ALICE = Identity(subject=IDENTITY, issuer=ISSUER)


def refused(given, demand: Demand, now: float = NOW) -> tuple[str, str]:
    """The step and the reason of a signature's refusal."""
    there = given if isinstance(given, Found) else found(given)
    with pytest.raises(SignatureRefused) as raised:
        verify(there, None, demand, now)
    [(_, step, why)] = raised.value.refusals
    assert why in str(raised.value)
    return step, why


def by_alice(sigstore, **more) -> Demand:
    return Demand(**{"identities": (ALICE,), "instance": sigstore.instance(), **more})


def by_key(key, name: str = "k", **more) -> Demand:
    """By that key, or the public half of it."""
    return Demand(keys=(Key(pem(key).encode(), name),), **more)
