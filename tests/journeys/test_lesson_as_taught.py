"""The code of the lesson in the form that most tutorials use; only the import differs."""

from __future__ import annotations

import warnings

import pytest
from flask import Flask, jsonify, request
from flask.testing import FlaskClient
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.exc import LegacyAPIWarning

from flask_signet import JWTManager, create_access_token, get_jwt_identity, jwt_required


@pytest.fixture
def client() -> FlaskClient:
    """An app with `Model.query`, a plain-text password and a key in the code, as taught; and its client."""
    app = Flask(__name__)
    app.config["TESTING"] = True
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite://"
    app.config["JWT_SECRET_KEY"] = "a key that is long enough for HS256"
    db = SQLAlchemy(app)
    JWTManager(app)

    class User(db.Model):  # type: ignore[name-defined]
        id = db.Column(db.Integer, primary_key=True)
        username = db.Column(db.String(80), unique=True)
        password = db.Column(db.String(80))

    @app.route("/token", methods=["POST"])
    def create_token():  # noqa: ANN202 - as taught
        username = request.json.get("username", None)
        password = request.json.get("password", None)
        user = User.query.filter_by(username=username, password=password).first()
        if user is None:
            return jsonify({"msg": "Bad username or password"}), 401
        token = create_access_token(identity=user.id)
        return jsonify({"token": token, "user_id": user.id})

    @app.route("/protected", methods=["GET"])
    @jwt_required()
    def protected():  # noqa: ANN202 - as taught
        user = User.query.get(get_jwt_identity())
        return jsonify({"id": user.id, "username": user.username}), 200

    with app.app_context():
        db.create_all()
        db.session.add(User(username="alesanchezr", password="12341234"))
        db.session.commit()
    return app.test_client()


def test_the_lesson_as_taught_runs_with_one_warning_that_is_not_ours(client: FlaskClient) -> None:
    """Integer identity included: `Query.get` is handed the number, and SQLAlchemy alone complains about itself."""
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        answer = client.post("/token", json={"username": "alesanchezr", "password": "12341234"})
        guarded = client.get("/protected", headers={"Authorization": f"Bearer {answer.json['token']}"})

    assert answer.status_code == 200
    assert answer.json["user_id"] == 1
    assert guarded.status_code == 200
    assert guarded.json == {"id": 1, "username": "alesanchezr"}
    assert [LegacyAPIWarning] == [warning.category for warning in seen]
    assert "Query.get()" in str(seen[0].message)


def test_the_lesson_as_taught_refuses_a_wrong_password(client: FlaskClient) -> None:
    """With its own words."""
    answer = client.post("/token", json={"username": "alesanchezr", "password": "wrong"})

    assert answer.status_code == 401
    assert answer.json == {"msg": "Bad username or password"}
