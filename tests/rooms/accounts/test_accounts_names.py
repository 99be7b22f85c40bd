"""User names: one canonical form, or a refusal."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_signet.accounts import names
from flask_signet.exceptions import InvalidRequest


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("alesanchezr", "alesanchezr"),
        ("Admin", "admin"),
        ("\uff21\uff24\uff2d\uff29\uff2e", "admin"),
        ("Juliet@Example.COM", "juliet@example.com"),
        ("\u212aevin", "kevin"),  # the Kelvin sign
        ("Fußball", "fußball"),
        ("\u03a3\u0399", "\u03c3\u03b9"),
        ("e\u0301lan", "élan"),
        ("משה", "משה"),
        ("a.b-c_d+e", "a.b-c_d+e"),
    ],
)
def test_names_and_their_canonical_form(typed: str, key: str) -> None:
    assert names.canonical(typed) == key


@pytest.mark.parametrize(
    "bad",
    [
        "",
        " ",
        "two words",
        " admin",
        "admin ",
        "admin\n",
        "admin\0",
        "ad\u200bmin",  # zero width space
        "ad\u200dmin",  # zero width joiner
        "ad\u00admin",  # soft hyphen
        "\u202eadmin",  # right-to-left override
        "\ufeffadmin",
        "admin\u2028",
        "ᴮᴵᴳ",
        "ﬁnal",
        "Ⓚevin",
        "♚",
        "1משה",  # begins with a digit, continues from right to left
        "\ud800",
        "a" * 129,
    ],
)
def test_what_can_be_no_name_is_refused(bad: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        names.canonical(bad)

    assert list(caught.value.fields) == ["username"]


def test_look_alikes_that_are_letters_of_their_own_stay_apart() -> None:
    """The profile folds case and width, not scripts: a dotless i is no i, a Cyrillic o no o."""
    assert len({names.canonical(name) for name in ("igor", "\u0131gor", "ig\u043er")}) == 3


@given(st.text(max_size=130))
def test_a_canonical_name_is_its_own_canonical_form(typed: str) -> None:
    """Any input gives a stable form in NFC that fits the column, or our refusal."""
    try:
        key = names.canonical(typed)
    except InvalidRequest:
        return

    assert names.canonical(key) == key == unicodedata.normalize("NFC", key)
    assert 0 < len(key) <= 255
    assert len(names.shown(typed)) <= 255


def test_published_vectors_of_username_case_mapped(shared_data: Path) -> None:
    """Golden results of the profile (RFC 8265 section 3.3); those of a newer Unicode than Python's are left out.

    A form that changes when it is mapped once more is taken on to where it rests (RFC 8264 section 7).
    """
    unicode_version = float(".".join(unicodedata.unidata_version.split(".")[:2]))
    cases = [
        case
        for case in json.loads((shared_data / "precis" / "golden.json").read_text())
        if case["profile"] == "UsernameCaseMapped" and case.get("unicode_version", 0) <= unicode_version
    ]
    wrong: list[object] = []
    for case in cases:
        typed = case["input"].encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        try:
            found = names.canonical(typed)
        except InvalidRequest:
            found = None
        expected = case["output"]
        if found != expected and not (expected is not None and len(typed) > names.MAX_LENGTH):
            wrong.append((case, found))

    assert len(cases) > 300
    assert wrong == []
