"""What `from flask_signet import JWTManager` costs those who want no more than that."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("sqlalchemy", "alembic", "argon2", "psycopg", "cryptography.hazmat.primitives.asymmetric.rsa")


def test_the_token_door_loads_neither_sql_nor_argon2() -> None:
    """The first form needs Flask and the part of cryptography that HMAC needs."""
    code = f"from flask_signet import JWTManager; import sys; print([n for n in {HEAVY!r} if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_a_token_that_is_made_and_checked_loads_nothing_more() -> None:
    code = f"""
import sys
from flask import Flask
from flask_signet import JWTManager, create_access_token, jwt_required

app = Flask("small")
app.config["JWT_SECRET_KEY"] = "a secret of this test alone, and long enough"
JWTManager(app)
app.add_url_rule("/", view_func=jwt_required()(lambda: "in"))
with app.app_context():
    token = create_access_token("5")
answer = app.test_client().get("/", headers={{"Authorization": "Bearer " + token}})
names = (*{HEAVY!r}, "flask_signet.tokens.asymmetric")
print(answer.text, [name for name in names if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "in []\n"


def test_without_the_extra_the_commands_are_listed_and_say_what_they_need() -> None:
    code = (
        "import sys; sys.modules['sqlalchemy'] = None\n"
        "from click.testing import CliRunner\n"
        "from flask_signet.commands import signet\n"
        "for args in ([], ['users', 'list', '--json'], ['users', '--help'], ['keys', 'generate', '--secret']):\n"
        "    done = CliRunner().invoke(signet, args, prog_name='signet')\n"
        "    print(done.exit_code, done.output)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    words = 'This command needs sqlalchemy: pip install "flask-signet[accounts]"'

    assert all(
        name in done.stdout
        for name in (
            "db",
            "keys",
            "sessions",
            "token",
            "users",
            '(not installed: pip install "flask-signet[accounts]")',
        )
    )
    assert done.stdout.count(words) == 2
    assert done.stdout.count("\n0 ") == 1  # the secret
    assert "Traceback" not in done.stdout + done.stderr


def test_without_the_extra_names_that_need_it_are_left_out_and_an_import_says_what_they_need() -> None:
    code = """
import sys; sys.modules["sqlalchemy"] = None
import inspect
import flask_signet
from flask_signet import *
lazy = ("Login", "SQLAlchemyUsers", "Signet", "current_session")
members = dict(inspect.getmembers(flask_signet))
print(create_access_token.__name__, "jwt_required" in members, [n for n in lazy if n in globals() or n in members])
for name in lazy:
    for statement in (f"from flask_signet import {name}", f"flask_signet.{name}"):
        try:
            exec(statement)
        except ImportError as error:
            print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    words = 'needs sqlalchemy: install it with pip install "flask-signet[accounts]"'

    first, *refused = done.stdout.splitlines()
    assert first == "create_access_token True []"
    assert refused == [
        f"{name} {words}" for name in ("Login", "SQLAlchemyUsers", "Signet", "current_session") for _ in "12"
    ]


def test_a_star_import_takes_every_public_name() -> None:
    code = "from flask_signet import *; import flask_signet; print(set(flask_signet.__all__) - set(globals()), Signet)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "set() <class 'flask_signet.signet.Signet'>\n"
