# SPDX-License-Identifier: Apache-2.0
"""bpfman signs, cosign believes it; and what one of them made as a key, the other signs with."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.sigstore.conftest import OBJECT, publish
from tests.sigstore.cosign import KeyPair, Refused

pytestmark = pytest.mark.kernel

LAYOUTS = pytest.mark.parametrize("layout", ["bundle", "tag"])
PASSWORD = "open sesame"


@pytest.fixture
def own_keys(bpfman, tmp_path):
    """A key pair of bpfman's own."""
    done = bpfman("image", "generate-key-pair", tmp_path / "own", COSIGN_PASSWORD=PASSWORD)
    assert (done.status, done.err) == (0, "")
    assert "ENCRYPTED" in (tmp_path / "own.key").read_text()
    return KeyPair(tmp_path / "own.key", tmp_path / "own.pub", PASSWORD)


@pytest.fixture
def sign(bpfman):
    def run(image, keys, *words):
        done = bpfman("image", "sign", image, f"--key={keys.private}", *words, COSIGN_PASSWORD=keys.password)
        assert done.status == 0, done.err
        return done.out

    return run


@LAYOUTS
def test_cosign_believes_it(cosign, image, own_keys, other_keys, sign, layout):
    assert image.digest in sign(image.tag, own_keys, f"--layout={layout}")
    bundle = layout == "bundle"
    (found,) = cosign.verify_with_key(image.pinned, own_keys, bundle=bundle)
    assert found["critical"]["image"]["docker-manifest-digest"] == image.digest
    with pytest.raises(Refused):
        cosign.verify_with_key(image.pinned, other_keys, bundle=bundle)


@LAYOUTS
def test_it_signs_with_cosigns_key(cosign, image, keys, sign, layout):
    sign(image.tag, keys, f"--layout={layout}")
    assert cosign.verify_with_key(image.pinned, keys, bundle=layout == "bundle")


@LAYOUTS
def test_it_signs_beside_cosign(cosign, image, keys, own_keys, sign, layout):
    bundle = layout == "bundle"
    cosign.sign(image.pinned, keys, bundle=bundle)
    sign(image.tag, own_keys, f"--layout={layout}")
    cosign.sign(image.pinned, keys, "-a", "again=yes", bundle=bundle)
    for each in (keys, own_keys):
        assert cosign.verify_with_key(image.pinned, each, bundle=bundle)


@LAYOUTS
def test_annotations(cosign, image, own_keys, sign, layout):
    sign(image.tag, own_keys, f"--layout={layout}", "-a", "build=42")
    options = (f"--key={own_keys.public}", "--insecure-ignore-tlog")
    cosign.verify(image.pinned, *options, "-a", "build=42", bundle=layout == "bundle")
    with pytest.raises(Refused):
        cosign.verify(image.pinned, *options, "-a", "build=43", bundle=layout == "bundle")


@LAYOUTS
def test_every_platform(cosign, host, environment, tmp_path, own_keys, sign, layout):
    index = publish(host, environment, tmp_path, *(f"linux/{arch}={OBJECT}" for arch in ("amd64", "arm64")))
    said = sign(index.tag, own_keys, f"--layout={layout}", "--recursive")
    digests = {line.rpartition(" ")[2] for line in said.splitlines()}
    assert index.digest in digests
    assert len(digests) == 3
    for digest in digests:
        assert cosign.verify_with_key(f"{index.repository}@{digest}", own_keys, bundle=layout == "bundle")


def test_once_is_enough(image, own_keys, sign):
    sign(image.tag, own_keys)
    assert "already" in sign(image.tag, own_keys)


def test_a_wrong_password(image, keys, bpfman, cosign):
    done = bpfman("image", "sign", image.tag, f"--key={keys.private}", COSIGN_PASSWORD="wrong")
    assert done.status != 0
    assert "password" in done.err
    with pytest.raises(Refused):
        cosign.verify_with_key(image.pinned, keys)


def test_openssl_reads_the_key(own_keys, tmp_path):
    command = ["openssl", "pkey", "-in", str(own_keys.private), "-passin", f"pass:{PASSWORD}", "-pubout"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == own_keys.public.read_text()


def test_signed_where_there_is_no_registry(
    bpfman, image, own_keys, sign, cosign, go_registry, tmp_path, node
):
    """Signed in an archive, carried to a registry, believed there."""
    archive = f"oci-archive:{tmp_path}/meter.tar:1"
    node.images.copy(image.tag, archive)
    sign(archive, own_keys)
    target = f"{go_registry}/carried/{image.repository.rpartition('/')[2]}"
    node.images.copy(archive, f"{target}:1")
    assert cosign.verify_with_key(f"{target}@{image.digest}", own_keys)


def test_what_is_signed_here_is_loaded_here(bpfman, image, own_keys, sign, node):
    sign(image.tag, own_keys)
    node.believe_key(own_keys.public)
    done = bpfman("image", "verify", image.tag, "--output=json")
    assert (done.status, done.err) == (0, "")
    assert json.loads(done.out)["digest"] == image.digest
    assert node.load(image.tag).status.kernel is not None
