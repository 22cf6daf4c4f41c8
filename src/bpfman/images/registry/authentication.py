# SPDX-License-Identifier: Apache-2.0
"""Convinces a registry: basic authentication, and tokens from where it says they are issued.

Called by `registry` with the 401 it got.  Credentials go over TLS only, to the registry's own host or to the realm that
this host names; what is issued there is used for this registry only.

Protocols: Docker Registry v2 authentication (token.md, oauth.md), which the OCI distribution specification refers to.
"""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from bpfman.errors import AccessDenied, RegistryFailed
from bpfman.images import documents, limits
from bpfman.images.registry.addresses import parse_address
from bpfman.images.registry.challenge import parse_challenges
from bpfman.images.registry.hints import login_hint
from bpfman.images.registry.session import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bpfman.images.registry.challenge import Challenge
    from bpfman.images.registry.credentials import Credentials
    from bpfman.images.registry.session import Session

_CLIENT_ID = "bpfman"


class Authentication:
    """What a registry has been told and has given so far.

    `find` gives the user's credentials or None; it is called once, when the registry asks for the first time.
    `environment` is the user's, for the hint of a refusal."""

    def __init__(
        self, session: Session, host: str, secure: bool, find: Callable[[], Credentials | None],
        environment: Mapping[str, str],
    ) -> None:  # fmt: skip
        self._session = session
        self._host = host
        self._secure = secure
        self._find = find
        self._environment = environment
        self._credentials: Credentials | None = None
        self._asked = False
        self._values: dict[str, str] = {}

    @property
    def hint(self) -> str:
        """What a person can do about a refusal."""
        return login_hint(self._host, self._credentials is not None, self._environment)

    def value(self, scope: str) -> str:
        """The Authorization for a scope, as far as known; the empty string for none."""
        return self._values.get(scope, "")

    def satisfy(self, header: str, scope: str) -> bool:
        """Whether something new can be shown after a 401 with this WWW-Authenticate; then `value` has it."""
        if not self._asked and self._secure:
            self._credentials, self._asked = self._find(), True
        challenges = {each.scheme: each for each in reversed(parse_challenges(header))}
        before = self.value(scope)
        if "bearer" in challenges:
            self._values[scope] = f"Bearer {self._token(challenges['bearer'], scope)}"
        elif "basic" in challenges and self._credentials and self._credentials.password:
            self._values[scope] = self._credentials.basic
        return self.value(scope) not in ("", before)

    def _token(self, challenge: Challenge, scope: str) -> str:
        realm = challenge.parameters.get("realm", "")
        address = parse_address(realm, f"a token for the registry {self._host}")
        plain = address is not None and address.may_be_plain and not self._secure
        if address is None or not (plain or address.scheme == "https"):
            raise RegistryFailed(
                f"the registry {self._host} issues tokens at {realm[:200]!r}, which is not https://",
                "credentials are not sent there; ask who runs the registry",
            )
        service = challenge.parameters.get("service", "")
        scopes = _scopes(scope, challenge.parameters.get("scope", ""))
        return self._read_token(self._request(realm, {"service": service} if service else {}, scopes))

    def _request(self, realm: str, asked: Mapping[str, str], scopes: Sequence[str]) -> Request:
        """One scope a parameter where credentials are shown, all in one for OAuth (token.md, oauth.md)."""
        what = f"a token for the registry {self._host}"
        known = self._credentials
        if known and known.identity_token:
            fields = {**asked, "scope": " ".join(scopes), "grant_type": "refresh_token", "client_id": _CLIENT_ID,
                      "refresh_token": known.identity_token}  # fmt: skip
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            body = urlencode(fields).encode()
            return Request("POST", realm, what, limits.MAX_ANSWER, headers, body=body)
        separator = "&" if urlsplit(realm).query else "?"
        url = f"{realm}{separator}{urlencode({**asked, 'scope': scopes}, doseq=True)}"
        return Request("GET", url, what, limits.MAX_ANSWER, authorization=known.basic if known else "")

    def _read_token(self, request: Request) -> str:
        answer = self._session.send(request)
        if answer.status in (400, 401, 403):
            raise AccessDenied(
                f"{request.what}: {urlsplit(request.url).netloc} refuses it (status {answer.status})",
                self.hint,
            )
        if answer.status != 200:
            raise RegistryFailed(
                f"{request.what}: status {answer.status} from {urlsplit(request.url).netloc}"
            )
        found = documents.read_object(answer.body, request.what)
        token = documents.text(found, "token", request.what, "") or documents.text(
            found, "access_token", request.what, ""
        )
        if not token or not token.isascii() or not token.isprintable():
            raise RegistryFailed(f"{request.what}: {urlsplit(request.url).netloc} answers without one")
        return token


def _scopes(ours: str, theirs: str) -> list[str]:
    """What to ask for: what we want to do, and what the registry says beyond that."""
    resource, _, actions = ours.rpartition(":")
    wanted = [ours]
    for each in theirs.split():
        its_resource, _, its_actions = each.rpartition(":")
        if its_resource != resource or set(its_actions.split(",")) - set(actions.split(",")):
            wanted.append(each)
    return wanted
