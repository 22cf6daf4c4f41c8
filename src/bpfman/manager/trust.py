# SPDX-License-Identifier: Apache-2.0
"""The rules of this machine, out of its files: [signing] of the configuration file, and policy.json.

Called by `images` once for each, when it needs them.  A file that is there is enforced; one that cannot be read or
understood is an error, and nothing is loaded from images until it is put right.
"""

from __future__ import annotations

from bpfman.images.policy.rules import Rules
from bpfman.images.policy.signing import default_signing, read_signing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

    from bpfman.images.policy.containers.requirement import Policy


def machine_rules(
    config: Mapping[str, object], path: str, environment: Mapping[str, str], cache_dir: str
) -> Rules:
    """The rules by what stands in the configuration file at `path`, and policy.json unless that leaves it out.

    ConfigurationError for what cannot be understood."""
    signing = read_signing(config["signing"], path) if "signing" in config else default_signing(path)
    containers = _containers_policy(signing.containers_policy, environment)
    return Rules(signing, containers, environment, cache_dir)


def _containers_policy(path: str | None, environment: Mapping[str, str]) -> Policy | None:
    from bpfman.images.policy.containers.policy import find_policy, read_policy

    if path is None:
        return None
    found = path or find_policy(environment)
    return None if found is None else read_policy(found)
