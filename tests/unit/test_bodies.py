"""The parser of bodies: what a dataclass asks for is what comes, or one field is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_signet.exceptions import InvalidRequest
from flask_signet.web.bodies import Body
from flask_signet.web.fields import Note, fields_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    name: Annotated[str, Note(max_length=5, or_name="title")]
    count: int
    paid: bool
    note: str | None = None
    mail: Annotated[str | None, Note(null="")] = None
    way: Literal["post", "van"] = "post"
    copies: int = 1


GOOD: dict[str, Any] = {"name": "book", "count": 3, "paid": True}
BODY = Body(type=Order)


def test_absent_fields_have_their_defaults_and_unknown_ones_are_ignored() -> None:
    assert Order(name="book", count=3, paid=True) == BODY.parse({**GOOD, "roles": ["admin"]})


def test_every_field_comes_in_its_type() -> None:
    given = {**GOOD, "note": "", "mail": "a@b.c", "way": "van", "copies": 2}

    assert Order(**given) == BODY.parse(given)


def test_null_is_what_the_note_says_or_nothing() -> None:
    found = BODY.parse({**GOOD, "note": None, "mail": None})

    assert (None, "") == (found.note, found.mail)


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"name": None}, "name", "is missing"),
        ({"name": ""}, "name", "is empty"),
        ({"name": "a" * 6}, "name", "is longer than 5 characters"),
        ({"name": 1}, "name", "must be a string"),
        ({"name": ["a"]}, "name", "must be a string"),
        ({"count": "3"}, "count", "must be an integer"),
        ({"count": True}, "count", "must be an integer"),
        ({"count": 3.0}, "count", "must be an integer"),
        ({"count": None}, "count", "is missing"),
        ({"paid": 1}, "paid", "must be true or false"),
        ({"note": 1}, "note", "must be a string"),
        ({"note": "a" * 1_025}, "note", "is longer than 1024 characters"),
        ({"way": "pigeon"}, "way", "must be 'post' or 'van'"),
        ({"way": ["post"]}, "way", "must be 'post' or 'van'"),
        ({"way": None}, "way", "must be 'post' or 'van'"),
        ({"copies": None}, "copies", "must be an integer"),
    ],
)
def test_a_wrong_field_is_named_with_the_reason(change: dict[str, Any], field: str, reason: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        BODY.parse({**GOOD, **change})

    assert ({field: reason}, f"{field} {reason}") == (caught.value.fields, str(caught.value))


def test_the_first_wrong_field_in_the_order_of_the_dataclass_is_named() -> None:
    with pytest.raises(InvalidRequest, match="name is missing"):
        BODY.parse({"paid": 1, "count": "x"})


def test_unknown_fields_are_refused_where_the_body_says_so() -> None:
    body = Body(type=Order, unknown=("Something cannot be ordered", "cannot be ordered"))
    with pytest.raises(InvalidRequest, match="Something cannot be ordered") as caught:
        body.parse({"wings": 1, "name": 1, "horns": 2})

    assert {"wings": "cannot be ordered", "horns": "cannot be ordered"} == caught.value.fields
    assert BODY.parse(GOOD) == body.parse(GOOD)


def test_another_name_counts_only_where_the_route_says_so_and_the_own_name_is_absent() -> None:
    other = {"title": "song", "count": 3, "paid": True}
    assert "song" == BODY.parse(other, by_other_names=True).name
    assert "book" == BODY.parse({**other, "name": "book"}, by_other_names=True).name
    with pytest.raises(InvalidRequest, match="title is missing"):
        BODY.parse({"count": 3}, by_other_names=True)
    with pytest.raises(InvalidRequest, match="name is missing"):
        BODY.parse(other)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(["name", "count", "paid", "note", "mail", "way", "copies", "other"]), VALUES))
def test_whatever_comes_is_an_order_or_a_refusal(found: dict[str, Any]) -> None:
    named: set[str] = set()
    order = None
    try:
        order = BODY.parse(found)
    except InvalidRequest as error:
        named = set(error.fields)

    if order is None:
        assert 1 == len(named & {"name", "count", "paid", "note", "mail", "way", "copies"})
    else:
        assert [str, int, bool, int] == [type(value) for value in (order.name, order.count, order.paid, order.copies)]
        assert order.way in ("post", "van")


def test_the_fields_of_an_answer_know_which_may_be_absent() -> None:
    class Always(TypedDict):
        id: int | str

    class Answer(Always, total=False):
        mail: str | None

    found = [(field.name, field.types, field.required, field.nullable) for field in fields_of(Answer)]

    assert [("id", (int, str), True, False), ("mail", (str,), False, True)] == found


def test_what_has_no_fields_is_refused() -> None:
    with pytest.raises(TypeError, match="must be a dataclass or a TypedDict"):
        fields_of(int)
