# SPDX-License-Identifier: Apache-2.0
"""Real cosign and a private sigstore instance, and registries to keep signatures in."""

from __future__ import annotations

import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from bpfman.images.transport.location import Access
from bpfman.manager.images import Images
from tests.images.conftest import (  # noqa: F401 - fixtures
    HASTE,
    OBJECTS,
    authority,
    debian_registry,
    environment,
    go_registry,
    home,
    private_registry,
    small,
)
from tests.sigstore.cosign import Cosign, KeyPair
from tests.sigstore.instance import Instance, instance
from tests.trust.conftest import node  # noqa: F401 - a fixture

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.images.small_registry import SmallRegistry

OBJECT = OBJECTS / "xdp_counter.o"


@pytest.fixture(scope="session")
def sigstore(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """The private instance, running."""
    with instance(tmp_path_factory.mktemp("sigstore")) as running:
        yield running


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeyPair:
    """A key pair of cosign's, encrypted as it always is."""
    return Cosign().key_pair(tmp_path_factory.mktemp("keys"), "open sesame")


@pytest.fixture(scope="session")
def other_keys(tmp_path_factory: pytest.TempPathFactory) -> KeyPair:
    return Cosign().key_pair(tmp_path_factory.mktemp("others-keys"), "")


@pytest.fixture
def cosign() -> Cosign:
    return Cosign()


class Published(NamedTuple):
    """An image in a registry."""

    repository: str  # host:port/path
    tag: str  # repository:tag
    digest: str

    @property
    def pinned(self) -> str:
        """As cosign wants it."""
        return f"{self.repository}@{self.digest}"


@pytest.fixture(params=["debian", "go", "small"])
def host(request: pytest.FixtureRequest, debian_registry: str, go_registry: str, small: SmallRegistry) -> str:  # noqa: F811
    """`host:port` of registries without the referrers API, and of one that has it."""
    return {"debian": debian_registry, "go": go_registry, "small": small.host}[request.param]


@pytest.fixture
def image(host: str, environment: dict[str, str], tmp_path) -> Published:  # noqa: F811
    """A new image of one platform, unsigned."""
    return publish(host, environment, tmp_path)


def publish(host: str, environment: dict[str, str], tmp_path, *words: str) -> Published:  # noqa: F811
    repository = f"{host}/acme/meter-{secrets.token_hex(4)}"
    images = Images(str(tmp_path / "building"), access=Access(environment=environment, patience=HASTE))
    name = images.build(f"{repository}:1", list(words) or [str(OBJECT)])
    return Published(repository, f"{repository}:1", name.rpartition("@")[2])


class Done(NamedTuple):
    status: int
    out: str
    err: str


Command = Callable[..., Done]


@pytest.fixture
def bpfman(node) -> Command:  # noqa: F811
    """Run `bpfman` as a person would: another process, with the node's directories and configuration."""
    where = {
        "BPFMAN_RUNTIME_DIR": node.manager.layout.runtime_dir,
        "BPFMAN_CONFIG": str(node.config),
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    }

    def run(*words: object, **more: str) -> Done:
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("bpfman")),
                *map(str, words),
                f"--image-cache-dir={node.cache}",
            ],
            env={**node.environment, **where, **more},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return run
