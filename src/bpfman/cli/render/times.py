# SPDX-License-Identifier: Apache-2.0
"""Times as RFC 3339 in UTC with whole seconds, in text and JSON alike."""

from __future__ import annotations

import time


def rfc3339(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
