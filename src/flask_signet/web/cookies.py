"""Set and remove cookies with tokens and CSRF values, by the functions of Flask-JWT-Extended."""

from __future__ import annotations

from datetime import timedelta

from flask import Response, current_app, request

from flask_signet.web.issuing import get_csrf_token
from flask_signet.web.locations import cookies
from flask_signet.web.settings import CookieNames, TokenSettings
from flask_signet.web.token_layer import layer_of

MaxAge = int | timedelta | None


def set_access_cookies(
    response: Response, encoded_access_token: str, max_age: MaxAge = None, domain: str | None = None
) -> None:
    """Set an access token as a cookie on *response*.

    :param max_age: lifetime of the cookie in seconds; ``0`` removes it; ``None``: determined by ``JWT_SESSION_COOKIE``.
    :param domain: domain of the cookie, instead of ``JWT_COOKIE_DOMAIN``.
    """
    settings = layer_of(current_app).settings
    _set(response, settings, settings.access_cookies, encoded_access_token, max_age, domain)


def set_refresh_cookies(
    response: Response, encoded_refresh_token: str, max_age: MaxAge = None, domain: str | None = None
) -> None:
    """Set a refresh token as a cookie on *response*; the parameters are those of ``set_access_cookies``."""
    settings = layer_of(current_app).settings
    _set(response, settings, settings.refresh_cookies, encoded_refresh_token, max_age, domain)


def unset_access_cookies(response: Response, domain: str | None = None) -> None:
    """Remove the access token and its CSRF cookie from the browser that receives *response*."""
    settings = layer_of(current_app).settings
    _unset(response, settings, settings.access_cookies, domain)


def unset_refresh_cookies(response: Response, domain: str | None = None) -> None:
    """Remove the refresh token and its CSRF cookie from the browser that receives *response*."""
    settings = layer_of(current_app).settings
    _unset(response, settings, settings.refresh_cookies, domain)


def unset_jwt_cookies(response: Response, domain: str | None = None) -> None:
    """Remove both tokens and their CSRF cookies from the browser that receives *response*."""
    unset_access_cookies(response, domain)
    unset_refresh_cookies(response, domain)


def _set(
    response: Response, settings: TokenSettings, names: CookieNames, token: str, max_age: MaxAge, domain: str | None
) -> None:
    age = settings.cookie_max_age if max_age is None else max_age
    place = settings.cookie_domain if domain is None else domain or None
    secure, same_site = settings.cookie_secure, settings.cookie_samesite
    part = settings.cookie_partitioned
    if request:
        from flask_signet.web.surroundings import look_at_cookie  # only needed when a cookie is set

        look_at_cookie(layer_of(current_app), request, settings, names, place)
    response.set_cookie(
        names.name,
        token,
        age,
        secure=secure,
        httponly=True,
        domain=place,
        path=names.path,
        samesite=same_site,
        partitioned=part,
    )
    if settings.csrf_protect and settings.csrf_in_cookies:
        # Our own page can read this cookie and sends its value as a header. A page of another site cannot.
        proof = get_csrf_token(token)
        response.set_cookie(
            names.csrf_name,
            proof,
            age,
            secure=secure,
            domain=place,
            path=names.csrf_path,
            samesite=same_site,
            partitioned=part,
        )


def _unset(response: Response, settings: TokenSettings, names: CookieNames, domain: str | None) -> None:
    place = settings.cookie_domain if domain is None else domain or None
    secure, same_site = settings.cookie_secure, settings.cookie_samesite
    part = settings.cookie_partitioned
    response.set_cookie(
        names.name,
        "",
        expires=0,
        secure=secure,
        httponly=True,
        domain=place,
        path=names.path,
        samesite=same_site,
        partitioned=part,
    )
    # The browser may still have a CSRF cookie from when JWT_COOKIE_CSRF_PROTECT was on.
    if (settings.csrf_protect and settings.csrf_in_cookies) or _came(settings, names.csrf_name):
        response.set_cookie(
            names.csrf_name,
            "",
            expires=0,
            secure=secure,
            domain=place,
            path=names.csrf_path,
            samesite=same_site,
            partitioned=part,
        )


def _came(settings: TokenSettings, name: str) -> bool:
    return bool(request) and bool(cookies(request, name, settings.policy.max_token_bytes))
