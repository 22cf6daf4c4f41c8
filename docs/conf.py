# SPDX-License-Identifier: Apache-2.0
"""How Sphinx makes the documentation: `make docs`, then docs/_build/html/index.html."""

from __future__ import annotations

import bpfman

project = "bpfman"
author = "The bpfman authors"
version = release = bpfman.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc"]
myst_heading_anchors = 3
html_theme = "furo"
html_title = "bpfman"
exclude_patterns = ["_build"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
# Pages are read on their own too, where links to files beside docs/ work.
suppress_warnings = ["myst.xref_missing"]
