# SPDX-License-Identifier: Apache-2.0
"""What strangers may put into a registry, and what registries may do, one name each; `make(small)` brings it about."""

from __future__ import annotations

import gzip
import json
import tarfile
from typing import NamedTuple

from backports import zstd

from bpfman.errors import (
    AccessDenied,
    DigestMismatch,
    ImageError,
    ImageNotFound,
    ImageTooLarge,
    MalformedImage,
    NoBytecode,
    ObjectError,
    PlatformMissing,
    RegistryFailed,
)
from bpfman.images import limits
from bpfman.images.digest import digest_of
from bpfman.images.manifest import OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST
from tests.images.conftest import OBJECTS
from tests.images.samples import config, described, index, layer, manifest, put_image, tar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.images.small_registry import Action, SmallRegistry

ELF = (OBJECTS / "xdp_counter.o").read_bytes()
OTHER = (OBJECTS / "xdp_pass.o").read_bytes()


class Bad(NamedTuple):
    make: Callable[[SmallRegistry], None]
    error: type[Exception]
    said: str  # the step that failed, as a pattern


def answer(path: str, action: Action, method: str = "GET") -> Callable[[SmallRegistry], None]:
    """An image that would be good, in a registry that answers otherwise."""

    def make(small: SmallRegistry) -> None:
        put_image(small, OTHER)
        small.always(method, path, action)

    return make


def refuse(status: int, path: str = "") -> Callable[[SmallRegistry], None]:
    return answer(path, lambda h: h.refuse(status, "NO"))


def blob(data: bytes) -> Callable[[SmallRegistry], None]:
    """An image with this for its layer."""

    def make(small: SmallRegistry) -> None:
        put_image(small, b"", blob=data)

    return make


def entry(kind: bytes, name: str = "x.o", target: str = "") -> bytes:
    """A layer with a good object and something else in it."""
    other, good = tarfile.TarInfo(name), tarfile.TarInfo("good.o")
    other.type, other.linkname, good.size = kind, target, 4
    return gzip.compress(tar([good, other]))


def described_layer(size: int) -> Callable[[SmallRegistry], None]:
    """A good layer whose size is said to be another."""

    def make(small: SmallRegistry) -> None:
        data, configuration = layer(OTHER), config()
        small.add(data)
        small.add(configuration)
        body = json.loads(manifest([], configuration))
        body["layers"] = [described(data, OCI_LAYER_GZIP, size=len(data) + size)]
        small.put("acme/meter", "latest", OCI_MANIFEST, json.dumps(body).encode())

    return make


def document(data: bytes, media_type: str = OCI_MANIFEST) -> Callable[[SmallRegistry], None]:
    return lambda small: _put(small, data, media_type)


def _put(small: SmallRegistry, data: bytes, media_type: str) -> None:
    small.put("acme/meter", "latest", media_type, data)


def nested(small: SmallRegistry) -> None:
    """An index in an index, and so on."""
    put_image(small, OTHER)
    data = small.manifests["acme/meter", "latest"][1]
    for _ in range(limits.MAX_INDEX_DEPTH + 2):
        data = index([(data, "amd64")]).replace(OCI_MANIFEST.encode(), OCI_INDEX.encode())
        _put(small, data, OCI_INDEX)


def loop(small: SmallRegistry) -> None:
    """An index that lists itself, as far as the registry may lie."""
    data = index([(b"itself", "amd64")])
    small.always("GET", "manifests", lambda h: h.reply(200, data, Content_Type=OCI_INDEX))


def another_platform(small: SmallRegistry) -> None:
    put_image(small, OTHER)
    _put(small, index([(small.manifests["acme/meter", "latest"][1], "riscv64")]), OCI_INDEX)


def no_layers(small: SmallRegistry) -> None:
    small.add(config())
    _put(small, manifest([], config()), OCI_MANIFEST)


def gone(small: SmallRegistry) -> None:
    put_image(small, OTHER)
    del small.blobs[digest_of(layer(OTHER))]


def changing(small: SmallRegistry) -> None:
    """A blob that breaks off, and is another one when it goes on."""
    put_image(small, OTHER)
    data = layer(OTHER)
    other = data[:-40] + bytes(40)
    small.misbehave("GET", "/blobs/" + digest_of(data), lambda h: h.begin_and_break(data, len(data) // 2))
    small.always("GET", "/blobs/" + digest_of(data), lambda h: h._send_blob(other))


_BOMB = bytes(limits.MAX_UNPACKED + 1)

BAD = {
    "nothing there": Bad(lambda small: None, ImageNotFound, "the manifest of .* does not exist"),
    "a blob that is gone": Bad(gone, ImageNotFound, "blob sha256.* does not exist"),
    "401": Bad(refuse(401), AccessDenied, "the manifest of .*status 401"),
    "403": Bad(refuse(403), AccessDenied, "the manifest of .*status 403"),
    "403 for a blob": Bad(refuse(403, "/blobs/"), AccessDenied, "blob sha256.*status 403"),
    "404": Bad(refuse(404), ImageNotFound, "the manifest of .* does not exist"),
    "429": Bad(refuse(429), RegistryFailed, "the manifest of .* is asked too often"),
    "500": Bad(refuse(500), RegistryFailed, "the manifest of .*status 500"),
    "503 for a blob": Bad(refuse(503, "/blobs/"), RegistryFailed, "blob sha256.*status 503"),
    "hung": Bad(
        answer("manifests", lambda h: h.hang()), RegistryFailed, "the manifest of .* no answer within"
    ),
    "hung in a blob": Bad(
        answer("/blobs/", lambda h: h.hang()), RegistryFailed, "blob sha256.* no answer within"
    ),
    "redirects in a circle": Bad(
        answer("/blobs/", lambda h: h.reply(307, Location=h.path)),
        RegistryFailed,
        "blob sha256.* redirects more",
    ),
    "truncated": Bad(
        answer("/blobs/", lambda h: h.begin_and_break(b"x" * 99, 9)), ImageError, "blob sha256.* broke off"
    ),
    "tampered": Bad(answer("/blobs/", lambda h: h.reply(200, b"x")), DigestMismatch, "blob sha256"),
    "another one when it goes on": Bad(changing, DigestMismatch, "blob sha256"),
    "larger than described": Bad(described_layer(-1), ImageTooLarge, "blob sha256"),
    "smaller than described": Bad(described_layer(1), DigestMismatch, "blob sha256"),
    "oversized": Bad(described_layer(limits.MAX_BLOB), ImageTooLarge, "blob sha256.* more than"),
    "no manifest": Bad(document(b"{}"), MalformedImage, "the manifest of"),
    "a web page": Bad(document(b"<html>", "text/html"), RegistryFailed, "the manifest of .* with a web page"),
    "an index in an index in an index": Bad(nested, MalformedImage, "more than 3 deep"),
    "an index that lists itself": Bad(loop, DigestMismatch, "the manifest of"),
    "another platform": Bad(another_platform, PlatformMissing, "found in image index"),
    "no layers": Bad(no_layers, NoBytecode, "no layers"),
    "no object": Bad(blob(layer(b"text", "README")), NoBytecode, "no BPF bytecode"),
    "no elf": Bad(blob(layer(b"text", "x.o")), ObjectError, "the object in .* not an ELF file"),
    "an executable": Bad(blob(layer(b"\x7fELF\2\1\1" + bytes(100))), ObjectError, "the object in"),
    "a program of another machine": Bad(
        blob(layer(ELF[:18] + b"\x3e\0" + ELF[20:])), ObjectError, "the object in .* BPF"
    ),
    "wrong byte order": Bad(
        blob((OBJECTS / "xdp_counter.be.o").read_bytes()), ObjectError, "expected ELFDATA2LSB"
    ),
    "a bomb": Bad(blob(gzip.compress(_BOMB)), ImageTooLarge, "layer sha256.* unpacks to more"),
    "a bomb of zstd": Bad(blob(zstd.compress(_BOMB)), ImageTooLarge, "layer sha256.* unpacks to more"),
    "an object that is too large": Bad(
        blob(layer(ELF + bytes(limits.MAX_OBJECT))), ImageTooLarge, "layer sha256.* an object may have"
    ),
    "a path that leaves": Bad(blob(entry(tarfile.REGTYPE, "../x.o")), MalformedImage, "leads out"),
    "an absolute path": Bad(blob(entry(tarfile.REGTYPE, "/etc/x.o")), MalformedImage, "leads out"),
    "a symbolic link": Bad(
        blob(entry(tarfile.SYMTYPE, target="/etc/shadow")), MalformedImage, "symbolic link"
    ),
    "a hard link": Bad(blob(entry(tarfile.LNKTYPE, target="good.o")), MalformedImage, "hard link"),
    "a device": Bad(blob(entry(tarfile.BLKTYPE)), MalformedImage, "block device"),
    "a pipe": Bad(blob(entry(tarfile.FIFOTYPE)), MalformedImage, "a pipe"),
    "a name twice": Bad(blob(entry(tarfile.REGTYPE, "./good.o")), MalformedImage, "twice"),
    "damaged packing": Bad(blob(layer(ELF)[:-20]), MalformedImage, "layer sha256.* ends early"),
}
