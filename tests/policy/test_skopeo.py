# SPDX-License-Identifier: Apache-2.0
"""policy.json means here what it means to others: the same images accepted, the same refused, the same files errors.

The others are containers/image, the library that podman and skopeo are made of, and a little of the command skopeo,
which asks GnuPG where the library as it is built here does not.  (Debian's skopeo knows no signatures of sigstore.)
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess

import pytest

from bpfman.errors import ConfigurationError
from bpfman.images.policy.containers.policy import read_policy
from bpfman.images.policy.rules import Rules
from bpfman.images.policy.signing import Rule, Signing
from bpfman.images.transport.location import Access, parse_location
from bpfman.images.verifying import decide
from bpfman.manager.images import Images
from bpfman.model.audit import REFUSED
from tests.images.conftest import HASTE, OBJECTS
from tests.images.small_registry import small_registry
from tests.policy.cases import (
    ANYTHING,
    BAD,
    FEW,
    GPG,
    IMAGES,
    NOBODY,
    OPTIONAL,
    PATHS,
    PLAIN,
    REJECT,
    SCOPES,
    SIGSTORE,
)
from tests.policy.world import World, fill
from tests.rules.repository import ROOT

# bpfman's own rules say nothing here.
OWN = Signing("none", Rule("none", verify_enabled=False))
LIBRARY = ROOT / "build" / "go" / "containers-image"


@pytest.fixture(scope="module")
def world(tmp_path_factory, gpg):
    folder = tmp_path_factory.mktemp("world")
    with small_registry() as registry:
        made = World(registry, folder, gpg)
        fill(made)
        yield made


def filled(value, world: World):
    """Paths, keys and names in a policy."""
    if isinstance(value, dict):
        return {filled(key, world): filled(each, world) for key, each in value.items()}
    if isinstance(value, list):
        return [filled(each, world) for each in value]
    if not isinstance(value, str):
        return value
    if value.startswith("<") and value.endswith(">") and value != "<host>":
        return base64.b64encode((world.folder / value[1:-1]).read_bytes()).decode()
    return value.replace("{}", str(world.folder)).replace("<host>", world.host)


class Skopeo:
    """The command."""

    def __init__(self, folder, environment) -> None:
        self._target, self._environment = folder / "copy", environment

    def __call__(self, policy, image: str) -> tuple[bool, str]:
        shutil.rmtree(self._target, ignore_errors=True)
        command = [
            "skopeo", "--policy", str(policy), "--override-arch", "amd64", "copy", "--quiet", "--src-tls-verify=false",
            "--remove-signatures", image, f"dir:{self._target}",
        ]  # fmt: skip
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        return done.returncode == 0, done.stderr.strip().rpartition("\n")[2]


class Library:
    """The library, in a process that is asked line by line."""

    def __init__(self, registries, environment) -> None:
        self._registries = registries
        self._process = subprocess.Popen(
            [LIBRARY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # warnings about the environment
            text=True,
            env=environment,
        )

    def __call__(self, policy, image: str) -> tuple[bool, str]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(policy, self._registries, image, sep="\t", file=self._process.stdin, flush=True)
        answer = json.loads(self._process.stdout.readline())
        return answer["allowed"], answer["why"]

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture
def registries(world, home):
    """Where the user's registries.d is."""
    return shutil.copytree(world.folder / "registries.d", home / ".config" / "containers" / "registries.d")


@pytest.fixture
def skopeo(registries, environment, tmp_path) -> Skopeo:
    if not shutil.which("skopeo"):
        pytest.skip("needs the command skopeo")
    return Skopeo(tmp_path, environment)


@pytest.fixture
def library(registries, environment):
    if not LIBRARY.exists():
        pytest.skip("containers/image is not built (`tools/setup.sh go` does, where there is Go)")
    opened = Library(registries, environment)
    yield opened
    opened.close()


@pytest.fixture
def compare(world, environment, tmp_path):
    """In what a peer and bpfman differ about images under a policy; those that both accept are added to `accepted`."""
    policy = tmp_path / "policy.json"

    def differences(peer, rules: object, images: list[str], accepted: list[str] | None = None) -> list[str]:
        policy.write_text(rules if isinstance(rules, str) else json.dumps(filled(rules, world)))
        found = []
        for image in images:
            (theirs, why), (ours, reason) = peer(policy, image), bpfman(policy, image, environment)
            if theirs and ours and accepted is not None:
                accepted.append(image)
            if theirs != ours:
                found.append(f"{image}: peer {theirs} {why}, bpfman {ours} {reason}")
        return found

    return differences


def bpfman(policy, image: str, environment) -> tuple[bool, str]:
    access = Access(environment={**environment, "GOARCH": "amd64"}, patience=HASTE)
    try:
        rules = Rules(OWN, read_policy(str(policy)), environment)
        decision = decide(parse_location(image), rules, access)
    except ConfigurationError as error:
        return False, str(error)
    return decision.verdict != REFUSED, "; ".join(part.reason for part in decision.parts)


@pytest.fixture(scope="module")
def files(tmp_path_factory, world):
    """A folder with a layout, archives, and a link to the layout."""
    folder = tmp_path_factory.mktemp("files")
    images = Images(str(folder / "cache"), trust="everybody")
    for name in (f"oci:{folder}/layout:1", f"oci-archive:{folder}/archive.tar:1"):
        images.build(name, [str(OBJECTS / "xdp_counter.o")])
    (folder / "link").symlink_to("layout")
    subprocess.run(
        [
            "skopeo",
            "--insecure-policy",
            "copy",
            "--quiet",
            f"oci:{folder}/layout:1",
            f"docker-archive:{folder}/docker.tar:x",
        ],
        check=True,
    )
    return folder


def full_names(world: World, images=IMAGES) -> list[str]:
    return [f"docker://{world.name(image)}" for image in images]


@pytest.mark.parametrize("name", FEW)
def test_skopeo_accepts_and_refuses_the_same_images(skopeo, compare, world, name):
    rules = {"default": [{"type": "reject"}], "transports": {"docker": {"": GPG[name]}}}
    images = [image for image in IMAGES if "sigstore" not in image and "certified" not in image]
    accepted: list[str] = []
    assert compare(skopeo, rules, full_names(world, images), accepted) == []
    assert bool(accepted) == (name not in NOBODY)


@pytest.mark.parametrize("name", GPG)
def test_requirements_accept_and_refuse_the_same_images(library, compare, world, name):
    rules = {"default": [{"type": "reject"}], "transports": {"docker": {"": GPG[name]}}}
    accepted: list[str] = []
    assert compare(library, rules, full_names(world), accepted) == []
    assert bool(accepted) == (name not in NOBODY)


@pytest.mark.parametrize("name", SIGSTORE)
def test_requirements_of_sigstore_accept_and_refuse_the_same_images(library, compare, world, name):
    rules = {"default": [{"type": "reject"}], "transports": {"docker": {"": SIGSTORE[name]}}}
    accepted: list[str] = []
    assert compare(library, rules, full_names(world), accepted) == []
    assert bool(accepted) == (name not in NOBODY)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("inverted", [False, True])
def test_scopes_of_registries_are_the_same(library, compare, world, scope, inverted):
    inside, outside = (REJECT, ANYTHING) if inverted else (ANYTHING, REJECT)
    digest = world.name("acme/gpg@").partition("@")[2]
    scope = scope.replace("<digest>", digest).replace("<HOST>", world.host.replace("127", "0127"))
    rules = {"default": [outside], "transports": {"docker": {scope: [inside]}}}
    assert compare(library, rules, full_names(world, PLAIN)) == []


def test_the_most_specific_scope_decides(library, compare, world):
    scopes = {
        "": [ANYTHING], "*.0.0.1": [ANYTHING], world.host: [ANYTHING], f"{world.host}/acme": [REJECT],
        f"{world.host}/acme/gpg": [ANYTHING], f"{world.host}/acme/gpg:1": [REJECT],
    }  # fmt: skip
    rules = {"default": [REJECT], "transports": {"docker": scopes}}
    assert compare(library, rules, full_names(world, PLAIN)) == []


@pytest.mark.parametrize(
    ("transport", "path"),
    # That docker-archive has no scopes but its own is a case of BAD.
    [
        (transport, path)
        for transport in OPTIONAL
        for path in PATHS
        if transport != "docker-archive" or not path
    ],
)
def test_scopes_of_files_are_the_same(library, compare, files, transport, path):
    rules = {"default": [REJECT], "transports": {transport: {path.replace("{}", str(files)): [ANYTHING]}}}
    images = [f"{transport}:{OPTIONAL[transport].replace('{}', str(files))}"]
    assert compare(library, rules, images) == []


@pytest.mark.parametrize("transport", OPTIONAL)
def test_no_signature_is_found_in_files(library, compare, files, transport):
    image = f"{transport}:{OPTIONAL[transport].replace('{}', str(files))}"
    for requirements in (GPG["one"], GPG["reference"], SIGSTORE["key"]):
        assert compare(library, {"default": requirements}, [image]) == []


@pytest.mark.parametrize("name", BAD)
def test_the_same_files_are_no_policies(library, compare, world, tmp_path, name):
    image = f"docker://{world.name('acme/plain:1')}"
    assert compare(library, BAD[name], [image]) == []
    with pytest.raises(ConfigurationError) as caught:
        read_policy(str(tmp_path / "policy.json"))
    assert str(tmp_path / "policy.json") in str(caught.value)
