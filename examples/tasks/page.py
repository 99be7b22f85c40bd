"""The built front end at ``/``. Its Content-Security-Policy allows no foreign and no inline scripts."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, current_app, send_from_directory

BUILT = Path(__file__).resolve().parent / "web" / "dist"
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
A_YEAR = 365 * 24 * 3600

page = Blueprint("page", __name__)


@page.get("/")
def index() -> Response | tuple[str, int, dict[str, str]]:
    """Return the page. The part of the URL after ``#`` selects the view."""
    if not (BUILT / "index.html").is_file():
        return "The front end is not built yet: run `make run`.\n", 503, {"Content-Type": "text/plain"}
    return _file(BUILT, "index.html", "no-cache")


@page.get("/<any('theme.js', 'favicon.svg'):name>")
def beside(name: str) -> Response:
    """Return a file whose name does not change."""
    return _file(BUILT, name, "no-cache")


@page.get("/assets/<path:name>")
def asset(name: str) -> Response:
    """Return a file whose name changes with its content."""
    return _file(BUILT / "assets", name, f"public, max-age={A_YEAR}, immutable")


def _file(folder: Path, name: str, cache: str) -> Response:
    response = current_app.make_response(send_from_directory(folder, name))
    response.headers["Cache-Control"] = cache
    return response


@page.after_app_request
def protect(response: Response) -> Response:
    """Add the policy to every response, also to those of the API."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
