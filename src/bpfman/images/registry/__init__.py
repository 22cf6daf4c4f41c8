# SPDX-License-Identifier: Apache-2.0
"""The registry client: OCI distribution over urllib3.

Called by what pulls, pushes, copies and inspects, and by nothing on the way of a cached image: importing it imports
OpenSSL.  Credentials go to the registry they are for and to where it issues tokens, over TLS, and nowhere else.
What arrives is bounded while it arrives, and checked against its digest before anybody sees it.
"""

from bpfman.images.registry.connection import Patience as Patience
from bpfman.images.registry.registry import Registry as Registry
