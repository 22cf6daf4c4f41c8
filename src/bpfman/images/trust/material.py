# SPDX-License-Identifier: Apache-2.0
"""What evidence is judged by, ready for use: certificate authorities, logs, timestamp authorities, each with its time.

Made of an Instance or a Pki, once for each; TrustMaterialError says what is wrong with somebody's file.  A log whose
key is of a kind that is not known here is left out, so its entries count as those of a strange log.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import lru_cache

from bpfman.errors import MalformedImage, TrustMaterialError
from bpfman.images import documents
from bpfman.images.trust.keys import load_key, spki
from bpfman.images.trust.pem import certificates_in
from bpfman.images.trust.reading import data
from bpfman.images.trust.times import Window
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from cryptography import x509

    from bpfman.images.trust.demand import Instance, Key, Pki
    from bpfman.images.trust.keys import PublicKey

    Object = Mapping[str, Any]

_MOST = 100  # authorities or logs of one sort
_VERSIONS = (
    "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
    "application/vnd.dev.sigstore.trustedroot+json;version=0.2",
    "application/vnd.dev.sigstore.trustedroot.v0.1+json",
    "application/vnd.dev.sigstore.trustedroot.v0.2+json",
)


class Authority(NamedTuple):
    """Who gives certificates, or timestamps.  `intermediates` begin with the one nearest to what it gives."""

    name: str
    roots: tuple[x509.Certificate, ...]
    intermediates: tuple[x509.Certificate, ...]
    window: Window


class Log(NamedTuple):
    """A log of signatures or of certificates.  `hint` is what its checkpoints name its key by."""

    name: str
    id: bytes
    hint: bytes
    key: PublicKey
    window: Window


class Material(NamedTuple):
    name: str
    authorities: tuple[Authority, ...] = ()
    logs: tuple[Log, ...] = ()
    certificate_logs: tuple[Log, ...] = ()
    timestamp_authorities: tuple[Authority, ...] = ()


@lru_cache(maxsize=16)
def material_of(instance: Instance) -> Material:
    if instance.trusted_root:
        return _read_trusted_root(instance)
    authorities: tuple[Authority, ...] = ()
    if instance.authorities:
        roots = load_certificates(instance.authorities, f"the authority of {instance.name}")
        authorities = (Authority(instance.name, roots, (), Window()),)
    return Material(instance.name, authorities, tuple(_bare_log(each) for each in instance.logs))


@lru_cache(maxsize=16)
def authority_of(pki: Pki) -> Authority:
    intermediates = pki.intermediates and load_certificates(pki.intermediates, f"{pki.name}: intermediates")
    return Authority(
        pki.name, load_certificates(pki.roots, f"{pki.name}: roots"), intermediates or (), Window()
    )


def load_certificates(pem: bytes, name: str) -> tuple[x509.Certificate, ...]:
    """At least one; TrustMaterialError otherwise."""
    from bpfman.images.trust.path import parse_certificate

    try:
        found = tuple(parse_certificate(each) for each in certificates_in(pem, name))
    except (MalformedImage, ValueError) as error:
        raise TrustMaterialError(f"{name} cannot be read: {error}", _PEM_HINT) from None
    if not found:
        raise TrustMaterialError(f"{name} has no certificate", _PEM_HINT)
    return found


_PEM_HINT = "expected PEM, -----BEGIN CERTIFICATE-----"


def _bare_log(key: Key) -> Log:
    """A log of which only the key is known: then its id is the key's hash, as Rekor's is."""
    found = load_key(key.data, key.name)
    log_id = hashlib.sha256(spki(found)).digest()
    return Log(key.name, log_id, log_id[:4], found, Window())


# trusted_root.json


def _read_trusted_root(instance: Instance) -> Material:
    where = instance.name
    try:
        found = documents.read_object(instance.trusted_root, where)
        if documents.text(found, "mediaType", where) not in _VERSIONS:
            raise MalformedImage(f"{where} is of type {found['mediaType'][:100]!r}, expected {_VERSIONS[0]}")
        return Material(
            where,
            _authorities(found, "certificateAuthorities", where),
            _logs(found, "tlogs", where),
            _logs(found, "ctlogs", where),
            _authorities(found, "timestampAuthorities", where),
        )
    except (MalformedImage, ValueError) as error:
        raise TrustMaterialError(
            f"{where} cannot be used as a trusted root: {error}",
            "it is a trusted_root.json as `cosign trusted-root create` makes one",
        ) from None


def _authorities(found: Object, key: str, where: str) -> tuple[Authority, ...]:
    rows = documents.objects(found, key, where, _MOST)
    return tuple(_authority(each, f"{where}: {key}") for each in rows)


def _authority(row: Object, where: str) -> Authority:
    from bpfman.images.trust.path import parse_certificate

    chain = documents.object_at(row, "certChain", where)
    certificates = [
        parse_certificate(data(each, "rawBytes", where))
        for each in documents.objects(chain, "certificates", where, _MOST)
    ]
    if not certificates:
        raise MalformedImage(f"{where}: an authority without certificates")
    window = _window(row, where)
    return Authority(_label(row, "uri", where), (certificates[-1],), tuple(certificates[:-1]), window)


def _logs(found: Object, key: str, where: str) -> tuple[Log, ...]:
    rows = documents.objects(found, key, where, _MOST)
    return tuple(log for each in rows if (log := _log(each, f"{where}: {key}")) is not None)


def _log(row: Object, where: str) -> Log | None:
    public = documents.object_at(row, "publicKey", where)
    raw = data(public, "rawBytes", where)
    log_id = data(documents.object_at(row, "logId", where), "keyId", where)
    checkpoint_id = data(documents.object_at(row, "checkpointKeyId", where), "keyId", where, "")
    try:
        key = load_key(raw, where)
    except TrustMaterialError:
        return None
    window = _window(public, where)
    if window.start is None:
        raise MalformedImage(f"{where}: a log whose validFor has no start")
    return Log(_label(row, "baseUrl", where), log_id, (checkpoint_id or log_id)[:4], key, window)


def _label(row: Object, key: str, where: str) -> str:
    return documents.text(row, key, where, "") or where


def _window(row: Object, where: str) -> Window:
    found = documents.object_at(row, "validFor", where)
    return Window(*(_moment(found, key, where) for key in ("start", "end")))


def _moment(found: Object, key: str, where: str) -> float | None:
    text = documents.text(found, key, where, "")
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise MalformedImage(f"{where}: {key} {text[:40]!r} has no time zone")
    return moment.timestamp()


def known_by(logs: Sequence[Log], log_id: bytes) -> tuple[Log, ...]:
    """The logs of an id: several where its key was valid in several spans."""
    return tuple(each for each in logs if each.id == log_id)
