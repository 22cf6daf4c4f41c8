# SPDX-License-Identifier: Apache-2.0
"""Where users keep the credentials of registries: podman's and Docker's files, and the helpers these name.

Called by the session when a registry asks.  The first file that exists is the only one consulted, as podman and Docker
do it; in it the most specific entry wins (`quay.io/acme/tools` before `quay.io`).

Formats: containers-auth.json(5); Docker's config.json with auths, credHelpers and credsStore.
"""

from __future__ import annotations

import base64
import os

from bpfman.errors import ImageError, InvalidRequest, MalformedImage
from bpfman.images import documents
from bpfman.images.home import home_of
from bpfman.images.limits import MAX_ANSWER, read_file
from bpfman.images.reference import DOCKER_HUB
from bpfman.model.value import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

# The names under which Docker, podman and their helpers keep Docker Hub.
_HUB_KEYS = ("docker.io", "index.docker.io", "registry-1.docker.io")
_HUB_SERVER = "https://index.docker.io/v1/"
_TOKEN_USER = "<token>"  # what helpers answer when the secret is an identity token


class Credentials(NamedTuple):
    """A user and a password, or an identity token that is exchanged for access tokens."""

    username: str
    password: str
    identity_token: str = ""

    def __repr__(self) -> str:  # never in a log or a traceback
        return f"Credentials({self.username!r}, ...)"

    @property
    def basic(self) -> str:
        """The value of an Authorization header."""
        pair = f"{self.username}:{self.password}".encode()
        return "Basic " + base64.b64encode(pair).decode()


def parse_registry_auth(text: str) -> Credentials:
    """`--registry-auth`: base64 of user:password; InvalidRequest says what is wrong, and never the value."""
    try:
        pair = base64.b64decode(text.strip(), validate=True).decode()
    except ValueError:
        raise _invalid_auth("it is not base64 of text") from None
    username, colon, password = pair.partition(":")
    if not (colon and username and password):
        raise _invalid_auth("expected user:password, both not empty")
    return Credentials(username, password)


def _invalid_auth(why: str) -> InvalidRequest:
    return InvalidRequest(f"invalid registry-auth: {why}", "printf %s USER:PASSWORD | base64 -w0 makes one")


def find_credentials(registry: str, repository: str, environment: Mapping[str, str]) -> Credentials | None:
    """What the user's files have for a repository; None to ask anonymously.  ImageError for a file that is broken."""
    path = next((path for path in auth_files(environment) if os.path.exists(path)), None)
    if path is None:
        return None
    found = _read(path)
    helper = _helper_of(found, registry, path)
    if helper:
        from bpfman.images.registry.helper import ask

        server = _HUB_SERVER if registry == DOCKER_HUB else registry
        answer = ask(helper, server, path, environment)
        if answer is not None:
            return _of_secret(*answer)
    return _entry(documents.object_at(found, "auths", path), registry, repository, path)


def auth_files(environment: Mapping[str, str]) -> Iterator[str]:
    """Where credentials may be, in the order of who wins.

    Without XDG_RUNTIME_DIR, as under sudo, podman keeps them in /run/containers/UID."""
    home = home_of(environment)
    if named := environment.get("REGISTRY_AUTH_FILE"):
        yield named
    runtime = environment.get("XDG_RUNTIME_DIR")
    yield f"{runtime}/containers/auth.json" if runtime else f"/run/containers/{os.geteuid()}/auth.json"
    yield f"{environment.get('XDG_CONFIG_HOME') or f'{home}/.config'}/containers/auth.json"
    yield f"{environment.get('DOCKER_CONFIG') or f'{home}/.docker'}/config.json"


def _read(path: str) -> dict[str, Any]:
    try:
        data = read_file(path, MAX_ANSWER)
    except OSError as error:
        raise ImageError(
            f"cannot read the credentials in {path}: {error.strerror}",
            "mend the file or its permissions, or name another with REGISTRY_AUTH_FILE",
        ) from None
    return documents.read_object(data, path) if data.strip() else {}


def _helper_of(found: Mapping[str, Any], registry: str, path: str) -> str:
    """The helper for this registry, or for all; the empty string for none."""
    helpers = documents.strings(found, "credHelpers", path)
    for key in _keys_of(registry):
        if key in helpers:
            return helpers[key]
    return documents.text(found, "credsStore", path, "")


def _keys_of(registry: str) -> tuple[str, ...]:
    return _HUB_KEYS if registry == DOCKER_HUB else (registry,)


def _entry(auths: Mapping[str, Any], registry: str, repository: str, path: str) -> Credentials | None:
    by_name = {_normal(key): key for key in reversed(list(auths))}
    for name in _scopes(registry, repository):
        if name in by_name:
            return _of_entry(documents.object_at(auths, by_name[name], path), f"{path}: {by_name[name]}")
    return None


def _normal(key: str) -> str:
    """Docker's keys may be URLs: https://quay.io/v1/ means quay.io."""
    for scheme in ("https://", "http://"):
        if key.startswith(scheme):
            return key.removeprefix(scheme).partition("/")[0]
    return key.rstrip("/")


def _scopes(registry: str, repository: str) -> Iterator[str]:
    """registry/acme/tools/meter, registry/acme/tools, registry/acme, registry."""
    parts = repository.split("/")
    for count in range(len(parts), -1, -1):
        for key in _keys_of(registry):
            yield "/".join((key, *parts[:count]))


def _of_entry(entry: Mapping[str, Any], where: str) -> Credentials | None:
    token = documents.text(entry, "identitytoken", where, "")
    username = documents.text(entry, "username", where, "")
    password = documents.text(entry, "password", where, "")
    if encoded := documents.text(entry, "auth", where, ""):
        try:
            username, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:
            raise MalformedImage(f"{where}: auth is not base64 of user:password", "log in again") from None
        password = password.rstrip("\0")
    if token:
        return Credentials(username, "", token)
    return Credentials(username, password) if username or password else None


def _of_secret(username: str, secret: str) -> Credentials:
    return Credentials("", "", secret) if username == _TOKEN_USER else Credentials(username, secret)
