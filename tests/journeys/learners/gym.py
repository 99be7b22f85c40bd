"""A gym: a factory with `from_object`, an `admin_required` decorator, the identity as an int, an own /token view."""

from functools import wraps

from flask import Flask, jsonify, request
from flask_jwt_extended import JWTManager, create_access_token, get_jwt, get_jwt_identity, verify_jwt_in_request


class Config:
    SECRET_KEY = "a-long-flask-secret-key-that-is-used-for-sessions"
    JWT_SECRET_KEY = "jwt-secret-string"
    JWT_ACCESS_TOKEN_EXPIRES = 3600


members = []
jwt = JWTManager()


def member_required(view):
    @wraps(view)
    def wrapper(*args, **kwargs):
        verify_jwt_in_request()
        if not get_jwt().get("is_member"):
            return jsonify(msg="Members only"), 403
        return view(*args, **kwargs)

    return wrapper


@jwt.additional_claims_loader
def claims(identity):
    return {"is_member": identity is not None}


def create_app(config=Config):
    app = Flask(__name__)
    app.config.from_object(config)
    jwt.init_app(app)

    @app.post("/api/signup")
    def signup():
        members.append((request.json["email"], request.json["password"]))
        return jsonify(id=len(members)), 201

    @app.post("/token")
    @app.post("/api/login")
    def token():
        pair = (request.json["email"], request.json["password"])
        if pair not in members:
            return jsonify({"msg": "Bad username or password"}), 401
        number = members.index(pair) + 1
        return jsonify({"token": create_access_token(identity=number), "user_id": number})

    @app.get("/api/private")
    @member_required
    def private():
        number = get_jwt_identity()
        return jsonify(id=number, email=members[number - 1][0])

    return app


app = create_app()
