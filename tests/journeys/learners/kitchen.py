"""A recipe book: a dict as identity, in a claim of its own."""

from flask import Blueprint, Flask, jsonify, request
from flask_jwt_extended import JWTManager, create_access_token, get_jwt_identity, jwt_required

api = Blueprint("recipes", __name__, url_prefix="/api")
cooks = []


@api.post("/signup")
def signup():
    cook = {"id": len(cooks) + 1, "email": request.json["email"], "password": request.json["password"]}
    cooks.append(cook)
    return {"id": cook["id"]}, 201


@api.post("/login")
def login():
    for cook in cooks:
        if cook["email"] == request.json["email"] and cook["password"] == request.json["password"]:
            identity = {"id": cook["id"], "email": cook["email"], "admin": False}
            return {"token": create_access_token(identity=identity)}
    return {"error": "no such cook"}, 404


@api.get("/private")
@jwt_required()
def private():
    identity = get_jwt_identity()
    return jsonify(id=identity["id"], email=identity["email"])


app = Flask(__name__)
app.config["JWT_SECRET_KEY"] = "secret-key-secret-key-secret-key-secret-key"
app.config["JWT_IDENTITY_CLAIM"] = "identity"
JWTManager(app)
app.register_blueprint(api)
