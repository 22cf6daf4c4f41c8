# SPDX-License-Identifier: Apache-2.0
"""What a person can do about a registry that refuses.

Called with a 401 or 403 in hand.  The usual reason is that credentials are not where they are looked for: under sudo
the home directory is root's, and a variable may name a file that is not there.
"""

from __future__ import annotations

import os

from bpfman.images.reference import is_loopback
from bpfman.images.registry.credentials import auth_files

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


def login_hint(host: str, with_credentials: bool, environment: Mapping[str, str]) -> str:
    if with_credentials:
        return "the credentials that were found are not good for it: log in again (`podman login`), or ask for access"
    if is_loopback(host):
        return (
            "credentials are not sent without TLS: give the registry a certificate and put its authority into"
            f" /etc/containers/certs.d/{host}/ca.crt"
        )
    named = environment.get("REGISTRY_AUTH_FILE")
    if named and not os.path.exists(named):
        return f"REGISTRY_AUTH_FILE names {named}, which does not exist"
    if others := _of_caller(environment):
        return f"this is root, who has none for it; yours are used with `sudo REGISTRY_AUTH_FILE={others} bpfman ...`"
    return (
        f"`podman login {host}` as the user that runs this command (under sudo that is root, with root's home), "
        "or name a file with REGISTRY_AUTH_FILE"
    )


def _of_caller(environment: Mapping[str, str]) -> str:
    """Where the user who called sudo keeps credentials; empty for nobody, and nowhere."""
    import pwd

    try:
        user = pwd.getpwnam(environment.get("SUDO_USER", ""))
    except KeyError:
        return ""
    theirs = {"HOME": user.pw_dir, "XDG_RUNTIME_DIR": f"/run/user/{user.pw_uid}"}
    return next(filter(os.path.exists, auth_files(theirs)), "") if user.pw_uid else ""
