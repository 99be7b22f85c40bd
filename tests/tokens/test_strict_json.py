"""JSON that two readers could understand differently is refused; all other JSON is read as ever."""

from __future__ import annotations

import json
import math
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_signet.tokens import strict_json


def loads_object(data: bytes) -> Any:
    return strict_json.loads_object(data)[0]


READERS = [strict_json.loads, loads_object]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)
both = pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)


@both
@given(values, st.sampled_from([None, 1]), st.booleans(), st.booleans())
def test_whatever_can_be_written_is_read_again(
    read: Any, value: Any, indent: int | None, ascii_only: bool, compact: bool
) -> None:
    separators = (",", ":") if compact and not indent else None
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only, separators=separators)

    assert value == read(text.encode())


@both
@given(st.one_of(st.binary(), st.text().map(lambda text: text.encode("utf-8", "surrogatepass"))))
def test_any_bytes_give_a_value_or_a_value_error(read: Any, data: bytes) -> None:
    try:
        value = read(data)
    except ValueError:
        return

    assert value == json.loads(data.decode())


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=5) | st.integers(), min_size=1, max_size=5), st.data())
def test_both_readers_agree_when_a_name_comes_twice(members: dict[str, Any], data: st.DataObject) -> None:
    """The quick one counts quotes instead of names: its arithmetic is what is judged here."""
    name = data.draw(st.sampled_from(sorted(members)))
    ascii_only = data.draw(st.booleans())
    compact = json.dumps(members, separators=(",", ":"), ensure_ascii=ascii_only)
    twice = compact[:-1] + "," + json.dumps(name, ensure_ascii=ascii_only) + ":1}"

    assert members == loads_object(compact.encode())
    for read in READERS:
        with pytest.raises(ValueError, match="a name appears twice"):
            read(twice.encode())


@pytest.mark.parametrize(
    ("text", "nested"),
    [
        ("{}", False),
        ('{"a":1,"b":"c"}', False),
        ('{"a": "\\n"}', False),  # by the strict way
        ('{"a":[]}', True),
        ('{"a":{}}', True),
        ('{"a":"\\n","b":[]}', True),
        ('{"a":"["}', True),  # it may hold one, says a look that takes no time
        ("[]", False),
        ("[[]]", True),
    ],
)
def test_the_quick_reader_says_whether_there_may_be_objects_within(text: str, nested: bool) -> None:
    assert (json.loads(text), nested) == strict_json.loads_object(text.encode())


TWICE = [
    '{"a":1,"a":1}',
    '{"a":1,"a":{"b":1}}',
    '{"a":{"b":1,"b":2}}',
    '{"x":[{"b":1,"b":2}]}',
    '{"a":":","a":1}',
    '{"a":"\\":","a":1}',
    '{"a" :1,"a":1}',
    '{"a"\t:1,"a":1}',
    '{"a"\n:1,"a":1}',
    '{"a"\r:1,"a":1}',
    '{"a":1,"\\u0061":1}',
    '{"":1,"":2}',
]


@both
@pytest.mark.parametrize("text", TWICE)
def test_a_name_twice_is_refused_however_it_is_written(read: Any, text: str) -> None:
    with pytest.raises(ValueError, match=r"^a name appears twice$"):
        read(text.encode())


@both
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_refused(read: Any, number: str) -> None:
    with pytest.raises(ValueError, match=rf"^{number} is not JSON$"):
        read(f'{{"a":{number}}}'.encode())


@both
@pytest.mark.parametrize("number", ["1e400", "-1e400", "1.5e309", "1E999"])
def test_numbers_beyond_all_floats_are_refused(read: Any, number: str) -> None:
    with pytest.raises(ValueError, match=r"^a number is too large$"):
        read(f'{{"a":{number}}}'.encode())


@both
def test_the_largest_and_smallest_floats_are_read(read: Any) -> None:
    text = f'{{"a":{sys.float_info.max!r},"b":1e-999,"c":-0.0}}'

    assert {"a": sys.float_info.max, "b": 0.0, "c": 0.0} == read(text.encode())
    assert -1 == math.copysign(1, read(text.encode())["c"])


@both
@pytest.mark.parametrize("text", ['"\\ud800"', '"\\udc00"', '"\\udc00\\ud800"', '{"\\ud800":1}', '["\\uD800x"]'])
def test_half_a_surrogate_pair_is_refused(read: Any, text: str) -> None:
    with pytest.raises(ValueError, match=r"^half a surrogate pair$"):
        read(text.encode())


@both
def test_a_whole_surrogate_pair_is_one_character(read: Any) -> None:
    assert {"a": "\U0001f600"} == read(b'{"a":"\\ud83d\\ude00"}')


@both
@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"":', '{"a":['])
def test_values_are_read_to_a_depth_of_250_and_no_further(read: Any, opening: str) -> None:
    levels = opening.count("[") + opening.count("{")
    closing = "".join("]" if mark == "[" else "}" for mark in reversed(opening) if mark in "[{")
    for depth in (248, 250, 252, 600, 2_000, 100_000):
        text = opening * (depth // levels) + "1" + closing * (depth // levels)
        if depth <= 250:
            assert read(text.encode()) == json.loads(text)
        else:
            with pytest.raises(ValueError, match=r"^nested too deeply$"):
                read(text.encode())


@both
def test_the_first_refused_depth_is_251(read: Any) -> None:
    assert read(b"[" * 250 + b"]" * 250)
    with pytest.raises(ValueError, match=r"^nested too deeply$"):
        read(b"[" * 251 + b"]" * 251)
    assert read(b'{"a":' + b"[" * 249 + b"]" * 249 + b"}")
    with pytest.raises(ValueError, match=r"^nested too deeply$"):
        read(b'{"a":' + b"[" * 250 + b"]" * 250 + b"}")


MANY = ",".join(["[]"] * 300)


@both
@pytest.mark.parametrize(
    ("text", "depth"),
    [
        ("[" * 249 + MANY + "]" * 249, 250),
        ("[" * 250 + MANY + "]" * 250, 251),
        ("[" + MANY + "," + "[" * 249 + "]" * 249 + "]", 250),
        ("[" + MANY + "," + "[" * 250 + "]" * 250 + "]", 251),
        ("[" * 200 + MANY + "," + "[" * 50 + "]" * 250, 250),
        ("[" * 200 + MANY + "," + "[" * 51 + "]" * 251, 251),
        ('{"":' * 249 + f"[{MANY[3:]}]" + "}" * 249, 251),
        ('{"":' * 248 + f"[{MANY[3:]}]" + "}" * 248, 250),
    ],
)
def test_the_depth_is_counted_exactly_among_many_brackets(read: Any, text: str, depth: int) -> None:
    """What closes counts back by one: neither forgotten nor twice."""
    if depth <= 250:
        assert json.loads(text) == read(text.encode())
    else:
        with pytest.raises(ValueError, match=r"^nested too deeply$"):
            read(text.encode())


@both
def test_brackets_in_texts_and_side_by_side_are_not_deep(read: Any) -> None:
    wide = {"a": "[" * 600, "b": [[]] * 600, "c": ["\\[", '"[{', "[" * 300] * 2, "d\\[" * 300: "{" * 300}

    assert wide == read(json.dumps(wide).encode())
    assert [wide] == read(json.dumps([wide], separators=(",", ":")).encode())


@both
def test_a_value_that_is_read_can_be_walked_from_within_a_request(read: Any) -> None:
    """Sixty frames below, as deep as a real request is."""
    deep = b'{"a":' + b"[" * 249 + b"]" * 249 + b"}"

    def below(frames: int) -> int:
        return below(frames - 1) if frames else depth_of(read(deep)["a"])

    def depth_of(value: list[Any]) -> int:
        return 1 + (depth_of(value[0]) if value else 0)

    assert 249 == below(60)


@both
def test_a_stack_that_is_almost_full_gives_an_error_of_value(read: Any) -> None:
    """With any size of the stack, it is accepted or refused as any other JSON."""
    outcomes = set()
    for room in range(30, 330, 10):
        outcomes.add(at_depth(sys.getrecursionlimit() - room, read, b'{"a":' + b"[" * 200 + b"]" * 200 + b"}"))

    assert {"read", "nested too deeply"} == outcomes


def at_depth(frames: int, read: Any, data: bytes) -> str:
    depth = 0
    frame = sys._getframe()
    while frame.f_back is not None:
        depth, frame = depth + 1, frame.f_back

    def below(left: int) -> str:
        if left > 0:
            return below(left - 1)
        try:
            read(data)
        except ValueError as error:
            return str(error)
        return "read"

    return below(frames - depth)


@both
@pytest.mark.parametrize(
    "text", ["", " ", "{", "}", '{"a":}', '{"a":1,}', "{'a':1}", '{"a":1}x', '{"a":1} {}', "\ufeff{}", "{} \0", "tru"]
)
def test_broken_json_is_refused(read: Any, text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read(text.encode())


@both
@pytest.mark.parametrize("data", [b"\xff", b'{"a":"\xff"}', b'{"a":"\xed\xa0\x80"}', b'\xef\xbb\xbf{"a":1}'])
def test_only_utf8_is_read(read: Any, data: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read(data)


@both
def test_control_characters_in_a_text_are_refused(read: Any) -> None:
    for code in range(32):
        with pytest.raises(ValueError, match=r".*"):
            read(f'{{"a":"{chr(code)}"}}'.encode())


def test_writing_is_compact_and_utf8_is_escaped() -> None:
    assert b'{"a":[1,"\\u00e9"]}' == strict_json.dumps({"a": [1, "é"]})
    for number in (math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError, match=r".*"):
            strict_json.dumps(number)
    with pytest.raises(TypeError):
        strict_json.dumps({"a": object()})
    assert b'{"a":"set"}' == strict_json.dumps({"a": set()}, lambda value: type(value).__name__)
