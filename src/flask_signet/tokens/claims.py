"""Check the claims of a payload, and read and write the identity in it.

Source: RFC 7519 section 4.1.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf
from typing import Any, Final, cast
from uuid import UUID

from flask_signet.exceptions import (
    IdentityTypeError,
    InvalidAudience,
    InvalidClaim,
    InvalidIssuer,
    MissingClaim,
    SettingsError,
)

IDENTITY_TYPE: Final = "sub_type"
_WHOLE_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,99})").fullmatch
_TIMES: Final = {
    "exp": "Expiration Time claim (exp) must be an integer.",
    "nbf": "Not Before claim (nbf) must be an integer.",
    "iat": "Issued At claim (iat) must be an integer.",
}
_TEXTS: Final = {"jti": "JWT ID must be a string", "iss": "Issuer must be a string"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What this application requires of a token beyond a valid signature.

    :param issuer: the accepted values of ``iss``, compared byte for byte; empty: ``iss`` is not checked.
    :param audience: ``aud`` must contain one of these; empty: ``aud`` is not checked.
    :param leeway: seconds for which a token is still accepted after ``exp``.
    :param start_leeway: seconds by which ``nbf`` and ``iat`` may lie in the future, because the clocks of two workers
        differ.
    :param identity_claim: the claim that contains the identity.
    :param text_subject: whether ``sub`` must be a string.
    :param max_token_bytes: a longer token is refused before it is parsed.
    :param cache_bytes: limit for the memory of verified tokens, in bytes; 0 keeps none.
    """

    issuer: tuple[str, ...] = ()
    audience: tuple[str, ...] = ()
    leeway: float = 0
    start_leeway: float = 10
    identity_claim: str = "sub"
    text_subject: bool = True
    max_token_bytes: int = 8_192
    cache_bytes: int = 16_777_216

    def __post_init__(self) -> None:
        """Refuse a leeway that is negative or infinite."""
        if not 0 <= self.leeway < inf:
            raise SettingsError(f"JWT_DECODE_LEEWAY must be zero or more seconds, not {self.leeway}")


def check_types(claims: dict[str, Any], *, text_subject: bool) -> None:
    """Check the types of the registered claims.

    :raises InvalidClaim: a claim has the wrong type.
    """
    for name, text in _TIMES.items():
        if name in claims:
            value = claims[name]
            if type(value) is not int and type(value) is not float:
                raise InvalidClaim(text)
    for name, text in _TEXTS.items():
        if name in claims and type(claims[name]) is not str:
            raise InvalidClaim(text)
    if text_subject and "sub" in claims and type(claims["sub"]) is not str:
        raise InvalidClaim("Subject must be a string")
    if "aud" in claims:
        audience = claims["aud"]
        items = cast(list[Any], audience) if isinstance(audience, list) else [audience]
        if not all(type(item) is str for item in items):
            raise InvalidAudience("Invalid claim format in token")


def check_parties(claims: dict[str, Any], policy: Policy) -> None:
    """Compare ``iss`` and ``aud`` with the values in *policy*.

    :raises InvalidIssuer: ``iss`` is absent or names another issuer.
    :raises InvalidAudience: ``aud`` is absent or names another audience.
    """
    if policy.issuer:
        if "iss" not in claims:
            raise InvalidIssuer('Token is missing the "iss" claim')
        if claims["iss"] not in policy.issuer:
            raise InvalidIssuer("Invalid issuer")
    if policy.audience:
        audience = claims.get("aud")
        if not audience:
            raise InvalidAudience('Token is missing the "aud" claim')
        given = (audience,) if isinstance(audience, str) else audience
        if not any(item in policy.audience for item in given):
            raise InvalidAudience("Audience doesn't match")


def take_identity(claims: dict[str, Any], identity_claim: str) -> Any:
    """Return the identity in its original type, and remove the claim ``sub_type`` from *claims*.

    :raises MissingClaim: the claim *identity_claim* is absent.
    """
    if identity_claim not in claims:
        raise MissingClaim(f"Missing claim: {identity_claim}")
    identity = claims[identity_claim]
    if claims.get(IDENTITY_TYPE) == "int" and type(identity) is str and _WHOLE_NUMBER(identity):
        del claims[IDENTITY_TYPE]
        return int(identity)
    return identity


def put_identity(claims: dict[str, Any], identity: Any, identity_claim: str, *, text_subject: bool) -> None:
    """Write *identity* to *claims* so that :func:`take_identity` returns it in the same type.

    ``sub`` is a string in a token (RFC 7519 section 4.1.2). An int is written as a string, and the private claim
    ``sub_type`` records its type. A UUID is written as its canonical string.

    :raises IdentityTypeError: *identity* has an unsupported type, or is a string with NUL characters.
    """
    if isinstance(identity, str) and "\0" in identity:
        raise IdentityTypeError("the identity of a token must not contain NUL characters")
    if isinstance(identity, UUID):
        identity = str(identity)
    if identity_claim != "sub" or isinstance(identity, str):
        claims[identity_claim] = identity
    elif isinstance(identity, int) and not isinstance(identity, bool):
        claims[identity_claim] = str(int(identity))
        claims[IDENTITY_TYPE] = "int"
    elif text_subject:
        raise IdentityTypeError(
            f"the identity of a token must be a str, an int or a UUID, not {type(identity).__name__}: register a "
            "@jwt.user_identity_loader that returns one, for example str(user.id). "
            'JWT_IDENTITY_CLAIM = "identity" allows any JSON value, a dict too'
        )
    else:
        claims[identity_claim] = identity
