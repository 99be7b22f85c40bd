"""What ``flask signet doctor`` finds, made of an error's words."""

from __future__ import annotations

import pytest

from flask_signet.findings import Finding, from_message


@pytest.mark.parametrize(
    ("message", "summary", "line"),
    [
        ("It is wrong", "It is wrong.", None),
        ("The tables are old. Run: flask signet db upgrade", "The tables are old.", "flask signet db upgrade"),
        ("A and B clash. Write: A = True.", "A and B clash.", "A = True"),
    ],
)
def test_the_line_to_write_is_taken_out_of_the_words_of_an_error(message: str, summary: str, line: str | None) -> None:
    expected = Finding(code="x", level="error", summary=summary, line_to_write=line, page="keys.md")

    assert from_message("x", "error", message, "keys.md") == expected
