"""Rows 12 to 17: one token, several readings; invalid JSON; base64url in other spellings."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest

from flask_signet.tokens import strict_json
from tests.attacks.world import NOW, Victim, b64, claims, unb64

GOOD_CLAIMS = json.dumps(claims())
GOOD_HEADER = '{"alg":"HS256","typ":"JWT","kid":"test-HS256"}'


@pytest.mark.parametrize(
    "header",
    [
        '{"alg":"none","alg":"HS256","typ":"JWT","kid":"test-HS256"}',
        '{"alg":"HS256","alg":"none","kid":"test-HS256"}',
        '{"alg":"HS256","alg":"HS256","kid":"test-HS256"}',
        '{"alg":"HS256","kid":"x","kid":"test-HS256"}',
        '{"alg":"HS256","kid":"test-HS256","a":{"b":1,"b":2}}',
        '{"alg":"HS256","\\u0061lg":"none","kid":"test-HS256"}',
    ],
)
def test_row_12_a_name_twice_in_the_header(victim: Victim, header: str) -> None:
    victim.check_refused(victim.sign(claims(), header.encode()))


@pytest.mark.parametrize(
    "twice",
    [
        '"sub":"1"',
        f'"exp":{NOW + 9}',
        '"type":"refresh"',
        '"jti":"x"',
        '"fresh":true',
        '"s\\u0075b":"1"',
        '"a":[{"b":1,"b":1}]',
        '"a":1,"a":1',
    ],
)
def test_row_12_a_name_twice_in_the_claims(victim: Victim, twice: str) -> None:
    victim.check_refused(victim.sign(f"{GOOD_CLAIMS[:-1]},{twice}}}".encode()))
    victim.check_refused(victim.sign(f"{{{twice},{GOOD_CLAIMS[1:]}".encode()))


ENCODINGS = ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "utf-8-sig", "utf-7"]


@pytest.mark.parametrize("encoding", ENCODINGS[:-1])
def test_row_13_only_utf8_without_byte_order_mark(victim: Victim, encoding: str) -> None:
    victim.check_refused(victim.sign(GOOD_CLAIMS.encode(encoding)))
    victim.check_refused(victim.sign(claims(), GOOD_HEADER.encode(encoding)))


@pytest.mark.parametrize("broken", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80"])
def test_row_13_broken_utf8(victim: Victim, broken: bytes) -> None:
    body = GOOD_CLAIMS.encode()
    victim.check_refused(victim.sign(body[:-1] + b',"x":"' + broken + b'"}'))
    victim.check_refused(victim.sign(claims(), GOOD_HEADER.encode()[:-1] + b',"x":"' + broken + b'"}'))
    victim.check_refused(victim.sign(body + broken))


NOT_A_TIME = [
    "NaN",
    "Infinity",
    "-Infinity",
    "1e400",
    "-1e400",
    "9" * 5_000,
    "true",
    "false",
    '"1900000000"',
    '"string"',
    "[1900000000]",
    "{}",
    "null",
    "01",
    "+1",
    "1.",
    ".5",
    "0x1",
    "1_000",
]


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", NOT_A_TIME, ids=lambda value: value[:12])
def test_row_14_times_are_finite_numbers(victim: Victim, name: str, value: str) -> None:
    body = json.dumps(claims(**{name: None}))

    victim.check_refused(victim.sign(f'{body[:-1]},"{name}":{value}}}'.encode()))


@pytest.mark.parametrize("value", ["-0", "-1", "0", "-0.0", "1e-400", "-1e300"])
def test_row_14_a_time_long_ago_is_over(victim: Victim, value: str) -> None:
    body = json.dumps(claims(exp=None))

    victim.check_refused(victim.sign(f'{body[:-1]},"exp":{value}}}'.encode()), error="token_expired")


def test_row_14_times_with_a_fraction_and_far_ones_are_good(victim: Victim) -> None:
    for value in (NOW + 0.5, 1e300, 2**60, 10**300):
        victim.check_accepted(victim.good(exp=value))


SHAPES = ["[]", '["alg"]', '"text"', "1", "-1.5", "true", "null", "", " ", "{", "}", "{}{}", "{} x", "[" * 2_000]


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape[:10])
def test_row_15_header_and_payload_are_objects(victim: Victim, shape: str) -> None:
    victim.check_refused(victim.sign(shape.encode()))
    victim.check_refused(victim.sign(claims(), shape.encode() or b" "))


@pytest.mark.parametrize("depth", [200, 251, 400, 600, 900, 2_000, 100_000])
@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_row_15_deep_nesting_never_breaks_anything(depth: int, brackets: str) -> None:
    """Signed by the right key even: reading it, copying it and answering with it must all hold."""
    victim = Victim(JWT_MAX_TOKEN_BYTES=2_000_000)
    from flask_signet import get_jwt, jwt_required

    victim.app.add_url_rule("/echo", "echo", jwt_required()(lambda: get_jwt()))
    deep = "[" * depth + "]" * depth if brackets == "[]" else '{"a":' * depth + "1" + "}" * depth
    for token in (
        victim.sign(f'{GOOD_CLAIMS[:-1]},"x":{deep}}}'.encode()),
        victim.sign(claims(), f'{GOOD_HEADER[:-1]},"x":{deep}}}'.encode()),
        victim.sign(deep.encode()),
        victim.sign(claims(), deep.encode()),
        victim.sign(f'{{"x":{deep}, "exp": 1, "sub": "x"}}'.encode()),
    ):
        answer = victim.send(token, "/echo")

        assert answer.status_code in ((200, 401) if depth <= 250 else (401,)), depth
    victim.check_alive()


def cases(shared_data: Path) -> list[dict[str, Any]]:
    lines = (shared_data / "jsontestsuite" / "cases.jsonl").read_text().splitlines()
    return [{**row, "data": base64.b64decode(row["b64"])} for row in map(json.loads, lines)]


def test_row_15_published_json_as_header_and_payload(shared_data: Path) -> None:
    """None of these strings is a valid header or payload, so all are refused, without delay."""
    victim = Victim(JWT_MAX_TOKEN_BYTES=1_000_000)
    for case in cases(shared_data):
        for token in (victim.sign(case["data"]), victim.sign(claims(), case["data"] or b" ")):
            times = []
            for _ in range(3):
                begun = time.perf_counter()
                answer = victim.send(token)
                times.append(time.perf_counter() - begun)
                if times[-1] < 0.05:
                    break

            assert 401 == answer.status_code, case["name"]
            assert min(times) < 0.05, case["name"]
    victim.check_alive()


# JSON that RFC 8259 allows and Flask-Signet refuses: two readers could understand them differently.
STRICTER = {"y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"}


def test_row_15_published_json_is_read_as_published(shared_data: Path) -> None:
    wrong = []
    for case in cases(shared_data):
        try:
            strict_json.loads(case["data"])
            read = True
        except ValueError:
            read = False
        name = case["name"].rpartition("/")[2]
        expected = {"accept": name not in STRICTER, "reject": False}.get(case["expect"])
        if expected is not None and read is not expected:
            wrong.append(case["name"])

    assert [] == wrong


ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def spoilt(text: str) -> dict[str, str]:
    """Other spellings of *text* that lenient readers take for the same bytes."""
    middle = len(text) // 2
    spellings = {
        "padded": text + "=" * (-len(text) % 4 or 4),
        "one pad": text + "=",
        "one character more": text + "A",
        **{
            f"{sign!r} inside": text[:middle] + sign + text[middle:]
            for sign in ("?", "!", " ", "\t", "\0", "+", "/", ",")
        },
        "blank behind": text + " ",
        "dash": text.replace("-", "+").replace("_", "/") if "-" in text or "_" in text else text + "+",
        "pad inside": text[:middle] + "=" + text[middle:],
        "percent": text[:-1] + f"%{ord(text[-1]):02x}",
    }
    rest = len(text) % 4
    if rest:
        index = ALPHABET.index(text[-1])
        spellings["stray bits"] = text[:-1] + ALPHABET[index ^ 1]
    return spellings


@pytest.mark.parametrize("part", [0, 1, 2])
def test_row_16_base64url_has_one_spelling(part: int) -> None:
    """Through the verifier itself, since a header cannot carry blanks."""
    from flask_signet.exceptions import JWTDecodeError

    victim = Victim()
    # A payload of every length modulo 3 meets every kind of last character.
    for filler in ("", "x", "xx"):
        parts = victim.good(jti=f"id{filler}", x="\u00ff~~?>").split(".")
        for name, spelling in spoilt(parts[part]).items():
            token = ".".join([*parts[:part], spelling, *parts[part + 1 :]])
            with victim.app.app_context():
                verifier = victim.app.extensions["flask-signet-tokens"].snapshot().verifier
            with pytest.raises(JWTDecodeError):
                pytest.fail(f"{name}: {verifier.verify(token, NOW)}")
            if not set(spelling) & set(" \t\0,"):
                victim.check_refused(token)


def test_row_16_a_text_that_is_signed_in_another_spelling_is_refused(victim: Victim) -> None:
    """The signature covers the spelling: made by the right key, and still not base64url."""
    key = victim.key
    for spelling in spoilt(b64(json.dumps(claims(x="\u00ff~~?>")))).values():
        if set(spelling) & set(" \t\0,"):
            continue
        signing_input = f"{b64(GOOD_HEADER)}.{spelling}"
        victim.check_refused(f"{signing_input}.{b64(key.sign(signing_input.encode()))}")


def test_row_16_newlines_and_blanks_within_the_header_field_are_refused(victim: Victim) -> None:
    token = victim.good()
    for form in (f"{token} {token}", f"{token} x", f"x {token}", f"{token[:40]} {token[40:]}"):
        victim.check_refused(form)


def test_row_17_only_three_segments(victim: Victim) -> None:
    header, payload, signature = victim.good().split(".")
    for form in (
        f"{header}.{payload}",
        f"{header}.{payload}.{signature}.",
        f".{header}.{payload}.{signature}",
        f"{header}.{payload}.{signature}.{signature}",
        f"{header}.{payload}.{signature}.x.y",
        f"{header}..{payload}.{signature}",
        f"{header}..{signature}",
        f".{payload}.{signature}",
        f"{header}.{payload}.",
        header,
        ".",
        "..",
        "...",
        "....",
        ".a.",
        "a..",
        "." * 5_000,
    ):
        victim.check_refused(form)


def test_row_17_json_serialisations_are_refused(victim: Victim) -> None:
    header, payload, signature = victim.good().split(".")
    flattened = {"protected": header, "payload": payload, "signature": signature}
    general = {"payload": payload, "signatures": [{"protected": header, "signature": signature}]}
    mixed = {f"{header}.{payload}.{signature}": "x", **flattened}
    for form in (flattened, general, mixed):
        for text in (json.dumps(form, separators=(",", ":")), json.dumps([form], separators=(";", ":"))):
            answer = victim.send(text)
            victim.check_refusal(answer, error=answer.json["error"])
            assert answer.json["error"] in ("invalid_token", "missing_token")
    victim.check_alive()


def test_row_17_two_tokens_in_one_header_are_refused(victim: Victim) -> None:
    token = victim.good()
    for value in (
        f"Bearer {token}, Bearer {token}",
        f"Bearer Bearer {token}",
        f"Bearer {token},Bearer x",
        f"Bearer {token} Bearer {token}",
        "Bearer",
        "Bearer ",
        "Bearer  ",
    ):
        answer = victim.client.get("/protected", headers={"Authorization": value})

        assert 401 == answer.status_code, value
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    victim.check_alive()


@pytest.mark.parametrize("sign", ["\xe9", "\xff", "\x80", "\u00a0"])
def test_row_17_characters_beyond_ascii_are_refused(victim: Victim, sign: str) -> None:
    token = victim.good()
    for form in (sign, token + sign, sign + token, token.replace(".", sign, 1), token.replace(".", f".{sign}", 1)):
        victim.check_refused(form)


def test_row_17_published_encrypted_tokens_are_refused(shared_data: Path, victim: Victim) -> None:
    rows = map(json.loads, (shared_data / "replay" / "jose_replay.jsonl").read_text().splitlines())
    tokens = [row["token"] for row in rows if "encryption" in row["id"] or "crypto" in row["id"]]
    sent = [token for token in tokens if isinstance(token, str) and token.isascii() and token.isprintable()]
    for token in sent:
        assert 401 == victim.send(token).status_code

    assert len(sent) > 130
    victim.check_alive()


def test_a_signature_part_decodes_as_the_helper_says(victim: Victim) -> None:
    """The helpers of this file must not be what refuses."""
    header, payload, signature = victim.good().split(".")

    assert claims() == json.loads(unb64(payload))
    victim.check_accepted(f"{b64(unb64(header))}.{b64(unb64(payload))}.{b64(unb64(signature))}")
