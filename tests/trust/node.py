# SPDX-License-Identifier: Apache-2.0
"""A machine that loads images: its configuration, its cache, its kernel, its audit trail.

Names nothing of how trust is decided, so that what is asserted here holds however that is done.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from bpfman.images.pulling import IF_NOT_PRESENT
from bpfman.images.transport.location import Access
from bpfman.manager.images import Images
from bpfman.manager.trail import Trail
from bpfman.model.program import ProgramSpec
from tests.images.conftest import HASTE, OBJECTS
from tests.images.samples import layer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpfman.manager.manager import Manager
    from bpfman.model.audit import AuditEvent
    from bpfman.model.program import Program
    from tests.images.small_registry import SmallRegistry

OBJECT = OBJECTS / "xdp_counter.o"
ELF = OBJECT.read_bytes()
LAYER = layer(ELF)
STATS = [ProgramSpec("xdp", "xdp_stats")]


class Node:
    """`config` is the file; `folder` holds it, the cache and whatever the test puts there."""

    def __init__(self, manager: Manager, folder: Path, environment: Mapping[str, str]) -> None:
        self.manager, self.folder = manager, folder
        self.environment = dict(environment)
        self.config = folder / "bpfman.toml"
        self.cache = folder / "cache"
        self.policy: Path | None = None  # a policy.json
        self.warnings: list[str] = []
        self.configure()

    def configure(self, *lines: str) -> None:
        """Write [signing]; without lines, nobody is named and unsigned images are accepted."""
        policy = f'"{self.policy}"' if self.policy else "false"
        self.config.write_text("\n".join(["[signing]", f"containers_policy = {policy}", *lines, ""]))

    def believe(self, root: bytes, identity: str, issuer: str, *lines: str) -> None:
        """One person, certified by the instance of a trusted root; by default it takes no image that nobody signed."""
        (self.folder / "trusted_root.json").write_bytes(root)
        whom = {"certificate_identity": identity, "certificate_oidc_issuer": issuer}
        table = ", ".join(f"{key} = {json.dumps(value)}" for key, value in whom.items())
        self.configure(
            f'trusted_root = "{self.folder}/trusted_root.json"',
            f"trusted_identities = [{{ {table} }}]",
            *_strictly(lines),
        )

    def believe_key(self, key: Path | str, *lines: str) -> None:
        self.configure(f"keys = [{json.dumps(str(key))}]", *_strictly(lines))

    def require(self, scope: str, requirement: Mapping[str, object]) -> None:
        """By policy.json: this of images in the scope, and no others."""
        self.policy = self.folder / "policy.json"
        body = {"default": [{"type": "reject"}], "transports": {"docker": {scope: [requirement]}}}
        self.policy.write_text(json.dumps(body))
        registries = Path(self.environment["HOME"], ".config/containers/registries.d")
        registries.mkdir(parents=True, exist_ok=True)
        (registries / "default.yaml").write_text("default-docker: {use-sigstore-attachments: true}\n")
        self.configure()

    @property
    def images(self) -> Images:
        """As one command has it; each reads the configuration anew."""
        access = Access(environment=self.environment, patience=HASTE)
        return Images(
            str(self.cache),
            access=access,
            config=str(self.config),
            layout=self.manager.layout,
            warn=self.warnings.append,
        )

    def load(self, image: str, policy: str = IF_NOT_PRESENT) -> Program:
        (program,) = self.images.load(self.manager, image, STATS, policy=policy)
        return program

    # what is there

    def events(self) -> list[AuditEvent]:
        return list(Trail(self.manager.layout, str(self.config)).events())

    def cached_files(self) -> list[str]:
        """Whatever in the cache is more than its own order."""
        found = [name for _, _, names in os.walk(self.cache) for name in names]
        return [name for name in found if not name.endswith(("lock", "version", "CACHEDIR.TAG"))]

    def holds_nothing(self) -> None:
        assert self.manager.programs() == []
        assert self.images.cached() == []
        assert self.cached_files() == []


def _strictly(lines: tuple[str, ...]) -> tuple[str, ...]:
    said = any(line.startswith("allow_unsigned") for line in lines)
    return lines if said else ("allow_unsigned = false", *lines)


def fetched_layers(registry: SmallRegistry) -> list[str]:
    """The requests for what the image holds."""
    return [path for path in registry.paths() if re.search("blobs/", path) and _is_layer(registry, path)]


def _is_layer(registry: SmallRegistry, path: str) -> bool:
    return registry.blobs.get(path.rpartition("/")[2]) == LAYER
