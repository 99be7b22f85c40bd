"""Cookie mode: the refresh token in a cookie that scripts cannot read and other sites cannot use.

Three checks protect it: ``SameSite=Strict``; the header ``X-Signet``; and the browser's headers about the page that
sends the request (:mod:`flask_signet.web.origins`).

A second cookie, the hint, has the value ``1`` and no secret. It is set and cleared with the first, and scripts can read
it. A server that renders the page, or the page itself, can tell from it before the first request whether a session
probably exists. This package never reads it.

Source: RFC 6265bis sections 4.1.3 and 5.4 (prefixes, SameSite).
"""

from __future__ import annotations

from flask import Flask, Request, Response

from flask_signet.exceptions import MalformedToken
from flask_signet.sessions.settings import SessionSettings
from flask_signet.web import origins
from flask_signet.web.locations import cookies
from flask_signet.web.surroundings import PROXY_HEADERS, hostname, is_loopback
from flask_signet.web.token_layer import layer_of


def is_secure(app: Flask, request: Request, settings: SessionSettings) -> bool:
    """Return whether the cookie is a ``__Host-`` cookie, which browsers send over https only.

    Without ``SIGNET_COOKIE_SECURE`` it is, except over plain http on localhost, in debug mode and in tests. A request
    through an https proxy does not count as plain http on localhost, even if the proxy runs on the same machine.
    """
    if settings.cookie_secure is not None:
        return settings.cookie_secure
    # CHIPS: a partitioned cookie needs https; browsers accept one from http://localhost as well.
    if request.is_secure or settings.cookie_partitioned:
        return True
    # The page was loaded over https, so an https proxy is in front of this server but does not send its headers.
    if request.headers.get("Origin", "").lower().startswith("https://"):
        return True
    return not (app.debug or app.testing or _on_this_machine(request))


def read(app: Flask, request: Request, settings: SessionSettings) -> str | None:
    """Return the refresh token of the cookie, or ``None``.

    :raises MalformedToken: the request has two cookies of that name, so another host or path may have set one
        (RFC 6265 section 4.2.2).
    """
    if "HTTP_COOKIE" not in request.environ:
        return None
    values = cookies(request, _name(settings, is_secure(app, request, settings)))
    if values is None:
        raise MalformedToken("The Cookie header is too long")
    if len(values) > 1:
        raise MalformedToken("The request has two refresh cookies, and one of them is not from this application")
    return values[0] if values and values[0] else None


def read_any(app: Flask, request: Request, settings: SessionSettings) -> str | None:
    """Return the refresh token that the browser holds, or ``None`` if it holds none or two."""
    try:
        return read(app, request, settings)
    except MalformedToken:
        return None


def put(app: Flask, request: Request, settings: SessionSettings, response: Response, token: str) -> None:
    """Set the cookie and its hint; both expire when the session would expire without a refresh."""
    secure = is_secure(app, request, settings)
    _look_at(app, request, secure, settings.cookie_partitioned)
    for name, value, httponly in ((_name(settings, secure), token, True), (_hint_name(settings), "1", False)):
        response.set_cookie(
            name,
            value,
            max_age=min(settings.idle, settings.absolute),
            path="/",
            secure=secure,
            httponly=httponly,
            samesite=_same_site(settings),
            partitioned=settings.cookie_partitioned,
        )


def clear(app: Flask, request: Request, settings: SessionSettings, response: Response) -> None:
    """Delete the cookie and its hint, with the attributes that they were set with, because browsers compare them."""
    secure = is_secure(app, request, settings)
    for name, httponly in ((_name(settings, secure), True), (_hint_name(settings), False)):
        response.delete_cookie(
            name,
            path="/",
            secure=secure,
            httponly=httponly,
            samesite=_same_site(settings),
            partitioned=settings.cookie_partitioned,
        )


def check_origin(app: Flask, request: Request, settings: SessionSettings) -> None:
    """Refuse a request that the application's own front end did not send; see :func:`origins.check_origin`.

    :raises CSRFError: the origin or the header is wrong; in debug mode the message names both values.
    """
    origins.check_origin(app, request, settings.trusted_origins)


def _name(settings: SessionSettings, secure: bool) -> str:
    return f"{'__Host-' if secure else ''}{settings.cookie_name}_refresh"


def _hint_name(settings: SessionSettings) -> str:
    # Without a prefix, so that the name is the same over http and https.
    return f"{settings.cookie_name}_hint"


def _same_site(settings: SessionSettings) -> str:
    # In a frame on another site a browser sends only SameSite=None cookies; the two other checks still apply.
    return "None" if settings.cookie_partitioned else "Strict"


def _look_at(app: Flask, request: Request, secure: bool, partitioned: bool) -> None:
    """Log once why the browser would refuse the cookie, or would not send it back."""
    layer, host = layer_of(app), hostname(f"//{request.host}")
    if secure and not request.is_secure and not is_loopback(host):
        layer.say_once(
            "cookie mode secure",
            f"Flask-Signet: this request came over HTTP to {host!r}, and the refresh cookie is for HTTPS only: "
            "browsers refuse it. Use https; behind a proxy that speaks https, ProxyFix "
            "(docs/deploy.md#behind-a-proxy). In a network that you trust, write: SIGNET_COOKIE_SECURE = False.",
        )
    if request.is_secure and not secure:
        layer.say_once(
            "cookie mode not secure",
            "Flask-Signet: this request came over HTTPS, and SIGNET_COOKIE_SECURE = False lets the browser send the "
            "refresh token over HTTP too. Remove SIGNET_COOKIE_SECURE.",
        )
    if request.headers.get("Sec-Fetch-Site") == "cross-site" and not partitioned:
        layer.say_once(
            "cookie mode cross-site",
            f"Flask-Signet: a page on another site ({request.headers.get('Origin')}) logs in with cookie mode. "
            "SIGNET_TRUSTED_ORIGINS allows it, but browsers never send a SameSite=Strict cookie from there. Serve "
            'both from one site, or log in without "transport": "cookie" (docs/cors.md#cookie-mode-across-origins).',
        )


def _on_this_machine(request: Request) -> bool:
    if any(name in request.headers for name in PROXY_HEADERS):
        return False
    return is_loopback(hostname(f"//{request.host}")) and is_loopback(request.remote_addr)
