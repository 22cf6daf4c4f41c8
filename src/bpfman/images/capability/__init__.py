# SPDX-License-Identifier: Apache-2.0
"""What bytecode can do, found in the bytecode itself: the capability manifest.

Called by what builds, inspects and admits images, with code that somebody else took out of the object file.  A
publisher may claim what he likes; this reads instructions.  It errs on one side only: what it cannot rule out, it says
that the program may do.
"""

from bpfman.images.capability.manifest import CapabilityManifest as CapabilityManifest
from bpfman.images.capability.manifest import ProgramCapabilities as ProgramCapabilities
from bpfman.images.capability.manifest import capabilities_of as capabilities_of
