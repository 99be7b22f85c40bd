"""Log settings that do not match the network around the application, as a request shows it.

This code does not run when a guard accepts a token. It runs in our own routes, when a cookie is set, and when a request
is refused. Each message is logged once per application.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from flask import Request, current_app

from flask_signet.web.cookie_conflicts import belongs, covers
from flask_signet.web.reported import ReportedAddress
from flask_signet.web.token_layer import TokenLayer, layer_of

if TYPE_CHECKING:
    from flask_signet.web.settings import CookieNames, TokenSettings

PROXY_HEADERS: Final = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host")

_PROXY_FIX: Final = (
    "Write: app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1), with "
    "`from werkzeug.middleware.proxy_fix import ProxyFix`; each number is how many proxies set the header."
)


def hostname(url: str) -> str | None:
    """Return the host of a URL in lower case, without its port; ``None`` if there is none."""
    try:
        return urlsplit(url).hostname
    except ValueError:  # the client may send an invalid URL
        return None


def is_loopback(host: str | None) -> bool:
    """Return whether *host* is a loopback name or address."""
    if host is None:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _ip(host)
    return address is not None and address.is_loopback


def address_to_limit(request: Request) -> str | None:
    """Return the address by which attempts are limited, or ``None`` if there is none; log a proxy without ProxyFix.

    Without ProxyFix, every client behind a proxy has the proxy's address, and one client could lock out all others. So
    the address in the header is used. A client in a private network can forge it, so the addresses that one peer
    reports also share a limit; see :class:`ReportedAddress`.
    """
    reported = _unused_address(request)
    if reported is None and not _unused_https(request):
        return request.remote_addr
    look_at_proxy(layer_of(current_app), request)
    return request.remote_addr if reported is None else ReportedAddress(reported, request.remote_addr or "")


def look_at_proxy(layer: TokenLayer, request: Request) -> None:
    """Log that the request came through a proxy for which ProxyFix is not configured."""
    if _unused_address(request) is not None:
        layer.say_once(
            "proxy address",
            f"Flask-Signet: this request came through a proxy (X-Forwarded-For), and Flask uses the proxy's address "
            f"({request.remote_addr or 'none'}) as the client's. Until this is fixed, attempts are limited by the "
            f"address in the header. {_PROXY_FIX}",
        )
    if _unused_https(request):
        layer.say_once(
            "proxy scheme",
            "Flask-Signet: this request came over HTTPS (X-Forwarded-Proto), and Flask treats it as HTTP, which "
            f"affects cookies and origins. {_PROXY_FIX}",
        )


def look_at_cookie(
    layer: TokenLayer, request: Request, settings: TokenSettings, names: CookieNames, domain: str | None
) -> None:
    """Log why the browser would refuse, or the guards ignore, the cookie that is set now."""
    host = hostname(f"//{request.host}") or ""
    if "cookies" not in settings.locations:
        layer.say_once(
            "cookie location",
            f"Flask-Signet: the cookie {names.name!r} is set with a token, but JWT_TOKEN_LOCATION = "
            f"{list(settings.locations)!r}: guards read it only with jwt_required(locations='cookies'). Write: "
            f"JWT_TOKEN_LOCATION = {[*settings.locations, 'cookies']!r}.",
        )
    if domain and not belongs(host, domain):
        layer.say_once(
            "cookie domain",
            f"Flask-Signet: JWT_COOKIE_DOMAIN = {domain!r} does not match the host {host!r} of this request: browsers "
            "refuse the cookie. Write: JWT_COOKIE_DOMAIN = None.",
        )
    if settings.cookie_secure and not request.is_secure and not is_loopback(host):
        layer.say_once(
            "cookie secure",
            f"Flask-Signet: JWT_COOKIE_SECURE = True, and this request came over HTTP to {host!r}: browsers refuse the "
            f"cookie. Use HTTPS. If a proxy terminates HTTPS: {_PROXY_FIX}",
        )
    if not settings.cookie_secure and (request.is_secure or _unused_https(request)):
        layer.say_once(
            "cookie not secure",
            "Flask-Signet: this request came over HTTPS, and JWT_COOKIE_SECURE = False lets the browser send the token "
            "over HTTP too. Write: JWT_COOKIE_SECURE = True.",
        )
    look_at_proxy(layer, request)


def look_at_missing_cookie(layer: TokenLayer, request: Request, names: CookieNames, setting: str) -> None:
    """Log that the path of the request is outside of the cookie's path, so the browser does not send the cookie."""
    url = request.root_path.rstrip("/") + request.path
    if names.path and not covers(names.path, url):
        layer.say_once(
            f"{setting} {names.path}",
            f"Flask-Signet: {request.path} needs the cookie {names.name!r}, but browsers send it to {setting} = "
            f'{names.path!r} only. Write: {setting} = "/".',
        )


def look_at_origin(layer: TokenLayer, request: Request) -> None:
    """Log why the page's own origin was not recognised, if a setting or a proxy is the cause."""
    origin, own = request.headers.get("Origin"), f"{request.scheme}://{request.host}"
    if origin is None or origin.lower() == own.lower():
        return
    try:
        theirs, ours = urlsplit(origin.lower()), urlsplit(own.lower())
    except ValueError:  # the client may send an invalid URL
        return
    if theirs.hostname == ours.hostname and (theirs.scheme, ours.scheme) == ("https", "http"):
        layer.say_once(
            "origin scheme",
            f"Flask-Signet: the page is on {origin}, but Flask sees its own address as {own}: a proxy terminates "
            f"HTTPS. {_PROXY_FIX} The proxy must send X-Forwarded-Proto.",
        )
    elif theirs.hostname == ours.hostname:
        layer.say_once(
            "origin port",
            f"Flask-Signet: the page is on {origin}, but Flask sees its own address as {own}. If a proxy "
            "drops the port, write for nginx: proxy_set_header Host $http_host; otherwise add the page to "
            f"SIGNET_TRUSTED_ORIGINS = [{origin!r}].",
        )
    elif theirs.hostname in _hosts(request.headers.get("X-Forwarded-Host", "")):
        layer.say_once(
            "origin host",
            f"Flask-Signet: the page is on {origin}, but Flask sees its own address as {own}, although the proxy "
            f"sends X-Forwarded-Host. {_PROXY_FIX}",
        )


def _unused_address(request: Request) -> str | None:
    """Return the client's address that a proxy reported and that Flask does not use, or ``None``."""
    remote = request.remote_addr
    if not _may_be_proxy(remote):
        return None
    reported = [part.strip()[:64] for part in request.headers.get("X-Forwarded-For", "").rsplit(",", 8)]
    reported = [part for part in reported if part] or [
        part for part in (request.headers.get("X-Real-IP", "").strip()[:64],) if part
    ]
    return None if not reported or remote in reported else reported[-1]


def _unused_https(request: Request) -> bool:
    said = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
    return said == "https" and not request.is_secure and _may_be_proxy(_first_address(request))


def _first_address(request: Request) -> str | None:
    """Return the address of the peer, before ProxyFix changed it."""
    before: Any = request.environ.get("werkzeug.proxy_fix.orig")
    return request.remote_addr if before is None else str(before.get("REMOTE_ADDR") or "")


def _may_be_proxy(address: str | None) -> bool:
    """Return whether *address* may be a proxy: a loopback or private address, or a Unix socket."""
    if not address:
        return True
    ip = _ip(address)
    return ip is None or not ip.is_global


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    # A server that is bound to [::] reports IPv4 addresses in this form (RFC 4291 section 2.5.5.2).
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _hosts(header: str) -> list[str | None]:
    return [hostname(f"//{part.strip()}") for part in header[:1_024].lower().split(",")]
