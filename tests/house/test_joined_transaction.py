"""`connection=`: what Signet does happens in the application's own transaction, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask_sqlalchemy import SQLAlchemy

from flask_signet import Signet, jwt_required
from flask_signet.accounts import Accounts, users_table
from flask_signet.testing import reset

ROOT_KEY = "1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
PASSWORD, OTHER = "a long enough password", "another long password"


@dataclass
class Shop:
    """An application with orders of its own that point at our users, in one database."""

    app: Flask
    db: SQLAlchemy
    signet: Signet
    Order: Any

    @property
    def users(self) -> Accounts:
        users = self.signet.users
        assert isinstance(users, Accounts)
        return users

    def login(self, name: str = "ada", password: str = PASSWORD) -> Any:
        return self.app.test_client().post("/token", json={"username": name, "password": password})

    def status(self, access_token: str) -> int:
        headers = {"Authorization": f"Bearer {access_token}"}
        return self.app.test_client().get("/protected", headers=headers).status_code

    def refresh(self, refresh_token: str) -> int:
        return self.app.test_client().post("/token/refresh", json={"refresh_token": refresh_token}).status_code

    def orders(self) -> int:
        return len(self.db.session.execute(self.db.select(self.Order)).all())


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    url = f"sqlite:///{tmp_path / 'shop.sqlite3'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url").replace("postgresql:", "postgresql+psycopg:")
    app = Flask("shop", instance_path=str(tmp_path))
    app.config.update(
        SQLALCHEMY_DATABASE_URI=url, SIGNET_DATABASE_URL="app", SIGNET_ROOT_KEY=ROOT_KEY, SIGNET_THROTTLE=False
    )
    db = SQLAlchemy(app)

    class Order(db.Model):  # type: ignore[name-defined,misc]
        __tablename__ = "orders"
        id = db.Column(db.Integer, primary_key=True)
        user_id = db.Column(db.ForeignKey(users_table.c.id))

    signet = Signet(app)

    @app.get("/protected")
    @jwt_required()
    def protected() -> str:
        return "in"

    assert app.test_cli_runner().invoke(args=["signet", "db", "upgrade"]).exit_code == 0
    with app.app_context():
        db.create_all()
    yield Shop(app, db, signet, Order)
    reset(app)
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.mark.parametrize("kept", [True, False], ids=["committed", "rolled back"])
def test_an_account_its_order_and_its_login_are_made_together_or_not_at_all(shop: Shop, kept: bool) -> None:
    with shop.app.test_request_context():
        connection = shop.db.session.connection()
        shop.db.session.add(shop.Order(id=1))
        shop.db.session.flush()  # the application has written first, and holds the lock that SQLite has
        user = shop.users.create("ada", PASSWORD, connection=connection)
        shop.users.update(user.id, email="ada@example.org", connection=connection)
        shop.db.session.add(shop.Order(id=2, user_id=user.id))
        shop.db.session.flush()
        login = shop.signet.login(user, connection=connection)
        (shop.db.session.commit if kept else shop.db.session.rollback)()
    with shop.app.app_context():
        orders, found = shop.orders(), shop.users.find("ada")

    assert orders == (2 if kept else 0)
    assert (found is not None) is kept
    assert shop.login().status_code == (200 if kept else 401)
    assert shop.refresh(login.refresh_token) == (200 if kept else 401)


ENDS = {
    "set_password": lambda shop, user, _, connection: shop.users.set_password(user, OTHER, connection=connection),
    "disable": lambda shop, user, _, connection: shop.users.disable(user, connection=connection),
    "delete": lambda shop, user, _, connection: shop.users.delete(user, connection=connection),
    "revoke_all": lambda shop, user, _, connection: shop.signet.revoke_all(user, connection=connection),
    "revoke_session": lambda shop, _, sid, connection: shop.signet.revoke_session(sid, connection=connection),
}


@pytest.mark.parametrize("kept", [True, False], ids=["committed", "rolled back"])
@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_what_ends_sessions_ends_them_with_the_application_s_commit(shop: Shop, end: Any, kept: bool) -> None:
    """And not before: a rolled back end has ended nothing."""
    with shop.app.app_context():
        user = shop.users.create("ada", PASSWORD)
    tokens = shop.login().get_json()
    with shop.app.test_request_context():
        sid = shop.signet.sessions.listing(user.id)[0].id
        shop.db.session.add(shop.Order(id=1))
        shop.db.session.flush()
        end(shop, user.id, sid, shop.db.session.connection())
        (shop.db.session.commit if kept else shop.db.session.rollback)()
    with shop.app.app_context():
        orders = shop.orders()

    assert orders == (1 if kept else 0)
    assert shop.status(tokens["access_token"]) == (401 if kept else 200)
    assert shop.refresh(tokens["refresh_token"]) == (401 if kept else 200)
    if not kept:
        assert shop.login().status_code == 200
