"""Explain what a credential is, and why it would be refused. No secret is shown.

It recognises the three kinds of credential in an ``Authorization`` header: a JWT, an opaque bearer token (a refresh
token of Flask-Signet has the prefix ``sgr_``), and Basic.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Final, Literal, TypeGuard

from flask_signet.exceptions import ImmatureToken, InvalidClaim, SignetError, TokenExpired
from flask_signet.tokens import jws
from flask_signet.tokens.claims import Policy
from flask_signet.tokens.signature import MAX_BYTES

Kind = Literal["jwt", "opaque", "basic", "refresh", "unknown"]

_EXPLAINED: Final = {
    "alg": "algorithm of the signature; it must be the algorithm of the key",
    "typ": "type of token",
    "kid": "id of the key that signed",
    "sub": "subject: the user of the token",
    "exp": "expiration time",
    "nbf": "not valid before",
    "iat": "issued at",
    "iss": "issuer: who created the token",
    "aud": "audience: who may accept it",
    "jti": "unique id of this token",
    "type": "access or refresh token",
    "fresh": "whether the application issued it as fresh, directly after a login",
    "csrf": "CSRF value that must be sent with the token if it is in a cookie",
    "sub_type": "type of the identity in the application",
    "sid": "session of the token",
    "epoch": "number of times that all sessions of the user were ended",
    "sub_mark": "distinguishes the user from a later user with the same id",
    "sub_user": "id of the user, if sub is another value",
}
_TIMES: Final = ("exp", "nbf", "iat")
_EMPTY: Final = ("undefined", "null", "None")  # what JavaScript and Python write for a missing value
_HEADER: Final = "authorization:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One member of a header or payload.

    :param meaning: explanation; empty for a claim of the application.
    """

    name: str
    value: Any
    meaning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """What a credential is and what is wrong with it, as :func:`inspect` returns it.

    :param summary: one sentence.
    :param header: members of a JWT's header.
    :param payload: members of a JWT's payload: anyone can read them, they are not encrypted.
    :param checks: name of a check → its result in words; the first check that fails is why the token is refused.
    :param problem: why it is refused; ``None`` if nothing is wrong or nothing is known.
    """

    kind: Kind
    summary: str
    header: tuple[Part, ...] = ()
    payload: tuple[Part, ...] = ()
    checks: Mapping[str, str] = field(default_factory=dict[str, str])
    problem: str | None = None

    def lines(self) -> list[str]:
        """Return lines to print, without control characters: the token may come from an attacker."""
        lines = [self.summary]
        payload = "Payload (readable by anyone: signed, not encrypted)"
        for title, parts in (("Header", self.header), (payload, self.payload)):
            if parts:
                lines += ["", title, *map(_line, parts)]
        if self.checks:
            lines += ["", "Checks"]
            lines += [f"  {name}: {outcome}" for name, outcome in self.checks.items()]
        return [line if line.isprintable() else _harmless(line) for line in lines]

    def as_json(self) -> dict[str, Any]:
        """Return everything as JSON data, for programs."""
        return {
            "kind": self.kind,
            "summary": self.summary,
            "header": {part.name: part.value for part in self.header},
            "payload": {part.name: part.value for part in self.payload},
            "checks": dict(self.checks),
            "problem": self.problem,
        }


def inspect(
    credential: str, *, now: int, verify: Callable[[str], Any] | None = None, policy: Policy | None = None
) -> Inspection:
    """Return what *credential* is and what is wrong with it.

    :param credential: a token, or a header such as ``Bearer …``, with or without its name.
    :param now: the time to compare with, in seconds since 1970.
    :param verify: function that checks a JWT and raises a ``SignetError``; without it only format and times are
        checked.
    :param policy: leeway for the times; ``None``: the default of a guard.
    """
    if len(credential) > MAX_BYTES:
        problem = f"longer than {MAX_BYTES} bytes"
        return Inspection(kind="unknown", summary=f"Not a credential: it is {problem}.", problem=problem)
    text = credential.strip()
    if text[: len(_HEADER)].lower() == _HEADER:
        text = text[len(_HEADER) :].strip()
    scheme, _, rest = text.partition(" ")
    if scheme.lower() == "basic" and rest:
        return _basic(rest.strip())
    if scheme.lower() == "bearer" and rest:
        text = rest.strip()
    if text.startswith("sgr_"):
        return Inspection(
            kind="refresh",
            summary=f"A refresh token of Flask-Signet, {len(text)} characters. It is opaque: only the server that "
            "issued it can check it. Send it only to POST /token/refresh.",
        )
    if text.count(".") == 2:
        return _jwt(text, now, verify, policy or Policy())
    if text in _EMPTY:
        problem = "a variable of the client was empty"
        return Inspection(kind="unknown", summary=f"Not a token but the word {text!r}: {problem}.", problem=problem)
    if text and all(33 <= ord(character) < 127 for character in text):
        return Inspection(
            kind="opaque",
            summary=f"Not a JWT. If it is an opaque token, only its server can check it: {len(text)} characters.",
        )
    return Inspection(kind="unknown", summary="Not a credential: neither a JWT, nor an opaque token, nor Basic.")


def _basic(text: str) -> Inspection:
    try:
        name, colon, _ = base64.b64decode(text, validate=True).decode().partition(":")
    except ValueError:
        return Inspection(kind="basic", summary="Basic, but not base64 of a UTF-8 string.", problem="not base64")
    if not colon:
        problem = "no colon between name and password"
        return Inspection(kind="basic", summary="Basic, but without a colon.", problem=problem)
    return Inspection(
        kind="basic",
        summary=f"Basic: the user name {name!r} and a password (not shown), sent with every request and readable by "
        "everyone who sees the header (RFC 7617).",
    )


def _jwt(text: str, now: int, verify: Callable[[str], Any] | None, policy: Policy) -> Inspection:
    checks: dict[str, str] = {}
    header: dict[str, Any] = {}
    payload: dict[str, Any] = {}
    problem: str | None = None
    untimely: str | None = None
    try:
        _, header_segment, payload_segment, signature_segment = jws.split(text)
        header = jws.read_header(header_segment)
        payload = jws.read_payload(payload_segment)
        signature = jws.read_signature(signature_segment)
        checks["form"] = "three segments, header and payload are JSON objects"
    except SignetError as error:
        checks["form"] = problem = str(error)
        signature = b""
    if problem is None:
        try:
            jws.check_header(header)
            checks["header"] = "no unsupported parameters"
        except SignetError as error:
            checks["header"] = problem = str(error)
    if problem is None:
        if verify is None:
            unknown = "not checked: no key available (run the command in the folder of your application)"
            checks["signature"] = f"{len(signature)} bytes, {unknown}"
        else:
            found, problem, untimely = _verified(text, verify)
            checks.update(found)
    if any(name in payload for name in _TIMES):
        checks["time"], late = _time(payload, now, policy)
        problem = problem or late or untimely
    return Inspection(
        kind="jwt",
        summary="A JWT: " + ("no problem found." if problem is None else f"refused: {problem}."),
        header=_parts(header),
        payload=_parts(payload),
        checks=checks,
        problem=problem,
    )


def _verified(text: str, verify: Callable[[str], Any]) -> tuple[dict[str, str], str | None, str | None]:
    """Return the results of a guard's checks, the problem, and a problem that only concerns the time."""
    good = {"signature": "good"}
    try:
        verify(text)
    except (TokenExpired, ImmatureToken) as error:
        return good, None, str(error)
    except InvalidClaim as error:  # a guard checks claims only after the signature
        return {**good, "claims": str(error)}, str(error), None
    except SignetError as error:
        return {"signature": str(error)}, str(error), None
    return {**good, "claims": "as this application requires"}, None, None


def _time(payload: Mapping[str, Any], now: int, policy: Policy) -> tuple[str, str | None]:
    for name in _TIMES:
        if name in payload and not _is_number(payload[name]):
            return f"{name} is not a number", f"{name} is not a number"
    starts = max(payload.get("nbf", now), payload.get("iat", now))
    if starts - policy.start_leeway > now:
        return f"not valid for another {_duration(starts - now)}", "not yet valid"
    if "exp" not in payload:
        return "never expires", None
    expires = payload["exp"]
    if expires > now:
        return f"expires in {_duration(expires - now)}", None
    ago = f"expired {_duration(now - expires)} ago"
    if expires + policy.leeway > now:
        return f"{ago}, within the leeway of {_duration(policy.leeway)}", None
    return ago, "expired"


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _parts(members: Mapping[str, Any]) -> tuple[Part, ...]:
    return tuple(Part(name=name, value=value, meaning=_meaning(name, value)) for name, value in members.items())


def _line(part: Part) -> str:
    return f"  {part.name} = {part.value!r}" + (f"  ({part.meaning})" if part.meaning else "")


def _harmless(line: str) -> str:
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in line)


def _meaning(name: str, value: Any) -> str:
    meaning = _EXPLAINED.get(name, "")
    if name in _TIMES and _is_number(value):
        try:
            return f"{meaning}: {datetime.fromtimestamp(value, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"
        except (ValueError, OverflowError, OSError):
            return f"{meaning}: outside of the range of dates"
    return meaning


def _duration(seconds: float) -> str:
    whole = int(seconds)
    for size, name in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if whole >= size:
            count = whole // size
            return f"{count} {name}{'' if count == 1 else 's'}"
    return f"{whole} second{'' if whole == 1 else 's'}"
