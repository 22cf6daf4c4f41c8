# SPDX-License-Identifier: Apache-2.0
"""Timestamps of RFC 3161: who says when a signature was there."""

from __future__ import annotations

import warnings

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

from bpfman.images.trust import path
from bpfman.images.trust.refusal import TIMESTAMP, Refusal
from bpfman.images.trust.times import shown
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from rfc3161_client import TimeStampResponse

    from bpfman.images.trust.material import Authority


# What cryptography and this library raise of bytes that are no timestamp, or have no certificate where one belongs.
_UNREADABLE = (*path.UNREADABLE, OverflowError, UnsupportedAlgorithm)


class Stamped(NamedTuple):
    authority: Authority
    when: float


def check_timestamp(token: bytes, signature: bytes, authorities: Sequence[Authority]) -> Stamped:
    """When `signature` was there; Refusal if none of `authorities` says so."""
    try:
        response = decode_timestamp_response(token)
        when = response.tst_info.gen_time.timestamp()
    except _UNREADABLE:
        raise Refusal(TIMESTAMP, "its timestamp is no answer of a timestamp authority (RFC 3161)") from None
    problems = []
    for authority in authorities:
        problem = _problem(response, signature, authority) or _outside(when, authority)
        if not problem:
            return Stamped(authority, when)
        problems.append(f"{authority.name}: {problem}")
    raise Refusal(TIMESTAMP, f"its timestamp of {shown(when)} is not good: {'; '.join(problems)}")


def _outside(when: float, authority: Authority) -> str:
    return "" if when in authority.window else f"it was valid {authority.window}"


def _problem(response: TimeStampResponse, signature: bytes, authority: Authority) -> str:
    builder = VerifierBuilder(roots=list(authority.roots), intermediates=list(authority.intermediates))
    own = authority.intermediates[:1] or authority.roots
    if not _is_authority(own[0]):
        builder = VerifierBuilder(
            roots=list(authority.roots),
            intermediates=list(authority.intermediates[1:]),
            tsa_certificate=own[0],
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what is odd in a stranger's certificate
            builder.build().verify_message(response, signature)
    except (VerificationError, *_UNREADABLE) as error:
        # OpenSSL's own stack of errors, with its source files and lines, tells nobody more.
        return str(error).partition(": ErrorStack")[0] or type(error).__name__
    return ""


def _is_authority(certificate: x509.Certificate) -> bool:
    constraints = path.extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca
