"""Errors that are instances of PyJWT's classes too, for applications that catch those.

PyJWT is not needed and never imported here: who catches its classes has imported it.
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
# PyJWT has a class for each claim; ours say it in words.
_CLAIMS: Final = {"Subject": "InvalidSubjectError", "JWT ID": "InvalidJTIError", "Issued At": "InvalidIssuedAtError"}
_MISSING: Final = "Token is missing the "


def also_pyjwts(error: E) -> E:
    """Return *error* as an instance of its own class and of PyJWT's for the case, if PyJWT is imported."""
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
    both.args = ("Signature has expired",) if name == "ExpiredSignatureError" else error.args  # PyJWT's text
    both.error = error
    if name == "MissingRequiredClaimError":
        both.claim = str(error).split('"')[1]  # PyJWT's own text is made of it
    return both


def _name(error: JWTDecodeError) -> str:
    """Return the name of PyJWT's class, or nothing where Flask-JWT-Extended raises a class of its own."""
    text = str(error)
    if text.startswith(_MISSING):
        return "MissingRequiredClaimError"
    if type(error) is InvalidClaim:
        return next((name for begin, name in _CLAIMS.items() if text.startswith(begin)), "DecodeError")
    if isinstance(error, MissingClaim):
        return ""
    return _CLASSES.get(type(error), "")


def _reduce(error: Any) -> tuple[Any, ...]:
    # A class that is made here is not found by its name: the error is kept, and gets the other class when it is read.
    return also_pyjwts, (error.error,)


@cache
def _both(ours: type[JWTDecodeError], theirs: type[Exception]) -> Any:
    # PyJWT's class and its bases come first: a handler for them is asked before one for all of ours.
    bases: Any = (theirs, ours)
    members: dict[str, Any] = {
        "__module__": theirs.__module__,
        "__reduce__": _reduce,
    }
    return type(theirs.__name__, bases, members)
