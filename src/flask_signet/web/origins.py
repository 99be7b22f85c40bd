"""Check by the headers of the browser that a request comes from the front end of this application.

A browser sends the cookies of a host to every port, and those of a site from every subdomain: it adds the cookie of
``127.0.0.1:18081`` to a request from a page on ``127.0.0.1:18082``. So a cookie alone does not prove which page sent
the request.

Source: Fetch Metadata section 2.3 (``Sec-Fetch-Site``); Fetch standard, "Origin header".
"""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from flask import Flask, Request

from flask_signet.exceptions import CSRFError
from flask_signet.web.surroundings import hostname, is_loopback, look_at_origin
from flask_signet.web.token_layer import layer_of

#: A form cannot send this header. A page on another origin can send it only after a preflight request.
HEADER: Final = "X-Signet"


def check_origin(app: Flask, request: Request, trusted: Container[str]) -> None:
    """Refuse a request that does not come from the application's own front end.

    :param trusted: additional accepted origins, in lower case.
    :raises CSRFError: the request comes from another page. In debug mode the message shows the received and
        the expected headers.
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
    # If the browser sends "same-site" or "cross-site", its answer is more reliable than a comparison of host names.
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
        return "A client that is not a browser must send 'Origin' itself, or use the refresh token from the body."
    page, api = hostname(origin), hostname(own)
    if page != api and is_loopback(page) and is_loopback(api):
        return f"The page is on {page}, the API on {api}: use the same host name for both."
    return f"Serve both from one origin (a development proxy), or add {origin!r} to SIGNET_TRUSTED_ORIGINS."
