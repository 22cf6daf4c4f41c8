# SPDX-License-Identifier: Apache-2.0
# mypy: disable-error-code="attr-defined"
"""A trusted root fetched by TUF: believed only from those who may say it, and never an older one."""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta

import pytest
from tuf.api.metadata import Metadata, Root

from bpfman.cli.main import main
from bpfman.errors import TrustMaterialError, Unsupported
from bpfman.images.trust import public
from bpfman.images.trust.public import update_trusted_root
from tests.images.trust.tuf_repository import TufRepository
from tests.trust.signer import World

FIRST = World().trusted_root()
SECOND = json.dumps({**json.loads(FIRST), "ctlogs": []}).encode()


@pytest.fixture
def repository():
    with TufRepository(FIRST) as repository:
        yield repository


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "trusted_root.json")


def read(path) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def test_it_is_fetched_and_kept(repository, path):
    assert update_trusted_root(path, repository.url, repository.root)
    assert read(path) == FIRST
    assert not update_trusted_root(path, repository.url, repository.root), "it is the same"
    repository.publish(SECOND)
    assert update_trusted_root(path, repository.url, repository.root)
    assert read(path) == SECOND


def refused(repository, path, root=None) -> str:
    """Why the second version is not taken; the first stays."""
    update_trusted_root(path, repository.url, repository.root)
    return refused_after(repository, path, root)


def refused_after(repository, path, root=None) -> str:
    before = read(path)
    with pytest.raises(TrustMaterialError) as raised:
        update_trusted_root(path, repository.url, root or repository.root)
    assert read(path) == before
    assert sorted(os.listdir(os.path.dirname(path))) == ["trusted_root.json", "trusted_root.json.tuf"]
    return str(raised.value)


def test_an_older_one_is_refused(repository, path):
    old = dict(repository.files)
    repository.publish(SECOND)
    update_trusted_root(path, repository.url, repository.root)
    repository.files.clear()
    repository.files.update(old)
    assert "cannot be had" in refused_after(repository, path)


def test_one_that_expired_is_refused(repository, path):
    update_trusted_root(path, repository.url, repository.root)
    repository.publish(SECOND, expires=timedelta(seconds=-1))
    assert "expired" in refused_after(repository, path)


def test_another_file_under_the_same_name_is_refused(repository, path):
    update_trusted_root(path, repository.url, repository.root)
    repository.publish(SECOND)
    for name in [name for name in repository.files if name.startswith("/targets/")]:
        repository.files[name] = FIRST.replace(b"fulcio", b"mallet")
    refused_after(repository, path)


def test_somebody_else_s_root_is_refused(repository, path):
    stranger = TufRepository(SECOND)
    refused(repository, path, stranger.root)


def test_the_public_instance_s_root_does_not_vouch_for_others(repository, path):
    with pytest.raises(TrustMaterialError):
        update_trusted_root(path, repository.url)
    assert not os.path.exists(path)


def test_what_is_no_trusted_root_is_refused(repository, path):
    update_trusted_root(path, repository.url, repository.root)
    repository.publish(b'{"mediaType": "text/plain"}')
    assert "trusted root" in refused_after(repository, path)


def test_a_mirror_that_does_not_answer(repository, path):
    update_trusted_root(path, repository.url, repository.root)
    before = read(path)
    with pytest.raises(TrustMaterialError, match="cannot be had") as raised:
        update_trusted_root(path, "http://127.0.0.1:1", repository.root)
    assert str(raised.value) == "the trusted root cannot be had from http://127.0.0.1:1: Connection refused"
    assert "goes on being used" in raised.value.hint
    assert read(path) == before


@pytest.mark.parametrize("which", ["no JSON", "no metadata", "another role"])
def test_a_root_that_is_none_is_not_the_mirrors_fault(repository, path, which):
    root = {
        "no JSON": b"root:x:0:0",
        "no metadata": b"{}",
        "another role": repository.files["/timestamp.json"],
    }
    with pytest.raises(TrustMaterialError, match="the given root is none of TUF") as raised:
        update_trusted_root(path, "http://127.0.0.1:1", root[which])
    assert "root.json" in raised.value.hint


def test_a_place_that_cannot_be_written(repository, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TrustMaterialError, match="cannot be written"):
        update_trusted_root(str(tmp_path / "file" / "trusted_root.json"), repository.url, repository.root)


def test_without_tuf(monkeypatch, path):
    monkeypatch.setitem(sys.modules, "tuf.api.exceptions", None)
    with pytest.raises(Unsupported) as raised:
        update_trusted_root(path)
    assert "bpfman[sigstore]" in raised.value.hint


def test_the_command(repository, tmp_path, capfd):
    (tmp_path / "root.json").write_bytes(repository.root)
    words = ["--mirror", repository.url, "--root", str(tmp_path / "root.json")]
    for said in ("updated", "unchanged"):
        status = main(["image", "update-trusted-root", *words, str(tmp_path / "out.json")])
        assert (status, capfd.readouterr().out) == (0, f"{said}: {tmp_path / 'out.json'}\n")
    (tmp_path / "root.json").write_bytes(repository.root + b" " * (1 << 20))
    assert main(["image", "update-trusted-root", *words]) != 0
    assert "it has more than 1048576 bytes" in capfd.readouterr().err
    assert main(["image", "update-trusted-root", "--mirror", repository.url]) != 0
    assert "--root" in capfd.readouterr().err


def test_the_root_that_bpfman_brings_is_whole():
    """A threshold of its own keys signed it; when it expires does not matter for what comes after it."""
    root = Metadata[Root].from_bytes(public._public_root())
    root.verify_delegate("root", root)
    assert root.signed.roles["root"].threshold > 1
