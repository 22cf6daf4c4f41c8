# SPDX-License-Identifier: Apache-2.0
"""Fetches a sigstore instance's trusted root by TUF, and keeps it in a file that verification then reads offline.

Called when somebody asks for it, never while an image is verified: what a machine trusts does not change behind its
back.  Needs the package `tuf`.  Which keys may say what the public instance's root is, is in public_root.json.
"""

from __future__ import annotations

import os
from contextlib import suppress

from bpfman.errors import TrustMaterialError, Unsupported
from bpfman.images.trust.demand import Instance
from bpfman.images.trust.material import material_of

PUBLIC_MIRROR = "https://tuf-repo-cdn.sigstore.dev"
_TARGET = "trusted_root.json"
_ROOT_HINT = "it is the root.json that whoever runs the instance publishes"


def update_trusted_root(path: str, mirror: str = PUBLIC_MIRROR, root: bytes | None = None) -> bool:
    """Write the trusted root that `mirror` has into the file `path`; gives whether it is another than before.

    `root` is the root.json of TUF that is believed at first, the public instance's if None.  What TUF has to remember
    so that nobody can go back to older keys is kept beside the file, in `path`.tuf.  TrustMaterialError for whatever
    is wrong; the file stays as it was."""
    try:
        from tuf.api.exceptions import DownloadError, RepositoryError
        from tuf.ngclient.updater import Updater
    except ImportError:
        raise Unsupported(
            "fetching a trusted root needs the package tuf", "pip install 'bpfman[sigstore]'"
        ) from None
    if root is not None:
        _check_root(root)
    memory = f"{path}.tuf"
    try:
        os.makedirs(memory, mode=0o755, exist_ok=True)
        updater = Updater(memory, mirror, memory, f"{mirror}/targets/", bootstrap=root or _public_root())
        updater.refresh()
        target = updater.get_targetinfo(_TARGET)
        if target is None:
            raise TrustMaterialError(f"{mirror} has no {_TARGET}", "it is a TUF repository of something else")
        updater.download_target(target, new := f"{path}.new")
    except (DownloadError, RepositoryError) as error:
        raise TrustMaterialError(
            f"the trusted root cannot be had from {mirror}: {_why(error)}",
            "what was there before goes on being used; check the network and the proxy, or try again later",
        ) from None
    except OSError as error:
        raise TrustMaterialError(f"{path} cannot be written: {error.strerror or error}") from None
    return _put(new, path)


def _check_root(root: bytes) -> None:
    """Whether it can be what TUF begins with, so that a wrong file is not taken for a wrong mirror."""
    from tuf.api.exceptions import RepositoryError
    from tuf.api.metadata import Metadata

    try:
        kind = Metadata.from_bytes(root).signed.type
    except RepositoryError as error:
        raise TrustMaterialError(f"the given root is none of TUF: {error}", _ROOT_HINT) from None
    if kind != "root":
        raise TrustMaterialError(f"the given root is none of TUF: it is its {kind}", _ROOT_HINT)


def _why(error: Exception) -> str:
    """In words; TUF wraps what the network says into errors without any."""
    from bpfman.images.registry.connection import innermost

    return str(error) or innermost(error) or type(error).__name__


def _public_root() -> bytes:
    with open(os.path.join(os.path.dirname(__file__), "public_root.json"), "rb") as file:
        return file.read()


def _put(new: str, path: str) -> bool:
    """Put the new file in the place of the old one, if it is a trusted root."""
    try:
        with open(new, "rb") as file:
            data = file.read()
        material_of(Instance(path, data))
        before = _read(path)
        os.replace(new, path)
    except OSError as error:
        raise TrustMaterialError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        with suppress(FileNotFoundError):
            os.unlink(new)
    return data != before


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
