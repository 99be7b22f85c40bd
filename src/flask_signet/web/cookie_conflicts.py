"""Find ``JWT_*`` settings of cookies that conflict with each other, and say what to write instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

from flask_signet.web.conflicts import NAME, Config, Conflict, as_list, doubtful, refused


def _cookie_names(config: Config) -> Iterator[Conflict]:
    """Find two cookies with the same name and path: the second replaces the first."""
    keys = ["JWT_ACCESS_COOKIE_NAME", "JWT_REFRESH_COOKIE_NAME"]
    if config["JWT_COOKIE_CSRF_PROTECT"] and config["JWT_CSRF_IN_COOKIES"]:
        keys += ["JWT_ACCESS_CSRF_COOKIE_NAME", "JWT_REFRESH_CSRF_COOKIE_NAME"]
    seen: dict[tuple[str, Any], str] = {}
    for key in keys:
        name, path = config[key], config[key.replace("_NAME", "_PATH")]
        if not NAME.fullmatch(name):
            right = re.sub(r"[^0-9A-Za-z_-]+", "_", name).strip("_")
            yield refused(key, because=f"{key} = {name!r} is not a cookie name. Write: {key} = {right!r}")
        other = seen.setdefault((name, path), key)
        if other != key:
            yield refused(
                key,
                other,
                because=f"{other} and {key} are both {name!r}: one cookie would replace the other. "
                f"Write: {key} = {name + '_2'!r}",
            )
        if name == config.get("SESSION_COOKIE_NAME"):
            yield doubtful(
                key,
                "SESSION_COOKIE_NAME",
                because=f"{key} and Flask's SESSION_COOKIE_NAME are both {name!r}: Flask's session would replace the "
                f'token. Write: {key} = "{name}_token"',
            )


def _cookie_prefixes(config: Config) -> Iterator[Conflict]:
    """Check the requirements of the prefixes ``__Host-`` and ``__Secure-`` (RFC 6265bis section 4.1.3)."""
    for key in ("JWT_ACCESS_COOKIE_NAME", "JWT_REFRESH_COOKIE_NAME"):
        name = config[key]
        path_key = key.replace("_NAME", "_PATH")
        if name.startswith("__Host-") and config["JWT_COOKIE_DOMAIN"]:
            yield refused(
                "JWT_COOKIE_DOMAIN",
                key,
                because=f"{key} = {name!r}: browsers refuse a __Host- cookie with a domain. Remove JWT_COOKIE_DOMAIN, "
                f'or write: {key} = "__Secure-{name[7:]}"',
            )
        if name.startswith("__Host-") and config[path_key] != "/":
            yield refused(
                path_key,
                key,
                because=f"{key} = {name!r}: browsers refuse a __Host- cookie with a path other than '/'. "
                f'Write: {path_key} = "/"',
            )
        if name.startswith(("__Host-", "__Secure-")) and not config["JWT_COOKIE_SECURE"]:
            yield doubtful(
                "JWT_COOKIE_SECURE",
                key,
                because=f"{key} = {name!r}: browsers refuse this cookie without Secure. Write: "
                f"JWT_COOKIE_SECURE = True",
            )


def _cookie_places(config: Config) -> Iterator[Conflict]:
    root = config.get("APPLICATION_ROOT") or "/"
    for key in (
        "JWT_ACCESS_COOKIE_PATH",
        "JWT_REFRESH_COOKIE_PATH",
        "JWT_ACCESS_CSRF_COOKIE_PATH",
        "JWT_REFRESH_CSRF_COOKIE_PATH",
    ):
        path = config[key]
        if path and not path.startswith("/"):
            yield refused(key, because=f"{key} = {path!r} must begin with a slash. Write: {key} = {'/' + path!r}")
        elif path and root != "/" and not (covers(path, root) or covers(root, path)):
            yield doubtful(
                key,
                "APPLICATION_ROOT",
                because=f"{key} = {path!r} is outside of APPLICATION_ROOT = {root!r}: browsers never send this cookie. "
                f"Write: {key} = {root.rstrip('/') + path!r}",
            )
    domain = config["JWT_COOKIE_DOMAIN"]
    if not domain:
        return
    if re.search(r"[/:\s@]", domain):
        host = re.sub(r"^[a-z]+://", "", domain.strip().lower()).partition("/")[0].partition(":")[0]
        yield refused(
            "JWT_COOKIE_DOMAIN",
            because=f"JWT_COOKIE_DOMAIN = {domain!r} must be a host name only. Write: JWT_COOKIE_DOMAIN = {host!r}",
        )
    server = config.get("SERVER_NAME")
    if server and not belongs(server.partition(":")[0], domain):
        yield doubtful(
            "JWT_COOKIE_DOMAIN",
            "SERVER_NAME",
            because=f"JWT_COOKIE_DOMAIN = {domain!r} and SERVER_NAME = {server!r}: browsers refuse a cookie for "
            "another host. Write: JWT_COOKIE_DOMAIN = None",
        )


def _cookie_locks(config: Config) -> Iterator[Conflict]:
    same_site, protect = str(config["JWT_COOKIE_SAMESITE"] or "").lower(), config["JWT_COOKIE_CSRF_PROTECT"]
    if same_site == "none" and not config["JWT_COOKIE_SECURE"]:
        yield doubtful(
            "JWT_COOKIE_SECURE",
            "JWT_COOKIE_SAMESITE",
            because='JWT_COOKIE_SAMESITE = "None": browsers refuse this cookie without Secure. '
            "Write: JWT_COOKIE_SECURE = True",
        )
    if same_site == "none" and not protect:
        yield doubtful(
            "JWT_COOKIE_CSRF_PROTECT",
            "JWT_COOKIE_SAMESITE",
            because='JWT_COOKIE_SAMESITE = "None" and JWT_COOKIE_CSRF_PROTECT = False: any site can send requests as '
            'your users. Write: JWT_COOKIE_CSRF_PROTECT = True, or JWT_COOKIE_SAMESITE = "Lax"',
        )
    if config["JWT_CSRF_CHECK_FORM"] and not protect:
        yield doubtful(
            "JWT_CSRF_CHECK_FORM",
            "JWT_COOKIE_CSRF_PROTECT",
            because="JWT_CSRF_CHECK_FORM = True has no effect with JWT_COOKIE_CSRF_PROTECT = False. "
            "Write: JWT_COOKIE_CSRF_PROTECT = True",
        )
    if protect and not config["JWT_CSRF_METHODS"]:
        yield doubtful(
            "JWT_CSRF_METHODS",
            "JWT_COOKIE_CSRF_PROTECT",
            because="JWT_CSRF_METHODS is empty, so JWT_COOKIE_CSRF_PROTECT = True protects nothing. "
            'Write: JWT_CSRF_METHODS = ["POST", "PUT", "PATCH", "DELETE"], or JWT_COOKIE_CSRF_PROTECT = False',
        )
    elif (
        protect and config["JWT_CSRF_CHECK_FORM"] and "POST" not in map(str.upper, as_list(config["JWT_CSRF_METHODS"]))
    ):
        yield doubtful(
            "JWT_CSRF_METHODS",
            "JWT_CSRF_CHECK_FORM",
            because="JWT_CSRF_CHECK_FORM = True has no effect: forms send POST, which is not in JWT_CSRF_METHODS. "
            'Write: JWT_CSRF_METHODS = ["POST", "PUT", "PATCH", "DELETE"]',
        )


def covers(path: str, url: str) -> bool:
    """Return whether a cookie with *path* is sent to *url* (RFC 6265 section 5.1.4)."""
    return url == path or url.startswith(path if path.endswith("/") else path + "/")


def belongs(host: str, domain: str) -> bool:
    """Return whether a browser accepts a cookie for *domain* from *host* (RFC 6265 section 5.1.3)."""
    domain = domain.lstrip(".").lower()
    return host.lower() == domain or host.lower().endswith("." + domain)


RULES: Final[tuple[Callable[[Config], Iterator[Conflict]], ...]] = (
    _cookie_names,
    _cookie_prefixes,
    _cookie_places,
    _cookie_locks,
)
