"""Create tokens for an identity, and decode them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Literal, cast

from flask import Flask, current_app, has_app_context, request
from flask.json.provider import DefaultJSONProvider

from flask_signet.exceptions import CSRFError, JWTDecodeError, MalformedToken, SettingsError
from flask_signet.tokens import given, jws
from flask_signet.tokens.claims import Policy, check_types, put_identity
from flask_signet.tokens.issuer import Issuer
from flask_signet.web import settings as web_settings
from flask_signet.web.added_claims import RESERVED, kind_of, merged
from flask_signet.web.locations import check_csrf
from flask_signet.web.settings import TokenSettings
from flask_signet.web.token_layer import TokenLayer, layer_of

Fresh = bool | float | timedelta
ExpiresDelta = timedelta | int | Literal[False] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """A new token.

    :param text: the compact JWS.
    :param expires_in: seconds until the token expires; ``None`` if it never expires.
    """

    text: str
    expires_in: int | None

    def __repr__(self) -> str:
        """Return a representation without the token, which is a secret."""
        return f"<IssuedToken expires_in={self.expires_in}>"


def create_access_token(
    identity: Any,
    fresh: Fresh = False,
    expires_delta: ExpiresDelta = None,
    additional_claims: Mapping[str, Any] | None = None,
    additional_headers: Mapping[str, Any] | None = None,
) -> str:
    """Return a new access token.

    :param identity: the user: a string, an int or a UUID (decoded as its canonical string); any other type needs a
        ``user_identity_loader``.
    :param fresh: whether the token proves a login with a password; a ``timedelta`` limits for how long.
    :param expires_delta: lifetime, instead of ``JWT_ACCESS_TOKEN_EXPIRES``; ``False``: the token never expires.
    :param additional_claims: claims to add; they replace claims of the loader. A ``type`` of your own, such as
        ``{"type": "pw_reset"}``, creates a token that only ``jwt_required(kind="pw_reset")`` accepts.
    :param additional_headers: headers to add; they replace headers of the loader.
    :raises SettingsError: there is no signing key, a claim is reserved, the identity needs a loader, or the token
        is longer than guards accept.
    """
    layer = layer_of(current_app)
    return _create(layer, "access", identity, fresh, expires_delta, additional_claims, additional_headers).text


def create_refresh_token(
    identity: Any,
    expires_delta: ExpiresDelta = None,
    additional_claims: Mapping[str, Any] | None = None,
    additional_headers: Mapping[str, Any] | None = None,
) -> str:
    """Return a new refresh token as a JWT; the parameters are those of ``create_access_token``."""
    layer = layer_of(current_app)
    return _create(layer, "refresh", identity, False, expires_delta, additional_claims, additional_headers).text


def issue_access(app: Flask, identity: int | str, *, fresh: bool, claims: Mapping[str, Any]) -> IssuedToken:
    """Return a new access token of *app* for a session. The *claims* replace those of every loader.

    :param app: the application; its context is entered if it is not active.
    :param identity: the user's id, a string or an int. The ``user_identity_loader`` is not called: the session is
        revoked by this id, and the loader may expect another argument, often a user object.
    """
    layer = layer_of(app)
    if has_app_context() and cast(Any, current_app)._get_current_object() is app:
        return _create(layer, "access", identity, fresh, None, None, None, last=claims)
    with app.app_context():
        return _create(layer, "access", identity, fresh, None, None, None, last=claims)


def _create(
    layer: TokenLayer,
    kind: Literal["access", "refresh"],
    identity: Any,
    fresh: Fresh,
    expires_delta: ExpiresDelta,
    additional_claims: Mapping[str, Any] | None,
    additional_headers: Mapping[str, Any] | None,
    *,
    last: Mapping[str, Any] | None = None,
) -> IssuedToken:
    settings, loaders = layer.settings, layer.loaders
    issuer = _issuer(layer, settings.algorithm, identity)
    subject = identity if last is not None else _loaded(layer, loaders.user_identity_callback, identity, identity)
    now, policy = layer.clock.now(), settings.policy
    claims = _own_claims(layer, settings, kind, subject, fresh, now)
    lasting = _life_time(layer, kind, expires_delta, now)
    if lasting is not None:
        claims["exp"] = now + lasting
    loaded = _loaded(layer, loaders.user_claims_callback, identity, None)
    added = bool(loaded or additional_claims) and _add(
        layer, kind, claims, loaded, additional_claims, policy.identity_claim
    )
    if layer.stamp is not None and last is None:
        last = layer.stamp(identity, subject)
    for name in ("iat", "nbf"):
        if isinstance(claims.get(name), datetime):
            claims[name] = _numeric_date(claims[name])
    if last:
        claims.update(last)
    headers = _headers(layer, issuer, identity, additional_headers)
    text = issuer.issue(claims, headers=headers or None, default=json_default())
    if added or headers or not (type(subject) is int or (type(subject) is str and subject.isascii())):
        _refuse_unreadable(text, policy)
    if len(text) > policy.max_token_bytes:
        # Guards would refuse every request with this token, so the caller gets the error when it creates the token.
        raise SettingsError(
            f"the token is {len(text)} bytes long, and guards refuse more than JWT_MAX_TOKEN_BYTES = "
            f"{policy.max_token_bytes} bytes: put less into its claims, or raise the setting"
        )
    return IssuedToken(text=text, expires_in=lasting)


def _own_claims(
    layer: TokenLayer, settings: TokenSettings, kind: str, subject: Any, fresh: Fresh, now: int
) -> dict[str, Any]:
    """Return the claims that the arguments and the settings decide, without ``exp``."""
    claims: dict[str, Any] = {
        "fresh": now + fresh.total_seconds() if isinstance(fresh, timedelta) else fresh,
        "iat": now,
        "jti": str(layer.clock.uuid4()),
        "type": kind,
    }
    policy = settings.policy
    put_identity(claims, subject, policy.identity_claim, text_subject=policy.text_subject)
    if settings.encode_nbf:
        claims["nbf"] = now
    if settings.csrf_protect:
        claims["csrf"] = str(layer.clock.uuid4())
    if settings.encode_audience is not None:
        claims["aud"] = settings.encode_audience
    if settings.encode_issuer is not None:
        claims["iss"] = settings.encode_issuer
    return claims


def _loaded(layer: TokenLayer, callback: Callable[..., Any] | None, identity: Any, default: Any) -> Any:
    """Return what a callback of the application returns, or *default* if it is not registered."""
    return default if callback is None else layer.loaders.call(callback, identity)


def _add(
    layer: TokenLayer,
    kind: str,
    claims: dict[str, Any],
    loaded: Any,
    given: Mapping[str, Any] | None,
    identity_claim: str,
) -> bool:
    """Add the claims of the loader and of the caller to *claims*; return whether there were any besides its own.

    :raises SettingsError: a claim is reserved.
    """
    reserved = {**RESERVED, **layer.reserved, identity_claim: "the identity"}
    claims["type"] = kind_of(kind, given)
    added = merged(_without_other_kind(layer, kind, loaded), given, reserved, claims, identity_claim)
    claims.update(added)
    return bool(added)


def _headers(layer: TokenLayer, issuer: Issuer, identity: Any, given: Mapping[str, Any] | None) -> dict[str, Any]:
    loaders, key_id = layer.loaders, issuer.key.key_id
    loaded = _loaded(layer, loaders.jwt_additional_header_callback, identity, None)
    if not loaded and not given:
        return {}
    headers = merged(loaded, given, {}, {}, "")
    if key_id is not None and headers.get("kid", key_id) != key_id and loaders.decode_key_callback is None:
        raise SettingsError(
            f"additional headers cannot change 'kid': guards find the key by it, and {key_id!r} is the signing key"
        )
    return headers


def _refuse_unreadable(token: str, policy: Policy) -> None:
    """Check everything but the signature of a new token as guards do, so that the caller gets the error, not the user.

    :raises SettingsError: guards would refuse the token.
    """
    _, header, payload, _ = jws.split(token)
    try:
        jws.check_header(jws.read_header(header))
        check_types(jws.read_payload(payload), text_subject=policy.text_subject)
    except JWTDecodeError as error:
        raise SettingsError(
            f"guards would refuse this token ({error}): change the identity, the additional claims or headers, or the "
            "return values of their loaders"
        ) from None


def _issuer(layer: TokenLayer, algorithm: str, identity: Any) -> Issuer:
    loaders = layer.loaders
    if loaders.encode_key_callback is None:
        return layer.issuer()
    key = given.signing(loaders.call(loaders.encode_key_callback, identity), algorithm)
    layer.judge_weakness(key.weakness, request if request else None, "encode_key_loader")
    return Issuer(key)


def _life_time(layer: TokenLayer, kind: str, expires_delta: ExpiresDelta, now: int) -> int | None:
    """Return the lifetime in whole seconds; ``None`` if the token never expires, ``0`` if it is already expired."""
    name = "expires_delta"
    given: Any = expires_delta
    if given is None:
        name = f"JWT_{kind.upper()}_TOKEN_EXPIRES"
        given = cast(Any, layer.app.config[name])
    if isinstance(given, timedelta):
        return int(given.total_seconds())
    # The length of a month in a relativedelta depends on the date.
    lasting = web_settings.expires(given, name, since=datetime.fromtimestamp(now, timezone.utc))
    return None if lasting is False else int(lasting.total_seconds())


def _numeric_date(moment: datetime) -> int:
    """Return *moment* as a NumericDate (RFC 7519 section 2); a *moment* without a time zone is UTC."""
    return int((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp())


def _without_other_kind(layer: TokenLayer, kind: str, loaded: Any) -> Any:
    """Return the claims of a loader without a ``type`` that names the other built-in kind of token.

    One loader serves access and refresh tokens, so ``{"type": "access"}`` is right for one of them only.
    Flask-JWT-Extended would create an access token with the lifetime of a refresh token.
    """
    other = "refresh" if kind == "access" else "access"
    if not loaded or loaded.get("type") != other:
        return loaded
    layer.say_once(
        f"type of loader {other}",
        f"Flask-Signet: the additional_claims_loader returns 'type': {other!r}, which create_{kind}_token "
        "ignores. Remove 'type' from the loader: each token gets its own.",
    )
    return {name: value for name, value in loaded.items() if name != "type"}


def json_default() -> Callable[[Any], Any]:
    """Return the function that converts other types to JSON: that of the application's provider, or Flask's own."""
    return getattr(current_app.json, "default", DefaultJSONProvider.default)


def decode_token(
    encoded_token: str | bytes, csrf_value: str | None = None, allow_expired: bool = False
) -> dict[str, Any]:
    """Return the claims of a valid token of any kind.

    This function does not check kind, freshness and revocation. Guards and :func:`flask_signet.verify` do.

    :param csrf_value: if given, must equal the CSRF value in the token.
    :param allow_expired: accept an expired token.
    :raises JWTDecodeError: the token is invalid or expired.
    :raises CSRFError: the CSRF value differs.
    """
    layer = layer_of(current_app)
    try:
        return _decode(layer, encoded_token, csrf_value, allow_expired)
    except JWTDecodeError as error:
        raise layer.as_raised(error) from None


def _decode(
    layer: TokenLayer, encoded_token: str | bytes, csrf_value: str | None, allow_expired: bool
) -> dict[str, Any]:
    now = layer.clock.time()
    verified = layer.verify(token_string(encoded_token), layer.snapshot(), now)
    if csrf_value:
        check_csrf(verified, csrf_value)
    if not allow_expired and now >= verified.expires_at:
        raise verified.expired()
    return verified.copy_claims()


def get_jti(encoded_token: str) -> str | None:
    """Return the ``jti`` of a valid token.

    :raises JWTDecodeError: the token is invalid or expired.
    """
    jti: str | None = decode_token(encoded_token)["jti"]
    return jti


def get_csrf_token(encoded_token: str) -> str:
    """Return the CSRF value of a token, expired or not.

    :raises CSRFError: the token was created without a CSRF value.
    """
    value = decode_token(encoded_token, allow_expired=True).get("csrf")
    if not isinstance(value, str):
        raise CSRFError("The token contains no CSRF value: it was created while JWT_COOKIE_CSRF_PROTECT was off")
    return value


def get_unverified_jwt_headers(encoded_token: str) -> dict[str, Any]:
    """Return the header of a token without verifying the token: do not trust it.

    :raises MalformedToken: the header cannot be decoded.
    """
    _, header, _, _ = jws.split(token_string(encoded_token))
    return jws.read_header(header)


def token_string(token: str | bytes) -> str:
    """Return a token as a string.

    :raises MalformedToken: *token* is neither a string nor ASCII bytes.
    """
    if isinstance(token, str):
        return token
    if not isinstance(token, bytes):  # pyright: ignore[reportUnnecessaryIsInstance]  # it may come from a request body
        raise MalformedToken(f"Invalid token type. Token must be a {str}")
    try:
        return token.decode("ascii")
    except UnicodeDecodeError:
        raise MalformedToken("Invalid token: it contains characters that are not ASCII") from None
