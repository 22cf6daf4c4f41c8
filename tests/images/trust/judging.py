# SPDX-License-Identifier: Apache-2.0
"""What the tests of refusals share: what is demanded of most bundles, and the step at which one was refused."""

from __future__ import annotations

import time

import pytest

from bpfman.errors import SignatureRefused
from bpfman.images.digest import digest_of
from bpfman.images.trust.demand import Demand, Identity
from bpfman.images.trust.signatures import Found
from bpfman.images.trust.verifying import verify
from tests.images.trust.authority import ALICE, ISSUER
from tests.images.trust.instance import found

NOW = time.time()
BY_ALICE = (Identity(subject=ALICE, issuer=ISSUER),)
OTHER = digest_of(b"another image")
DAY = 86400


def refused(given, demand: Demand, now: float = NOW) -> tuple[str, str]:
    """The step and the reason of a signature's refusal."""
    there = given if isinstance(given, Found) else found(given)
    with pytest.raises(SignatureRefused) as raised:
        verify(there, None, demand, now)
    [(_, step, why)] = raised.value.refusals
    assert why in str(raised.value)
    return step, why


def by_alice(sigstore, **more) -> Demand:
    return Demand(**{"identities": BY_ALICE, "instance": sigstore.instance(), **more})
