"""The lesson's back end: a log-in that hands out a token, and a route that only opens with one.

Run it from this folder (README.md has the whole story):

    export JWT_SECRET_KEY=$(python -c "import secrets; print(secrets.token_urlsafe(32))")
    flask create-user alesanchezr
    flask run
"""

import os

import click
from flask import Flask, abort, request
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from werkzeug.exceptions import HTTPException

# Comes with Flask, so the lesson needs nothing more: scrypt, with a salt of its own for each password.
# (`Signet` uses Argon2id.)
from werkzeug.security import check_password_hash, generate_password_hash

from flask_signet import JWTManager, create_access_token, get_jwt_identity, jwt_required

app = Flask(__name__, static_folder="front", static_url_path="/front")
# The key signs every token: a person who has it can sign in as any user. So it must not be in the code.
app.config["JWT_SECRET_KEY"] = os.environ.get("JWT_SECRET_KEY")
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ.get("DATABASE_URL", "sqlite:///lesson.sqlite3")
app.config["MAX_CONTENT_LENGTH"] = 16 * 1024  # bytes; a log-in is far smaller


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(app, model_class=Base)
jwt = JWTManager(app)


class User(db.Model):
    id: Mapped[int] = mapped_column(primary_key=True)
    username: Mapped[str] = mapped_column(unique=True)
    password: Mapped[str]  # the hash; the password itself is kept nowhere


# What an unknown name is checked against: without it the answer would come faster, and tell which names exist.
NOBODYS_PASSWORD = generate_password_hash("nobody has this password")


@app.post("/token")
def create_token():
    username, password = text("username"), text("password")
    user = db.session.scalar(select(User).filter_by(username=username))
    good = check_password_hash(user.password if user else NOBODYS_PASSWORD, password)
    if user is None or not good:
        return {"msg": "Bad username or password"}, 401
    return {"token": create_access_token(identity=user.id), "user_id": user.id}


@app.get("/protected")
@jwt_required()
def protected():
    user = db.session.get(User, get_jwt_identity())
    if user is None:  # deleted since the token was made
        abort(401, "This user no longer exists")
    return {"id": user.id, "username": user.username}


@app.get("/")
def page():
    return app.send_static_file("index.html")


def text(name):
    """Return one text of the request's JSON object, or answer 400: what a client sends is never trusted."""
    try:
        body = request.json
        value = body[name]
        value.encode()  # a lone surrogate is a str in Python, but no text that a database or a hash could take
    except (KeyError, TypeError, AttributeError, UnicodeEncodeError, RecursionError):
        abort(400, f'Send a JSON object with a string "{name}"')
    return value


@app.errorhandler(HTTPException)
def refuse(error):
    """Answer every refusal in JSON, as the front end expects it, instead of Flask's HTML."""
    answer = error.get_response()
    answer.data = app.json.dumps({"msg": error.description})
    answer.content_type = "application/json"
    return answer


@app.cli.command("create-user")
@click.argument("username")
@click.password_option()
def create_user(username, password):
    """Make the table if it is not there, and a user in it."""
    db.create_all()
    if db.session.scalar(select(User).filter_by(username=username)):
        raise click.ClickException(f"There is a user {username} already")
    user = User(username=username, password=generate_password_hash(password))
    db.session.add(user)
    db.session.commit()
    click.echo(f"User {user.id}: {username}")
