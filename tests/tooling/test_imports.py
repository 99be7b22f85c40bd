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
