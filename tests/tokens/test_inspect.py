"""A credential taken apart: the very words, for programs and for people, and where one word gives way to another."""

from __future__ import annotations

import base64
import time
from collections.abc import Iterator
from typing import Any

import pytest

from flask_signet.exceptions import InvalidSignature, JWTDecodeError, TokenExpired
from flask_signet.tokens import keys
from flask_signet.tokens.claims import Policy
from flask_signet.tokens.inspect import Inspection, inspect
from flask_signet.tokens.issuer import Issuer
from flask_signet.tokens.verifier import Verifier

NOW = 1_900_000_000
KEY = keys.symmetric("a secret that is long enough for all of these tests", "HS256")
OPEN = "32 bytes, not checked: no key available (run the command in the folder of your application)"
FORM = "three segments, header and payload are JSON objects"


def token(headers: dict[str, Any] | None = None, **claims: Any) -> str:
    return Issuer(KEY).issue(claims, headers=headers)


def basic(text: bytes) -> str:
    return base64.b64encode(text).decode()


def time_of(**claims: Any) -> tuple[str | None, str | None]:
    """Return what is said of the times of a token, and why it is refused."""
    found = inspect(token(**claims), now=NOW)
    return found.checks.get("time"), found.problem


BASIC = (
    "Basic: the user name 'ada' and a password (not shown), sent with every request and readable by "
    "everyone who sees the header (RFC 7617)."
)
REFRESH = (
    "A refresh token of Flask-Signet, 79 characters. It is opaque: only the server that issued it "
    "can check it. Send it only to POST /token/refresh."
)
OPAQUE = "Not a JWT. If it is an opaque token, only its server can check it: 5 characters."
EMPTY = "Not a token but the word 'undefined': a variable of the client was empty."
UNKNOWN = "Not a credential: neither a JWT, nor an opaque token, nor Basic."


@pytest.mark.parametrize(
    ("credential", "expected"),
    [
        ("Basic " + basic(b"ada:secret"), Inspection(kind="basic", summary=BASIC)),
        (" bAsIc   " + basic(b"ada:") + "\n", Inspection(kind="basic", summary=BASIC)),
        ("Basic " + basic(b"ada:with:colons"), Inspection(kind="basic", summary=BASIC)),
        (
            "Basic !!",
            Inspection(kind="basic", summary="Basic, but not base64 of a UTF-8 string.", problem="not base64"),
        ),
        (
            "Basic " + basic(b"ada:x") + "\u00e9",
            Inspection(kind="basic", summary="Basic, but not base64 of a UTF-8 string.", problem="not base64"),
        ),
        (
            "Basic !" + basic(b"ada:x"),
            Inspection(kind="basic", summary="Basic, but not base64 of a UTF-8 string.", problem="not base64"),
        ),
        (
            "Basic " + basic(b"ada"),
            Inspection(
                kind="basic", summary="Basic, but without a colon.", problem="no colon between name and password"
            ),
        ),
        ("Basic", Inspection(kind="opaque", summary=OPAQUE)),
        ("sgr_" + "A" * 75, Inspection(kind="refresh", summary=REFRESH)),
        ("beARer  sgr_" + "A" * 75, Inspection(kind="refresh", summary=REFRESH)),
        ("Bearer", Inspection(kind="opaque", summary=OPAQUE.replace("5", "6"))),
        ("Bearer  abcde ", Inspection(kind="opaque", summary=OPAQUE)),
        ("Authorization: Bearer abcde\n", Inspection(kind="opaque", summary=OPAQUE)),
        ("authorization:abcde", Inspection(kind="opaque", summary=OPAQUE)),
        ("Authorization: Basic " + basic(b"ada:secret"), Inspection(kind="basic", summary=BASIC)),
        ("!a.b~", Inspection(kind="opaque", summary=OPAQUE)),
        ("\x7f", Inspection(kind="unknown", summary=UNKNOWN)),
        ("caf\u00e9", Inspection(kind="unknown", summary=UNKNOWN)),
        ("two words", Inspection(kind="unknown", summary=UNKNOWN)),
        ("", Inspection(kind="unknown", summary=UNKNOWN)),
        ("undefined", Inspection(kind="unknown", summary=EMPTY, problem="a variable of the client was empty")),
        (
            "Authorization: Bearer null",
            Inspection(
                kind="unknown",
                summary=EMPTY.replace("undefined", "null"),
                problem="a variable of the client was empty",
            ),
        ),
    ],
    ids=repr,
)
def test_every_kind_is_known_and_said_in_one_sentence(credential: str, expected: Inspection) -> None:
    assert expected == inspect(credential, now=NOW)


def test_a_whole_token_is_shown_to_people() -> None:
    found = inspect("Bearer " + token(sub="5", exp=NOW + 90, role="boss"), now=NOW, verify=lambda _: None)

    assert found.lines() == [
        "A JWT: no problem found.",
        "",
        "Header",
        "  alg = 'HS256'  (algorithm of the signature; it must be the algorithm of the key)",
        "  typ = 'JWT'  (type of token)",
        "",
        "Payload (readable by anyone: signed, not encrypted)",
        "  sub = '5'  (subject: the user of the token)",
        "  exp = 1900000090  (expiration time: 2030-03-17 17:48:10 UTC)",
        "  role = 'boss'",
        "",
        "Checks",
        f"  form: {FORM}",
        "  header: no unsupported parameters",
        "  signature: good",
        "  claims: as this application requires",
        "  time: expires in 1 minute",
    ]


def test_a_whole_token_is_shown_to_programs() -> None:
    found = inspect(token(sub="5", exp=NOW - 1), now=NOW)

    assert found.as_json() == {
        "kind": "jwt",
        "summary": "A JWT: refused: expired.",
        "header": {"alg": "HS256", "typ": "JWT"},
        "payload": {"sub": "5", "exp": NOW - 1},
        "checks": {
            "form": FORM,
            "header": "no unsupported parameters",
            "signature": OPEN,
            "time": "expired 1 second ago",
        },
        "problem": "expired",
    }


def test_what_has_no_parts_is_shown_in_one_line() -> None:
    assert inspect("abcde", now=NOW).lines() == [OPAQUE]


def test_a_token_that_cannot_be_read_says_so_and_nothing_more() -> None:
    found = inspect("e30.!.AAAA", now=NOW)

    assert list(found.checks) == ["form"]
    assert found.problem == found.checks["form"] == "Invalid payload padding"
    assert (found.summary, found.payload) == ("A JWT: refused: Invalid payload padding.", ())


def test_a_foreign_header_is_the_reason_before_the_time() -> None:
    found = inspect(token({"crit": ["x"]}, exp=NOW), now=NOW, verify=lambda _: None)

    assert found.problem == found.checks["header"] == "Unsupported critical extension: x"
    assert {**found.checks} == {"form": FORM, "header": found.problem, "time": "expired 0 seconds ago"}


def test_a_bad_signature_is_the_reason_before_the_time() -> None:
    def refuse(text: str) -> None:
        asked.append(text)
        raise InvalidSignature("Signature verification failed")

    asked: list[str] = []
    text = token(exp=NOW)
    found = inspect(f"Bearer {text}", now=NOW, verify=refuse)

    assert found.problem == found.checks["signature"] == "Signature verification failed"
    assert found.checks["time"] == "expired 0 seconds ago"
    assert asked == [text]


def test_a_verifier_that_says_expired_has_found_the_signature_good() -> None:
    def late(text: str) -> None:
        raise TokenExpired("Signature has expired")

    found = inspect(token(exp=NOW - 60), now=NOW, verify=late)

    assert (found.checks["signature"], found.problem) == ("good", "expired")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 second"),
        (2, "2 seconds"),
        (10, "10 seconds"),
        (11, "11 seconds"),
        (59.9, "59 seconds"),
        (60, "1 minute"),
        (119, "1 minute"),
        (120, "2 minutes"),
        (3_599, "59 minutes"),
        (3_600, "1 hour"),
        (7_200, "2 hours"),
        (86_399, "23 hours"),
        (86_400, "1 day"),
        (172_800, "2 days"),
    ],
)
def test_a_time_is_told_in_the_largest_unit_that_fits(seconds: float, words: str) -> None:
    assert time_of(exp=NOW + seconds) == (f"expires in {words}", None)
    assert time_of(exp=NOW - int(seconds)) == (f"expired {words} ago", "expired")
    wait = (f"not valid for another {words}", "not yet valid") if seconds > 10 else ("never expires", None)
    assert time_of(nbf=NOW + seconds) == time_of(nbf=NOW, iat=NOW + seconds) == wait


def test_the_borders_of_a_life_are_those_of_a_guard() -> None:
    """``exp`` is the first moment that is too late, ``nbf`` the first that is good."""
    assert time_of(exp=NOW) == ("expired 0 seconds ago", "expired")
    assert time_of(nbf=NOW, exp=NOW + 1) == ("expires in 1 second", None)
    assert time_of(nbf=NOW) == ("never expires", None)


def test_a_time_that_is_no_number_is_refused_as_a_guard_refuses_it() -> None:
    assert time_of() == (None, None)
    assert time_of(exp=True) == ("exp is not a number", "exp is not a number")
    assert time_of(nbf=True, exp=NOW + 1) == ("nbf is not a number", "nbf is not a number")
    assert time_of(iat=str(NOW)) == ("iat is not a number", "iat is not a number")


@pytest.mark.parametrize("leeway", [0, 0.5, 30])
@pytest.mark.parametrize("start_leeway", [0, 10, 30])
@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
def test_the_times_are_judged_as_a_guard_judges_them(name: str, start_leeway: float, leeway: float) -> None:
    policy = Policy(leeway=leeway, start_leeway=start_leeway)
    verifier = Verifier([KEY], policy)

    def verify(text: str) -> None:
        verified = verifier.verify(text, NOW)
        if NOW >= verified.expires_at:
            raise verified.expired()

    for ahead in (-31, -30, -29, -1, 0, 1, 9, 10, 11, 29, 30, 31):
        text = token(sub="5", **{name: NOW + ahead})
        refused = False
        try:
            verify(text)
        except JWTDecodeError:
            refused = True
        with_keys = inspect(text, now=NOW, verify=verify, policy=policy)
        without = inspect(text, now=NOW, policy=policy)

        assert [found.problem is not None for found in (with_keys, without)] == [refused, refused]
        assert with_keys.checks["signature"] == "good"


def test_an_end_within_the_leeway_is_told() -> None:
    found = inspect(token(exp=NOW - 5), now=NOW, policy=Policy(leeway=30))

    assert (found.checks["time"], found.problem) == ("expired 5 seconds ago, within the leeway of 30 seconds", None)


@pytest.mark.parametrize(
    ("claims", "problem"),
    [
        ({"sub": "5"}, 'Token is missing the "aud" claim'),
        ({"sub": "5", "aud": "them"}, "Audience doesn't match"),
        ({"sub": 5, "aud": "us"}, "Subject must be a string"),
        ({"aud": "us"}, "Missing claim: sub"),
    ],
)
def test_a_wrong_claim_is_no_fault_of_the_signature(claims: dict[str, Any], problem: str) -> None:
    verifier = Verifier([KEY], Policy(audience=("us",)))

    found = inspect(token(**claims), now=NOW, verify=lambda text: verifier.verify(text, NOW))

    assert found.problem == problem
    assert {**found.checks} == {
        "form": FORM,
        "header": "no unsupported parameters",
        "signature": "good",
        "claims": problem,
    }


def test_what_only_the_guard_finds_untimely_is_not_called_good() -> None:
    """Its clock is another one than ours."""

    def late(text: str) -> None:
        raise TokenExpired("Token has expired")

    assert inspect(token(exp=NOW + 1), now=NOW, verify=late).problem == "Token has expired"


@pytest.mark.parametrize(
    ("name", "value", "meaning"),
    [
        ("nbf", NOW, "not valid before: 2030-03-17 17:46:40 UTC"),
        ("iat", 0.5, "issued at: 1970-01-01 00:00:00 UTC"),
        ("iat", True, "issued at"),
        ("iat", "now", "issued at"),
        ("exp", 10**30, "expiration time: outside of the range of dates"),
        ("exp", 10**12, "expiration time: outside of the range of dates"),
        ("iss", NOW, "issuer: who created the token"),
        ("aud", "x", "audience: who may accept it"),
        ("jti", "x", "unique id of this token"),
        ("type", "access", "access or refresh token"),
        ("fresh", True, "whether the application issued it as fresh, directly after a login"),
        ("csrf", "x", "CSRF value that must be sent with the token if it is in a cookie"),
        ("sub_type", "int", "type of the identity in the application"),
        ("sid", "x", "session of the token"),
        ("epoch", 0, "number of times that all sessions of the user were ended"),
        ("sub_mark", "x", "distinguishes the user from a later user with the same id"),
        ("sub_user", "x", "id of the user, if sub is another value"),
        ("other", NOW, ""),
    ],
)
def test_each_claim_is_explained(name: str, value: Any, meaning: str) -> None:
    (part,) = inspect(token(**{name: value}), now=NOW).payload

    assert (part.name, part.value, part.meaning) == (name, value, meaning)


@pytest.fixture
def far_east(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine whose clock on the wall is nine hours ahead."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "JST-9")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("far_east")
def test_a_moment_is_told_in_utc_wherever_the_machine_stands() -> None:
    (part,) = inspect(token(iat=0), now=NOW).payload

    assert part.meaning == "issued at: 1970-01-01 00:00:00 UTC"


def test_the_name_of_a_key_is_explained() -> None:
    assert inspect(token({"kid": "k"}), now=NOW).header[-1].meaning == "id of the key that signed"


def test_nothing_in_a_token_steers_the_terminal_of_who_looks_at_it() -> None:
    found = inspect(token(**{"na\u00efve \x1b[2J\u202e": 1}), now=NOW)

    assert "  na\u00efve \\x1b[2J\\u202e = 1" in found.lines()
