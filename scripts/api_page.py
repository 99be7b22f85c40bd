"""Write ``docs/api.md``: every public name with its signature and the first line of its docstring.

``api_page.py`` writes the page; ``api_page.py --check`` exits with 1 if the page is not what would be written. The page
is plain Markdown, so that it can be read in the repository without a build. ``PAGE`` says what is on it.
"""

from __future__ import annotations

import sys
from pathlib import Path

from api_parts import Attributes, Callables, Decorators, Exceptions, Heading, Modules, Part, Values

TARGET = Path(__file__).parent.parent / "docs" / "api.md"

TITLE = """\
# Python API

Every public name. A name that is not on this page may change at any time. `help(name)` in Python shows the whole
docstring. The page is written by `scripts/api_page.py`; `make format` writes it again.
"""

SIGNET = "flask_signet"
ACCOUNTS = "flask_signet.accounts"
EVENTS = "flask_signet.sessions.events"
INSPECT = "flask_signet.tokens.inspect"
TESTING = "flask_signet.testing"
COMPAT = "flask_signet.compat"

PAGE: tuple[Part, ...] = (
    Heading(title="Set up an application", words="`from flask_signet import JWTManager, Signet`"),
    Callables(module=SIGNET, names=("JWTManager", "JWTManager.init_app", "Signet", "Signet.init_app")),
    Heading(title="Protect views", words="`from flask_signet import jwt_required, get_jwt_identity, …`"),
    Callables(
        module=SIGNET,
        names=(
            "jwt_required",
            "verify_jwt_in_request",
            "get_jwt_identity",
            "get_current_user",
            "get_jwt",
            "get_jwt_header",
            "get_jwt_request_location",
        ),
    ),
    Values(
        module=SIGNET,
        meanings=(
            ("current_user", "The user of the request, loaded when first used: a proxy of `get_current_user()`."),
            (
                "current_session",
                "The session of the request, loaded when first used; with `Signet` only. A token that a view made with "
                "`create_access_token` has no session: write `if current_session:`, because a proxy is never `None`.",
            ),
        ),
    ),
    Heading(title="Check a token outside of a request", words="`from flask_signet import verify`"),
    Callables(module=SIGNET, names=("verify",)),
    Attributes(module=SIGNET, name="Credential"),
    Heading(title="Make and read tokens", words="`from flask_signet import create_access_token, …`"),
    Callables(
        module=SIGNET,
        names=(
            "create_access_token",
            "create_refresh_token",
            "decode_token",
            "get_jti",
            "get_csrf_token",
            "get_unverified_jwt_headers",
        ),
    ),
    Heading(title="Access tokens in cookies", words="`from flask_signet import set_access_cookies, …`"),
    Callables(
        module=SIGNET,
        names=(
            "set_access_cookies",
            "set_refresh_cookies",
            "unset_access_cookies",
            "unset_refresh_cookies",
            "unset_jwt_cookies",
        ),
    ),
    Heading(
        title="Callbacks",
        words="Methods of `JWTManager` and `Signet`. Each is a decorator for one function, which may be `async`.",
    ),
    Decorators(module=SIGNET, owner="JWTManager", ending="_loader"),
    Heading(title="Log in, log out, revoke", words="Methods of `Signet`, for views of your own."),
    Callables(module=SIGNET, names=("Signet.login", "Signet.logout", "Signet.revoke_session", "Signet.revoke_all")),
    Attributes(
        module=SIGNET,
        name="Login",
        names=("access_token", "refresh_token", "expires_in", "user_id", "session_id"),
    ),
    Callables(module=SIGNET, names=("Login.response", "Login.set_cookie")),
    Heading(
        title="Built-in accounts",
        words="`signet.users` has these methods. A `UserId` is an `int`, a `str` or a `UUID`.",
    ),
    Callables(
        module=ACCOUNTS,
        names=(
            "Accounts.create",
            "Accounts.get",
            "Accounts.find",
            "Accounts.list",
            "Accounts.hashed",
            "Accounts.set_password",
            "Accounts.disable",
            "Accounts.enable",
            "Accounts.delete",
        ),
    ),
    Attributes(module=ACCOUNTS, name="User"),
    Heading(
        title="Users of your own",
        words="`from flask_signet import SQLAlchemyUsers`. Any object with the methods of `Users` can be used too.",
    ),
    Callables(
        module=ACCOUNTS,
        names=(
            "SQLAlchemyUsers",
            "Users.get",
            "Users.find",
            "Users.password_hash",
            "Users.set_password_hash",
            "Users.is_active",
        ),
    ),
    Heading(
        title="Signals",
        words="`from flask_signet.sessions.events import session_opened, …`. The sender is the Flask application. "
        "Receivers run in the request that caused the event, after its transaction.",
    ),
    Values(
        module=EVENTS,
        meanings=(
            ("session_opened", "A login opened a session. Sent with `user_id`, `session_id`, `device`, `address`."),
            (
                "session_ended",
                "A session has ended. Sent with `user_id`, `session_id` (`None`: all sessions of the user) and "
                "`reason`.",
            ),
            (
                "refresh_reuse_detected",
                "An old refresh token was used again after the grace time, and its session has ended. Sent with "
                "`user_id` and `session_id`.",
            ),
        ),
    ),
    Heading(
        title="Test an application",
        words="`from flask_signet.testing import signed_in, frozen, reset`. The first two are for `with`.",
    ),
    Callables(module=TESTING, names=("signed_in", "frozen")),
    Attributes(module=TESTING, name="StoppedClock"),
    Callables(module=TESTING, names=("StoppedClock.move", "reset")),
    Heading(
        title="Signatures and inspection",
        words="`from flask_signet.tokens import verify_signature`, `from flask_signet.tokens.inspect import inspect`",
    ),
    Callables(module="flask_signet.tokens", names=("verify_signature",)),
    Callables(module=INSPECT, names=("inspect",)),
    Attributes(module=INSPECT, name="Inspection"),
    Callables(module=INSPECT, names=("Inspection.lines", "Inspection.as_json")),
    Attributes(module=INSPECT, name="Part"),
    Heading(
        title="Exceptions",
        words="`from flask_signet.exceptions import SignetError, …`. Their codes and statuses are on the page "
        "[Errors](errors.md).",
    ),
    Exceptions(module="flask_signet.exceptions"),
    Heading(
        title="Names of Flask-JWT-Extended",
        words="For code that imports from the modules of Flask-JWT-Extended: [Moving from "
        "Flask-JWT-Extended](moving.md).",
    ),
    Callables(module=COMPAT, names=("install",)),
    Modules(
        package=COMPAT,
        names=(
            "utils",
            "view_decorators",
            "config",
            "exceptions",
            "tokens",
            "default_callbacks",
            "internal_utils",
            "jwt_manager",
            "typing",
        ),
    ),
    Heading(title="Types in the signatures"),
    """\
| type | meaning |
|---|---|
| `C`, `P`, `R` | type variables: a callback; the parameters and the result of a view |
| `Connection` | a connection of SQLAlchemy |
| `ExpiresDelta` | `timedelta`, seconds as `int`, `False` for a token without an end, `None` for the setting |
| `Fresh` | `bool`, or for how long the token is fresh: `timedelta` or seconds |
| `LocationType` | one of `"headers"`, `"cookies"`, `"query_string"`, `"json"`, or a sequence of them |
| `MaxAge` | seconds as `int`, `timedelta`, or `None` for the setting |
| `Transport` | `"body"` or `"cookie"` |
| `UserId` | `int`, `str` or `UUID` |
""",
)


def page() -> str:
    """Return the content of the page."""
    parts = [part if isinstance(part, str) else "\n".join(part.lines()) for part in PAGE]
    return "\n".join(part.rstrip() + "\n" for part in [TITLE, *parts])


def main(arguments: list[str], target: Path = TARGET) -> int:
    """Write the page, or compare it with ``--check``; return the exit status."""
    written = page()
    if arguments == ["--check"]:
        if not target.exists() or target.read_text("utf-8") != written:
            print(
                f"{target} is not what scripts/api_page.py writes: a public name, signature or docstring has changed.\n"
                "Run: make format",
                file=sys.stderr,
            )
            return 1
        return 0
    if arguments:
        print(f"Unknown arguments: {' '.join(arguments)}. Usage: api_page.py [--check]", file=sys.stderr)
        return 2
    target.write_text(written, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
