# SPDX-License-Identifier: Apache-2.0
"""Registries to test against: Debian's docker-registry, go-containerregistry's, and a small one of our own."""

from __future__ import annotations

import re
import shutil
import subprocess
import threading

import pytest

from bpfman.images.registry.connection import Patience
from tests.images.authority import make_authority
from tests.images.small_registry import small_registry
from tests.rules.repository import ROOT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.images.authority import Authority
    from tests.images.small_registry import SmallRegistry

OBJECTS = ROOT / "tests" / "objects"
GO_REGISTRY = ROOT / "build" / "go" / "registry"

USER, PASSWORD = "alice", "s3cret"
# crypt("s3cret"), the only form that docker-registry reads.
_HTPASSWD = f"{USER}:$2b$04$abcdefghijklmnopqrstuuLZYjhNQAOdpbzt4WxWlUHjv1wsyH5DG\n"

#: Waits that a test can afford.
HASTE = Patience(connect=2.0, read=0.5, total=5.0, attempts=3, pause=0.01, longest_pause=1.0)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if not shutil.which("openssl"):
        pytest.skip("needs the command openssl")
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A user's home directory with nothing in it."""
    path = tmp_path / "home"
    (path / ".config" / "containers").mkdir(parents=True)
    # Or the machine's own would count.
    policy = path / ".config" / "containers" / "policy.json"
    policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    return path


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    """The environment of that user, whom no variable of the one who runs the tests reaches."""
    return {"HOME": str(home), "XDG_RUNTIME_DIR": str(home / "run"), "PATH": "/usr/bin:/bin"}


@pytest.fixture
def small() -> Iterator[SmallRegistry]:
    """A small registry without TLS."""
    with small_registry() as registry:
        yield registry


@pytest.fixture
def secure(authority: Authority, home: Path) -> Iterator[SmallRegistry]:
    """A small registry with TLS, whose authority the user of `environment` believes."""
    with small_registry(authority.context(), "localhost") as registry:
        authority.believed_by(home, registry.host)
        yield registry


@pytest.fixture(scope="session")
def debian_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`host:port` of a docker-registry without TLS."""
    with _docker_registry(tmp_path_factory.mktemp("registry"), "") as host:
        yield host


@pytest.fixture(scope="session")
def private_registry(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[str]:
    """`host:port` of a docker-registry with TLS that wants USER and PASSWORD."""
    folder = tmp_path_factory.mktemp("private")
    (folder / "htpasswd").write_text(_HTPASSWD)
    secured = f"""
  tls: {{certificate: {authority.server}, key: {authority.key}}}
auth:
  htpasswd: {{realm: private, path: {folder / "htpasswd"}}}"""
    with _docker_registry(folder, secured) as host:
        yield host.replace("127.0.0.1", "localhost")


@pytest.fixture(scope="session")
def go_registry() -> Iterator[str]:
    """`host:port` of go-containerregistry's registry."""
    if not GO_REGISTRY.exists():
        pytest.skip(
            "go-containerregistry's registry is not built (`tools/setup.sh go` does, where there is Go)"
        )
    with _serving([str(GO_REGISTRY), "-port", "0"], r"serving on port (\d+)") as port:
        yield f"localhost:{port}"


def _docker_registry(folder: Path, more: str):
    if not shutil.which("docker-registry"):
        pytest.skip("needs the command docker-registry")
    (folder / "config.yml").write_text(f"""version: 0.1
log: {{level: info}}
storage: {{filesystem: {{rootdirectory: {folder / "data"}}}}}
http:
  addr: 127.0.0.1:0{more}
""")
    return _serving(["docker-registry", "serve", str(folder / "config.yml")], r"listening on (127[0-9.:]+)")


class _serving:  # noqa: N801 - used as a function
    """A server process; the value is what the pattern finds in its log when it is ready."""

    def __init__(self, command: list[str], pattern: str) -> None:
        self._command, self._pattern = command, pattern

    def __enter__(self) -> str:
        self._process = subprocess.Popen(
            self._command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        assert self._process.stderr is not None
        said = []
        for line in self._process.stderr:
            said.append(line)
            if found := re.search(self._pattern, line):
                break
        else:
            self.__exit__()
            pytest.fail(f"{self._command[0]} did not start:\n{''.join(said)}")
        # Its log is read on, or it would stop when the pipe is full.
        self._reader = threading.Thread(target=self._process.stderr.read, daemon=True)
        self._reader.start()
        return found[1]

    def __exit__(self, *exception: object) -> None:
        self._process.kill()
        self._process.wait()
        if hasattr(self, "_reader"):
            self._reader.join()
        assert self._process.stderr is not None
        self._process.stderr.close()
