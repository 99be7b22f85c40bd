"""Rows 24 and 25: tokens in the wrong place, in two places, and of absurd size."""

from __future__ import annotations

import json
import time
import tracemalloc

import pytest

from tests.attacks.conftest import Doings
from tests.attacks.world import Victim, b64, claims


@pytest.mark.parametrize("name", ["jwt", "token", "access_token", "Authorization"])
def test_row_24_a_token_in_the_query_string_does_not_count(victim: Victim, name: str) -> None:
    answer = victim.client.get("/protected", query_string={name: victim.good()})

    victim.check_refusal(answer, error="missing_token")


def test_row_24_a_token_in_body_or_cookie_does_not_count(victim: Victim) -> None:
    token = victim.good()
    for name in ("access_token", "access_token_cookie", "jwt", "token"):
        victim.check_refusal(victim.client.post("/protected", json={name: token}), error="missing_token")
        victim.check_refusal(victim.client.post("/protected", data={name: token}), error="missing_token")
        victim.client.set_cookie(name, token)
        victim.check_refusal(victim.client.get("/protected"), error="missing_token")
        victim.client.delete_cookie(name)
    victim.check_alive()


def test_row_24_two_tokens_in_two_places_never_become_a_third(victim: Victim) -> None:
    """The first place that the settings name decides; a bad token there is not made good by another one."""
    victim.app.config["JWT_TOKEN_LOCATION"] = ["headers", "query_string", "json"]
    good, bad = victim.good(), victim.good()[:-4] + "AAAA"
    answer = victim.client.get("/protected", query_string={"jwt": good}, headers={"Authorization": f"Bearer {bad}"})
    victim.check_refusal(answer)
    answer = victim.client.post("/protected", query_string={"jwt": bad}, json={"access_token": good})
    victim.check_refusal(answer)
    victim.check_alive()


def test_row_24_two_tokens_in_one_field_are_refused(victim: Victim) -> None:
    one, other = victim.good(), victim.good(sub="1")
    answer = victim.client.get("/protected", headers=[("Authorization", f"Bearer {one}, Bearer {other}")])

    victim.check_refusal(answer)


def test_row_24_commas_and_blanks_around_a_token_are_taken_off_and_nothing_else() -> None:
    victim = Victim(JWT_HEADER_TYPE="X-Token")
    good = victim.good()
    for value in (f"X-Token  {good}", f"X-Token {good},", f" , X-Token {good} ,", f"Basic eDp5, X-Token {good}"):
        assert 200 == victim.client.get("/protected", headers={"Authorization": value}).status_code, value

    victim.app.config["JWT_HEADER_TYPE"] = ""
    for value in (good, f"{good},", f",{good}"):
        assert 200 == victim.client.get("/protected", headers={"Authorization": value}).status_code, value
    for value in (f"X{good}", f"{good}X", f"{good};", f"{good}.,"):
        victim.check_refusal(victim.client.get("/protected", headers={"Authorization": value}))


def test_row_24_a_proof_that_is_no_text_is_refused() -> None:
    """Half a surrogate pair: some servers decode headers so, and it cannot be encoded as UTF-8."""
    victim = Victim(JWT_TOKEN_LOCATION=["cookies"])
    victim.client.set_cookie("access_token_cookie", victim.good(csrf="proof"))
    answer = victim.client.post("/protected", environ_overrides={"HTTP_X_CSRF_TOKEN": "\udcff"})

    assert (403, "csrf_failed") == (answer.status_code, answer.json["error"])


@pytest.mark.parametrize("scheme", ["Basic", "Digest", "Token", "JWT", "BearerX", "Bear", ""])
def test_row_24_another_scheme_is_no_bearer_token(victim: Victim, scheme: str) -> None:
    answer = victim.client.get("/protected", headers={"Authorization": f"{scheme} {victim.good()}"})

    victim.check_refusal(answer, error="missing_token")


def test_row_24_a_bad_token_is_refused_though_a_token_is_optional(victim: Victim) -> None:
    victim.check_refused(victim.good()[:-4] + "AAAA", "/optional")

    assert {"user": None} == victim.client.get("/optional").json


SIZES = [8_193, 65_536, 1_000_000, 5_000_000]


def huge(victim: Victim, size: int) -> dict[str, str]:
    """Tokens of *size* bytes, each with the weight in another part."""
    header, payload, signature = victim.good().split(".")
    return {
        "signature": f"{header}.{payload}." + "A" * size,
        "payload": f"{header}." + "A" * size + f".{signature}",
        "header": "A" * size + f".{payload}.{signature}",
        "dots": "." * size,
        "no dots": "A" * size,
        "claims": victim.sign({**claims(), **{f"c{i}": i for i in range(size // 12)}}),
        "nested": victim.sign(b"[" * (size * 3 // 4)),
    }


@pytest.mark.parametrize("size", SIZES)
def test_row_25_a_huge_token_is_refused_unread(victim: Victim, size: int) -> None:
    victim.check_alive()
    with victim.app.app_context():
        verifier = victim.app.extensions["flask-signet-tokens"].snapshot().verifier
    for name, token in huge(victim, size).items():
        assert len(token) > 8_192
        victim.check_refusal(victim.send(token))
        times = []
        for _ in range(5):
            begun = time.perf_counter()
            with pytest.raises(Exception, match="longer than"):
                verifier.verify(token, 0)
            times.append(time.perf_counter() - begun)

        assert min(times) < 0.001, name
    victim.check_alive()


def test_row_25_a_huge_token_costs_no_memory(victim: Victim) -> None:
    token = "A" * 5_000_000
    victim.send(token)  # what is created once is created now
    with victim.app.app_context():
        verifier = victim.app.extensions["flask-signet-tokens"].snapshot().verifier
    tracemalloc.start()
    try:
        with pytest.raises(Exception, match="longer than"):
            verifier.verify(token, 0)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 100_000


def test_row_25_the_cap_is_a_setting_and_counts_to_the_byte() -> None:
    victim = Victim()
    token = victim.good(pad="x" * 400)
    victim.app.config["JWT_MAX_TOKEN_BYTES"] = len(token)
    victim.check_accepted(token)

    victim.app.config["JWT_MAX_TOKEN_BYTES"] = len(token) - 1

    victim.check_refusal(victim.send(token))


def test_row_25_ten_thousand_claims_under_a_raised_cap_are_only_slow(victim: Victim) -> None:
    victim.app.config["JWT_MAX_TOKEN_BYTES"] = 1_000_000

    victim.check_accepted(victim.sign({**claims(), **{f"c{i}": i for i in range(10_000)}}))


def test_row_25_hostile_tokens_within_the_cap_are_judged_at_once(victim: Victim, doings: Doings) -> None:
    """The cost of a refusal beyond the signature check: under 5 ms for any 8 KiB."""
    header, payload, signature = victim.good().split(".")
    size = 8_000 - len(header) - len(signature)
    room = size * 3 // 4
    bodies = [b"[" * room, b'{"a":' * (room // 5), b'"' + b"\\u0000" * (room // 6 - 1) + b'"', b"9" * room]
    bodies += [b"[" + b"1e5," * (room // 4 - 2) + b"1]", b"{" + b'"a":1,' * (room // 6 - 3) + b'"b":1}']
    bodies += ["\u20ac".encode() * (room // 3), b"\xff" * room]
    tokens = [victim.sign(body[:room]) for body in bodies]
    tokens += [f"{b64(body[:room])}.{payload}.{signature}" for body in bodies]
    tokens += [f"{header}.{payload}.{'A' * size}", f"{header}.{'A' * size}.{signature}", "." * 8_000]
    with victim.app.app_context():
        verifier = victim.app.extensions["flask-signet-tokens"].snapshot().verifier
    for token in tokens:
        assert len(token) <= 8_192
        times = []
        for _ in range(5):
            begun = time.perf_counter()
            try:
                verifier.verify(token, 0)
            except Exception:
                times.append(time.perf_counter() - begun)

        assert len(times) == 5
        assert min(times) < 0.005, token[:60]
    victim.check_alive()


def test_a_body_that_is_no_json_is_no_error_of_the_server(victim: Victim) -> None:
    victim.app.config["JWT_TOKEN_LOCATION"] = ["json"]
    for body in (b"", b"{", b"[]", b"\xff", b'{"access_token":1}', b'{"access_token":[]}', b"null", b"[" * 100_000):
        answer = victim.client.post("/protected", data=body, content_type="application/json")

        assert 401 == answer.status_code, body[:20]
    body = json.dumps({"access_token": victim.good()})
    assert 200 == victim.client.post("/protected", data=body, content_type="application/json").status_code
