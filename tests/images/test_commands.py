# SPDX-License-Identifier: Apache-2.0
"""The commands on images: what they print, where they fail, and what the contract says of both."""

from __future__ import annotations

import base64
import io
import json
import os

import pytest

from bpfman.cli.image.common import size
from bpfman.cli.image.progress import Progress
from bpfman.cli.main import main
from tests.images.conftest import OBJECTS, PASSWORD, USER
from tests.images.samples import put_image

ELF = (OBJECTS / "xdp_counter.o").read_bytes()
LITTLE, BIG = str(OBJECTS / "xdp_counter.o"), str(OBJECTS / "xdp_counter.be.o")

pytestmark = pytest.mark.usefixtures("users_environment")


@pytest.fixture
def users_environment(monkeypatch, environment):
    """The process has the environment of the test's user."""
    for name in os.environ.keys() - environment:
        if (
            name.startswith(("REGISTRY_", "DOCKER_", "XDG_", "BPFMAN_", "GOARCH", "SOURCE_"))
            or "proxy" in name.lower()
        ):
            monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def run(tmp_path, capfd, monkeypatch):
    """Run a command; gives its status, what it printed, and what it said on stderr."""
    monkeypatch.setattr("os.geteuid", lambda: 0)  # what these commands write belongs to the test

    def command(line: str, *words: object):
        directories = ["--image-cache-dir", str(tmp_path / "cache"), "--runtime-dir", str(tmp_path / "run")]
        argv = [*line.split(), *map(str, words), *directories]
        status = main(argv)
        out, err = capfd.readouterr()
        return status, out, err

    return command


def good(result):
    """What a command printed that had nothing to say on stderr but that nobody signed the image."""
    status, out, err = result
    said = [line for line in err.splitlines() if "has no signature: nobody vouches for it" not in line]
    assert (status, said) == (0, [])
    return out


# build and inspect


def test_building_prints_where_it_is(run, small):
    name = f"{small.host}/acme/meter"
    assert (
        good(run("image build", f"{name}:1.2", LITTLE)) == f"published: {name}@{small_digest(small, '1.2')}\n"
    )


def small_digest(small, tag: str):
    from bpfman.images.digest import digest_of

    return digest_of(small.manifests["acme/meter", tag][1])


def test_flags_of_building_become_annotations(run, small):
    good(run("image build --source https://example.org --revision 01 --license MIT --annotation team=edge",
             f"{small.host}/acme/meter:1", LITTLE))  # fmt: skip
    assert json.loads(small.manifests["acme/meter", "1"][1])["annotations"] == {
        "org.opencontainers.image.source": "https://example.org",
        "org.opencontainers.image.revision": "01",
        "org.opencontainers.image.licenses": "MIT",
        "team": "edge",
    }


def test_an_sbom_is_published_when_asked_for(run, small):
    good(run("image build", f"{small.host}/acme/meter:1", LITTLE))
    assert len(small.manifests) == 2
    good(run("image build --sbom", f"{small.host}/acme/meter:1", LITTLE))
    assert len(small.manifests) == 3


def test_inspecting_an_image(run, small):
    name = f"{small.host}/acme/meter:1.2"
    good(run("image build", name, LITTLE))
    found = json.loads(good(run("image inspect", name)))
    assert list(found)[:3] == ["reference", "digest", "media_type"]
    assert found["reference"] == name
    assert found["programs"] == {"xdp_stats": "xdp"}
    assert found["maps"] == {"xdp_stats_map": "per_cpu_array"}
    assert [sorted(each) for each in found["layers"]] == [["digest", "media_type", "size"]]
    assert found["capabilities"]["effects"] == ["drop-packets"]
    assert "manifests" not in found
    assert json.loads(good(run("image inspect", name, "-o", "json"))) == found


def test_inspecting_an_index(run, small):
    name = f"{small.host}/acme/meter"
    good(run("image build", name, f"linux/amd64={LITTLE}", f"linux/s390x={BIG}"))
    found = json.loads(good(run("image inspect", name)))
    assert found["reference"] == f"{name}:latest"
    assert not {"programs", "maps", "layers"} & set(found)
    assert [each["platform"] for each in found["manifests"]] == ["linux/amd64", "linux/s390x"]
    for each in found["manifests"]:
        assert {"digest", "media_type", "size", "platform", "programs", "maps", "layers"} <= set(each)


def test_build_arguments_as_text(run):
    assert good(run("image generate-build-args", LITTLE)) == (
        f'BYTECODE_FILE={LITTLE}\nPROGRAMS={{"xdp_stats":"xdp"}}\nMAPS={{"xdp_stats_map":"per_cpu_array"}}\n'
    )


def test_build_arguments_as_json(run):
    words = (f"linux/s390x={BIG}", f"linux/amd64={LITTLE}", "-o", "json")
    assert json.loads(good(run("image generate-build-args", *words))) == {
        "platforms": ["linux/amd64", "linux/s390x"],
        "build_args": {"BC_AMD64_EL": LITTLE, "BC_S390X_EB": BIG},
        "programs": {"xdp_stats": "xdp"},
        "maps": {"xdp_stats_map": "per_cpu_array"},
    }
    assert json.loads(good(run("image generate-build-args", LITTLE, "-o", "json")))["platforms"] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["/nowhere.o"], "open bytecode ELF"),
        (["/etc/passwd"], "open bytecode ELF"),
        ([f"linux/s390x={LITTLE}"], "expected ELFDATA2MSB"),
        ([LITTLE, LITTLE], "several objects without a platform"),
        ([], "no bytecode given"),
        (["linux/sparc=x.o"], 'unknown platform "linux/sparc"'),
    ],
)
def test_objects_that_cannot_be_are_told(run, words, said):
    for command in ("image generate-build-args", "image build localhost:1/x"):
        status, out, err = run(command, *words)
        assert (status, out) == (1, "")
        assert err.startswith("bpfman: error: ")
        assert said in err


def test_an_unknown_file_of_a_project_is_told(run, tmp_path):
    (tmp_path / "meter_vax_bpfel.o").write_bytes(ELF)
    status, _, err = run("image generate-build-args -c", tmp_path)
    assert status == 1
    assert "unrecognised cilium/ebpf bytecode file" in err


# the cache


def test_pulling_listing_and_removing(run, small):
    name = f"{small.host}/acme/meter"
    digest = put_image(small, ELF, labels={"io.ebpf.programs": '{"xdp_stats": "xdp"}'})
    assert good(run("image list")) == ""
    assert json.loads(good(run("image list -o json"))) == {"images": []}
    assert good(run("image pull", name)) == f"pulled: {name}:latest {digest}\n"
    assert good(run("image pull -p ifnotpresent", name)) == f"cached: {name}:latest {digest}\n"
    (found,) = json.loads(good(run("image pull -o json", name)))["images"]
    assert found == {
        "reference": f"{name}:latest",
        "digest": digest,
        "from_cache": False,
        "size": len(ELF),
        "programs": {"xdp_stats": "xdp"},
        "maps": {},
    }
    assert good(run("image -q")) == f"{name}:latest\n"
    header, row = good(run("image list")).splitlines()
    assert header.split() == ["IMAGE", "PLATFORM", "DIGEST", "SIZE", "PULLED"]
    assert len(row) <= 80
    assert row.split()[:2] == [
        f"{name}:latest",
        "linux/amd64" if os.uname().machine == "x86_64" else row.split()[1],
    ]
    assert row.split()[2] == digest.removeprefix("sha256:")[:12]
    (entry,) = json.loads(good(run("image list -o json")))["images"]
    assert {"reference", "platform", "digest", "size", "pulled_at", "used_at", "policy"} <= set(entry)
    assert good(run("image remove", row.split()[2])) == ""
    assert good(run("image list")) == ""


def test_the_older_form_of_pulling(run, small):
    name = f"{small.host}/acme/meter"
    digest = put_image(small, ELF)
    auth = base64.b64encode(b"user:password").decode()
    words = f"image pull --image-url {name} --registry-auth {auth} --pull-policy IfNotPresent"
    assert good(run(words)) == f"pulled: {name}:latest {digest}\n"
    assert good(run(f"image pull -i {name} -r {auth} -p Never")) == f"cached: {name}:latest {digest}\n"
    status, _, err = run("image pull")
    assert status == 80
    assert "missing argument IMAGE" in err


def test_an_image_in_a_file_is_checked_and_not_kept(run, tmp_path):
    published = good(run(f"image build oci:{tmp_path}/x:1", LITTLE))
    name, _, digest = published.removeprefix("published: ").rpartition("@")
    assert name == f"oci:{tmp_path}/x"  # with the digest, a name that can be used
    assert json.loads(good(run("image inspect", published.split()[1])))["digest"] == digest.strip()
    assert good(run(f"image pull oci:{tmp_path}/x:1")) == f"checked, not kept: oci:{tmp_path}/x:1 {digest}"
    assert good(run("image list")) == ""


def test_removing_what_is_not_there(run):
    status, _, err = run("image remove a/b")
    assert status == 1
    assert "image a/b not in cache" in err
    assert good(run("image remove --ignore-missing a/b c/d")) == ""
    status, _, err = run("image remove a/b c/d")
    assert "2 of 2 image(s) failed to be removed" in err
    assert "image c/d: image c/d not in cache" in err


def test_pruning(run, small):
    name = f"{small.host}/acme/meter:latest"
    put_image(small, ELF)
    good(run("image pull", name))
    assert good(run("image prune")) == "freed: 0 bytes\n"
    assert good(run("image prune --older-than 1h --max-size 1G")) == "freed: 0 bytes\n"
    pruned = json.loads(good(run("image prune --all -o json")))
    assert pruned["removed"] == [name]
    assert pruned["freed"] > len(ELF)


def test_copying(run, small, tmp_path):
    digest = put_image(small, ELF)
    target = f"oci-archive:{tmp_path}/x.tar:1"
    assert good(run("image copy", f"{small.host}/acme/meter", target)) == f"copied: {target} {digest}\n"
    found = json.loads(good(run("image copy -o json --no-referrers", target, f"{small.host}/acme/copied:1")))
    assert found == {"digest": digest, "manifests": 1, "referrers": 0}
    assert ("acme/copied", "1") in small.manifests


# credentials


def test_credentials_by_flag_and_environment(run, secure, monkeypatch):
    secure.users = {USER: PASSWORD}
    put_image(secure, ELF)
    name = f"{secure.host}/acme/meter"
    auth = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    status, _, err = run("image inspect", name)
    assert status == 1
    assert "status 401" in err
    good(run("image inspect --registry-auth", auth, name))
    monkeypatch.setenv("BPFMAN_REGISTRY_AUTH", auth)
    good(run("image pull", name))


def test_credentials_of_one_registry_are_not_shown_to_another(run, secure, authority, home):
    from tests.images.small_registry import small_registry

    secure.users = {USER: PASSWORD}
    put_image(secure, ELF)
    mine, theirs = (base64.b64encode(f"{user}:{PASSWORD}".encode()).decode() for user in (USER, "bob"))
    with small_registry(authority.context(), "localhost") as other:
        authority.believed_by(home, other.host)
        other.users = {"bob": PASSWORD}
        names = (f"{secure.host}/acme/meter", f"{other.host}/acme/copied:1")
        good(run("image copy", *names, "--source-auth", mine, "--target-auth", theirs))
        assert set(secure.authorizations()) == {"", f"Basic {mine}"}
        assert set(other.authorizations()) == {"", f"Basic {theirs}"}
        other.seen.clear()
        status, _, _ = run("image copy", *names, "--source-auth", mine)
        assert status == 1
        assert set(other.authorizations()) == {""}


@pytest.mark.parametrize("value", ["%%%", "YWxpY2U=", "OnB3"])
def test_credentials_that_are_none_are_misuse(run, value):
    status, _, err = run("image inspect x --registry-auth", value)
    assert status == 80
    assert "invalid registry-auth: " in err


# failures and misuse


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("image inspect", "missing argument IMAGE"),
        ("image pull", "missing argument IMAGE"),
        ("image build", "missing argument IMAGE"),
        ("image copy a", "missing argument TARGET"),
        ("image pull -p Sometimes a", 'unknown pull policy "Sometimes"'),
        ("image prune --max-size many", 'expected a size such as 500M, got "many"'),
        ("image prune --older-than soon", "invalid duration"),
        ("image inspect -o text a", "must be one of json"),
        ("image frobnicate", 'unknown command "frobnicate"'),
        ("program load image x", "missing flags: --programs"),
    ],
)
def test_misuse_is_told(run, line, said):
    status, out, err = run(line)
    assert status == 80
    assert out.startswith("Usage: bpfman ")
    assert said in err


def test_a_reference_that_is_none_is_a_failure(run):
    status, _, err = run("image inspect A/B:c:d")
    assert status == 1
    assert 'invalid image reference "A/B:c:d"' in err


def test_who_may_do_what_without_root(tmp_path, monkeypatch, capfd, small):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    put_image(small, ELF)
    name = f"{small.host}/acme/meter"
    archive = f"oci-archive:{tmp_path}/x.tar"
    for line in (f"image inspect {name}", f"image copy {name} {archive}", f"image build {archive} {LITTLE}",
                 f"image generate-build-args {LITTLE}"):  # fmt: skip
        assert main(line.split()) == 0, line
    for line in ("image list", f"image pull {name}", f"image remove {name}", "image prune",
                 f"program load image {name} --programs xdp:xdp_stats"):  # fmt: skip
        assert main(line.split()) == 1, line
        assert "must run as root" in capfd.readouterr().err


def test_sizes():
    assert [size(text) for text in ("0", "4096", "1K", "2KiB", "500M", "1GiB")] == [
        0, 4096, 1024, 2048, 500 << 20, 1 << 30,
    ]  # fmt: skip


# progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_for_terminals_and_leaves_nothing_behind(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    terminal = Terminal()
    with Progress(terminal) as progress:
        progress("sha256:0123456789abcdef0123", 2_000_000, 500_000)
        assert terminal.getvalue() == ""  # it has taken no time yet
        now[0] = 1.0
        progress("sha256:0123456789abcdef0123", 2_000_000, 1_000_000)
        progress("sha256:0123456789abcdef0123", 2_000_000, 1_100_000)  # at once: not worth a line
        progress.wipe()
        assert terminal.getvalue().endswith("\r")
    shown = terminal.getvalue().split("\r")
    assert shown[1] == "sha256:0123456789ab [############............] 1.0 MB of 2.0 MB"
    assert shown[2:] == [" " * len(shown[1]), ""]
    assert not Progress(io.StringIO()).visible
    assert not Progress(None).visible
