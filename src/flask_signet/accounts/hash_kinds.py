"""Describe stored passwords that no login can accept, and what the operator can do about them."""

from __future__ import annotations

import re
from typing import Final

# The pattern of each kind and its name. Messages contain the name only, never the stored value.
_KINDS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (re.compile(r"\$2[abxy]?\$\d\d\$"), "a bcrypt hash (Flask-Bcrypt, passlib)"),
    (re.compile(r"bcrypt(?:_sha256)?\$|\$bcrypt-sha256\$"), "a bcrypt hash of Django or passlib"),
    (re.compile(r"pbkdf2_sha\d+\$|scrypt\$|argon2\$"), "a hash of Django"),
    (re.compile(r"\$pbkdf2|\$scrypt\$|\$7\$"), "a hash of passlib"),
    (re.compile(r"\$[156]\$|\$y\$|\$md5"), "a hash of crypt(3)"),
    (re.compile(r"\$argon2"), "an Argon2 hash that is damaged or of a kind that is not known"),
    (
        re.compile(r"(?i)(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128})\Z"),
        "a bare digest",
    ),
    (re.compile(r"(?:b'|b\")"), "the repr of bytes, written by str(hash)"),
    (re.compile(r"sha\d*\$|md5\$|plain\$"), "a hash of an old Werkzeug"),
)
_PLAIN: Final = "plain text, or a hash of no known form"


def kind_of(stored: str) -> str:
    """Return a description of the kind of *stored*, without any part of its value."""
    return next((name for form, name in _KINDS if form.match(stored)), _PLAIN)


def advice(user_id: object, kind: str) -> str:
    """Return the log message for the first user whose stored password is of this kind."""
    return (
        f"Flask-Signet: user {user_id!r} cannot log in: the stored password is {kind}. Logins accept Argon2id and the "
        "hashes of werkzeug.security. Store a new hash: user.password = signet.users.hashed(password), then "
        f"db.session.commit(); or give a new password: signet.users.set_password({user_id!r}, password). "
        "Other users with the same kind are not logged."
    )
