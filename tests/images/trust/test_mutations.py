# SPDX-License-Identifier: Apache-2.0
"""A good signature, changed anywhere: refused, unless what was changed says nothing; and never any error but ours."""

from __future__ import annotations

import base64
import contextlib
import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpfman.errors import TrustMaterialError, Untrusted
from bpfman.images.trust.bundle import read_bundle
from bpfman.images.trust.demand import Verified
from bpfman.images.trust.evidence import Evidence, LogEntry
from bpfman.images.trust.simple_signing import read_simple_signing
from bpfman.images.trust.verifying import verify
from tests.images.trust.instance import NOW, Sigstore, found
from tests.images.trust.judging import by_alice
from tests.trust.log import canonical

SIGSTORE = Sigstore()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
MANY = settings(max_examples=150, deadline=None)


#: By the version of the log.
GOOD = {version: SIGSTORE.keyless(log=version, stamped=True) for version in (1, 2)}
GOOD_TAGGED = SIGSTORE.tagged(SIGSTORE.certify(), logged=True, stamped=True)
DEMAND = by_alice(SIGSTORE, timestamp=True)


def judged(signature) -> Verified | None:
    try:
        return verify(found(signature), None, DEMAND, NOW)
    except Untrusted:
        return None


def says_no_more(after: Evidence, before: Evidence) -> bool:
    """Whether it is what it was, but for parts of a proof that are gone, and for what nobody attests.

    A timestamp is compared by what it told: its bytes have parts that are not signed."""
    if _said(after) != _said(before):
        return False
    return all(_is_less(entry, was) for entry, was in zip(after.entries, before.entries, strict=True))


def _said(evidence: Evidence) -> Evidence:
    return evidence._replace(entries=(), timestamps=(), chain=())


def _is_less(entry: LogEntry, was: LogEntry) -> bool:
    if entry.promise:
        same = (entry.promise, entry.place, entry.time) == (was.promise, was.place, was.time)
    else:
        same = entry.proof is not None
    if entry.proof is not None:
        assert was.proof is not None
        same = same and entry.proof._replace(checkpoint="") == was.proof._replace(checkpoint="")
        note = entry.proof.checkpoint.partition("\n\n")[0]
        same = same and note in ("", was.proof.checkpoint.partition("\n\n")[0])
    return same and (entry.body, entry.log_id) == (was.body, was.log_id)


def check(changed, before, read) -> None:
    """That a changed signature is refused, or says nothing else than it did."""
    after = judged(changed)
    if after is None:
        return
    was = judged(before)
    assert was is not None
    assert (after.signer, after.name) == (was.signer, was.name)
    assert after.when == was.when
    assert says_no_more(read(changed), read(before))


def paths(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*path, key))


def replaced(value: dict, path: tuple, new):
    if not path:
        return new
    changed = copy.deepcopy(value)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = new
    return changed


def at(value, path: tuple):
    for key in path:
        value = value[key]
    return value


def is_base64(text: object) -> bool:
    return isinstance(text, str) and len(text) > 20 and base64.b64encode(_decoded(text)).decode() == text


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


@pytest.mark.parametrize("version", [1, 2])
def test_as_it_is_it_is_good(version):
    assert judged(GOOD[version])
    assert judged(GOOD_TAGGED)


@pytest.mark.parametrize("version", [1, 2])
@MANY
@given(st.data())
def test_a_changed_byte(version, data):
    whole = canonical(GOOD[version])
    place = data.draw(st.integers(0, len(whole) - 1))
    changed = bytearray(whole)
    changed[place] ^= data.draw(st.integers(1, 255))
    check(bytes(changed), whole, read_bundle)


@pytest.mark.parametrize("version", [1, 2])
@MANY
@given(st.data())
def test_a_changed_byte_below_base64(version, data):
    """In certificates, signatures, timestamps, log entries, hashes."""
    bundle = GOOD[version]
    path = data.draw(st.sampled_from([each for each in paths(bundle) if is_base64(at(bundle, each))]))
    raw = bytearray(_decoded(at(bundle, path)))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    changed = canonical(replaced(bundle, path, base64.b64encode(raw).decode()))
    check(changed, canonical(bundle), read_bundle)


@pytest.mark.parametrize("version", [1, 2])
@MANY
@given(st.data())
def test_another_value(version, data):
    bundle = GOOD[version]
    path = data.draw(st.sampled_from([*paths(bundle)]))
    changed = canonical(replaced(bundle, path, data.draw(JSON)))
    check(changed, canonical(bundle), read_bundle)


@MANY
@given(st.binary(max_size=200))
def test_no_bundle_at_all(data):
    assert judged(data) is None


@MANY
@given(st.data())
def test_a_changed_byte_in_the_older_layout(data):
    signature = GOOD_TAGGED
    key = data.draw(st.sampled_from(["", *signature.annotations]))
    text = signature.annotations[key].encode() if key else signature.data
    raw = bytearray(text)
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 127))
    if key:
        changed = signature._replace(annotations={**signature.annotations, key: raw.decode(errors="replace")})
    else:
        changed = signature._replace(data=bytes(raw))
    check(changed, signature, read_simple_signing)


@MANY
@given(st.data())
def test_a_trusted_root_with_another_value(data):
    """Somebody's own file: wrong, it is an error of its own, or nothing is trusted by it."""
    root = json.loads(SIGSTORE.trusted_root())
    path = data.draw(st.sampled_from([*paths(root)]))
    changed = json.dumps(replaced(root, path, data.draw(JSON))).encode()
    instance = SIGSTORE.instance()._replace(trusted_root=changed)
    with contextlib.suppress(Untrusted, TrustMaterialError):
        verify(found(GOOD[1]), None, DEMAND._replace(instance=instance), NOW)
