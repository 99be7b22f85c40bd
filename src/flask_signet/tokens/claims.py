"""What a payload must look like, whoever signed it; and the identity inside it.

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
    """What this application asks of a token beyond a good signature.

    :param issuer: ``iss``, one of these, byte for byte; empty: not looked at.
    :param audience: ``aud`` must hold one of these; empty: not looked at.
    :param leeway: seconds that ``exp`` may have passed.
    :param start_leeway: seconds that ``nbf`` and ``iat`` may lie ahead: the clocks of two workers differ.
    :param identity_claim: the claim that names the user.
    :param text_subject: whether ``sub`` must be a text.
    :param max_token_bytes: a longer token is refused before anything is read.
    :param cache_bytes: how much may be kept of tokens that were verified; 0 keeps none.
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
        """Refuse what could only be a slip."""
        if not 0 <= self.leeway < inf:
            raise SettingsError(f"JWT_DECODE_LEEWAY must be zero or more seconds, not {self.leeway}")


def check_types(claims: dict[str, Any], *, text_subject: bool) -> None:
    """Type the registered claims once.

    :raises InvalidClaim: one of them is of the wrong type.
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
    """Compare ``iss`` and ``aud`` with what is expected.

    :raises InvalidIssuer: absent, or somebody else's.
    :raises InvalidAudience: absent, or for somebody else.
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
    """Return the identity in the type that it had when the token was made; its mark leaves *claims*.

    :raises MissingClaim: nobody is named.
    """
    if identity_claim not in claims:
        raise MissingClaim(f"Missing claim: {identity_claim}")
    identity = claims[identity_claim]
    if claims.get(IDENTITY_TYPE) == "int" and type(identity) is str and _WHOLE_NUMBER(identity):
        del claims[IDENTITY_TYPE]
        return int(identity)
    return identity


def put_identity(claims: dict[str, Any], identity: Any, identity_claim: str, *, text_subject: bool) -> None:
    """Write *identity* so that :func:`take_identity` gives it back in its type.

    ``sub`` is a text on the wire (RFC 7519 section 4.1.2); that it stands for an int is said by a
    claim of our own, and only then. A UUID is its canonical string.

    :raises IdentityTypeError: neither int nor text, or a text with NUL, which no token may name.
    """
    if isinstance(identity, str) and "\0" in identity:
        raise IdentityTypeError("the identity of a token must not hold NUL characters")
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
