"""Read what the documentation shows: fenced blocks, tables, links, sessions of a terminal."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
README = ROOT / "README.md"
DOCS = ROOT / "docs"

_FENCE = re.compile(r"^```([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block.

    :param language: the word after the fence.
    :param line: line of the file at which its text begins.
    """

    page: Path
    language: str
    text: str
    line: int

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One command of a terminal and the lines that it is shown to print."""

    command: str
    shown: tuple[str, ...]


def pages() -> list[Path]:
    """Return README and every page of the documentation."""
    return [README, *sorted(DOCS.glob("*.md"))]


def blocks(page: Path, language: str) -> list[Block]:
    """Return the fenced blocks of *page* in this language; signatures have the language ``py`` and are no programs."""
    text = page.read_text("utf-8")
    return [
        Block(page=page, language=match[1], text=match[2], line=text.count("\n", 0, match.start()) + 2)
        for match in _FENCE.finditer(text)
        if match[1] == language
    ]


def steps(block: Block) -> list[Step]:
    """Return the commands of a ``console`` block, each with what follows it."""
    found: list[tuple[str, list[str]]] = []
    for line in block.text.replace("\\\n", "").splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line:
            found[-1][1].append(line)
    return [Step(command=command, shown=tuple(shown)) for command, shown in found]


def rows(page: Path, *, within: str | None = None) -> list[list[str]]:
    """Return the cells of every table row of *page*, heads left out.

    :param within: text of the heading whose section alone is read, subsections included.
    """
    text = page.read_text("utf-8")
    if within is not None:
        level, _, rest = re.split(rf"^(#+) {re.escape(within)}$", text, maxsplit=1, flags=re.MULTILINE)[1:], "", ""
        mark, rest = level
        text = re.split(rf"^#{{1,{len(mark)}}} ", rest, maxsplit=1, flags=re.MULTILINE)[0]
    found: list[list[str]] = []
    lines = text.splitlines()
    for number, line in enumerate(lines):
        after = lines[number + 1] if number + 1 < len(lines) else ""
        if line.startswith("|") and not _is_rule(line) and not _is_rule(after):
            found.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return found


def code(cell: str) -> list[str]:
    """Return what stands between backticks in *cell*."""
    return _CODE.findall(cell)


def links(page: Path) -> list[str]:
    """Return the targets of all links and images of *page*, blocks left out."""
    return _LINK.findall(_FENCE.sub("", page.read_text("utf-8")))


def anchors(page: Path) -> set[str]:
    """Return what a link may name after the ``#`` of *page*, as the builder and the usual hosts make it."""
    text = _FENCE.sub("", page.read_text("utf-8"))
    headings = re.findall(r"^#{1,3} (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.replace("`", "").lower()).replace(" ", "-") for heading in headings}


def shows(shown: tuple[str, ...], printed: str) -> bool:
    """Tell whether the lines of the page come in *printed*, in this order; ``…`` stands for any text."""
    remaining = iter(line.strip() for line in printed.splitlines())
    return all(
        any(re.fullmatch(".*?".join(map(re.escape, wanted.split("…"))), line) for line in remaining) for wanted in shown
    )


def _is_rule(line: str) -> bool:
    return line.startswith("|") and not line.strip("|-: ")
