"""A clinic: the claim `type` repeated, access and refresh tokens, Flask's own key as the only one."""

from flask import Flask, jsonify, request
from flask_jwt_extended import (
    JWTManager,
    create_access_token,
    create_refresh_token,
    get_jwt_identity,
    jwt_required,
)

app = Flask(__name__)
app.config["SECRET_KEY"] = "dev"
jwt = JWTManager(app)
people = {}


@app.post("/api/signup")
def signup():
    people[request.json["email"]] = request.json["password"]
    return jsonify({"email": request.json["email"]}), 201


@app.post("/api/login")
def login():
    email = request.json["email"]
    if people.get(email) != request.json["password"]:
        return jsonify({"msg": "Bad email or password"}), 401
    access = create_access_token(identity=email, additional_claims={"type": "access"})
    return jsonify(access_token=access, refresh_token=create_refresh_token(identity=email))


@app.post("/api/refresh")
@jwt_required(refresh=True)
def refresh():
    return jsonify(access_token=create_access_token(identity=get_jwt_identity()))


@app.get("/api/private")
@jwt_required()
def private():
    return jsonify(email=get_jwt_identity())
