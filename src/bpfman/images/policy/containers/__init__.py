# SPDX-License-Identifier: Apache-2.0
"""The rules that podman, skopeo and buildah keep too: policy.json, and registries.d for where signatures are.

Called by `rules`.  The same policy accepts and refuses the same images here and there (containers-policy.json(5),
containers-registries.d(5), containers/image's `signature` package).
"""
