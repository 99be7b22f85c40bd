"""A shop: a model with e-mail and `serialize()`, a blueprint under /api with its own CORS, Flask-Admin, a literal key."""

import os

from flask import Blueprint, Flask, jsonify, request
from flask_admin import Admin
from flask_admin.contrib.sqla import ModelView
from flask_cors import CORS
from flask_jwt_extended import JWTManager, create_access_token, get_jwt_identity, jwt_required
from flask_sqlalchemy import SQLAlchemy
from werkzeug.security import check_password_hash, generate_password_hash

db = SQLAlchemy()


class User(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    email = db.Column(db.String(120), unique=True, nullable=False)
    password = db.Column(db.String(256), nullable=False)
    is_active = db.Column(db.Boolean(), nullable=False, default=True)

    def __repr__(self):
        return f"<User {self.email}>"

    def serialize(self):
        return {"id": self.id, "email": self.email}


api = Blueprint("api", __name__)
CORS(api)


@api.route("/signup", methods=["POST"])
def signup():
    body = request.get_json()
    user = User(email=body["email"], password=generate_password_hash(body["password"], "pbkdf2:sha256:1000"))
    db.session.add(user)
    db.session.commit()
    return jsonify(user.serialize()), 201


@api.route("/login", methods=["POST"])
def login():
    email = request.json.get("email", None)
    password = request.json.get("password", None)
    user = User.query.filter_by(email=email).first()
    if user is None or not check_password_hash(user.password, password):
        return jsonify({"msg": "Bad email or password"}), 401
    return jsonify(access_token=create_access_token(identity=str(user.id)))


@api.route("/private", methods=["GET"])
@jwt_required()
def private():
    user = db.session.get(User, int(get_jwt_identity()))
    return jsonify(user.serialize()), 200


app = Flask(__name__)
app.url_map.strict_slashes = False
app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///" + os.path.join(os.environ["LEARNERS_DATA"], "shop.db")
app.config["JWT_SECRET_KEY"] = "super-secret"
app.secret_key = "sample key"
db.init_app(app)
jwt = JWTManager(app)
admin = Admin(app, name="Admin")
admin.add_view(ModelView(User, db.session))
app.register_blueprint(api, url_prefix="/api")
with app.app_context():
    db.create_all()
