# SPDX-License-Identifier: Apache-2.0
"""The image cache: objects and manifests by digest, shared by every name that leads to them.

    DIRECTORY/sha256_<32 hex>/metadata.json   one image, by the hash of its reference; bytecode.o beside it
    DIRECTORY/blobs/sha256_<64 hex>           what it needs, by digest
    DIRECTORY/tmp/                            what is being written
    DIRECTORY/.lock                           who changes something holds it

Reading takes no lock: a name's metadata appears whole, and what it points at never changes.  Nothing is flushed to
disk on purpose: whatever a power cut leaves is found wrong when it is read, and counts as not there.
"""

from bpfman.images.cache.cache import Cache as Cache
from bpfman.images.cache.entry import Entry as Entry
