# SPDX-License-Identifier: Apache-2.0
"""Images and policies, to be asked about each other.

`{}` stands for the folder of keys, `<host>` for the registry, and `<name>` for what is in the file of that name.  An
image that ends in @ is asked for by its digest."""

from __future__ import annotations

ANYTHING, REJECT = {"type": "insecureAcceptAnything"}, {"type": "reject"}

IMAGES = [
    "acme/plain:1", "acme/gpg:1", "acme/gpg@", "old/gpg:1", "nowhere/gpg:1", "acme/strange:1", "acme/renamed:1",
    "acme/another-tag:1", "acme/another-tag@", "acme/nameless-tag:1", "acme/nameless-tag@", "acme/another-digest:1",
    "acme/twice:1", "acme/junk:1", "acme/changed:1", "acme/more-keys:1", "acme/unsigned-text:1", "acme/sigstore:1",
    "acme/sigstore@", "nowhere/sigstore:1", "acme/sigstore-tag:1", "acme/sigstore-strange:1", "acme/sigstore-moved:1",
    "acme/sigstore-digest:1", "acme/both:1", "acme/logged:1", "acme/certified:1",
    "acme/certified-other:1", "acme/index-root:1", "acme/index-part:1",
]  # fmt: skip


def gpg(**more):
    source = {} if {"keyData", "keyPaths"} & set(more) else {"keyPath": "{}/acme.gpg"}
    return {"type": "signedBy", "keyType": "GPGKeys", **source, **more}


def sigstore(**more):
    others = {"keyData", "keyPaths", "keyDatas", "fulcio", "pki"}
    return {"type": "sigstoreSigned", **({} if others & set(more) else {"keyPath": "{}/key.pub"}), **more}


def named(kind, **more):
    return {"type": kind, **more}


GPG = {
    "anything": [ANYTHING],
    "reject": [REJECT],
    "anything and reject": [ANYTHING, REJECT],
    "one": [gpg()],
    "armoured": [gpg(keyPath="{}/acme.asc")],
    "inline": [gpg(keyData="<acme.gpg>")],
    "two keys": [gpg(keyPath="{}/both.gpg")],
    "both": [gpg(), gpg(keyPath="{}/other.gpg")],
    "exact": [gpg(signedIdentity=named("matchExact"))],
    "repository": [gpg(signedIdentity=named("matchRepository"))],
    "reference": [
        gpg(signedIdentity=named("exactReference", dockerReference="registry.example/acme/renamed:1"))
    ],
    "one repository": [
        gpg(signedIdentity=named("exactRepository", dockerRepository="registry.example/acme/renamed"))
    ],
    "remapped": [
        gpg(signedIdentity=named("remapIdentity", prefix="<host>/acme", signedPrefix="registry.example/acme"))
    ],
    "remapped host": [
        gpg(signedIdentity=named("remapIdentity", prefix="<host>", signedPrefix="registry.example"))
    ],
    "remapped elsewhere": [
        gpg(signedIdentity=named("remapIdentity", prefix="<host>/ac", signedPrefix="registry.example/acme"))
    ],
    "other kinds of keys": [gpg(keyType="X509Certificates")],
    "no such key": [gpg(keyPath="{}/nothing.gpg")],
    "no keyring": [gpg(keyPath="{}/key.pub")],
    "base layer": [{"type": "signedBaseLayer", "baseLayerIdentity": named("matchExact")}],
}

SIGSTORE = {
    "keyrings": [gpg(keyPaths=["{}/other.gpg", "{}/acme.asc"])],
    "key": [sigstore()],
    "inline": [sigstore(keyData="<key.pub>")],
    "keys": [sigstore(keyPaths=["{}/other.pub", "{}/key.pub"], signedIdentity=named("matchRepository"))],
    "keys, inline": [sigstore(keyDatas=["<other.pub>", "<key.pub>"], signedIdentity=named("matchRepository"))],
    "repository": [sigstore(signedIdentity=named("matchRepository"))],
    "exact": [sigstore(signedIdentity=named("matchExact"))],
    "one repository": [
        sigstore(signedIdentity=named("exactRepository", dockerRepository="registry.example/acme/x"))
    ],
    "other key": [sigstore(keyPath="{}/other.pub", signedIdentity=named("matchRepository"))],
    "sigstore and gpg": [gpg(), sigstore(signedIdentity=named("matchRepository"))],
    "no such key": [sigstore(keyPath="{}/nothing.pub")],
    "no key": [sigstore(keyPath="{}/acme.gpg")],
    "with a log": [sigstore(rekorPublicKeyPath="{}/log.pub", signedIdentity=named("matchRepository"))],
    "with another log": [sigstore(rekorPublicKeyPath="{}/other.pub", signedIdentity=named("matchRepository"))],
    "with one of two logs": [
        sigstore(rekorPublicKeyDatas=["<other.pub>", "<log.pub>"], signedIdentity=named("matchRepository"))
    ],
    "fulcio": [
        sigstore(
            fulcio={
                "caPath": "{}/ca.pem", "oidcIssuer": "https://issuer.example", "subjectEmail": "dev@acme.example"
            },
            rekorPublicKeyPath="{}/log.pub",
            signedIdentity=named("matchRepository"),
        )
    ],
    "pki": [
        sigstore(
            pki={
                "caRootsPath": "{}/root.pem", "caIntermediatesPath": "{}/intermediate.pem",
                "subjectEmail": "dev@acme.example",
            },
            signedIdentity=named("matchRepository"),
        )
    ],
    "pki, inline, the chain beside it": [
        sigstore(
            pki={"caRootsData": "<root.pem>", "subjectEmail": "dev@acme.example"},
            signedIdentity=named("matchRepository"),
        )
    ],
    "pki, somebody else": [
        sigstore(
            pki={"caRootsPath": "{}/root.pem", "subjectEmail": "ceo@acme.example"},
            signedIdentity=named("matchRepository"),
        )
    ],
    "pki, a host": [
        sigstore(
            pki={"caRootsPath": "{}/root.pem", "subjectHostname": "acme.example"},
            signedIdentity=named("matchRepository"),
        )
    ],
    "fulcio, somebody else": [
        sigstore(
            fulcio={
                "caPath": "{}/ca.pem", "oidcIssuer": "https://issuer.example", "subjectEmail": "ceo@acme.example"
            },
            rekorPublicKeyPath="{}/log.pub",
            signedIdentity=named("matchRepository"),
        )
    ],
    "fulcio, another issuer": [
        sigstore(
            fulcio={
                "caPath": "{}/ca.pem", "oidcIssuer": "https://other.example", "subjectEmail": "dev@acme.example"
            },
            rekorPublicKeyPath="{}/log.pub",
            signedIdentity=named("matchRepository"),
        )
    ],
}  # fmt: skip

# What skopeo is asked too, which takes longer.
FEW = ("one", "armoured", "both", "exact", "repository", "reference", "remapped", "no keyring")
# Which of these accept none of the images.
NOBODY = {
    "reject", "anything and reject", "other kinds of keys", "no such key", "no keyring",
    "base layer", "no key", "with another log", "fulcio, somebody else", "fulcio, another issuer",
    "pki, somebody else", "pki, a host",
}  # fmt: skip

PLAIN = ("acme/plain:1", "old/gpg:1", "nowhere/gpg:1", "acme/gpg:1", "acme/gpg@")
# Scopes, each of which is the only way in.
SCOPES = [
    "", "<host>", "<host>/acme", "<host>/acme/plain", "<host>/acme/plain:1", "<host>/acme/plain:2", "<host>/ac",
    "<host>/acme/", "127.0.0.1", "*.0.0.1", "*.0.1", "*.1", "*", "*.127.0.0.1", "*.0.0.1/acme", "acme", "<HOST>",
    "<host>/acme/gpg@sha256:" + "0" * 64, "<host>/acme/gpg@<digest>",
]  # fmt: skip
# Below the folder with layouts and archives.
PATHS = ["", "{}", "{}/layout", "{}/layout:1", "{}/archive.tar", "{}/archive.tar:1", "{}/nothing", "{}/link"]
OPTIONAL = {"oci": "{}/layout:1", "oci-archive": "{}/archive.tar:1", "docker-archive": "{}/docker.tar"}


def top(**more):
    return {"default": [ANYTHING], **more}


BAD = {
    "nothing": "",
    "no JSON": "{",
    "an array": [],
    "null": "null",
    "more far behind it": '{"default": [{"type": "insecureAcceptAnything"}]}' + " " * (4 << 20) + "x",
    "more behind it": '{"default": [{"type": "reject"}]} {}',
    "no default": {},
    "an empty default": {"default": []},
    "default is no array": {"default": ANYTHING},
    "default is null": {"default": None},
    "an unknown key": top(defaults=[]),
    "a key in capitals": top(Transports={}),
    "default twice": '{"default": [{"type": "reject"}], "default": [{"type": "insecureAcceptAnything"}]}',
    "transports is an array": top(transports=[]),
    "a transport is an array": top(transports={"docker": []}),
    "a transport twice": '{"default": [{"type": "reject"}], "transports": {"docker": {}, "docker": {}}}',
    "an empty scope": top(transports={"docker": {"": []}}),
    "a scope twice": '{"default": [{"type": "reject"}], "transports": {"docker": {"": [{"type": "reject"}], "": []}}}',
    "a relative path": top(transports={"oci": {"a/b": [ANYTHING]}}),
    "the root": top(transports={"oci": {"/": [ANYTHING]}}),
    "a path with dots": top(transports={"oci-archive": {"/a/../b": [ANYTHING]}}),
    "a path that ends in a slash": top(transports={"dir": {"/a/": [ANYTHING]}}),
    "a scope of docker-archive": top(transports={"docker-archive": {"/a": [ANYTHING]}}),
    "no type": {"default": [{}]},
    "an unknown type": {"default": [{"type": "acceptAnything"}]},
    "a type that is a number": {"default": [{"type": 3}]},
    "a type that is an array": {"default": [{"type": ["reject"]}]},
    "a requirement that is a text": {"default": ["reject"]},
    "one bad of two": {"default": [ANYTHING, {"type": "nothing"}]},
    "reject with a key": {"default": [{"type": "reject", "keyPath": "/x"}]},
    "anything with a key": {"default": [{**ANYTHING, "signedIdentity": named("matchExact")}]},
    "signedBy without keyType": {"default": [{"type": "signedBy", "keyPath": "/x"}]},
    "signedBy of an unknown keyType": {"default": [gpg(keyType="gpgKeys")]},
    "signedBy without a key": {"default": [{"type": "signedBy", "keyType": "GPGKeys"}]},
    "signedBy with two": {"default": [gpg(keyPath="/x", keyData="eA==")]},
    "signedBy with an unknown key": {"default": [gpg(keypath="/x")]},
    "no base64": {"default": [gpg(keyData="!")]},
    "no ASCII": {"default": [gpg(keyData="\x80")]},
    "a null identity": {"default": [gpg(signedIdentity=None)]},
    "an identity that is a text": {"default": [gpg(signedIdentity="matchExact")]},
    "an identity of no type": {"default": [gpg(signedIdentity={})]},
    "an identity of an unknown type": {"default": [gpg(signedIdentity=named("matchAll"))]},
    "matchExact with more": {
        "default": [gpg(signedIdentity=named("matchExact", dockerReference="a.example/b:1"))]
    },
    "exactReference without one": {"default": [gpg(signedIdentity=named("exactReference"))]},
    "exactReference without a tag": {
        "default": [gpg(signedIdentity=named("exactReference", dockerReference="a.example/b"))]
    },
    "exactReference that is none": {
        "default": [gpg(signedIdentity=named("exactReference", dockerReference="A!:1"))]
    },
    "exactRepository that is none": {
        "default": [gpg(signedIdentity=named("exactRepository", dockerRepository="A!"))]
    },
    "remapIdentity without a prefix": {
        "default": [gpg(signedIdentity=named("remapIdentity", prefix="a.example"))]
    },
    "remapIdentity with a tag": {
        "default": [
            gpg(signedIdentity=named("remapIdentity", prefix="a.example/b:1", signedPrefix="c.example"))
        ]
    },
    "remapIdentity of nothing": {
        "default": [gpg(signedIdentity=named("remapIdentity", prefix="", signedPrefix="c.example"))]
    },
    "sigstoreSigned without a key": {"default": [{"type": "sigstoreSigned"}]},
    "sigstoreSigned with two": {"default": [sigstore(keyPath="/x", keyData="eA==")]},
    "sigstoreSigned with a keyType": {"default": [sigstore(keyType="GPGKeys")]},
    "base layer without an identity": {"default": [{"type": "signedBaseLayer"}]},
    "no keyPaths": {"default": [sigstore(keyPaths=[])]},
    "keyDatas that are none": {"default": [sigstore(keyDatas=["!"])]},
    "two logs": {"default": [sigstore(rekorPublicKeyPath="/x", rekorPublicKeyData="eA==")]},
    "no logs": {"default": [sigstore(rekorPublicKeyPaths=[])]},
    "fulcio without a log": {
        "default": [sigstore(fulcio={"caPath": "/x", "oidcIssuer": "https://x", "subjectEmail": "a@x"})]
    },
    "fulcio without an authority": {
        "default": [sigstore(fulcio={"oidcIssuer": "https://x", "subjectEmail": "a@x"}, rekorPublicKeyPath="/x")]
    },
    "fulcio with two": {
        "default": [
            sigstore(
                fulcio={"caPath": "/x", "caData": "eA==", "oidcIssuer": "https://x", "subjectEmail": "a@x"},
                rekorPublicKeyPath="/x",
            )
        ]
    },
    "fulcio without an issuer": {
        "default": [sigstore(fulcio={"caPath": "/x", "subjectEmail": "a@x"}, rekorPublicKeyPath="/x")]
    },
    "fulcio without a subject": {
        "default": [sigstore(fulcio={"caPath": "/x", "oidcIssuer": "https://x"}, rekorPublicKeyPath="/x")]
    },
    "fulcio with an unknown key": {
        "default": [
            sigstore(
                fulcio={"caPath": "/x", "oidcIssuer": "https://x", "subjectEmail": "a@x", "subject": "b"},
                rekorPublicKeyPath="/x",
            )
        ]
    },
    "fulcio and a key": {
        "default": [
            sigstore(
                keyPath="/x",
                fulcio={"caPath": "/x", "oidcIssuer": "https://x", "subjectEmail": "a@x"},
                rekorPublicKeyPath="/x",
            )
        ]
    },
    "pki without a subject": {"default": [sigstore(pki={"caRootsPath": "/x"})]},
    "pki without roots": {"default": [sigstore(pki={"subjectEmail": "a@x"})]},
    "pki with a log": {
        "default": [sigstore(pki={"caRootsPath": "/x", "subjectEmail": "a@x"}, rekorPublicKeyPath="/x")]
    },
    "pki with two sorts of intermediates": {
        "default": [
            sigstore(
                pki={
                    "caRootsPath": "/x", "caIntermediatesPath": "/x", "caIntermediatesData": "eA==",
                    "subjectEmail": "a@x",
                }
            )
        ]
    },
}  # fmt: skip
