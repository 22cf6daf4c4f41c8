# SPDX-License-Identifier: Apache-2.0
"""`program load image`: the kernel runs what the image holds, and what cannot be loaded leaves nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from bpfman.errors import ImageError, InvalidRequest, NotCached
from bpfman.images.pulling import ALWAYS, IF_NOT_PRESENT, NEVER
from bpfman.images.transport.location import Access
from bpfman.manager.images import Images
from bpfman.model.program import ProgramSpec
from tests.images.conftest import HASTE, OBJECTS
from tests.images.samples import put_image

pytestmark = pytest.mark.kernel

ELF = (OBJECTS / "xdp_counter.o").read_bytes()
STATS = [ProgramSpec("xdp", "xdp_stats")]


@pytest.fixture
def images(environment, tmp_path):
    return Images(str(tmp_path / "cache"), access=Access(environment=environment, patience=HASTE))


@pytest.fixture
def image(small):
    put_image(small, ELF)
    return f"{small.host}/acme/meter"


def test_a_program_of_an_image_is_loaded(images, image, manager, small):
    (program,) = images.load(manager, image, STATS, policy=ALWAYS, metadata={"a": "b"}, owner="bpfman")
    record = program.record
    assert record.image == (image, next(v for _, v in small.manifests if ":" in v), ALWAYS)
    assert record.source_path is None
    assert (record.name, record.owner, record.metadata) == ("xdp_stats", "bpfman", {"a": "b"})
    assert program.status.kernel is not None
    with open(record.object_path, "rb") as file:
        assert file.read() == ELF


def test_the_digest_recorded_is_the_platforms(images, manager, small):
    name = f"{small.host}/acme/meter:1"
    words = [f"linux/{arch}={OBJECTS}/xdp_counter.o" for arch in ("amd64", "arm64")]
    published = images.build(name, [*words, f"linux/s390x={OBJECTS}/xdp_counter.be.o"])
    (program,) = images.load(manager, name, STATS)
    assert program.record.image is not None
    assert program.record.image.digest != published.rpartition("@")[2]
    assert (
        images.load(manager, name, STATS, policy=NEVER)[0].record.image.digest == program.record.image.digest
    )


def test_what_is_cached_is_loaded_without_the_registry(images, image, manager, small):
    images.load(manager, image, STATS)
    before = len(small.seen)
    images.load(manager, image, STATS, policy=IF_NOT_PRESENT)
    images.load(manager, image, STATS, policy=NEVER)
    assert len(small.seen) == before


def test_an_archive_is_loaded_on_a_machine_without_a_network(images, manager, tmp_path):
    images.build(f"oci-archive:{tmp_path}/x.tar:1", [str(OBJECTS / "xdp_counter.o")])
    (program,) = images.load(manager, f"oci-archive:{tmp_path}/x.tar", STATS)
    assert program.record.image.url == f"oci-archive:{tmp_path}/x.tar"
    assert images.cached() == []


def test_what_cannot_be_had_or_loaded_leaves_nothing(images, image, manager, small):
    with pytest.raises(NotCached):
        images.load(manager, image, STATS, policy=NEVER)
    with pytest.raises(InvalidRequest, match="available programs"):
        images.load(manager, image, [ProgramSpec("xdp", "nope")])
    small.always("GET", "", lambda h: h.reply(200, b"<html>"))
    with pytest.raises(ImageError):
        images.load(manager, image, STATS, policy=ALWAYS)
    assert manager.programs() == []


def test_a_cache_that_is_full_does_not_stop_a_load(image, manager, environment, tmp_path):
    (tmp_path / "cache").write_text("in the way")
    warnings: list[str] = []
    images = Images(str(tmp_path / "cache"), access=Access(environment=environment), warn=warnings.append)
    (program,) = images.load(manager, image, STATS)
    assert program.record.image is not None
    assert [each for each in warnings if "going on without keeping it" in each] == warnings[:1]


_SCRIPT = """\
import sys
from bpfman.cli.main import main
status = main(sys.argv[1:])
print(*sys.modules, file=sys.stderr)
sys.exit(status)
"""


@pytest.fixture
def command(manager, tmp_path, environment):
    """Run `bpfman` as a process; gives status and output, and behind its errors the modules that it imported."""

    def run(*words: str):
        argv = [
            "--runtime-dir",
            manager.layout.runtime_dir,
            "--image-cache-dir",
            str(tmp_path / "cache"),
            *words,
        ]
        done = subprocess.run(
            [sys.executable, "-c", _SCRIPT, *argv],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, **environment},
        )
        return done.returncode, done.stdout, done.stderr

    return run


def test_the_command_prints_the_program(command, image, manager):
    status, out, err = command("program", "load", "image", image, "--programs", "xdp:xdp_stats", "-o", "json")
    assert status == 0, err
    assert f"bpfman: warning: image {image} has no signature: nobody vouches for what was loaded." in err
    assert "write `allow_unsigned = false` below [signing] in /etc/bpfman/bpfman.toml" in err
    assert err.count("bpfman: warning:") == 1
    (program,) = json.loads(out)["programs"]
    load = program["record"]["load"]
    assert load["image_source"]["url"] == image
    assert load["image_source"]["pull_policy"] == "IfNotPresent"
    assert load["source_path"] is None
    status, out, _ = command("program", "get", str(program["record"]["program_id"]))
    assert "    Image URL:      " + image in out
    assert "    Pull Policy:    IfNotPresent" in out


def test_a_policy_that_asks_for_signatures_leaves_nothing_loaded(command, image, images, manager, tmp_path):
    config = tmp_path / "bpfman.toml"
    config.write_text("[signing]\nallow_unsigned = false\n")
    words = ("program", "load", "image", image, "--programs", "xdp:xdp_stats", "--config", str(config))
    status, out, err = command(*words)
    assert (status, out) == (1, "")
    assert (
        f"failed to load from image: image {image}:latest has no signatures and unsigned images are not"
        in err
    )
    assert images.cached() == []
    assert manager.programs() == []


def test_the_command_names_what_it_attempted(command, image):
    status, _, err = command("program", "load", "image", image, "--programs", "xdp:xdp_stats", "-p", "never")
    assert status == 1
    assert (
        f"bpfman: error: failed to load from image: image {image}:latest not in cache and pull policy is Never"
        in err
    )


def test_the_older_form_of_the_command(command, image):
    words = ("load", "image", "--image-url", image, "--pull-policy", "Always", "--programs", "xdp:xdp_stats")
    status, out, err = command(*words, "-o", "json")
    assert status == 0, err
    assert json.loads(out)["programs"][0]["record"]["load"]["image_source"]["pull_policy"] == "Always"


def test_a_dry_run_keeps_and_loads_nothing(command, image, images, manager):
    status, out, err = command("program", "load", "image", image, "--programs", "xdp:xdp_stats", "--dry-run")
    assert status == 0, err
    assert "pin program" in out
    assert images.cached() == []
    assert manager.programs() == []


def test_a_cached_image_costs_no_openssl(command, image):
    words = ("program", "load", "image", image, "--programs", "xdp:xdp_stats")
    status, _, first = command(*words)
    assert status == 0
    assert "urllib3" in first.split()
    status, _, again = command(*words)
    assert status == 0
    heavy = {"ssl", "_ssl", "hashlib", "_hashlib", "urllib3", "http.client", "socket", "subprocess", "dataclasses",
             "tarfile", "logging", "calendar", "datetime"}  # fmt: skip
    assert heavy & set(again.split()) == set()


def test_other_commands_import_nothing_of_images(command):
    for words in (("program", "list"), ("link", "list"), ("version",)):
        status, _, modules = command(*words)
        assert status == 0
        assert not [name for name in modules.split() if name.startswith("bpfman.images")]
