"""Cookie mode: the refresh token in a cookie that no script reads and no other site can use.

Three checks protect it: ``SameSite=Strict``; the header ``X-Signet``; and what the browser says about the page that
sends the request (:mod:`flask_signet.web.origins`).

A second cookie, the hint, has the value ``1`` and no secret. It is set and cleared with the first, and scripts can read
it: a server that renders the page, or the page itself, knows by it whether a session probably exists, before the first
request. Nothing in this package reads it.

Source: RFC 6265bis sections 4.1.3 and 5.4 (prefixes, SameSite).
"""

from __future__ import annotations

from flask import Flask, Request, Response

from flask_signet.exceptions import InvalidRequest, MalformedToken
from flask_signet.sessions.settings import SessionSettings
from flask_signet.web import bounds, origins
from flask_signet.web.surroundings import PROXY_HEADERS, hostname, is_loopback
from flask_signet.web.token_layer import layer_of


def is_secure(app: Flask, request: Request, settings: SessionSettings) -> bool:
    """Return whether the cookie is a ``__Host-`` cookie, for https alone.

    Without ``SIGNET_COOKIE_SECURE`` it is, but on plain http where the wire ends on this machine or where somebody
    develops or tests. A proxy that speaks https in front of us is no such place, also when it runs beside us.
    """
    if settings.cookie_secure is not None:
        return settings.cookie_secure
    # CHIPS: a partitioned cookie is for https alone; browsers take one from http://localhost as well.
    if request.is_secure or settings.cookie_partitioned:
        return True
    # A page that came by https: a proxy in front of us speaks it, and did not say so.
    if request.headers.get("Origin", "").lower().startswith("https://"):
        return True
    return not (app.debug or app.testing or _on_this_machine(request))


def read(app: Flask, request: Request, settings: SessionSettings) -> str | None:
    """Return the refresh token of the cookie, or ``None``.

    :raises MalformedToken: two cookies of that name came: somebody put one there (RFC 6265 section 4.2.2).
    """
    values = bounds.cookies(request, _name(settings, is_secure(app, request, settings)))
    if values is None:
        raise MalformedToken("The cookies are longer than can be read")
    if len(values) > 1:
        raise MalformedToken("Two refresh cookies came; one of them is not ours")
    return values[0] if values and values[0] else None


def read_any(app: Flask, request: Request, settings: SessionSettings) -> str | None:
    """Return the refresh token that the browser holds, or ``None``; of two cookies neither counts."""
    try:
        return read(app, request, settings)
    except MalformedToken:
        return None


def put(app: Flask, request: Request, settings: SessionSettings, response: Response, token: str) -> None:
    """Set the cookie and its hint; both live as long as the session does without a refresh."""
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
    """Take the cookie and its hint away, with the attributes that they were set with: a browser compares them."""
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
    """Refuse a request that was not sent by the application's own front end; see :func:`origins.check_origin`.

    :raises CSRFError: with what came and what was expected, if the application runs in debug mode.
    """
    origins.check_origin(app, request, settings.trusted_origins)


def _name(settings: SessionSettings, secure: bool) -> str:
    return f"{'__Host-' if secure else ''}{settings.cookie_name}_refresh"


def _hint_name(settings: SessionSettings) -> str:
    # Without a prefix, so that the page needs to know nothing of https.
    return f"{settings.cookie_name}_hint"


def _same_site(settings: SessionSettings) -> str:
    # In a frame on another site a browser sends no other cookie; the two other locks stay.
    return "None" if settings.cookie_partitioned else "Strict"


def _look_at(app: Flask, request: Request, secure: bool, partitioned: bool) -> None:
    """Say why the browser would not keep or not send the cookie that is set now."""
    layer, host = layer_of(app), hostname(f"//{request.host}")
    if secure and not request.is_secure and not is_loopback(host):
        layer.say_once(
            "cookie mode secure",
            f"Flask-Signet: this request came by http to {host!r}, and the cookie of cookie mode is for https only: "
            "browsers refuse it. Use https; behind a proxy that speaks https, ProxyFix "
            "(docs/deploy.md#behind-a-proxy). In a network that you trust, write: SIGNET_COOKIE_SECURE = False.",
        )
    if request.is_secure and not secure:
        layer.say_once(
            "cookie mode not secure",
            "Flask-Signet: this request came by https, and SIGNET_COOKIE_SECURE = False lets the browser send the "
            "refresh token by http too. Remove SIGNET_COOKIE_SECURE.",
        )
    if request.headers.get("Sec-Fetch-Site") == "cross-site" and not partitioned:
        layer.say_once(
            "cookie mode cross-site",
            f"Flask-Signet: a page on another site ({request.headers.get('Origin')}) logs in with cookie mode, "
            "although SIGNET_TRUSTED_ORIGINS allows it browsers never send a SameSite=Strict cookie from there. Serve "
            'both from one site, or log in without "transport": "cookie" (docs/cors.md#cookie-mode-across-origins).',
        )


def _on_this_machine(request: Request) -> bool:
    if any(name in request.headers for name in PROXY_HEADERS):
        return False
    return is_loopback(hostname(f"//{request.host}")) and is_loopback(request.remote_addr)


def transport_of(body: dict[str, object]) -> str:
    """Return how the refresh token is to be given: ``"body"`` or ``"cookie"``.

    :raises InvalidRequest: something else was asked for.
    """
    transport = body.get("transport", "body")
    if transport not in ("body", "cookie"):
        raise InvalidRequest("transport must be 'body' or 'cookie'", fields={"transport": "must be 'body' or 'cookie'"})
    return str(transport)
