# SPDX-License-Identifier: Apache-2.0
"""A private sigstore instance on this machine, as a company without the internet has one.

Real fulcio, timestamp authority and Rekor 2, in a network namespace of their own; beside them an issuer, a certificate
log and a Rekor 1 of the tests' own.  What clients are told of it, a trusted root and signing configurations, is made by
cosign.
"""

from __future__ import annotations

import json
import subprocess
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bpfman.syscalls.namespaces import entered
from bpfman.testing.network import namespace
from tests.sigstore.certificates import CertificateLogHandler
from tests.sigstore.cosign import TOOLS, Cosign
from tests.sigstore.issuer import AUDIENCE, Issuer, IssuerHandler
from tests.sigstore.rekor import RekorHandler
from tests.sigstore.relay import relay
from tests.sigstore.serving import serving
from tests.trust.certificate_log import CertificateLog
from tests.trust.keys import pem
from tests.trust.log import Log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bpfman.testing.network import Namespace

_PATIENCE = 30.0  # seconds for a server to answer

# In the namespace, where nobody else is.
_ISSUER, _CERTIFICATES, _FULCIO, _FULCIO_GRPC, _TIMESTAMPS, _TILES, _TILES_GRPC = range(8001, 8008)
_TILES_NAME = "tiles.example.com"


class Instance(NamedTuple):
    issuer: Issuer
    log: Log  # of version 1
    trusted_root: Path
    signing_config: Path  # logs in version 2
    signing_config_v1: Path
    fulcio: str  # URLs
    timestamps: str
    rekor: str  # of version 1


@contextmanager
def instance(folder: Path) -> Iterator[Instance]:
    """A running instance that keeps its files in `folder`."""
    with ExitStack() as stack:
        space = stack.enter_context(namespace())
        issuer, certificates, log = Issuer(f"http://127.0.0.1:{_ISSUER}"), CertificateLog(), Log()
        with entered(space.path):
            stack.enter_context(serving(IssuerHandler, _ISSUER, issuer=issuer))
            stack.enter_context(serving(CertificateLogHandler, _CERTIFICATES, log=certificates))
        rekor = stack.enter_context(serving(RekorHandler, 0, log=log))
        _start_all(stack, space, folder, issuer)
        fulcio, timestamps, tiles = (
            f"http://{stack.enter_context(relay(space, port))}" for port in (_FULCIO, _TIMESTAMPS, _TILES)
        )
        bundle = json.loads(_answer(f"{fulcio}/api/v2/trustBundle"))
        (folder / "fulcio.pem").write_text("".join(bundle["chains"][0]["certificates"]))
        (folder / "timestamps.pem").write_bytes(_answer(f"{timestamps}/api/v1/timestamp/certchain"))
        _answer(f"{tiles}/healthz")
        (folder / "ct.pub").write_text(pem(certificates.key))
        (folder / "rekor.pub").write_text(pem(log.key))
        described = _described(folder, fulcio, timestamps, tiles, rekor)
        yield Instance(issuer, log, *described, fulcio, timestamps, rekor)


def _start_all(stack: ExitStack, space: Namespace, folder: Path, issuer: Issuer) -> None:
    known = {"IssuerURL": issuer.url, "ClientID": AUDIENCE, "Type": "email"}
    (folder / "fulcio.json").write_text(json.dumps({"OIDCIssuers": {issuer.url: known}}))
    fulcio = ["serve", "--ca=ephemeralca", f"--config-path={folder}/fulcio.json", "--host=127.0.0.1",
              f"--port={_FULCIO}", "--grpc-host=127.0.0.1", f"--grpc-port={_FULCIO_GRPC}", "--metrics-port=0",
              f"--ct-log-url=http://127.0.0.1:{_CERTIFICATES}"]  # fmt: skip
    timestamps = ["serve", "--host=127.0.0.1", f"--port={_TIMESTAMPS}", "--disable-ntp-monitoring",
                  "--timestamp-signer=memory"]  # fmt: skip
    tiles = ["serve", f"--hostname={_TILES_NAME}", f"--storage-dir={folder}/tiles", "--http-metrics-port=0",
             f"--signer-filepath={folder}/tiles.key", "--checkpoint-interval=100ms", "--batch-max-age=20ms",
             f"--http-port={_TILES}", f"--grpc-port={_TILES_GRPC}"]  # fmt: skip
    _make_key(folder / "tiles.key", folder / "tiles.pub")
    for command in (["fulcio", *fulcio], ["timestamp-server", *timestamps], ["rekor-tiles", *tiles]):
        stack.enter_context(_running(space, folder, command))


def _described(folder: Path, fulcio: str, timestamps: str, tiles: str, rekor: str) -> tuple[Path, Path, Path]:
    """A trusted root, and signing configurations for both kinds of log."""
    start = "start-time=2020-01-01T00:00:00Z"
    root, cosign = folder / "trusted_root.json", Cosign()
    cosign.run(
        "trusted-root", "create", f"--out={root}",
        f"--fulcio=url={fulcio},certificate-chain={folder}/fulcio.pem,{start}",
        f"--ctfe=url=http://127.0.0.1:{_CERTIFICATES},public-key={folder}/ct.pub,{start}",
        f"--rekor=url=https://log.example.com,public-key={folder}/rekor.pub,{start}",
        f"--rekor=url=https://{_TILES_NAME},public-key={folder}/tiles.pub,origin={_TILES_NAME},{start}",
        f"--tsa=url={timestamps}/api/v1/timestamp,certificate-chain={folder}/timestamps.pem,{start}",
    )  # fmt: skip
    more = f"{start},operator=tests"
    for version, url in ((2, tiles), (1, rekor)):
        cosign.run(
            "signing-config", "create", f"--out={folder}/signing_config_v{version}.json",
            f"--fulcio=url={fulcio},api-version=1,{more}",
            f"--rekor=url={url},api-version={version},{more}", "--rekor-config=ANY",
            f"--tsa=url={timestamps}/api/v1/timestamp,api-version=1,{more}", "--tsa-config=ANY",
        )  # fmt: skip
    return root, folder / "signing_config_v2.json", folder / "signing_config_v1.json"


@contextmanager
def _running(space: Namespace, folder: Path, command: list[str]) -> Iterator[None]:
    """A tool in the namespace; what it says is in `folder`."""
    with open(folder / f"{command[0]}.log", "wb") as said, entered(space.path):
        process = subprocess.Popen(
            [str(TOOLS / command[0]), *command[1:]],
            stdout=said,
            stderr=said,
            cwd=folder,
            stdin=subprocess.DEVNULL,
        )
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _answer(url: str) -> bytes:
    """What a server that has just been started answers."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            with urllib.request.urlopen(url, timeout=_PATIENCE) as response:
                return bytes(response.read())
        except (urllib.error.URLError, ConnectionError) as error:
            if time.monotonic() > deadline:
                raise AssertionError(f"{url} does not answer: {error}") from error
            time.sleep(0.05)


def _make_key(private: Path, public: Path) -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_text(pem(key))
