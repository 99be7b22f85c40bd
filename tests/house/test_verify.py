"""``verify(token)``: what a guard would say of a token that came by another way than a request."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from flask_signet import (
    Credential,
    JWTManager,
    Signet,
    create_access_token,
    create_refresh_token,
    decode_token,
    verify,
)
from flask_signet.exceptions import (
    FreshTokenRequired,
    InvalidSignature,
    JWTExtendedException,
    MalformedToken,
    RevokedTokenError,
    TokenExpired,
    UserClaimsVerificationError,
    UserLookupError,
    WrongTokenError,
)
from flask_signet.testing import frozen, reset

SECRET = "y2PE5rAzIvNYgHfVrTiYAVN9sIYLjzGrR7xBKpCHgXk"


def plain(**config: Any) -> tuple[Flask, JWTManager]:
    """Return an application with tokens alone."""
    app = Flask("plain")
    app.config.update(JWT_SECRET_KEY=SECRET, **config)
    return app, JWTManager(app)


@pytest.fixture
def house() -> Iterator[tuple[Flask, Signet[Any]]]:
    """An application with accounts and sessions, in memory."""
    app = Flask("house")
    app.config["TESTING"] = True
    signet = Signet(app)
    yield app, signet
    reset(app)


def test_a_good_token_gives_who_it_is_for_in_its_type() -> None:
    app, _ = plain()
    with app.app_context():
        credential = verify(create_access_token(7, additional_claims={"team": "red"}))

    assert isinstance(credential, Credential)
    assert (credential.kind, credential.user_id, credential.session_id) == ("jwt", 7, None)
    assert credential.claims["team"] == "red"


def test_it_needs_no_request_and_leaves_one_alone() -> None:
    app, _ = plain()
    with app.app_context():
        token = create_access_token("ada")
    with app.test_request_context(headers={"Authorization": "Bearer rubbish"}) as context:
        assert verify(token).user_id == "ada"
        assert not hasattr(context.request, "signet_credential")


def test_neither_token_nor_claims_are_in_its_repr() -> None:
    app, _ = plain()
    with app.app_context():
        token = create_access_token("ada")
        credential = verify(token)

    assert credential.claims["csrf"] not in repr(credential)
    assert "ada" in repr(credential)


@pytest.mark.parametrize("given", ["", "undefined", "a.b.c", b"\xff", None, 5, {"token": "x"}, ["x"]])
def test_what_is_no_token_is_refused_as_such(given: Any) -> None:
    """A message of a WebSocket may hold anything."""
    app, _ = plain()
    with app.app_context(), pytest.raises(MalformedToken):
        verify(given)


def test_another_signature_time_or_kind_is_refused() -> None:
    app, _ = plain()
    with app.app_context():
        token, refresh = create_access_token("ada"), create_refresh_token("ada")
        over = create_access_token("ada", expires_delta=timedelta(0))
        with pytest.raises(InvalidSignature):
            verify(token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"))
        with pytest.raises(TokenExpired):
            verify(over)
        with pytest.raises(WrongTokenError):
            verify(refresh)
        with pytest.raises(WrongTokenError):
            verify(token, kind="refresh")
        assert verify(refresh, kind="refresh").user_id == "ada"
        with pytest.raises(WrongTokenError):
            verify(token, kind="mfa")
        of_own_kind = create_access_token("ada", additional_claims={"type": "mfa"})
        assert verify(of_own_kind, kind="mfa").user_id == "ada"
        with pytest.raises(WrongTokenError):
            verify(of_own_kind)


def test_a_fresh_token_is_asked_for_as_by_a_guard() -> None:
    app, _ = plain()
    with app.app_context():
        assert verify(create_access_token("ada", fresh=True), fresh=True).user_id == "ada"
        with pytest.raises(FreshTokenRequired):
            verify(create_access_token("ada"), fresh=True)


def test_every_loader_is_asked_and_one_that_refuses_counts() -> None:
    """An ``async`` one too: a coroutine is true, and would accept every token."""
    app, jwt = plain()
    refusing: dict[str, bool] = {}

    @jwt.token_in_blocklist_loader
    async def blocked(_header: dict[str, Any], claims: dict[str, Any]) -> bool:
        return bool(refusing.get("blocklist")) and claims["sub"] == "ada"

    @jwt.token_verification_loader
    def accepted(_header: dict[str, Any], _claims: dict[str, Any]) -> bool:
        return not refusing.get("claims")

    @jwt.user_lookup_loader
    def user(_header: dict[str, Any], _claims: dict[str, Any]) -> Any:
        return None if refusing.get("user") else object()

    with app.app_context():
        token = create_access_token("ada")
        assert verify(token).user_id == "ada"
        for what, error in (
            ("blocklist", RevokedTokenError),
            ("claims", UserClaimsVerificationError),
            ("user", UserLookupError),
        ):
            refusing.clear()
            refusing[what] = True
            with pytest.raises(error):
                verify(token)


def test_the_key_loader_of_the_application_is_asked() -> None:
    app, jwt = plain()
    jwt.decode_key_loader(lambda _header, claims: SECRET if claims["sub"] == "ada" else None)
    with app.app_context():
        assert verify(create_access_token("ada")).user_id == "ada"
        with pytest.raises(JWTExtendedException):
            verify(create_access_token("eve"))


def test_a_session_that_ended_is_refused(house: tuple[Flask, Signet[Any]]) -> None:
    app, signet = house
    ada = signet.users.create("ada", "correct horse")
    with app.test_request_context():
        login = signet.login(ada)
    with app.app_context():
        credential = verify(login.access_token)
        assert (credential.user_id, credential.session_id) == (1, login.session_id)
        signet.revoke_session(login.session_id)
        with pytest.raises(RevokedTokenError):
            verify(login.access_token)


def test_a_disabled_user_is_refused_where_decode_token_lets_them_in(house: tuple[Flask, Signet[Any]]) -> None:
    app, signet = house
    ada = signet.users.create("ada", "correct horse")
    with app.test_request_context():
        login = signet.login(ada)
        by_view = create_access_token(ada.id)
    signet.users.disable(ada.id)
    with app.app_context():
        assert decode_token(login.access_token)["sub"] in (1, "1")
        for token in (login.access_token, by_view):
            with pytest.raises(RevokedTokenError):
                verify(token)


def test_what_it_verified_once_expires(house: tuple[Flask, Signet[Any]]) -> None:
    app, signet = house
    ada = signet.users.create("ada", "correct horse")
    with app.test_request_context():
        token = signet.login(ada).access_token
    with app.app_context():
        assert verify(token).user_id == 1
        with frozen(app, signet.clock.now() + 901), pytest.raises(TokenExpired):
            verify(token)
