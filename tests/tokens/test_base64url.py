"""Base64url in its one canonical spelling."""

from __future__ import annotations

import base64
import binascii

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_signet.tokens import base64url

ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(st.binary(max_size=200))
def test_decoding_is_the_inverse_of_encoding(data: bytes) -> None:
    text = base64url.encode(data)

    assert data == base64url.decode(text)
    assert base64.urlsafe_b64encode(data).rstrip(b"=") == text


@given(st.one_of(st.binary(max_size=12), st.text(ALPHABET.decode(), max_size=12).map(str.encode)))
def test_whatever_decodes_is_the_spelling_that_encoding_gives(text: bytes) -> None:
    """So no two strings decode to the same bytes, and the only exception is ValueError."""
    try:
        data = base64url.decode(text)
    except ValueError:
        return

    assert text == base64url.encode(data)


@pytest.mark.parametrize("length", [2, 3, 4])
def test_exactly_the_last_characters_without_stray_bits_are_taken(length: int) -> None:
    taken = set()
    for last in ALPHABET:
        try:
            base64url.decode(b"A" * (length - 1) + bytes([last]))
        except ValueError:
            continue
        taken.add(last)

    assert {2: set(b"AQgw"), 3: set(b"AEIMQUYcgkosw048"), 4: set(ALPHABET)}[length] == taken


@pytest.mark.parametrize("character", sorted(set(range(256)) - set(ALPHABET)))
@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_no_other_character_is_taken_anywhere(character: int, place: int) -> None:
    for length in (4, 6, 7, 8):
        text = bytearray(b"A" * length)
        text[place] = character
        with pytest.raises(ValueError, match=r".*"):
            base64url.decode(bytes(text))


@pytest.mark.parametrize("character", sorted(set(range(256)) - set(ALPHABET)))
def test_four_other_characters_are_not_passed_over(character: int) -> None:
    """A lenient decoder skips them, and what is left has a length that fits again."""
    for text in (b"A%sA", b"AA%sA", b"AAA%sA"):
        with pytest.raises(ValueError, match=r".*"):
            base64url.decode(text % bytes([character] * 4))


@pytest.mark.parametrize(
    "text", [b"A", b"AAAAA", b"A=", b"AA=", b"AA==", b"AAA=", b"AAAA=", b"AAAA====", b"=", b"===="]
)
def test_lengths_that_nothing_has_and_padding_are_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        base64url.decode(text)


def test_a_text_of_an_impossible_length_says_that_it_is_not_canonical() -> None:
    for text in (b"A", b"AB", b"AAB", b"AAAAA"):
        with pytest.raises(ValueError, match=r"^not canonical base64url$"):
            base64url.decode(text)


def test_nothing_stands_for_nothing() -> None:
    assert b"" == base64url.encode(b"") == base64url.decode(b"")
    assert base64url.Error is binascii.Error
