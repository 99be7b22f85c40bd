"""Authentication for Flask APIs and their front ends.

``JWTManager`` is the token layer only. ``Signet`` adds accounts, sessions, refresh and revocation. Code that needs a
database or Argon2 is imported at its first use.
"""

from flask_signet.web.cookies import set_access_cookies as set_access_cookies
from flask_signet.web.cookies import set_refresh_cookies as set_refresh_cookies
from flask_signet.web.cookies import unset_access_cookies as unset_access_cookies
from flask_signet.web.cookies import unset_jwt_cookies as unset_jwt_cookies
from flask_signet.web.cookies import unset_refresh_cookies as unset_refresh_cookies
from flask_signet.web.credential import Credential as Credential
from flask_signet.web.guards import current_user as current_user
from flask_signet.web.guards import get_current_user as get_current_user
from flask_signet.web.guards import get_jwt as get_jwt
from flask_signet.web.guards import get_jwt_header as get_jwt_header
from flask_signet.web.guards import get_jwt_identity as get_jwt_identity
from flask_signet.web.guards import get_jwt_request_location as get_jwt_request_location
from flask_signet.web.guards import jwt_required as jwt_required
from flask_signet.web.guards import verify as verify
from flask_signet.web.guards import verify_jwt_in_request as verify_jwt_in_request
from flask_signet.web.issuing import create_access_token as create_access_token
from flask_signet.web.issuing import create_refresh_token as create_refresh_token
from flask_signet.web.issuing import decode_token as decode_token
from flask_signet.web.issuing import get_csrf_token as get_csrf_token
from flask_signet.web.issuing import get_jti as get_jti
from flask_signet.web.issuing import get_unverified_jwt_headers as get_unverified_jwt_headers
from flask_signet.web.manager import JWTManager as JWTManager

__version__ = "0.1.1"

# A plain name: `from typing import TYPE_CHECKING` would cost every start 9 ms.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from flask_signet.accounts.sqlalchemy_users import SQLAlchemyUsers as SQLAlchemyUsers
    from flask_signet.sessions.current import current_session as current_session
    from flask_signet.sessions.login_answer import Login as Login
    from flask_signet.signet import Signet as Signet

_LAZY = {
    "Login": "flask_signet.sessions.login_answer",
    "SQLAlchemyUsers": "flask_signet.accounts.sqlalchemy_users",
    "Signet": "flask_signet.signet",
    "current_session": "flask_signet.sessions.current",
}

__all__ = [
    "Credential",
    "JWTManager",
    "Login",
    "SQLAlchemyUsers",
    "Signet",
    "create_access_token",
    "create_refresh_token",
    "current_session",
    "current_user",
    "decode_token",
    "get_csrf_token",
    "get_current_user",
    "get_jti",
    "get_jwt",
    "get_jwt_header",
    "get_jwt_identity",
    "get_jwt_request_location",
    "get_unverified_jwt_headers",
    "jwt_required",
    "set_access_cookies",
    "set_refresh_cookies",
    "unset_access_cookies",
    "unset_jwt_cookies",
    "unset_refresh_cookies",
    "verify",
    "verify_jwt_in_request",
]

# Hidden from type checkers, or every misspelt name would pass.
if not TYPE_CHECKING:
    _PUBLIC = __all__
    del __all__  # asked for below: `from flask_signet import *` takes what can be loaded here
    _EXTRA = ("sqlalchemy", "alembic", "argon2")

    def __getattr__(name):  # noqa: ANN001, ANN202
        """Import names that need a database or Argon2 at their first use (PEP 562)."""
        if name == "__all__":
            return _there(_PUBLIC)
        module = _LAZY.get(name)
        if module is None:
            raise AttributeError(f"module 'flask_signet' has no attribute {name!r}")
        from importlib import import_module

        try:
            value = getattr(import_module(module), name)
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in _EXTRA:
                raise
            # Not AttributeError: `from flask_signet import Signet` would drop these words.
            raise ImportError(
                f'{name} needs {error.name}: install it with pip install "flask-signet[accounts]"'
            ) from error
        globals()[name] = value
        return value

    def __dir__():  # noqa: ANN202
        """Return the names, including the lazy ones that can be imported."""
        return _there(sorted({*globals(), *_LAZY}))

    def _there(names):  # noqa: ANN001, ANN202
        from importlib.util import find_spec

        whole = all(find_spec(name) for name in _EXTRA)
        return [name for name in names if whole or name not in _LAZY]
