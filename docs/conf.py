"""How ``make docs`` builds this folder.

The pages are plain Markdown and can be read in the repository. What only the built pages need is added here.
"""

import re

import flask_signet

project = "Flask-Signet"
author = "Flask-Signet contributors"
copyright = "Flask-Signet contributors; MIT licence"
version = release = flask_signet.__version__

extensions = ["myst_parser"]
exclude_patterns = ["_build"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

# The tables of the benchmarks are printed to stand within a larger page; and the highlighter of JSX knows no text in it
# but ASCII.
suppress_warnings = ["myst.header", "misc.highlighting_failure"]

html_theme = "furo"
html_title = f"Flask-Signet {release}"
html_show_sourcelink = False

# These pages list others: the navigation is made from their links.
LISTS = ("index", "benchmarks")
_ITEM = re.compile(r"^- \[[^\]]*\]\(([\w/-]+)\.md\)", re.MULTILINE)
# <!-- built from FILE: mark to mark, mark to mark -->, what the repository shows, <!-- /built -->
_BUILT = re.compile(r"<!-- built from (\S+)(?:: (.+?))? -->\n.*?<!-- /built -->\n", re.DOTALL)


def with_navigation(text):
    """Add a hidden toctree for the list below each heading."""
    trees = ""
    for section in re.split(r"^## ", text, flags=re.MULTILINE):
        pages = _ITEM.findall(section)
        if pages:
            caption = section.partition("\n")[0]
            trees += "\n".join(["", "```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```", ""])
    return text + trees


def with_other_file(match):
    """Return the parts of another file that replace the lines between two marks in a built page."""
    includes = ""
    for part in (match[2] or "").split(", "):
        begin, _, end = part.partition(" to ")
        options = [":relative-images:", ":relative-docs: docs/"]
        if part:
            options += [f":start-after: <!-- {begin} -->", f":end-before: <!-- {end} -->"]
        includes += "\n".join([f"```{{include}} {match[1]}", *options, "```", "", ""])
    return includes


def read_page(app, name, source):
    """Add to a page what only its built version contains."""
    source[0] = _BUILT.sub(with_other_file, source[0])
    if name in LISTS:
        source[0] = with_navigation(source[0])


def setup(app):
    app.connect("source-read", read_page)
