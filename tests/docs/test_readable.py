"""The pages can be read in the repository, without a build: plain Markdown, each reached by a link of the index."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.markdown import DOCS, README, ROOT, links, pages

INDEX = DOCS / "index.md"
BENCHMARKS = DOCS / "benchmarks.md"


def linked(page: Path) -> set[Path]:
    """Return the files that the links of *page* name."""
    return {(page.parent / link.partition("#")[0]).resolve() for link in links(page) if "://" not in link}


def directives(text: str) -> list[str]:
    """Return what a page says to the builder alone: blocks and roles in braces."""
    return re.findall(r"^(?:```|:::)\{[\w-]+\}|(?:(?<=\s)|(?<=\())\{[\w:]+\}(?=`)", text, re.MULTILINE)


def test_the_index_links_every_page_and_no_other() -> None:
    assert linked(INDEX) == {*DOCS.glob("*.md")} - {INDEX}


def test_the_page_of_benchmarks_links_every_table() -> None:
    assert linked(BENCHMARKS) == {*(DOCS / "benchmarks").glob("*.md")}


def test_readme_leads_to_the_index() -> None:
    assert INDEX in linked(README)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_has_nothing_for_the_builder_alone(page: Path) -> None:
    assert directives(page.read_text("utf-8")) == []


def test_what_is_for_the_builder_alone_is_noticed() -> None:
    text = "```{toctree}\nkeys\n```\n\n:::{note}\n:::\n\nsee {doc}`keys` and `{}` and `/x/{name}`\n"

    assert directives(text) == ["```{toctree}", ":::{note}", "{doc}"]
