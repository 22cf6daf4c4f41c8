# SPDX-License-Identifier: Apache-2.0
"""Makes images of object files: which files for which platform, the image's documents, an SBOM.

Called for `image build` and `image generate-build-args`.  What comes out depends on the objects, on what was asked for
and on SOURCE_DATE_EPOCH, and on nothing else: the same bytes on every machine.
"""
