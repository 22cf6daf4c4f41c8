# SPDX-License-Identifier: Apache-2.0
"""Images outside of registries: OCI layouts in a directory or an archive, and what `docker save` writes.

Called through `location`, which tells them apart by skopeo's names (`oci:`, `oci-archive:`, `docker-archive:`).  An
archive is read into memory, bounded; nothing of it is extracted to a disk.
"""
