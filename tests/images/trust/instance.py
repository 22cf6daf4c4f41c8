# SPDX-License-Identifier: Apache-2.0
"""A whole sigstore instance of the tests' own: authority, logs, timestamps; and what signs with it."""

from __future__ import annotations

import atexit
import hashlib
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from bpfman.images.digest import digest_of
from bpfman.images.trust.demand import Instance
from bpfman.images.trust.signatures import BUNDLE, PAYLOAD_TYPE, TAG, Found, Signature
from tests.images.trust.authority import Authority, certificate_pem, der, moment, new_key, pem, spki
from tests.images.trust.rekor import Rekor, b64, canonical

if TYPE_CHECKING:
    from cryptography import x509

DIGEST = digest_of(b"the image's manifest")
NAME = "quay.io/acme/meter"
BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
IN_TOTO = "application/vnd.in-toto+json"
SIGN = "https://sigstore.dev/cosign/sign/v1"


def signed_by(key, data: bytes):
    """A signature as cosign makes it with a key of that kind."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(data, ec.ECDSA(hashes.SHA256()))


def payload(digest: str = DIGEST, name: str = NAME, optional: dict | None = None) -> bytes:
    return json.dumps({
        "critical": {
            "identity": {"docker-reference": name},
            "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
        },
        "optional": optional,
    }).encode()  # fmt: skip


def statement(digest: str = DIGEST, predicate: str = SIGN, **subject: object) -> bytes:
    algorithm, _, value = digest.partition(":")
    return json.dumps({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"digest": {algorithm: value}, **subject}],
        "predicateType": predicate,
        "predicate": {},
    }).encode()  # fmt: skip


def pae(data: bytes, kind: str = IN_TOTO) -> bytes:
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind.encode(), len(data), data)


def folder_for_all_tests() -> Path:
    """A new folder that goes when the process does: for what hypothesis uses in many examples."""
    path = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, path)
    return Path(path)


class Sigstore:
    """A private instance.  Its log tells the time unless `log` is one that does not."""

    def __init__(
        self, folder: Path | None = None, now: float | None = None, log: Rekor | None = None
    ) -> None:
        self.now = time.time() if now is None else now
        self.authority = Authority(self.now)
        self.log = log or Rekor(self.now)
        self.clock = TimestampAuthority(folder, self.now) if folder else None

    def trusted_root(self, **windows: dict) -> dict:
        """As `cosign trusted-root create` writes it; `windows` are validFor of tlogs, ctlogs and the authorities."""
        always = {"start": "2021-01-12T11:53:27.000Z"}

        def log(name: str, key, log_id: bytes, kind: str, window: dict) -> dict:
            return {
                "baseUrl": f"https://{name}.example.com", "hashAlgorithm": "SHA2_256",
                "publicKey": {"rawBytes": b64(spki(key)), "keyDetails": kind, "validFor": window},
                "logId": {"keyId": b64(log_id)},
            }  # fmt: skip

        def authority(name: str, chain: list[x509.Certificate], window: dict) -> dict:
            return {
                "subject": {"organization": "tests", "commonName": name}, "uri": f"https://{name}.example.com",
                "certChain": {"certificates": [{"rawBytes": b64(der(each))} for each in chain]},
                "validFor": window,
            }  # fmt: skip

        ct_key = self.authority.log_key
        ecdsa = "PKIX_ECDSA_P256_SHA_256"
        root = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log("log", self.log.key, self.log.id, ecdsa if self.log.tells_time else "PKIX_ED25519",
                          windows.get("tlogs", always))],
            "certificateAuthorities": [authority(
                "fulcio", [self.authority.intermediate, self.authority.root],
                windows.get("certificateAuthorities", always))],
            "ctlogs": [log("ct", ct_key, hashlib.sha256(spki(ct_key)).digest(), ecdsa,
                           windows.get("ctlogs", always))],
        }  # fmt: skip
        if self.clock:
            window = windows.get("timestampAuthorities", always)
            root["timestampAuthorities"] = [authority("clock", [self.clock.leaf, self.clock.root], window)]
        return root

    def instance(self, root: dict | None = None) -> Instance:
        return Instance("the tests' root", json.dumps(root or self.trusted_root()).encode())

    def bundle(
        self,
        key=None,
        certificate: x509.Certificate | None = None,
        *,
        digest: str = DIGEST,
        log: bool = True,
        when: float | None = None,
        timestamp: bool = False,
        content: bytes | None = None,
        hashed: bool = False,
    ) -> dict:
        """A bundle; by a key where there is no certificate.  `hashed` makes its entry a hashedrekord."""
        key = key or new_key()
        data = statement(digest) if content is None else content
        signature = signed_by(key, pae(data))
        by = (
            {"certificate": {"rawBytes": b64(der(certificate))}}
            if certificate
            else {"publicKey": {"hint": "x"}}
        )
        material: dict = {**by}
        if log:
            entry = self.hashed_entry if hashed else self.dsse_entry
            material["tlogEntries"] = [self.log.add(entry(data, signature, certificate or key), when=when)]
        if timestamp:
            assert self.clock
            material["timestampVerificationData"] = {
                "rfc3161Timestamps": [{"signedTimestamp": b64(self.clock.stamp(signature))}]
            }
        envelope = {"payload": b64(data), "payloadType": IN_TOTO, "signatures": [{"sig": b64(signature)}]}
        return {"mediaType": BUNDLE_TYPE, "verificationMaterial": material, "dsseEnvelope": envelope}

    def keyless(
        self,
        *,
        digest: str = DIGEST,
        log: bool = True,
        timestamp: bool = False,
        when: float | None = None,
        content: bytes | None = None,
        hashed: bool = False,
        **about,
    ) -> dict:
        """A bundle by a certificate; `about` is what Authority.issue takes."""
        key = new_key()
        return self.bundle(key, self.authority.issue(key, **about), digest=digest, log=log, when=when,
                           timestamp=timestamp, content=content, hashed=hashed)  # fmt: skip

    def dsse_entry(self, data: bytes, signature: bytes, by) -> dict:
        digest = hashlib.sha256(data)
        if self.log.tells_time:
            spec: dict = {
                "payloadHash": {"algorithm": "sha256", "value": digest.hexdigest()},
                "envelopeHash": {"algorithm": "sha256", "value": "0" * 64},
                "signatures": [{"signature": b64(signature), "verifier": b64(_verifier_pem(by))}],
            }
            return {"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}
        spec = {"dsseV002": {
            "payloadHash": {"algorithm": "SHA2_256", "digest": b64(digest.digest())},
            "signatures": [{"content": b64(signature), "verifier": _verifier(by)}],
        }}  # fmt: skip
        return {"apiVersion": "0.0.2", "kind": "dsse", "spec": spec}

    def hashed_entry(self, data: bytes, signature: bytes, by, *, signed: bytes | None = None) -> dict:
        digest = hashlib.sha256(pae(data) if signed is None else signed)
        if self.log.tells_time:
            return {"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": {
                "data": {"hash": {"algorithm": "sha256", "value": digest.hexdigest()}},
                "signature": {"content": b64(signature), "publicKey": {"content": b64(_verifier_pem(by))}},
            }}  # fmt: skip
        return {"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": {
            "data": {"algorithm": "SHA2_256", "digest": b64(digest.digest())},
            "signature": {"content": b64(signature), "verifier": _verifier(by)},
        }}}  # fmt: skip

    def tagged(
        self,
        key=None,
        certificate: x509.Certificate | None = None,
        *,
        data: bytes | None = None,
        log: bool = False,
        timestamp: bool = False,
    ) -> Signature:
        """A signature in the older layout."""
        key = key or new_key()
        data = payload() if data is None else data
        signature = signed_by(key, data)
        annotations = {"dev.cosignproject.cosign/signature": b64(signature)}
        if certificate:
            chain = certificate_pem(self.authority.intermediate, self.authority.root)
            annotations["dev.sigstore.cosign/certificate"] = certificate_pem(certificate).decode()
            annotations["dev.sigstore.cosign/chain"] = chain.decode()
        if log:
            entry = self.log.add(self.hashed_entry(data, signature, certificate or key, signed=data))
            annotations["dev.sigstore.cosign/bundle"] = json.dumps(_as_cosign(entry, self.log))
        if timestamp:
            assert self.clock
            token = {"SignedRFC3161Timestamp": b64(self.clock.stamp(signature))}
            annotations["dev.sigstore.cosign/rfc3161timestamp"] = json.dumps(token)
        return Signature(TAG, f"payload {digest_of(data)}", data, annotations)


def _as_cosign(entry: dict, log: Rekor) -> dict:
    return {
        "SignedEntryTimestamp": entry["inclusionPromise"]["signedEntryTimestamp"],
        "Payload": {
            "body": entry["canonicalizedBody"], "integratedTime": int(entry["integratedTime"]),
            "logIndex": int(entry["logIndex"]), "logID": log.id.hex(),
        },
    }  # fmt: skip


def _verifier_pem(by) -> bytes:
    return certificate_pem(by) if hasattr(by, "serial_number") else pem(by)


def _verifier(by) -> dict:
    details = "PKIX_ECDSA_P256_SHA_256"
    if hasattr(by, "serial_number"):
        return {"x509Certificate": {"rawBytes": b64(der(by))}, "keyDetails": details}
    return {"publicKey": {"rawBytes": b64(spki(by))}, "keyDetails": details}


def found(*signatures: dict | bytes | Signature, digest: str = DIGEST) -> Found:
    """As `find` gives it; a bundle may be given as its object or its bytes."""
    return Found(digest, tuple(_signature(each, number) for number, each in enumerate(signatures, 1)))


def _signature(given: dict | bytes | Signature, number: int) -> Signature:
    if isinstance(given, Signature):
        return given
    return Signature(BUNDLE, f"bundle {number}", given if isinstance(given, bytes) else canonical(given))


class TimestampAuthority:
    """Says what time it is: the machine's, for it is OpenSSL that answers."""

    def __init__(self, folder: Path, now: float) -> None:
        self.folder = folder
        authority = Authority(now, "clock")
        self.key = new_key()
        self.root = authority.root
        self.leaf = self._leaf(authority)
        (folder / "leaf.pem").write_bytes(certificate_pem(self.leaf))
        (folder / "leaf.key").write_bytes(
            self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        (folder / "serial").write_text("01\n")
        (folder / "config").write_text(_TSA_CONFIG.format(folder=folder))

    def _leaf(self, authority: Authority) -> x509.Certificate:
        from cryptography import x509 as make
        from cryptography.x509.oid import NameOID

        name = make.Name([make.NameAttribute(NameOID.COMMON_NAME, "clock")])
        return (
            make.CertificateBuilder()
            .subject_name(name)
            .issuer_name(authority.root.subject)
            .public_key(self.key.public_key())
            .serial_number(make.random_serial_number())
            .not_valid_before(moment(authority.now - 86400))
            .not_valid_after(moment(authority.now + 86400))
            .add_extension(make.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
            .sign(authority.root_key, hashes.SHA256())
        )

    def stamp(self, data: bytes) -> bytes:
        (self.folder / "data").write_bytes(data)
        self._openssl("ts", "-query", "-data", "data", "-sha256", "-cert", "-no_nonce", "-out", "query")
        self._openssl("ts", "-reply", "-config", "config", "-queryfile", "query", "-out", "reply")
        return (self.folder / "reply").read_bytes()

    def _openssl(self, *arguments: str) -> None:
        done = subprocess.run(
            ["openssl", *arguments], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


_TSA_CONFIG = """\
[tsa]
default_tsa = clock
[clock]
serial = {folder}/serial
signer_cert = {folder}/leaf.pem
signer_key = {folder}/leaf.key
signer_digest = sha256
default_policy = 1.2.3.4
digests = sha256
ess_cert_id_chain = no
"""

__all__ = [
    "DIGEST",
    "NAME",
    "PAYLOAD_TYPE",
    "Sigstore",
    "TimestampAuthority",
    "found",
    "payload",
    "statement",
]
