"""The built front end at ``/``, under a policy that lets no foreign and no inline script run."""

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
    """The one page; what it shows is behind the ``#`` of its address."""
    if not (BUILT / "index.html").is_file():
        return "The front end is not built yet: run `make run`.\n", 503, {"Content-Type": "text/plain"}
    return _file(BUILT, "index.html", "no-cache")


@page.get("/<any('theme.js', 'favicon.svg'):name>")
def beside(name: str) -> Response:
    """What the page needs under a name that does not change."""
    return _file(BUILT, name, "no-cache")


@page.get("/assets/<path:name>")
def asset(name: str) -> Response:
    """Files whose names change with their content."""
    return _file(BUILT / "assets", name, f"public, max-age={A_YEAR}, immutable")


def _file(folder: Path, name: str, cache: str) -> Response:
    response = current_app.make_response(send_from_directory(folder, name))
    response.headers["Cache-Control"] = cache
    return response


@page.after_app_request
def protect(response: Response) -> Response:
    """Send the policy with every answer, the API's too."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
