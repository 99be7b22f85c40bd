"""An adoption site: a lookup loader, a blocklist, its own words for refusals, tokens in cookies for the admin page."""

from flask import Flask, jsonify, request
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    current_user,
    get_jwt,
    jwt_required,
    set_access_cookies,
)

app = Flask(__name__)
app.config.update(
    JWT_SECRET_KEY="my-super-secret-jwt-key",
    JWT_TOKEN_LOCATION=["headers", "cookies"],
    JWT_COOKIE_CSRF_PROTECT=False,
)
jwt = JWTManager(app)
owners = {}
revoked = set()


@jwt.user_lookup_loader
def load(_header, data):
    return owners.get(data["sub"])


@jwt.token_in_blocklist_loader
def is_revoked(_header, data):
    return data["jti"] in revoked


@jwt.unauthorized_loader
def refused(reason):
    return jsonify({"success": False, "reason": reason}), 401


@app.post("/api/signup")
def signup():
    owners[request.json["email"]] = {"email": request.json["email"], "password": request.json["password"]}
    return jsonify({"success": True}), 201


@app.post("/api/login")
def login():
    owner = owners.get(request.json["email"])
    if not owner or owner["password"] != request.json["password"]:
        return jsonify({"success": False}), 401
    token = create_access_token(identity=owner["email"])
    response = jsonify({"success": True, "access_token": token, "user": {"email": owner["email"]}})
    set_access_cookies(response, token)
    return response


@app.get("/api/private")
@jwt_required()
def private():
    return jsonify(email=current_user["email"])


@app.post("/api/logout")
@jwt_required()
def logout():
    revoked.add(get_jwt()["jti"])
    return jsonify({"success": True})
