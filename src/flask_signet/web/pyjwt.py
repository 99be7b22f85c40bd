"""Make our errors instances of PyJWT's classes as well, for applications that catch those classes.

PyJWT is not required and never imported here: an application that catches its classes has imported it.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any, Final, TypeVar

from flask_signet.exceptions import (
    ImmatureToken,
    InvalidAlgorithm,
    InvalidAudience,
    InvalidClaim,
    InvalidIssuer,
    InvalidSignature,
    JWTDecodeError,
    MalformedToken,
    MissingClaim,
    TokenExpired,
    UnknownKey,
)

E = TypeVar("E", bound=Exception)

_CLASSES: Final[dict[type[JWTDecodeError], str]] = {
    MalformedToken: "DecodeError",
    InvalidSignature: "InvalidSignatureError",
    InvalidAlgorithm: "InvalidAlgorithmError",
    UnknownKey: "InvalidTokenError",
    TokenExpired: "ExpiredSignatureError",
    ImmatureToken: "ImmatureSignatureError",
    InvalidAudience: "InvalidAudienceError",
    InvalidIssuer: "InvalidIssuerError",
}
# PyJWT has a class for each claim. Our errors name the claim in the message.
_CLAIMS: Final = {"Subject": "InvalidSubjectError", "JWT ID": "InvalidJTIError", "Issued At": "InvalidIssuedAtError"}
_MISSING: Final = "Token is missing the "


def also_pyjwts(error: E) -> E:
    """Return *error* as an instance of its own class and of the matching class of PyJWT, if PyJWT is imported."""
    exceptions = getattr(sys.modules.get("jwt"), "exceptions", None)
    if exceptions is None or not isinstance(error, JWTDecodeError):
        return error
    name = _name(error)
    theirs = getattr(exceptions, name, None) or getattr(exceptions, "InvalidTokenError", None)
    if not name or not isinstance(theirs, type) or isinstance(error, theirs):
        return error
    kind = _both(type(error), theirs)
    both = kind.__new__(kind)
    both.__dict__.update(error.__dict__)
    both.args = ("Signature has expired",) if name == "ExpiredSignatureError" else error.args  # PyJWT's message
    both.error = error
    if name == "MissingRequiredClaimError":
        both.claim = str(error).split('"')[1]  # PyJWT builds its message from this attribute
    return both


def _name(error: JWTDecodeError) -> str:
    """Return the name of PyJWT's class; ``""`` if Flask-JWT-Extended raises a class of its own."""
    text = str(error)
    if text.startswith(_MISSING):
        return "MissingRequiredClaimError"
    if type(error) is InvalidClaim:
        return next((name for begin, name in _CLAIMS.items() if text.startswith(begin)), "DecodeError")
    if isinstance(error, MissingClaim):
        return ""
    return _CLASSES.get(type(error), "")


def _reduce(error: Any) -> tuple[Any, ...]:
    # Pickle cannot find a generated class by its name. It stores our error and adds PyJWT's class when it loads it.
    return also_pyjwts, (error.error,)


@cache
def _both(ours: type[JWTDecodeError], theirs: type[Exception]) -> Any:
    # PyJWT's class comes first, so that Flask calls a handler for it before a handler for all of our errors.
    bases: Any = (theirs, ours)
    members: dict[str, Any] = {
        "__module__": theirs.__module__,
        "__reduce__": _reduce,
    }
    return type(theirs.__name__, bases, members)
