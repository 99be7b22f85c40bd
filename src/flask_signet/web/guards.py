"""Guard a view: find the token, verify it, check it, and store the result on the request.

The result is stored on the request object, so that it cannot reach another request that runs in the same context.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Final, ParamSpec, TypeVar, cast

from flask import Flask, current_app, has_request_context, request
from werkzeug.local import LocalProxy

from flask_signet.exceptions import (
    FreshTokenRequired,
    JWTExtendedException,
    NoAuthorizationError,
    RevokedTokenError,
    SettingsError,
    SignetError,
    Unavailable,
    UserClaimsVerificationError,
    UserLookupError,
    WrongTokenError,
)
from flask_signet.tokens.verifier import Verified
from flask_signet.web.credential import Credential
from flask_signet.web.issuing import token_string
from flask_signet.web.loaders import Loaders
from flask_signet.web.refusals import refuse, refuse_by_hand
from flask_signet.web.search import HandedIn, checked_locations, first_good
from flask_signet.web.token_layer import EXTENSION, TokenLayer, layer_of

P = ParamSpec("P")
R = TypeVar("R")
LocationType = str | Sequence[str] | None

_NOT_VERIFIED: Final = "You must call `@jwt_required()` or `verify_jwt_in_request()` before using this method"
# The guard may have run, but in a request that this thread or task does not belong to.
_NO_REQUEST: Final = (
    f"{_NOT_VERIFIED}. The guard may have run, but there is no request here: threads, background tasks and streaming "
    "generators run outside of the request. Read the value in the view and pass it on, as in "
    "`Thread(target=work, args=(get_jwt_identity(),))`; or decorate the function with "
    "`@flask.copy_current_request_context`, a generator with `@flask.stream_with_context`. "
    "To check a token without a request call `flask_signet.verify(token)`."
)
_UNSET: Final[Any] = object()

# These return the objects behind Flask's proxies. A proxy would look its object up at every attribute.
_current_app: Final[Callable[[], Flask]] = cast(Any, current_app)._get_current_object
# The type is `Any`, because `flask.Request` does not declare `signet_credential`.
_current_request: Final[Callable[[], Any]] = cast(Any, request)._get_current_object


# The value of `signet_credential` on a request: the verified token, its location, and the user once it is loaded. All
# are absent if the request had no token and the token was optional. This is a plain tuple for speed: it is created at
# every request.
_Shown = tuple[Verified | None, str | None, Any]
_NOTHING: Final[_Shown] = (None, None, _UNSET)


def jwt_required(
    optional: bool = False,
    fresh: bool = False,
    refresh: bool = False,
    locations: LocationType = None,
    verify_type: bool = True,
    skip_revocation_check: bool = False,
    *,
    kind: str | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Require a valid token before the view runs.

    :param optional: accept a request without a token; an invalid token is still refused.
    :param fresh: require a fresh token, from a login with a password.
    :param refresh: require a refresh token instead of an access token.
    :param locations: where to look for the token, instead of ``JWT_TOKEN_LOCATION``.
    :param verify_type: ``False`` accepts both kinds of token.
    :param skip_revocation_check: do not check whether the token was revoked.
    :param kind: require a token of your own kind, created with ``additional_claims={"type": kind}``.

    An ``OPTIONS`` request is always accepted: browsers send it without a token.
    """
    if callable(optional):
        raise TypeError("@jwt_required needs parentheses. Write: @jwt_required()")
    kinds = _kinds(kind, refresh, verify_type)
    refresh = refresh or kind == "refresh"

    def wrapper(view: Callable[P, R]) -> Callable[P, R]:
        is_async = iscoroutinefunction(view)

        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            app = _current_app()
            layer = app.extensions.get(EXTENSION) or layer_of(app)
            try:
                _verify(layer, _current_request(), optional, fresh, refresh, locations, kinds, skip_revocation_check)
            except SettingsError as error:
                if error.status != 503:
                    raise
                raise refuse(error) from None
            except SignetError as error:
                raise refuse(error) from None
            if is_async:
                return app.ensure_sync(view)(*args, **kwargs)
            return view(*args, **kwargs)

        guarded.signet_guard = True  # type: ignore[attr-defined]  # read by `flask signet doctor`
        return guarded

    return wrapper


def verify_jwt_in_request(
    optional: bool = False,
    fresh: bool = False,
    refresh: bool = False,
    locations: LocationType = None,
    verify_type: bool = True,
    skip_revocation_check: bool = False,
    *,
    kind: str | None = None,
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Check the token of the request as :func:`jwt_required` does, without a decorator.

    :returns: header and claims, or ``None`` if a token was optional and absent.
    :raises JWTExtendedException: the token is absent or refused.
    """
    layer = layer_of(current_app)
    kinds = _kinds(kind, refresh, verify_type)
    refresh = refresh or kind == "refresh"
    try:
        _verify(layer, _current_request(), optional, fresh, refresh, locations, kinds, skip_revocation_check)
    except SignetError as error:
        raise refuse_by_hand(error) from None
    verified = _credential()[0]
    return None if verified is None else (dict(verified.header), verified.copy_claims())


def _kinds(kind: str | None, refresh: bool, verify_type: bool) -> tuple[str, ...]:
    """Return the kinds of token that a guard accepts.

    :raises TypeError: two arguments ask for different kinds.
    """
    if kind is None:
        return ("refresh" if refresh else "access",) if verify_type else ("access", "refresh")
    if not verify_type or (refresh and kind != "refresh"):
        raise TypeError(f"kind={kind!r} selects the accepted tokens: remove the arguments refresh and verify_type")
    return (kind,)


def _wrong_kind(kinds: tuple[str, ...]) -> WrongTokenError:
    # This is the message of Flask-JWT-Extended for its two kinds.
    wanted = "non-refresh" if "access" in kinds else kinds[0]
    return WrongTokenError(f"Only {wanted} tokens are allowed")


def verify(token: str | bytes, *, kind: str = "access", fresh: bool = False) -> Credential:
    """Check a token that did not come with a request, as a guard would check it.

    Use it for WebSockets, background tasks and other protocols. It checks signature, times, kind and revocation, calls
    the application's loaders (blocklist, claims verification, user lookup), and refuses a disabled user. It needs an
    application context but no request.

    :param token: the compact JWS, without ``Bearer``.
    :param kind: the kind of token to accept: ``"access"``, ``"refresh"``, or a kind of your own.
    :param fresh: accept only a fresh token, from a login with a password.
    :raises JWTExtendedException: the token is refused.
    :raises Unavailable: the store does not answer, so revocation cannot be checked.
    """
    layer = layer_of(current_app)
    handed = HandedIn(token_string(token))
    _verify(layer, handed, False, fresh, False, None, (kind,), False)
    verified = handed.signet_credential[0]
    assert verified is not None
    layer.loaders.check_user(verified)
    from flask_signet.web.principal import of_token  # most applications never need it

    principal = of_token(verified, fresh=is_fresh(verified.claims["fresh"], layer.clock.time()))
    return Credential(user_id=principal.user_id, session_id=principal.session_id, claims=principal.claims)


def _verify(
    layer: TokenLayer,
    request: Any,
    optional: bool,
    fresh: bool,
    refresh: bool,
    locations: LocationType,
    kinds: tuple[str, ...],
    skip_revocation_check: bool,
) -> None:
    """Verify the token of *request* and store it on *request* if every check passes."""
    environ = request.environ
    if environ["REQUEST_METHOD"] == "OPTIONS":
        request.signet_credential = _NOTHING
        return
    snapshot = layer.snapshot()
    now = layer.clock.time()
    loaders = layer.loaders
    verified: Verified | None = None
    location: str | None = "headers"
    if not locations and loaders.decode_key_callback is None:
        verified = snapshot.verifier.recall(environ.get(snapshot.recall_from), now)
    if verified is None:
        where = checked_locations(locations) if locations else snapshot.settings.locations
        try:
            verified, location = first_good(layer, request, snapshot, where, refresh, now)
        except NoAuthorizationError:
            if not optional:
                raise
            request.signet_credential = _NOTHING
            return

    if verified.kind not in kinds:
        raise _wrong_kind(kinds)
    if fresh:
        _check_fresh(verified, now)
    if not skip_revocation_check:
        revocations = layer.revocations
        if (
            revocations is not None
            and (
                revocations.is_revoked(verified.claims, snapshot.identity_claim)
                or (verified.kind != "access" and _has_another_user(layer, verified))
            )
        ) or (
            loaders.token_in_blocklist_callback is not None
            and loaders.call(loaders.token_in_blocklist_callback, dict(verified.header), verified.copy_claims())
        ):
            raise RevokedTokenError(None, verified.header, verified.copy_claims())
    if loaders.token_verification_callback is not None and not loaders.call(
        loaders.token_verification_callback, dict(verified.header), verified.copy_claims()
    ):
        raise UserClaimsVerificationError(None, verified.header, verified.copy_claims())
    user = _UNSET if loaders.user_lookup_callback is None else _load_user(loaders, verified)
    request.signet_credential = verified, location, user


def _check_fresh(verified: Verified, now: float) -> None:
    if not is_fresh(verified.claims["fresh"], now):
        raise FreshTokenRequired(None, verified.header, verified.copy_claims())


def is_fresh(fresh: Any, now: float) -> bool:
    """Return whether a ``fresh`` claim is valid: ``True``, or a NumericDate that is not in the past."""
    return fresh is True or (isinstance(fresh, (int, float)) and not isinstance(fresh, bool) and fresh >= now)


def _has_another_user(layer: TokenLayer, verified: Verified) -> bool:
    return layer.has_another_user is not None and layer.has_another_user(verified.claims)


def _load_user(loaders: Loaders, verified: Verified) -> Any:
    callback = loaders.user_lookup_callback
    assert callback is not None
    user = loaders.call(callback, dict(verified.header), verified.copy_claims())
    if user is None:
        raise UserLookupError(f"Error loading the user {verified.identity}", verified.header, verified.copy_claims())
    return user


# --- Functions for guarded views ----------------------------------------------------------------------


def _credential() -> _Shown:
    try:
        shown: _Shown = _current_request().signet_credential
    except (RuntimeError, AttributeError):
        raise _nothing_to_ask() from None
    return shown


def _nothing_to_ask() -> RuntimeError:
    return RuntimeError(_NOT_VERIFIED if has_request_context() else _NO_REQUEST)


def get_jwt() -> dict[str, Any]:
    """Return a copy of the claims; ``{}`` if a token was optional and absent.

    :raises RuntimeError: no guard ran in this request, or there is no request.
    """
    verified = _credential()[0]
    return {} if verified is None else verified.copy_claims()


def get_jwt_header() -> dict[str, Any]:
    """Return a copy of the token's header; ``{}`` if a token was optional and absent.

    :raises RuntimeError: no guard ran in this request, or there is no request.
    """
    verified = _credential()[0]
    return {} if verified is None else dict(verified.header)


def get_jwt_identity() -> Any:
    """Return the identity, in its original type (int or str); ``None`` if a token was optional and absent.

    :raises RuntimeError: no guard ran in this request, or there is no request.
    """
    try:
        verified: Verified | None = _current_request().signet_credential[0]
    except (RuntimeError, AttributeError):
        raise _nothing_to_ask() from None
    if verified is None:
        return None
    identity = verified.identity
    return identity if type(identity) is str else verified.copy_identity()


def get_jwt_request_location() -> str | None:
    """Return where the token was: ``headers``, ``cookies``, ``query_string`` or ``json``.

    :raises RuntimeError: no guard ran in this request, or there is no request.
    """
    return _credential()[1]


def get_current_user() -> Any:
    """Return the user of this request; ``None`` if a token was optional and absent.

    :raises RuntimeError: no guard ran in this request, there is no request, or no user loader exists.
    """
    verified, location, user = _credential()
    if verified is None:
        return None
    if user is _UNSET:
        layer = layer_of(current_app)
        try:
            user = layer.loaders.load_user(verified)
        except (JWTExtendedException, Unavailable) as error:
            # Refuse as a guard does, so that code that wraps a view and catches every exception does not answer 500.
            raise refuse(error) from error
        _current_request().signet_credential = verified, location, user
    return user


current_user: Any = LocalProxy(get_current_user)


def current_user_context_processor() -> dict[str, Any]:
    """Add ``current_user`` to templates. It is loaded at first use, and is false without a verified token."""
    return {"current_user": LocalProxy(_user_or_nobody)}


def _user_or_nobody() -> Any:
    # A template may be rendered without a request, for example for an e-mail.
    return get_current_user() if has_request_context() and hasattr(request, "signet_credential") else None
