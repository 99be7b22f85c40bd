"""How ``make docs`` builds this folder."""

import flask_signet

project = "Flask-Signet"
author = "Flask-Signet contributors"
copyright = "Flask-Signet contributors; MIT licence"
version = release = flask_signet.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# The tables of the benchmarks are printed to stand within a larger page; and the highlighter of JSX knows no text in it
# but ASCII.
suppress_warnings = ["myst.header", "misc.highlighting_failure"]

autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints = "signature"
autodoc_default_options = {"show-inheritance": True}

html_theme = "furo"
html_title = f"Flask-Signet {release}"
html_show_sourcelink = False
