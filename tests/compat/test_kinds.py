"""Tokens of a kind of the application's own, and claims that only repeat what a token says."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from flask_signet import create_access_token, create_refresh_token, decode_token, verify_jwt_in_request
from flask_signet.exceptions import SettingsError, WrongTokenError
from tests.compat.application import World, bearer, world

KIND = {"type": "pw_reset"}


def with_kind(**config: Any) -> World:
    w = world(**config)
    w.guarded("/reset", kind="pw_reset")
    w.guarded("/any", verify_type=False)
    return w


@pytest.mark.parametrize("make", [create_access_token, create_refresh_token])
def test_only_a_guard_that_asks_for_its_kind_takes_such_a_token(make: Any) -> None:
    w = with_kind()
    with w.app.app_context():
        token = make("ann", additional_claims=KIND)
        assert decode_token(token)["type"] == "pw_reset"

    for _ in range(2):  # the second time from the cache
        assert w.get("/reset", token).json["identity"] == "ann"
        for path in ("/access", "/refresh", "/any"):
            assert (w.get(path, token).status_code, w.get(path, token).json["error"]) == (401, "invalid_token")
        for other in (w.access(), w.refresh(), w.access(additional_claims={"type": "mail"})):
            answer = w.get("/reset", other)
            assert (answer.status_code, answer.json["msg"]) == (401, "Only pw_reset tokens are allowed")


def test_by_hand_a_kind_is_asked_for_in_the_same_way() -> None:
    w = world()
    token, other = w.access(additional_claims=KIND), w.access()

    with w.app.test_request_context(headers=bearer(token)):
        assert verify_jwt_in_request(kind="pw_reset") is not None
        with pytest.raises(WrongTokenError):
            verify_jwt_in_request()
    with w.app.test_request_context(headers=bearer(other)), pytest.raises(WrongTokenError):
        verify_jwt_in_request(kind="pw_reset")


def test_the_two_known_kinds_may_be_asked_for_by_name() -> None:
    w = world(JWT_TOKEN_LOCATION="json")
    w.guarded("/a", kind="access")
    w.guarded("/r", kind="refresh")

    access, refresh = w.access(), w.refresh()
    assert w.client.post("/a", json={"access_token": access}).status_code == 200
    # The name in the body is that of refresh tokens, as with refresh=True.
    assert w.client.post("/r", json={"refresh_token": refresh}).status_code == 200
    assert w.client.post("/r", json={"refresh_token": access}).status_code == 401


@pytest.mark.parametrize("arguments", [{"kind": "refresh"}, {"refresh": True}, {"kind": "refresh", "refresh": True}])
def test_by_hand_a_refresh_token_is_looked_for_where_refresh_tokens_are(arguments: dict[str, Any]) -> None:
    w = world(JWT_TOKEN_LOCATION="json")
    access, refresh = w.access(), w.refresh()

    with w.app.test_request_context(method="POST", json={"refresh_token": refresh, "access_token": access}):
        header, claims = verify_jwt_in_request(**arguments) or ({}, {})
        assert (header["alg"], claims["type"]) == ("HS256", "refresh")
        header, claims = verify_jwt_in_request(kind="access") or ({}, {})
        assert claims["type"] == "access"


@pytest.mark.parametrize("arguments", [{"refresh": True}, {"verify_type": False}])
def test_a_kind_beside_another_choice_of_kinds_is_an_error_at_once(arguments: dict[str, Any]) -> None:
    w = world()

    with pytest.raises(TypeError, match="kind='pw_reset' selects the accepted tokens"):
        w.guarded("/x", kind="pw_reset", **arguments)
    with w.app.test_request_context(), pytest.raises(TypeError, match="remove the arguments refresh and verify_type"):
        verify_jwt_in_request(kind="pw_reset", **arguments)


@pytest.mark.parametrize("given", ["refresh", "", None, 7, ["access"]])
def test_a_kind_that_is_no_name_or_would_widen_a_token_is_refused(given: Any) -> None:
    w = world()

    with pytest.raises(SettingsError, match="'type'"):
        w.access(additional_claims={"type": given})
    with pytest.raises(SettingsError, match="call create_access_token"):
        w.refresh(additional_claims={"type": "access"})


def test_a_loader_does_not_choose_the_kind() -> None:
    w = world()
    w.jwt.additional_claims_loader(lambda identity: KIND)

    with pytest.raises(SettingsError, match="additional claims cannot set 'type'"):
        w.access()


@pytest.mark.parametrize(("given", "made"), [("access", "refresh"), ("refresh", "access")])
def test_a_loader_for_both_kinds_may_name_one_and_each_token_keeps_its_own(
    given: str, made: str, caplog: pytest.LogCaptureFixture
) -> None:
    w = world()
    returned = {"type": given, "role": "admin"}
    w.jwt.additional_claims_loader(lambda identity: returned)
    make = {"access": w.access, "refresh": w.refresh}

    answers = [w.get(f"/{made}", make[made]()).json for _ in range(2)]
    other = w.get(f"/{made}", make[given]())

    assert [answer["claims"]["type"] for answer in answers] == [made, made]
    assert [answer["claims"]["role"] for answer in answers] == ["admin", "admin"]
    assert other.status_code == 401
    assert returned == {"type": given, "role": "admin"}
    warnings = [record.getMessage() for record in caplog.records if "Remove 'type' from the loader" in record.message]
    assert len(warnings) == 1


@pytest.mark.parametrize(
    ("identity", "claims"),
    [
        ("ann", {"type": "access"}),
        ("ann", {"sub": "ann", "type": "access"}),
        (7, {"sub": 7}),
        (7, {"sub": "7"}),
        ("7", {"sub": 7}),
        (
            "2f1e2d3c-0000-4000-8000-000000000001",
            {"sub": UUID("2f1e2d3c-0000-4000-8000-000000000001")},
        ),
        ("ann", {"sub": "ann", "role": "admin"}),
    ],
)
def test_claims_that_repeat_what_the_token_says_pass(identity: Any, claims: dict[str, Any]) -> None:
    w = world()
    plain = w.get("/access", w.access(identity, additional_claims={"role": "admin"})).json
    by_argument = w.get("/access", w.access(identity, additional_claims={"role": "admin", **claims})).json
    w.jwt.additional_claims_loader(lambda identity: claims)
    by_loader = w.get("/access", w.access(identity, additional_claims={"role": "admin"})).json

    for answer in (plain, by_argument, by_loader):
        for name in ("jti", "csrf"):
            answer["claims"].pop(name)
    assert plain == by_argument == by_loader
    assert plain["identity"] == identity


@pytest.mark.parametrize(
    ("identity", "given"), [("ann", "bob"), (7, 8), (7, True), (1, True), (7, 7.0), (7, None), ("7", ["7"])]
)
def test_another_subject_is_refused_with_the_reason(identity: Any, given: Any) -> None:
    w = world()

    with pytest.raises(SettingsError, match="cannot set 'sub' to a different user than the token is for"):
        w.access(identity, additional_claims={"sub": given})


def test_an_identity_of_any_json_needs_the_setting_that_the_error_names() -> None:
    identity = {"id": 7, "mail": "ann@example.com"}
    with pytest.raises(TypeError, match='JWT_IDENTITY_CLAIM = "identity" allows any JSON value, a dict too'):
        world().access(identity)

    w = world(JWT_IDENTITY_CLAIM="identity")
    assert w.get("/access", w.access(identity)).json["identity"] == identity
    assert w.get("/access", w.access(identity, additional_claims={"identity": dict(identity)})).status_code == 200
    with pytest.raises(SettingsError, match="'identity'"):
        w.access(identity, additional_claims={"identity": {"id": 8}})
