# SPDX-License-Identifier: Apache-2.0
"""A registry with images that are signed in many ways: well, badly, by others, for others.

Called by the tests that compare what policy.json means here with what it means elsewhere.
"""

from __future__ import annotations

import json

from bpfman.images.digest import digest_of
from bpfman.images.manifest import OCI_INDEX, OCI_MANIFEST
from tests.images.conftest import OBJECTS
from tests.images.samples import config, index, layer, manifest, put_image
from tests.trust import signer
from tests.trust.attaching import attach_payloads
from tests.trust.keys import new_key, pem

ELF = (OBJECTS / "xdp_counter.o").read_bytes()


class World:
    """A registry with images that are signed in many ways, and a user who knows where their signatures are."""

    def __init__(self, registry, folder, gpg) -> None:
        self.registry, self.folder, self.gpg = registry, folder, gpg
        self.host = registry.host
        self.key, self.other_key = new_key(), new_key()
        for name in ("acme", "other"):
            (folder / f"{name}.gpg").write_bytes(gpg.public(name))
            (folder / f"{name}.asc").write_bytes(gpg.public(name, armour=True))
        (folder / "both.gpg").write_bytes(gpg.public("acme", "other"))
        (folder / "key.pub").write_text(pem(self.key))
        self.sigstore = signer.World()
        authority = self.sigstore.authority
        (folder / "log.pub").write_text(pem(self.sigstore.log.key))
        (folder / "ca.pem").write_text("".join(map(pem, reversed(authority.chain))))
        (folder / "root.pem").write_text(pem(authority.root))
        (folder / "intermediate.pem").write_text(pem(authority.intermediate))
        (folder / "other.pub").write_text(pem(self.other_key))
        self.registries_d(f"""
docker:
  {self.host}:
    lookaside: file://{folder}/lookaside
    use-sigstore-attachments: true
  {self.host}/old:
    sigstore: file://{folder}/lookaside
  {self.host}/nowhere:
    lookaside: file://{folder}/nowhere
    use-sigstore-attachments: false
""")

    def name(self, image: str) -> str:
        """The full name of an image; one that ends in @ by its digest."""
        if not image.endswith("@"):
            return f"{self.host}/{image}"
        return f"{self.host}/{image}{digest_of(self.registry.manifests[image[:-1], '1'][1])}"

    def registries_d(self, text: str) -> None:
        path = self.folder / "registries.d"
        path.mkdir(exist_ok=True)
        (path / "test.yaml").write_text(text)

    def image(self, repository: str, tag: str = "1") -> str:
        """An image of its own bytes; gives its digest."""
        return put_image(self.registry, ELF, repository, tag, {"name": f"{repository}:{tag}"})

    def signed(
        self, repository: str, by: str = "acme", *, name: str = "", digest: str = "", tag: str = "1"
    ) -> str:
        """An image with a signature of GPG."""
        own = self.image(repository, tag)
        critical = {
            "type": "atomic container signature",
            "image": {"docker-manifest-digest": digest or own},
            "identity": {"docker-reference": name or f"{self.host}/{repository}:{tag}"},
        }
        body = json.dumps({"critical": critical, "optional": {"creator": "tests"}}).encode()
        self.put_signature(repository, own, self.gpg.sign(by, body))
        return own

    def put_signature(self, repository: str, digest: str, signature: bytes) -> None:
        folder = self.folder / "lookaside" / f"{repository}@{digest.replace(':', '=')}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"signature-{len(list(folder.iterdir())) + 1}").write_bytes(signature)

    def attached(
        self, repository: str, by, *, name: str = "", digest: str = "", own: str = "", logged: bool = False
    ) -> str:
        """An image with a signature as cosign 2 makes them."""
        own = own or self.image(repository)
        signed = self.sigstore.payload(digest or own, name or f"{self.host}/{repository}", by, logged=logged)
        attach_payloads(self.registry, repository, own, [signed])
        return own


def fill(world: World) -> None:
    world.image("acme/plain")
    world.signed("acme/gpg")
    world.signed("old/gpg")
    world.signed("nowhere/gpg")
    world.signed("acme/strange", "other")
    world.signed("acme/renamed", name="registry.example/acme/renamed:1")
    world.signed("acme/another-tag", name=f"{world.host}/acme/another-tag:2")
    world.signed("acme/nameless-tag", name=f"{world.host}/acme/nameless-tag")
    world.signed("acme/another-digest", digest="sha256:" + "0" * 64)
    # A bad one first, then a good one; and what is no signature at all.
    twice = world.signed("acme/twice", "other")
    body = json.dumps({
        "critical": {
            "type": "atomic container signature", "image": {"docker-manifest-digest": twice},
            "identity": {"docker-reference": f"{world.host}/acme/twice:1"},
        }, "optional": {},
    }).encode()  # fmt: skip
    world.put_signature("acme/twice", twice, world.gpg.sign("acme", body))
    junk = world.image("acme/junk")
    world.put_signature("acme/junk", junk, b"no signature")
    changed = world.image("acme/changed")
    message = bytearray(world.gpg.sign("acme", body, "--compress-algo", "none"))
    message[len(message) // 2] ^= 1
    world.put_signature("acme/changed", changed, bytes(message))
    strict = world.image("acme/more-keys")
    more = json.loads(body)
    more["critical"]["image"]["docker-manifest-digest"] = strict
    more["critical"]["identity"]["docker-reference"] = f"{world.host}/acme/more-keys:1"
    more["critical"]["more"] = {}
    world.put_signature("acme/more-keys", strict, world.gpg.sign("acme", json.dumps(more).encode()))
    unsigned = world.image("acme/unsigned-text")
    plain = json.loads(body)
    plain["critical"]["image"]["docker-manifest-digest"] = unsigned
    world.put_signature("acme/unsigned-text", unsigned, json.dumps(plain).encode())

    world.attached("acme/sigstore", world.key)
    world.attached("nowhere/sigstore", world.key)
    world.attached("acme/sigstore-tag", world.key, name=f"{world.host}/acme/sigstore-tag:1")
    world.attached("acme/sigstore-strange", world.other_key)
    world.attached("acme/sigstore-moved", world.key, name="registry.example/acme/x")
    world.attached("acme/sigstore-digest", world.key, digest="sha256:" + "0" * 64)
    world.attached("acme/logged", world.key, logged=True)
    for name, email in (("certified", "dev@acme.example"), ("certified-other", "eve@evil.example")):
        by = world.sigstore.certify(email, "https://issuer.example")
        world.attached(f"acme/{name}", by, logged=True)
    both = world.signed("acme/both")
    world.attached("acme/both", world.key, own=both)

    parts = []
    for architecture in ("amd64", "arm64"):
        configuration = config({}, architecture)
        blob = layer(ELF)
        world.registry.add(configuration)
        world.registry.add(blob)
        parts.append((manifest([blob], configuration), architecture))
    for repository in ("acme/index-root", "acme/index-part"):
        for data, _ in parts:
            world.registry.put(repository, digest_of(data), OCI_MANIFEST, data)
        root = index(parts)
        world.registry.put(repository, digest_of(root), OCI_INDEX, root)
        world.registry.put(repository, "1", OCI_INDEX, root)
        signed = digest_of(root) if repository.endswith("root") else digest_of(parts[0][0])
        world.attached(repository, world.key, own=signed)
