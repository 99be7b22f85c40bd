"""Loaders and claims show the identity in the type that it was given in; the token itself holds a string."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flask_signet import decode_token, get_jwt, get_jwt_identity, jwt_required, verify_jwt_in_request
from flask_signet.exceptions import RevokedTokenError, TokenExpired
from flask_signet.tokens import base64url
from tests.compat.application import SECRET, bearer, world


@pytest.mark.parametrize("identity", [7, 0, -7, 2**70, "7", "ann"])
def test_every_callback_gets_the_identity_in_its_type(identity: Any) -> None:
    w = world()
    token, old = w.access(identity), w.access(identity, expires_delta=-1)
    seen: list[Any] = []

    def note(header: Any, claims: dict[str, Any]) -> bool:
        seen.append(claims["sub"])
        assert "sub_type" not in claims
        return True

    w.jwt.user_lookup_loader(note)
    w.jwt.token_verification_loader(note)
    w.jwt.token_in_blocklist_loader(lambda header, claims: not note(header, claims))
    w.jwt.expired_token_loader(lambda header, claims: {"noted": note(header, claims)})
    assert [w.get("/access", token).status_code for _ in range(2)] == [200, 200]
    w.get("/access", old)
    w.jwt.revoked_token_loader(lambda header, claims: {"noted": note(header, claims)})
    w.jwt.token_in_blocklist_loader(lambda header, claims: True)
    w.get("/access", token)
    w.jwt.token_in_blocklist_loader(lambda header, claims: False)
    w.jwt.token_verification_failed_loader(lambda header, claims: {"noted": note(header, claims)})
    w.jwt.token_verification_loader(lambda header, claims: False)
    w.get("/access", token)
    w.jwt.token_verification_loader(note)
    w.jwt.user_lookup_error_loader(lambda header, claims: {"noted": note(header, claims)})
    w.jwt.user_lookup_loader(lambda header, claims: None)
    w.get("/access", token)
    w.jwt.decode_key_loader(lambda header, claims: note(header, claims) and SECRET)
    w.get("/access", token)

    assert len(seen) == 14
    assert {(type(one), one) for one in seen} == {(type(identity), identity)}


def test_claims_and_errors_show_it_too_and_the_token_holds_a_string() -> None:
    w = world()
    token, old = w.access(7), w.access(7, expires_delta=-1)
    w.jwt.token_in_blocklist_loader(lambda header, claims: claims["sub"] == 8)

    with w.app.test_request_context(headers=bearer(token)):
        _, claims = verify_jwt_in_request() or ({}, {})
        assert [claims["sub"], get_jwt()["sub"], get_jwt_identity(), decode_token(token)["sub"]] == [7] * 4
        assert not {"sub_type"} & {*claims, *get_jwt(), *decode_token(token)}
        with pytest.raises(TokenExpired) as expired:
            decode_token(old)
        assert expired.value.jwt_data["sub"] == 7
    with w.app.test_request_context(headers=bearer(w.access(8))), pytest.raises(RevokedTokenError) as revoked:
        verify_jwt_in_request()
    assert revoked.value.jwt_data["sub"] == 8
    assert json.loads(base64url.decode(token.split(".")[1].encode()))["sub"] == "7"


def test_a_banned_int_stays_out() -> None:
    w = world()
    w.jwt.token_in_blocklist_loader(lambda header, claims: claims["sub"] in {1, 2})

    assert [w.get("/access", w.access(identity)).status_code for identity in (1, 2, 3, "1")] == [401, 401, 200, 200]


def test_changing_what_was_handed_out_changes_no_later_request() -> None:
    w = world()

    @w.app.get("/change")
    @jwt_required()
    def change() -> list[Any]:
        get_jwt()["sub"] = 8
        return [get_jwt()["sub"], get_jwt_identity()]

    token = w.access(7)
    assert [w.get("/change", token).json for _ in range(2)] == [[7, 7], [7, 7]]


def test_another_identity_claim_leaves_sub_alone() -> None:
    w = world(JWT_IDENTITY_CLAIM="uid")

    claims = w.get("/access", w.access(7, additional_claims={"sub": "7"})).json["claims"]
    assert (claims["uid"], claims["sub"]) == (7, "7")


def test_a_string_of_somebody_else_stays_a_string() -> None:
    w = world()

    for claims in ({"sub": "7"}, {"sub": "7", "sub_type": "str"}, {"sub": "07", "sub_type": "int"}):
        assert w.get("/access", w.raw(claims)).json["claims"]["sub"] == claims["sub"]
