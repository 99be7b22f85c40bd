"""Rows 20 to 23: a good signature over claims that say something else."""

from __future__ import annotations

from typing import Any

import pytest

from flask_signet import create_refresh_token
from flask_signet.exceptions import SettingsError
from tests.attacks.world import NOW, Victim, claims
from tests.vectors import keys as test_keys

KINDS = ["access", "refresh", "reset", "email-verify", "mail", "id", "logout", "Access", " access", "", "access\0"]
ENDPOINTS = {"/protected": {"access"}, "/refresh": {"refresh"}, "/any": {"access", "refresh"}}


@pytest.mark.parametrize("kind", KINDS, ids=repr)
@pytest.mark.parametrize("path", ENDPOINTS)
def test_row_20_a_token_of_another_kind_is_refused(victim: Victim, kind: str, path: str) -> None:
    token = victim.good(type=kind)

    if kind in ENDPOINTS[path]:
        victim.check_accepted(token, path)
    else:
        victim.check_refused(token, path)


@pytest.mark.parametrize("kind", [1, True, False, None, [], ["access"], {"access": 1}, 0.5], ids=repr)
@pytest.mark.parametrize("path", ["/protected", "/refresh"])
def test_row_20_a_kind_that_is_no_text_is_no_kind(victim: Victim, kind: Any, path: str) -> None:
    victim.check_refused(victim.sign({**claims(), "type": kind}), path)


def test_row_20_a_token_without_kind_counts_as_access_and_as_nothing_else(victim: Victim) -> None:
    """As with Flask-JWT-Extended: foreign access tokens carry no such claim."""
    token = victim.good(type=None)

    victim.check_accepted(token)
    victim.check_refused(token, "/refresh")


@pytest.mark.parametrize(
    "typ",
    ["logout+jwt", "secevent+jwt", "dpop+jwt", "rt+jwt", "application/logout+jwt", "LOGOUT+JWT", 1, None, ["JWT"]],
)
@pytest.mark.parametrize("path", ["/protected", "/refresh", "/any"])
def test_row_20_an_explicit_type_for_something_else_is_refused(victim: Victim, typ: Any, path: str) -> None:
    kind = "refresh" if path == "/refresh" else "access"

    victim.check_refused(victim.sign(claims(type=kind), {**victim.header(), "typ": typ}), path)


@pytest.mark.parametrize(
    "text",
    [
        "sgr_AQABAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "sgk_0123456789abcdef",
        "dXNlcjpwYXNzd29yZA",
        "null",
        "undefined",
        "true",
        "[object",
    ],
)
def test_row_20_a_text_of_another_kind_is_refused(victim: Victim, text: str) -> None:
    for path in ("/protected", "/refresh", "/optional"):
        victim.check_refused(text, path)


def test_row_20_the_applications_own_pair_passes_only_its_own_door(victim: Victim) -> None:
    with victim.app.app_context():
        pair = {"/protected": victim.own(), "/refresh": create_refresh_token(7)}
    for made_for, token in pair.items():
        for path in pair:
            if path == made_for:
                victim.check_accepted(token, path)
            else:
                victim.check_refused(token, path)


def test_row_20_a_token_that_is_not_fresh_is_told_so(victim: Victim) -> None:
    for fresh in (False, NOW - 1, "true", "True", 0, None, [], {"a": 1}, 1.0, -1):
        answer = victim.send(victim.sign({**claims(), "fresh": fresh}), "/fresh")

        assert (401, "fresh_token_required") == (answer.status_code, answer.json["error"]), fresh
        assert 'Bearer error="insufficient_user_authentication"' == answer.headers["WWW-Authenticate"]
    victim.check_accepted(victim.good(fresh=True), "/fresh")
    victim.check_accepted(victim.good(fresh=NOW), "/fresh")


def test_row_20_nobody_can_write_a_kind_by_hand(victim: Victim) -> None:
    for name in ("type", "jti", "exp", "sub", "sub_type"):
        with pytest.raises(SettingsError):
            victim.own(additional_claims={name: "refresh"})


AUDIENCES: list[Any] = [
    None,
    "",
    "other",
    "api2",
    "ap",
    "API",
    "api ",
    "https://api",
    [],
    [""],
    ["other"],
    ["api", 1],
    [["api"]],
    [None],
    {"api": 1},
    1,
    True,
    0,
    False,
]


@pytest.mark.parametrize("audience", AUDIENCES, ids=repr)
def test_row_21_the_audience_must_be_ours(audience: Any) -> None:
    victim = Victim(JWT_DECODE_AUDIENCE="api")
    payload = claims() if audience is None else {**claims(), "aud": audience}

    answer = victim.send(victim.sign(payload))

    victim.check_refusal(answer)
    victim.check_accepted(victim.good(aud="api"))
    victim.check_accepted(victim.good(aud=["other", "api"]))


def test_row_21_an_audience_of_several_takes_any_of_them() -> None:
    victim = Victim(JWT_DECODE_AUDIENCE=["api", "web"])

    victim.check_accepted(victim.good(aud="web"))
    victim.check_accepted(victim.good(aud=["x", "api"]))
    victim.check_refusal(victim.send(victim.good(aud="x")))


@pytest.mark.parametrize("audience", [1, None, True, [1], {"a": 1}, [None]], ids=repr)
def test_row_21_an_audience_of_the_wrong_type_is_refused_though_nobody_asks(victim: Victim, audience: Any) -> None:
    victim.check_refused(victim.sign({**claims(), "aud": audience}))


ISSUERS: list[Any] = [
    None,
    "",
    "https://issuer.example/",
    "https://issuer.example.attacker.test",
    "https://issuer.exampl",
    "https://issuer.example?",
    "HTTPS://ISSUER.EXAMPLE",
    ["https://issuer.example"],
    {"https://issuer.example": 1},
    1,
    True,
]


@pytest.mark.parametrize("issuer", ISSUERS, ids=repr)
def test_row_21_the_issuer_must_be_ours_byte_for_byte(issuer: Any) -> None:
    victim = Victim(JWT_DECODE_ISSUER="https://issuer.example")
    payload = claims() if issuer is None else {**claims(), "iss": issuer}

    victim.check_refusal(victim.send(victim.sign(payload)))
    victim.check_accepted(victim.good(iss="https://issuer.example"))


@pytest.mark.parametrize("leeway", [0, 5, 60])
def test_row_22_a_token_ends_to_the_second(leeway: int) -> None:
    victim = Victim(JWT_DECODE_LEEWAY=leeway)
    token = victim.good(exp=NOW + 100)
    for moment, good in ((-0.001, True), (0, False), (0.001, False), (1, False), (3600, False), (-1, True)):
        victim.now = NOW + 100 + leeway + moment
        assert (200 if good else 401) == victim.send(token).status_code, moment
    victim.now = NOW
    assert 200 == victim.send(token).status_code


@pytest.mark.parametrize("name", ["nbf", "iat"])
def test_row_22_a_token_from_the_future_is_refused_beyond_ten_seconds(victim: Victim, name: str) -> None:
    """Two workers' clocks differ; ten seconds of that are forgiven, and no more."""
    for ahead, good in ((0, True), (10, True), (10.001, False), (11, False), (3600, False)):
        token = victim.good(**{name: NOW + ahead, "exp": NOW + 7200})
        if good:
            victim.check_accepted(token)
        else:
            victim.check_refused(token)
            victim.now = NOW + ahead - 10
            victim.check_accepted(token)
            victim.now = NOW


def test_row_22_a_verified_token_ends_though_it_is_remembered(victim: Victim) -> None:
    token = victim.good(exp=NOW + 5)
    for _ in range(3):
        victim.check_accepted(token)
    victim.now = NOW + 5

    victim.check_refusal(victim.send(token), error="token_expired")


def test_row_22_a_token_without_end_is_good_as_long_as_its_key(victim: Victim) -> None:
    """Flask-JWT-Extended's ``expires_delta=False``: written only by who asks for it."""
    token = victim.own("42", expires_delta=False)
    victim.now = NOW + 10**9

    assert 200 == victim.send(token).status_code


def test_row_22_no_time_at_all_is_over_at_once(victim: Victim) -> None:
    from datetime import timedelta

    victim.check_refused(victim.own(expires_delta=timedelta(0)), error="token_expired")


SUBJECTS: list[Any] = [1, 0, 1.5, True, None, {}, {"id": 1}, [], ["42"]]


@pytest.mark.parametrize("subject", SUBJECTS, ids=repr)
def test_row_23_a_subject_is_a_text(victim: Victim, subject: Any) -> None:
    victim.check_refused(victim.sign({**claims(), "sub": subject}))


def test_row_23_a_token_for_nobody_is_refused(victim: Victim) -> None:
    victim.check_refused(victim.good(sub=None))


@pytest.mark.parametrize("text", [r"\ud800", r"\udc00", r"a\ud83dz", r"\udc00\ud800", r"\u0000", r"a\u0000b"])
def test_row_23_half_a_character_or_nul_as_subject(victim: Victim, text: str) -> None:
    victim.check_refused(victim.sign(b'{"sub":"' + text.encode() + b'","type":"access"}'))


def test_row_23_whole_characters_beyond_the_first_plane_are_good(victim: Victim) -> None:
    for subject in ("\U0001f600", "é", "‏x", "<script>", "a" * 500, "' OR 1=1 --"):
        answer = victim.send(victim.good(sub=subject))

        assert (200, {"user": subject}) == (answer.status_code, answer.json)


def test_row_23_a_subject_marked_as_int_is_only_ever_a_whole_number(victim: Victim) -> None:
    """An application that has the key may write the mark, and an unusual number must not cause an error."""
    for text in ("1e3", "0x10", " 1", "1_000", "٣", "--1", "", "9" * 101, "01", "1.0"):
        answer = victim.send(victim.good(sub=text, sub_type="int"))

        assert (200, {"user": text}) == (answer.status_code, answer.json)
    assert {"user": -5} == victim.send(victim.good(sub="-5", sub_type="int")).json


def test_row_23_a_user_who_is_gone_is_refused(victim: Victim) -> None:
    users = {"42": "somebody"}
    victim.jwt.user_lookup_loader(lambda header, data: users.get(data["sub"]))
    token = victim.good()
    victim.check_accepted(token)

    users.clear()

    victim.check_refusal(victim.send(token))


def test_row_23_an_own_name_for_the_subject_is_as_strict() -> None:
    victim = Victim(JWT_IDENTITY_CLAIM="uid")
    victim.check_refusal(victim.send(victim.good()))
    victim.check_refusal(victim.send(victim.sign(b'{"uid":"a\\u0000","type":"access"}')))

    assert {"user": "7"} == victim.send(victim.good(sub=None, uid="7")).json


@pytest.mark.parametrize("algorithm", test_keys.ALGORITHMS)
def test_the_applications_own_token_is_accepted_in_every_algorithm(algorithm: str) -> None:
    victim = Victim(algorithm)

    assert {"user": 7} == victim.send(victim.own(7)).json
