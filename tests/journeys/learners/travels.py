"""A travel diary: an application factory, `{token, user}`, the key set after the manager, CORS for everything."""

from datetime import timedelta

from flask import Flask, jsonify, request
from flask_cors import CORS
from flask_jwt_extended import JWTManager, create_access_token, get_jwt, get_jwt_identity, jwt_required

jwt = JWTManager()
users = []


def create_app():
    app = Flask(__name__)
    CORS(app)
    jwt.init_app(app)
    app.config["JWT_SECRET_KEY"] = "change-this-secret-key-in-production-please"
    app.config["JWT_ACCESS_TOKEN_EXPIRES"] = timedelta(hours=24)

    @app.route("/api/signup", methods=["POST"])
    def signup():
        data = request.get_json()
        users.append({"id": len(users) + 1, "email": data["email"], "password": data["password"]})
        return jsonify({"message": "created"}), 201

    @app.route("/api/login", methods=["POST"])
    def login():
        data = request.get_json()
        for user in users:
            if user["email"] == data["email"] and user["password"] == data["password"]:
                token = create_access_token(identity=user["id"], additional_claims={"role": "traveller"})
                return jsonify({"token": token, "user": {"id": user["id"], "email": user["email"]}})
        return jsonify({"message": "wrong"}), 401

    @app.route("/api/private")
    @jwt_required()
    def private():
        user = users[get_jwt_identity() - 1]
        return jsonify({"id": user["id"], "email": user["email"], "role": get_jwt()["role"]})

    return app


app = create_app()
