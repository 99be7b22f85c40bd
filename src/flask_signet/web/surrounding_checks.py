"""Check what surrounds the tokens for ``flask signet doctor``: modes, the proxy, other extensions."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, cast

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_signet.findings import Finding, ok

_PROXY_LINE: Final = "app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1, x_host=1)"
_RENDER_LINE: Final = "app.wsgi_app = ProxyFix(app.wsgi_app, x_for=2, x_proto=1)"
# Environment variables of hosting platforms that put a proxy in front of every application.
_PLATFORMS: Final = {
    "RENDER": "Render",
    "DYNO": "Heroku",
    "FLY_APP_NAME": "Fly.io",
    "K_SERVICE": "Cloud Run",
    "RAILWAY_PROJECT_ID": "Railway",
    "WEBSITE_SITE_NAME": "Azure App Service",
}
_CACHE_MARKS: Final = ("uncached", "cache_clear", "delete_memoized")


def modes(app: Flask) -> Iterator[Finding]:
    """Find debug mode and TESTING, which must be off in production."""
    if app.config["TESTING"]:
        yield Finding(
            code="testing_on",
            level="error",
            summary="TESTING is on: weak keys are accepted, and Signet's data is in memory only.",
            line_to_write='app.config["TESTING"] = False',
            page="testing.md",
        )
    if not app.debug:
        yield ok("debug_off", "Debug mode is off.")
    elif os.environ.get("FLASK_DEBUG", "").lower() in ("", "0", "false", "no"):
        yield Finding(
            code="debug_in_code",
            level="error",
            summary="The code or its configuration turns debug mode on for every server: error pages show source code, "
            "and weak keys are accepted.",
            line_to_write="app.debug = False    # for development: flask run --debug",
            page="deploy.md#before-you-go-live",
        )
    else:
        yield Finding(
            code="debug_in_environment",
            level="warning",
            summary="FLASK_DEBUG is on in this terminal. It must be off on the production server.",
            line_to_write="unset FLASK_DEBUG",
            page="deploy.md#before-you-go-live",
        )


def proxy(app: Flask) -> Iterator[Finding]:
    """Compare ProxyFix with what the environment shows; this command cannot see the proxy itself."""
    fix = _proxy_fix(app)
    page = "deploy.md#behind-a-proxy"
    if fix is None:
        platform = next((name for variable, name in _PLATFORMS.items() if variable in os.environ), None)
        yield Finding(
            code="proxy_not_told",
            level="error" if platform else "note",
            summary=f"{platform} puts a proxy in front of every application, and ProxyFix is not configured."
            if platform
            else "ProxyFix is not configured. This is right if browsers connect to this server directly, and wrong "
            "behind nginx or a platform's router: compare request.remote_addr with your own address.",
            line_to_write=_RENDER_LINE if platform == "Render" else _PROXY_LINE,
            page="render.md" if platform == "Render" else page,
        )
        return
    counts = {name: int(getattr(fix, name)) for name in ("x_for", "x_proto", "x_host")}
    # x_host is not needed if the proxy forwards Host unchanged.
    lacking = [name for name in ("x_for", "x_proto") if not counts[name]]
    if lacking:
        yield Finding(
            code="proxy_half_told",
            level="warning",
            summary=f"ProxyFix lacks {', '.join(lacking)}: without x_proto Flask treats HTTPS as HTTP, "
            "without x_for all clients share one address.",
            line_to_write=_PROXY_LINE,
            page=page,
        )
        return
    said = ", ".join(f"{name}={count}" for name, count in counts.items())
    yield Finding(
        code="proxy_told",
        level="note",
        summary=f"ProxyFix trusts {said}. Each number must be the number of your proxies that set the header; without "
        "a proxy, clients can forge it.",
        page=page,
    )


def _proxy_fix(app: Flask) -> ProxyFix | None:
    layer: Any = app.wsgi_app
    for _ in range(16):
        if isinstance(layer, ProxyFix):
            return layer
        layer = next((inner for name in ("app", "wsgi_app", "_app") if (inner := getattr(layer, name, None))), None)
    return None


def https(_app: Flask) -> Iterator[Finding]:
    """Explain how to test the redirect from HTTP to HTTPS, which only a client can see."""
    yield Finding(
        code="https",
        level="note",
        summary="This command cannot see whether the site uses HTTPS only: plain HTTP must answer with a redirect.",
        line_to_write="curl -sI http://your.host/ | head -n 1    # 301 or 308",
        page="deploy.md#behind-a-proxy",
    )


def caches(app: Flask) -> Iterator[Finding]:
    """Find caches outside of a guard: they answer every client with the first client's response."""
    for endpoint, view in app.view_functions.items():
        cached = False
        layer: Any = view
        while layer is not None:
            if getattr(layer, "signet_guard", False) and cached:
                yield Finding(
                    code="cache_outside_guard",
                    level="error",
                    summary=f"{endpoint}: the cache is outside of the guard, so a cached response is sent without a "
                    "check: every client gets the first user's response.",
                    line_to_write="@jwt_required()    # this line above @cache.cached(...)",
                    page="it-does-not-work.md#all-users-get-the-same-answer-from-a-cache",
                )
                break
            cached = cached or any(name in vars(layer) for name in _CACHE_MARKS if hasattr(layer, "__dict__"))
            layer = getattr(layer, "__wrapped__", None)


def cors(app: Flask) -> Iterator[Finding]:
    """Find a Flask-CORS configuration that does not cover our routes."""
    ours = [rule for rule in app.url_map.iter_rules() if rule.endpoint.partition(".")[0] in _our_blueprints(app)]
    if not ours:
        return
    everywhere = [found for found in app.after_request_funcs.get(None, ()) if _is_cors(found)]
    parts = sorted(
        name
        for name, functions in app.after_request_funcs.items()
        if name is not None and name not in _our_blueprints(app) and any(map(_is_cors, functions))
    )
    if any(_lets_any_origin_act(found) for found in everywhere):
        yield Finding(
            code="cors_any_origin_with_credentials",
            level="error",
            summary="Flask-CORS allows every origin to send cookies: every site can send requests as your users.",
            line_to_write='CORS(app, origins=["https://your.front.end"], supports_credentials=True)',
            page="cors.md",
        )
        return
    missed = [rule.rule for rule in ours if not any(_covers(found, rule.rule) for found in everywhere)]
    if cast(Mapping[str, Any], app.config).get("SIGNET_TRUSTED_ORIGINS"):
        yield ok("cors", "Pages on SIGNET_TRUSTED_ORIGINS can use the routes of Flask-Signet.")
    elif everywhere and not missed:
        yield ok("cors", "Flask-CORS covers the routes of Flask-Signet.")
    elif everywhere or parts:
        where = f"the blueprint {', '.join(map(repr, parts))}" if parts else "some paths"
        yield Finding(
            code="cors_misses_our_routes",
            level="error",
            summary=f"Flask-CORS covers only {where}: a page on another origin cannot request {missed[0]}"
            + (f" and {len(missed) - 1} other routes of Flask-Signet." if len(missed) > 1 else "."),
            line_to_write='app.config["SIGNET_TRUSTED_ORIGINS"] = ["https://your.front.end"]',
            page="cors.md#allow-other-origins-signet_trusted_origins",
        )


def _our_blueprints(app: Flask) -> Iterable[str]:
    return cast(list[str], app.extensions.get("signet-apis", []))


def _is_cors(function: Any) -> bool:
    return getattr(function, "__module__", "").partition(".")[0] == "flask_cors"


def _covers(function: Any, path: str) -> bool:
    """Return whether the resources of one ``CORS(app)`` cover *path*; ``True`` if they cannot be read."""
    try:
        return any(re.match(pattern, path) for pattern, _ in _resources(function))
    except (AttributeError, TypeError, ValueError, re.error):
        return True


def _lets_any_origin_act(function: Any) -> bool:
    """Return whether one ``CORS(app)`` lets every origin send cookies; ``False`` if its options cannot be read."""
    try:
        return any(options.allow_all_origins and options.supports_credentials for _, options in _resources(function))
    except (AttributeError, TypeError, ValueError):
        return False


def _resources(function: Any) -> list[tuple[Any, Any]]:
    """Return the path patterns and options that Flask-CORS keeps in a closure."""
    names, cells = function.__code__.co_freevars, function.__closure__ or ()
    resources: Any = dict(zip(names, cells, strict=True)).get("resources")
    return cast("list[tuple[Any, Any]]", resources.cell_contents)


def csrf_extension(app: Flask) -> Iterator[Finding]:
    """Explain that Flask-WTF's CSRFProtect also checks views that only accept a token in a header."""
    config = cast(Mapping[str, Any], app.config)
    if "csrf" in app.extensions and config.get("WTF_CSRF_ENABLED", True) and config.get("WTF_CSRF_CHECK_DEFAULT", True):
        yield Finding(
            code="csrf_protect",
            level="note",
            summary="Flask-WTF's CSRFProtect also requires its form token on your own views. Views that accept "
            "tokens in the Authorization header only do not need it.",
            line_to_write="csrf.exempt(api)    # the blueprint, or @csrf.exempt on each view",
            page="it-does-not-work.md#400-the-csrf-token-is-missing",
        )
