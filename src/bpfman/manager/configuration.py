# SPDX-License-Identifier: Apache-2.0
"""The configuration file, TOML with the sections [signing], [audit] and [logging].

Read only when something needs it or when it was named with --config or BPFMAN_CONFIG: nothing that `program` and
`link` commands do depends on it, and parsing TOML would cost them more than their work.
"""

from __future__ import annotations

import os

from bpfman.errors import ConfigurationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CONFIG_PATH = "/etc/bpfman/bpfman.toml"


def read_config(path: str) -> dict[str, Any]:
    """The file's tables.  Sections that bpfman does not know are left alone: older files have some."""
    import tomllib

    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise ConfigurationError(f"cannot read the configuration file {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the configuration file {path} is not valid TOML: {error}") from None


def read_config_if_there(path: str) -> dict[str, Any]:
    """The file's tables; none where there is no such file."""
    return read_config(path) if os.path.lexists(path) else {}
