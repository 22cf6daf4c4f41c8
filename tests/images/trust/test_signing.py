# SPDX-License-Identifier: Apache-2.0
"""What is signed is found and good, in a registry, a layout, an archive; and the commands that do it."""

from __future__ import annotations

import json
import os
import stat

import pytest

from bpfman.cli.main import main
from bpfman.errors import InvalidRequest, Unsigned
from bpfman.images.transport.location import Access, open_source, parse_location
from bpfman.images.trust.demand import Demand, Key, SignedName
from bpfman.images.trust.private_key import make_key_pair
from bpfman.images.trust.signatures import find, signature_tag
from bpfman.images.trust.verifying import verify
from bpfman.manager.images import Images, SigningKey
from tests.images.conftest import HASTE, OBJECTS
from tests.images.small_registry import small_registry
from tests.images.trust import cosign_key

NOW = 1_700_000_000.0
PAIR = make_key_pair(b"")
LAYOUTS = ("bundle", "tag")


@pytest.fixture
def access(environment):
    return Access(None, environment, HASTE)


@pytest.fixture
def store(tmp_path, access):
    return Images(str(tmp_path / "cache"), access=access)


@pytest.fixture(params=["registry", "registry without referrers", "layout", "archive"])
def image(request, tmp_path, store):
    """The name of an image that has two platforms, in each place that can hold one."""
    objects = [f"linux/{name}={OBJECTS / 'xdp_counter.o'}" for name in ("amd64", "arm64")]
    with small_registry() as registry:
        registry.has_referrers = request.param == "registry"
        name = {
            "layout": f"oci:{tmp_path / 'layout'}:1",
            "archive": f"oci-archive:{tmp_path / 'archive.tar'}:1",
        }.get(request.param, f"{registry.host}/acme/meter:1")
        store.build(name, objects)
        yield name


def signing_key(pair=PAIR):
    return SigningKey(pair.private, "the key", lambda: pytest.fail("it is not encrypted"))


def judged(image, access, pair=PAIR, digest="", **demand):
    location = parse_location(image)
    with open_source(location, access) as source:
        found = find(source, digest or source.manifest().digest)
    keys = (Key(pair.public, "the key"),)
    return verify(found, location.reference, Demand(keys=keys, **demand), NOW)


def there(image, access):
    with open_source(parse_location(image), access) as source:
        return find(source, source.manifest().digest).signatures


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_is_signed_is_good(image, store, access, layout):
    with pytest.raises(Unsigned):
        judged(image, access)
    [signed] = store.sign(image, signing_key(), layout=layout, annotations={"rev": "7"})
    assert not signed.was
    verified = judged(image, access)
    assert (verified.layout, verified.annotations) == (layout, {"rev": "7"})
    reference = parse_location(image).reference
    assert verified.name == (reference.name if reference else "")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_second_time_nothing_is_added(image, store, access, layout):
    for _ in range(2):
        signed = store.sign(image, signing_key(), layout=layout)
    assert signed[0].was
    assert len(there(image, access)) == 1
    store.sign(image, signing_key(), layout=layout, annotations={"rev": "7"})
    store.sign(image, signing_key(make_key_pair(b"")), layout=layout)
    assert len(there(image, access)) == 3, "another key, or something else said"


def test_both_layouts_side_by_side(image, store, access):
    for layout in LAYOUTS:
        store.sign(image, signing_key(), layout=layout)
    assert [each.layout for each in there(image, access)] == ["bundle", "tag"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_platform(image, store, access, layout):
    root, *platforms = store.sign(image, signing_key(), layout=layout, recursive=True)
    assert len(platforms) == 2
    for each in (root, *platforms):
        assert judged(image, access, digest=each.digest).layout == layout


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_image_is_still_the_only_one_there(image, store, layout):
    """A layout lists signatures beside images."""
    _, before = store.inspect(image)
    store.sign(image, signing_key(), layout=layout, recursive=True)
    unnamed = image.removesuffix(":1") if image.startswith("oci") else image
    assert store.inspect(unnamed)[1].digest == before.digest


@pytest.mark.parametrize("layout", LAYOUTS)
def test_signatures_travel_with_the_image(image, store, access, layout, tmp_path):
    store.sign(image, signing_key(), layout=layout)
    target = f"oci:{tmp_path / 'copy'}:1"
    store.copy(image, target)
    assert judged(target, access).layout == layout


@pytest.mark.parametrize("layout", LAYOUTS)
def test_another_name(store, access, tmp_path, layout):
    image = f"oci:{tmp_path / 'layout'}:1"
    store.build(image, [str(OBJECTS / "xdp_counter.o")])
    store.sign(image, signing_key(), layout=layout, name="quay.io/acme/meter")
    exact = SignedName("exactRepository", "quay.io/acme/meter", nameless=False)
    assert judged(image, access, name=exact).name == "quay.io/acme/meter"


def test_an_image_that_is_not_there(store, tmp_path):
    from bpfman.errors import ImageError

    with pytest.raises(ImageError):
        store.sign(f"oci:{tmp_path / 'nothing'}", signing_key())
    assert not (tmp_path / "nothing").exists()


# the commands


@pytest.fixture
def run(tmp_path, capfd, monkeypatch, environment):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COSIGN_PASSWORD", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def command(*words: str):
        directories = ["--image-cache-dir", str(tmp_path / "cache"), "--runtime-dir", str(tmp_path / "run")]
        status = main([*words, *directories])
        out, err = capfd.readouterr()
        return status, out, err

    return command


@pytest.fixture
def layout(tmp_path, store):
    name = f"oci:{tmp_path / 'layout'}:1"
    store.build(name, [str(OBJECTS / "xdp_counter.o")])
    return name


def test_a_key_pair_and_a_signature_by_it(run, monkeypatch, layout, tmp_path, access):
    monkeypatch.setenv("COSIGN_PASSWORD", "pw")
    assert run("image", "generate-key-pair", "acme") == (0, "wrote: acme.key\nwrote: acme.pub\n", "")
    assert stat.S_IMODE(os.stat("acme.key").st_mode) == 0o600
    status, out, err = run("image", "sign", "--key", "acme.key", "--annotation", "rev=7", layout)
    assert (status, err) == (0, "")
    assert out.startswith(f"signed: {layout} sha256:")
    assert run("image", "sign", "--key", "acme.key", "--annotation", "rev=7", layout)[1].startswith(
        "signed already"
    )
    public = (tmp_path / "acme.pub").read_bytes()
    assert judged(layout, access, PAIR._replace(public=public)).annotations == {"rev": "7"}


def test_as_json(run, layout, tmp_path):
    (tmp_path / "k").write_bytes(PAIR.private)
    out = run("image", "sign", "--key", "k", "-o", "json", layout)[1]
    [signed] = json.loads(out)
    assert signed["was_signed"] is False


def test_a_key_in_the_environment(run, layout, monkeypatch, access):
    monkeypatch.setenv("SIGNING_KEY", PAIR.private.decode())
    assert run("image", "sign", "--key", "env://SIGNING_KEY", layout)[0] == 0
    assert judged(layout, access)
    status, _, err = run("image", "sign", "--key", "env://OTHER", layout)
    assert (status, "OTHER" in err) == (1, True)


def test_a_key_is_never_written_over(run, tmp_path, monkeypatch):
    monkeypatch.setenv("COSIGN_PASSWORD", "")
    (tmp_path / "acme.pub").write_text("mine")
    status, _, err = run("image", "generate-key-pair", "acme")
    assert (status, "acme.pub exists" in err) == (1, True)
    assert sorted(os.listdir(tmp_path)) == ["acme.pub", "home"]
    assert (tmp_path / "acme.pub").read_text() == "mine"


def test_a_password_that_nobody_can_be_asked_for(run, layout, tmp_path, monkeypatch):
    (tmp_path / "k").write_bytes(cosign_key.PRIVATE)
    with open(os.devnull) as nobody:
        monkeypatch.setattr("sys.stdin", nobody)
        for words in (["sign", "--key", "k", layout], ["generate-key-pair"]):
            status, _, err = run("image", *words)
            assert (status, "COSIGN_PASSWORD" in err) == (1, True)


def test_a_password_typed_on_a_terminal(run, layout, tmp_path, monkeypatch):
    (tmp_path / "k").write_bytes(cosign_key.PRIVATE)
    asked = []

    def ask(prompt):
        asked.append(prompt)
        return "secret"

    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda self: True})())
    monkeypatch.setattr("getpass.getpass", ask)
    assert run("image", "sign", "--key", "k", layout)[0] == 0
    assert asked == ["Password of k: "]
    assert run("image", "generate-key-pair", "mine")[0] == 0
    assert len(asked) == 3, "a new one is typed twice"


@pytest.mark.parametrize("words", [["--key", "missing"], ["--key", "."], []])
def test_a_key_that_cannot_be_read(run, layout, words):
    status, _, err = run("image", "sign", *words, layout)
    assert status != 0
    assert "key" in err


def test_a_key_with_too_much_behind_it(run, layout, tmp_path):
    (tmp_path / "large").write_bytes(PAIR.private + b"\n" * (1 << 16))
    status, _, err = run("image", "sign", "--key", "large", layout)
    assert (status, "large cannot be read: it has more than 65536 bytes" in err) == (1, True)


def test_the_tag_is_where_cosign_looks():
    assert signature_tag("sha256:" + "ab" * 32) == "sha256-" + "ab" * 32 + ".sig"


def test_a_layout_that_is_an_image_itself_is_not_changed(store, tmp_path):
    store.build(
        f"oci:{tmp_path / 'layout'}:1",
        [f"linux/{each}={OBJECTS / 'xdp_counter.o'}" for each in ("amd64", "arm64")],
    )
    index = tmp_path / "layout" / "index.json"
    [root] = json.loads(index.read_bytes())["manifests"]
    own = (tmp_path / "layout" / "blobs" / root["digest"].replace(":", "/")).read_bytes()
    index.write_bytes(own)
    for layout in LAYOUTS:
        with pytest.raises(InvalidRequest, match="itself the index"):
            store.sign(f"oci:{tmp_path / 'layout'}", signing_key(), layout=layout)
    assert index.read_bytes() == own
