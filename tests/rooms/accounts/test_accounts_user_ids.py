"""One id, many spellings: each finds no user, or is revoked like the id itself."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import pytest

from flask_signet import JWTManager, Signet, create_access_token, get_jwt_identity, jwt_required
from flask_signet.accounts import user_ids
from flask_signet.accounts.tables import users_table
from flask_signet.exceptions import InvalidCredentials, InvalidRequest, NotFound
from tests.house.test_signet import bearer, make
from tests.rooms.accounts.club import IDS, Shop

ONE = ["01", "+1", " 1", "1 ", "1_0", "\uff11", "1.0", "1e0", "0x1", "\t1\n", "\u0660\u0661", "00001"]
ADA = uuid.UUID("0190163d-8694-739b-aea5-966c26f8ad91")
UUIDS = [
    ADA.hex,
    str(ADA).upper(),
    f"urn:uuid:{ADA}",
    f"{{{ADA}}}",
    f"URN:UUID:{ADA}",
    f" {ADA} ",
    ADA.hex.upper(),
    f"{ADA.hex[:4]}-{ADA.hex[4:]}",
]


@pytest.fixture(params=["int", "uuid"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    shop = Shop(tmp_path / "shop", request.param)

    @shop.app.get("/bare")
    @jwt_required()
    def bare() -> Any:
        return {"id": get_jwt_identity()}

    yield shop
    shop.close()


def spellings(user_id: Any) -> list[str]:
    if isinstance(user_id, uuid.UUID):
        return UUIDS
    return [f"0{user_id}", f"+{user_id}", f" {user_id}", f"{user_id} ", f"{user_id}.0", "\uff17", "0x7", "7e0", "0_7"]


def test_no_other_spelling_finds_a_user_or_logs_in(shop: Shop) -> None:
    with shop.app.app_context():
        found = [shop.signet.users.get(each) for each in spellings(shop.id)]
        for each in spellings(shop.id):
            with pytest.raises(InvalidCredentials):
                shop.signet.login(each)

        assert found == [None] * len(found)
        assert shop.signet.users.get(str(shop.id)) is not None


def test_tokens_of_every_spelling_end_with_the_user_s(shop: Shop) -> None:
    for each in spellings(shop.id):
        with shop.app.app_context():
            token = create_access_token(each)
            assert shop.client.get("/bare", headers=bearer(token)).get_json() == {"id": each}
            shop.signet.revoke_all(shop.id)
            again = create_access_token(each)
        statuses = [shop.client.get("/bare", headers=bearer(which)).status_code for which in (token, again)]

        assert [401, 200] == statuses, each


def test_every_spelling_revokes(shop: Shop) -> None:
    for each in [*spellings(shop.id), str(shop.id), shop.id]:
        with shop.app.app_context():
            token, login = create_access_token(shop.id), shop.signet.login(shop.id)
            assert len(shop.signet.sessions.listing(each)) == 1
            shop.signet.revoke_all(each)
            assert shop.signet.sessions.listing(shop.id) == []
        statuses = [
            shop.client.get("/bare", headers=bearer(which)).status_code for which in (token, login.access_token)
        ]

        assert [401, 401] == statuses, each


def test_a_name_that_the_application_s_loader_makes_of_an_id_ends_with_the_user(shop: Shop) -> None:
    shop.signet.user_identity_loader(lambda identity: f"user:{getattr(identity, 'id', identity)}")
    with shop.app.app_context():
        user = shop.signet.users.get(shop.id)
        tokens = [create_access_token(identity) for identity in (shop.id, str(shop.id), user)]
        paths = ("/bare", "/account")
        before = [shop.client.get(path, headers=bearer(each)).status_code for each in tokens for path in paths]
        shop.signet.revoke_all(shop.id)
        after = [shop.client.get("/bare", headers=bearer(each)).status_code for each in tokens]

    assert [200] * 6 == before
    assert [401] * 3 == after


@pytest.mark.parametrize("end", ["revoke_all", "disable", "delete", "set_password"])
def test_tokens_of_every_spelling_end_with_a_built_in_account(end: str) -> None:
    app, signet = make()

    @app.get("/bare")
    @jwt_required()
    def bare() -> Any:
        return ""

    client = app.test_client()
    for number, each in enumerate([*ONE, "1"]):
        user = signet.users.create(f"ada{number}", "correct horse")
        written = each.replace("1", str(user.id)) if each not in ("\uff11", "\u0660\u0661", "1_0") else str(user.id)
        with app.app_context():
            token = create_access_token(written)
        assert client.get("/bare", headers=bearer(token)).status_code == 200
        if end == "revoke_all":
            signet.revoke_all(user.id)
        elif end == "set_password":
            signet.users.set_password(user.id, "another horse")
        else:
            getattr(signet.users, end)(user.id)

        assert client.get("/bare", headers=bearer(token)).status_code == 401, written


@pytest.mark.parametrize("given", [*ONE, "-0", "-1", "", "0", True, 1.0, "x", "9" * 300])
def test_a_built_in_account_has_one_spelling(given: Any) -> None:
    app, signet = make()
    signet.users.create("ada", "correct horse")
    assert signet.users.get(given) is None
    for act in (signet.users.disable, signet.users.delete, signet.users.enable):
        with pytest.raises(NotFound):
            act(given)
    with app.app_context(), pytest.raises((InvalidCredentials, InvalidRequest, TypeError)):
        signet.login(given)


@pytest.mark.parametrize("given", [spelling for spelling in ONE if spelling not in ("1_0",)])
def test_what_databases_read_as_one_is_one(given: str) -> None:
    assert user_ids.canonical(int, given) == 1
    assert user_ids.strict(int, given) is None


@pytest.mark.parametrize("given", ["", "x", "1x", "--1", "1.5", "inf", "nan", "1" * 300, None, b"1"])
def test_what_is_no_number_is_no_id(given: Any) -> None:
    assert user_ids.canonical(int, given) is None


@pytest.mark.parametrize("given", UUIDS)
def test_what_databases_read_as_one_uuid_is_one(given: str) -> None:
    assert user_ids.canonical(uuid.UUID, given) == ADA
    assert user_ids.strict(uuid.UUID, given) is None


def test_a_uuid_is_taken_as_identity_and_its_canonical_string_comes_back() -> None:
    app = flask.Flask("uuid")
    app.config.update(TESTING=True, JWT_SECRET_KEY="a configured secret that is long enough for HS256")
    JWTManager(app)

    @app.get("/who")
    @jwt_required()
    def who() -> Any:
        return {"id": get_jwt_identity()}

    with app.app_context():
        token = create_access_token(ADA)

    assert app.test_client().get("/who", headers=bearer(token)).get_json() == {"id": str(ADA)}


def test_a_uuid_finds_its_user_and_ends_with_them(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop", "uuid")
    try:
        with shop.app.app_context():
            token = create_access_token(IDS["uuid"][1])
            shown = shop.client.get("/account", headers=bearer(token))
            assert (200, str(shop.id)) == (shown.status_code, shown.get_json()["id"])
            shop.signet.revoke_all(shop.id)
        assert shop.client.get("/account", headers=bearer(token)).status_code == 401
    finally:
        shop.close()


def test_a_claim_of_our_own_cannot_be_set() -> None:
    app = flask.Flask("claims")
    app.config["TESTING"] = True
    Signet(app)
    with app.app_context():
        for name in ("sub_user", "sub_mark"):
            with pytest.raises(RuntimeError, match=f"additional claims cannot set '{name}'"):
                create_access_token(1, additional_claims={name: "x"})


@pytest.mark.parametrize("name", ["1", "01", "+1", "-1", "0x1", "0b1", "1_0", "1.0", "1e0", "\uff11", "\u0661"])
def test_a_name_that_reads_as_an_id_is_refused(name: str) -> None:
    _, signet = make()
    user = signet.users.create("ada", "correct horse")
    for act in (
        lambda: signet.users.create(name, "correct horse"),
        lambda: signet.users.update(user.id, username=name),
    ):
        with pytest.raises(InvalidRequest) as caught:
            act()
        assert "username" in (caught.value.fields or {})


def test_an_account_whose_name_is_a_number_already_goes_on() -> None:
    app, signet = make()
    user = signet.users.create("ada", "correct horse")
    with signet.store.write() as connection:
        connection.execute(users_table.update().values(username="42", username_key="42"))
    answer = app.test_client().post("/token", json={"username": "42", "password": "correct horse"})

    assert (200, user.id) == (answer.status_code, answer.get_json()["user_id"])
    assert signet.users.update(user.id, username="42", email="a@b.example").username == "42"


@pytest.mark.parametrize("loader", [None, lambda identity: f"user:{identity}"])
@pytest.mark.parametrize("name", ["0x1", "01", "1.0"])
def test_a_token_for_a_loose_spelling_is_no_other_user_s(name: str, loader: Any) -> None:
    app, signet = make()
    if loader is not None:
        signet.user_identity_loader(loader)
    user = signet.users.create("admin", "correct horse")
    client = app.test_client(use_cookies=False)
    with app.app_context():
        held = signet.login(user.id).refresh_token
        headers = bearer(create_access_token(name, fresh=True))
    assert client.get("/account", headers=headers).status_code == 401
    listed = client.get("/account/sessions", headers=headers)
    assert listed.status_code == 401 or listed.get_json() == []
    client.delete("/account/sessions", headers=headers)
    client.delete("/token?everywhere=1", headers=headers)
    assert client.patch("/account", headers=headers, json={"email": "m@b.example"}).status_code == 401
    assert client.delete("/account", headers=headers).status_code == 401

    assert client.post("/token/refresh", json={"refresh_token": held}).status_code == 200
