"""Every link inside the project leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.docs.markdown import DOCS, ROOT, anchors, links, pages


def broken(page: Path) -> list[str]:
    """Return the links of *page* that lead nowhere."""
    found: list[str] = []
    for link in links(page):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            found.append(link)
    return found


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_a_broken_link_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# One\n\n[here](#one) [no](#two) [gone](other.md) [out](https://example.com/x)\n")

    assert broken(page) == ["#two", "other.md"]


def test_sections_that_the_source_names_exist() -> None:
    """Error messages and the doctor name pages and sections as ``page.md#section``."""
    sources = [path.read_text("utf-8") for path in sorted((ROOT / "src").rglob("*.py"))]
    named = {match for text in sources for match in re.findall(r"\b([a-z-]+\.md)#([\w-]+)", text)}

    assert len(named) > 10
    assert {(page, section) for page, section in named if section not in anchors(DOCS / page)} == set()
