# SPDX-License-Identifier: Apache-2.0
"""How much is believed: what a registry or a file may make us read, keep and unpack.

Bytes, unless a name says otherwise.  Each is far above what images of bytecode have and far below what hurts; what is
beyond is an ImageTooLarge that names it.
"""

from __future__ import annotations

import errno

MAX_OBJECT = 16 << 20  # an object file
MAX_BLOB = 32 << 20  # one blob as it comes
MAX_UNPACKED = 64 << 20  # a layer or an archive once decompressed
MAX_DOCUMENT = 4 << 20  # a manifest, index or configuration, as registries limit them too
MAX_ANSWER = 1 << 20  # a token, an error
MAX_MANIFESTS = 1000  # entries of an index
MAX_LAYERS = 128  # Docker's own bound
MAX_INDEX_DEPTH = 3  # an index in an index in an index
MAX_INDEXES = 16  # looked into for one image
MAX_TAR_ENTRIES = 10_000
MAX_REFERRERS = 1000
MAX_PAGES = 50  # of a list that a registry gives page by page
MAX_SIGNATURES = 50  # that are looked at, of one image
MAX_EVIDENCE = 1 << 20  # a bundle, or a signed payload


def read_file(path: str, limit: int) -> bytes:
    """All of a file.  OSError also where it has more bytes than `limit`: then `strerror` says so."""
    with open(path, "rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit} bytes", path)
    return data
