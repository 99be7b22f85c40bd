"""Make tokens for an identity, and read them again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, Literal, cast

from flask import current_app, request
from flask.json.provider import DefaultJSONProvider

from flask_signet.exceptions import CSRFError, JWTDecodeError, MalformedToken, SettingsError
from flask_signet.tokens import given, jws
from flask_signet.tokens.claims import Policy, check_types, put_identity
from flask_signet.tokens.issuer import Issuer
from flask_signet.web import settings as web_settings
from flask_signet.web.added_claims import RESERVED, kind_of, merged
from flask_signet.web.locations import check_csrf
from flask_signet.web.token_layer import TokenLayer, layer_of

Fresh = bool | float | timedelta
ExpiresDelta = timedelta | int | Literal[False] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedToken:
    """A new token.

    :param text: the compact JWS.
    :param expires_in: seconds until it expires; ``None`` for never.
    """

    text: str
    expires_in: int | None

    def __repr__(self) -> str:
        """Return what may be printed: not the token."""
        return f"<IssuedToken expires_in={self.expires_in}>"


def create_access_token(
    identity: Any,
    fresh: Fresh = False,
    expires_delta: ExpiresDelta = None,
    additional_claims: Mapping[str, Any] | None = None,
    additional_headers: Mapping[str, Any] | None = None,
) -> str:
    """Return a new access token.

    :param identity: the user: a string, an int or a UUID (read back as its canonical string); anything else needs a
        ``user_identity_loader``.
    :param fresh: whether the token counts as a login with a password; a ``timedelta`` says for how long.
    :param expires_delta: lifetime, instead of ``JWT_ACCESS_TOKEN_EXPIRES``; ``False``: the token never expires.
    :param additional_claims: replace claims of the loader. A ``type`` of your own, ``{"type": "pw_reset"}``, makes a
        token that only ``jwt_required(kind="pw_reset")`` accepts.
    :param additional_headers: replace headers of the loader.
    :raises SettingsError: there is no signing key, a claim is reserved, the identity needs a loader, or the token
        is too long for guards to accept.
    """
    return _create("access", identity, fresh, expires_delta, additional_claims, additional_headers).text


def create_refresh_token(
    identity: Any,
    expires_delta: ExpiresDelta = None,
    additional_claims: Mapping[str, Any] | None = None,
    additional_headers: Mapping[str, Any] | None = None,
) -> str:
    """Return a new refresh token as a JWT, as in Flask-JWT-Extended; arguments as for an access token."""
    return _create("refresh", identity, False, expires_delta, additional_claims, additional_headers).text


def issue_access(
    identity: Any,
    *,
    fresh: bool,
    claims: Mapping[str, Any],
    expires_delta: ExpiresDelta = None,
) -> IssuedToken:
    """Return a new access token whose *claims* go over every loader's: what a session writes must hold.

    :param identity: the user's id itself, text or int. No ``user_identity_loader`` is asked: by this id the session
        is revoked, and what such a loader takes is what the application's own views give, often a whole user.
    """
    return _create("access", identity, fresh, expires_delta, None, None, last=claims)


def _create(
    kind: Literal["access", "refresh"],
    identity: Any,
    fresh: Fresh,
    expires_delta: ExpiresDelta,
    additional_claims: Mapping[str, Any] | None,
    additional_headers: Mapping[str, Any] | None,
    *,
    last: Mapping[str, Any] | None = None,
) -> IssuedToken:
    layer = layer_of(current_app)
    settings, loaders = layer.settings, layer.loaders
    issuer = _issuer(layer, identity)
    subject = identity if last is not None else loaders.call(loaders.user_identity_callback, identity)
    now = layer.clock.now()
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
    lasting = _life_time(layer, kind, expires_delta, now)
    if lasting is not None:
        claims["exp"] = now + lasting
    reserved = {**RESERVED, **layer.reserved, policy.identity_claim: "the identity"}
    loaded = _without_other_kind(layer, kind, loaders.call(loaders.user_claims_callback, identity))
    claims["type"] = kind_of(kind, additional_claims)
    added = merged(loaded, additional_claims, reserved, claims, policy.identity_claim)
    claims.update(added)
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
        # Every request with it would be refused; whoever makes it can still do something about that.
        raise SettingsError(
            f"the token is {len(text)} bytes long, and more than JWT_MAX_TOKEN_BYTES = {policy.max_token_bytes} are "
            "refused: put less into its claims, or raise the setting"
        )
    return IssuedToken(text=text, expires_in=lasting)


def _headers(layer: TokenLayer, issuer: Issuer, identity: Any, given: Mapping[str, Any] | None) -> dict[str, Any]:
    loaders, key_id = layer.loaders, issuer.key.key_id
    headers = merged(loaders.call(loaders.jwt_additional_header_callback, identity), given, {}, {}, "")
    if key_id is not None and headers.get("kid", key_id) != key_id and loaders.decode_key_callback is None:
        raise SettingsError(
            f"additional headers cannot change kid: guards find the key by it, and {key_id!r} is the one that signs"
        )
    return headers


def _refuse_unreadable(token: str, policy: Policy) -> None:
    """Read a new token as guards will, all but its signature: at each request nobody could mend it.

    :raises SettingsError: they would refuse it.
    """
    _, header, payload, _ = jws.split(token)
    try:
        jws.check_header(jws.read_header(header))
        check_types(jws.read_payload(payload), text_subject=policy.text_subject)
    except JWTDecodeError as error:
        raise SettingsError(
            f"no guard would accept this token ({error}): mend the identity, the additional claims or headers, or what "
            "their loaders return"
        ) from None


def _issuer(layer: TokenLayer, identity: Any) -> Issuer:
    loaders = layer.loaders
    if loaders.encode_key_callback is None:
        _refuse_weak(layer, layer.snapshot().weakness)
        return layer.issuer()
    chosen = loaders.call(loaders.encode_key_callback, identity)
    key = given.signing(chosen, layer.settings.algorithm)
    _refuse_weak(layer, key.weakness, "encode_key_loader")
    return Issuer(key)


def _refuse_weak(layer: TokenLayer, weakness: str | None, loader: str | None = None) -> None:
    layer.judge_weakness(weakness, request if request else None, loader)


def _life_time(layer: TokenLayer, kind: str, expires_delta: ExpiresDelta, now: int) -> int | None:
    """Return the life time in whole seconds, or ``None`` for ever; zero is over at once."""
    name = "expires_delta"
    given: Any = expires_delta
    if given is None:
        name = f"JWT_{kind.upper()}_TOKEN_EXPIRES"
        given = cast(Any, layer.app.config[name])
    # Reckoned from today: how long a month of a relativedelta is depends on it.
    lasting = web_settings.expires(given, name, since=datetime.fromtimestamp(now, timezone.utc))
    return None if lasting is False else int(lasting.total_seconds())


def _numeric_date(moment: datetime) -> int:
    """Return *moment* as RFC 7519 section 2 writes it; without a time zone it is UTC."""
    return int((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp())


def _without_other_kind(layer: TokenLayer, kind: str, loaded: Any) -> Any:
    """Return the claims of a loader without a ``type`` that names the other one of the two kinds that guards know.

    One loader serves both kinds of token, so ``{"type": "access"}`` is right for one of them only. Flask-JWT-Extended
    would make an access token that lives as long as a refresh token.
    """
    other = "refresh" if kind == "access" else "access"
    if not loaded or loaded.get("type") != other:
        return loaded
    layer.say_once(
        f"type of loader {other}",
        f"Flask-Signet: the additional_claims_loader returns 'type': {other!r}, which is left out of tokens of "
        f"create_{kind}_token. Remove 'type' from the loader: each token gets its own.",
    )
    return {name: value for name, value in loaded.items() if name != "type"}


def json_default() -> Callable[[Any], Any]:
    """Return how claims of other types become JSON: as the application's provider has it, else as Flask's own."""
    return getattr(current_app.json, "default", DefaultJSONProvider.default)


def decode_token(
    encoded_token: str | bytes, csrf_value: str | None = None, allow_expired: bool = False
) -> dict[str, Any]:
    """Return the claims of a valid token of any kind.

    Neither kind, freshness nor revocation is looked at: that is a guard's work, and that of
    :func:`flask_signet.verify`.

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

    :raises CSRFError: the token was made without one.
    """
    value = decode_token(encoded_token, allow_expired=True).get("csrf")
    if not isinstance(value, str):
        raise CSRFError("The token holds no CSRF value: it was made while JWT_COOKIE_CSRF_PROTECT was off")
    return value


def get_unverified_jwt_headers(encoded_token: str) -> dict[str, Any]:
    """Return the header of a token without verifying anything: do not trust it.

    :raises MalformedToken: there is no header to read.
    """
    _, header, _, _ = jws.split(token_string(encoded_token))
    return jws.read_header(header)


def token_string(token: str | bytes) -> str:
    """Return a token as a string.

    :raises MalformedToken: it is neither a string nor ASCII bytes.
    """
    if isinstance(token, str):
        return token
    if not isinstance(token, bytes):  # pyright: ignore[reportUnnecessaryIsInstance]  # it may come from a body
        raise MalformedToken(f"Invalid token type. Token must be a {str}")
    try:
        return token.decode("ascii")
    except UnicodeDecodeError:
        raise MalformedToken("Invalid token: it holds characters that no token has") from None
