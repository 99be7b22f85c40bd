"""Whether a request comes from the front end of this application, by what the browser says about the page.

A browser sends the cookies of a host to every port, and those of a site from every subdomain: a page on
``127.0.0.1:18082`` gets the cookie of ``127.0.0.1:18081`` sent along. So a cookie alone does not prove which page asks.

Source: Fetch Metadata section 2.3 (``Sec-Fetch-Site``); Fetch standard, "Origin header".
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from flask import Flask, Request

from flask_signet.exceptions import CSRFError
from flask_signet.web.surroundings import hostname, is_loopback, look_at_origin
from flask_signet.web.token_layer import layer_of

#: A form cannot send it, and a page on another origin only after a preflight.
HEADER: Final = "X-Signet"


def check_origin(app: Flask, request: Request, trusted: Container[str]) -> None:
    """Refuse a request that was not sent by the application's own front end.

    :param trusted: other origins that are accepted, in lower case.
    :raises CSRFError: with what came and what was expected, if the application runs in debug mode.
    """
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if request.headers.get(HEADER) != "1":
        raise _refusal(app, f"the header {HEADER}: 1 is missing", _came(site, origin))
    if site == "same-origin":
        return
    if origin is not None and origin.lower() in trusted:
        return
    own = f"{request.scheme}://{request.host}"
    # A browser that says "same-site" or "cross-site" knows better than a comparison of names.
    if site is None and origin is not None and origin.lower() == own.lower():
        return
    look_at_origin(layer_of(app), request)
    raise _refusal(
        app, f"{_came(site, origin)}; expected Sec-Fetch-Site: same-origin, or Origin: {own}", _advice(origin, own)
    )


def _refusal(app: Flask, reason: str, more: str) -> CSRFError:
    if not app.debug:
        return CSRFError("The request was not sent by this site's own page")
    return CSRFError(f"Cookie mode refused the request: {reason}. {more}")


def _came(site: str | None, origin: str | None) -> str:
    return f"Sec-Fetch-Site: {site or 'absent'}, Origin: {origin or 'absent'}"


def _advice(origin: str | None, own: str) -> str:
    if origin is None:
        return "A client that is no browser sends 'Origin' itself, or uses the refresh token from the body."
    page, api = hostname(origin), hostname(own)
    if page != api and is_loopback(page) and is_loopback(api):
        return f"The page is on {page}, the API on {api}: use one name for both."
    return f"Serve both from one origin (a development proxy), or add {origin!r} to SIGNET_TRUSTED_ORIGINS."
