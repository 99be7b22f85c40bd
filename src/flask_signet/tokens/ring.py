"""A ring of keys: one signs, the next one is known before it does, retired ones still verify.

A ring is written as a JWK set whose members may carry ``"status"``: ``next``, ``current`` (exactly
one) or ``retired``. Everybody knows a key as ``next`` before it signs, so no worker ever meets a
token whose key it has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from flask_signet.exceptions import InvalidKeyError, SettingsError
from flask_signet.tokens import keys, strict_json
from flask_signet.tokens.key import Key, Status, thumbprint

_STATUSES: tuple[Status, ...] = ("next", "current", "retired")

# How a key is called that has no name: one whose tokens bear no ``kid``.
NAMELESS = "-"
_FOR_EVER = 2**53  # seconds

MAX_BYTES = 1_048_576  # no honest ring comes near it


@dataclass(frozen=True, slots=True)
class Ring:
    """The keys of one issuer.

    :param current: the key that signs; ``None`` where an application only verifies.
    :param verifying: every key whose tokens are accepted.
    """

    current: Key | None
    verifying: tuple[Key, ...]

    def public_jwks(self) -> dict[str, Any]:
        """Return the JWK set that may be published: no private part, no secret (RFC 7517 section 9.2)."""
        return {"keys": [dict(key.public_jwk) for key in self.verifying if key.public_jwk is not None]}

    @property
    def weakness(self) -> str | None:
        """Say why the ring must not serve real users, or ``None``."""
        return next((key.weakness for key in self.verifying if key.weakness), None)


def from_jwks(jwks: Mapping[str, Any]) -> Ring:
    """Return the ring that a JWK set describes; a ``kid`` that is absent becomes the RFC 7638 thumbprint.

    Several public keys without any ``status`` are what an issuer publishes: all of them verify and none signs, and what
    is for something else is passed over.

    One retired key may have ``"kid": null``: tokens without a ``kid`` are its own, such as those of the
    ``JWT_SECRET_KEY`` that was before the ring.

    :raises InvalidKeyError: a key is malformed, or two share a name.
    :raises SettingsError: not exactly one key is current.
    """
    members = jwks.get("keys")
    if not isinstance(members, list) or not members:
        raise InvalidKeyError('JWT_KEYS must be a JWK set: {"keys": [...]} with at least one key')
    if len(cast(list[Any], members)) > keys.MAX_KEYS:
        raise InvalidKeyError(f"JWT_KEYS must have at most {keys.MAX_KEYS} keys, not {len(cast(list[Any], members))}")
    if _is_foreign(cast(list[Any], members)):
        return Ring(None, keys.from_jwk_set(jwks))
    ring = tuple(_member(jwk) for jwk in cast(list[Any], members))
    names = [NAMELESS if key.key_id is None else key.key_id for key in ring]
    if len(set(names)) != len(names):
        raise InvalidKeyError("two keys of JWT_KEYS share one kid")
    current = [key for key in ring if key.status == "current"]
    if len(current) != 1:
        raise SettingsError(
            f'JWT_KEYS must hold exactly one key with "status": "current", not {len(current)}; '
            'the others are "next" or "retired"'
        )
    return Ring(current[0] if current[0].sign is not None else None, ring)


def from_text(text: bytes) -> Ring:
    """Return the ring of a JSON text.

    :raises InvalidKeyError: not strict JSON, or no JWK set. Nothing of the text is repeated.
    """
    return from_jwks(parse(text))


def parse(text: bytes) -> dict[str, Any]:
    """Return the JWK set of a JSON text, its keys not yet looked at.

    :raises InvalidKeyError: not strict JSON (a file that was written half), or no object.
    """
    if len(text) > MAX_BYTES:
        raise InvalidKeyError(f"the key ring is longer than {MAX_BYTES} bytes; does the setting name the right file?")
    try:
        value = strict_json.loads(text)
    except ValueError:
        raise InvalidKeyError("the key ring is not complete JSON; was it written half, or edited by hand?") from None
    if not isinstance(value, dict):
        raise InvalidKeyError('the key ring must be a JWK set: {"keys": [...]}')
    return cast(dict[str, Any], value)


def _is_foreign(members: list[Any]) -> bool:
    """Return whether these are the public keys of another issuer, and not a ring of which one key signs."""
    jwks = [cast(Mapping[str, Any], jwk) for jwk in members if isinstance(jwk, Mapping)]
    return len(members) == len(jwks) > 1 and not any(
        "status" in jwk or "d" in jwk or jwk.get("kty") == "oct" for jwk in jwks
    )


def _refuse_foreign(members: list[JWKS]) -> None:
    if _is_foreign(members):
        raise SettingsError("these are the public keys of another issuer, who alone can change them")


def _member(member: Any) -> Key:
    if not isinstance(member, Mapping):
        raise InvalidKeyError("every member of JWT_KEYS must be a JWK object")
    jwk = cast(Mapping[str, Any], member)
    status = jwk.get("status", "current")
    if status not in _STATUSES:
        raise InvalidKeyError(f'"status" of a key must be one of {", ".join(_STATUSES)}, not {str(status)[:20]!r}')
    key = keys.from_jwk(jwk)
    if not _is_nameless(jwk):
        return key.named(key.key_id or _thumbprint(key), status)
    if status != "retired":
        raise InvalidKeyError('"kid": null is for a "retired" key of JWT_KEYS: what a ring signs bears a name')
    return key.named(None, status)


def name(jwk: Mapping[str, Any]) -> str:
    """Return what a key of a written ring is called: its ``kid``, else its thumbprint, or :data:`NAMELESS`.

    :raises InvalidKeyError: the key is malformed.
    """
    if _is_nameless(jwk):
        return NAMELESS
    return jwk.get("kid") or _thumbprint(keys.from_jwk(jwk))


def _is_nameless(jwk: Mapping[str, Any]) -> bool:
    return "kid" in jwk and jwk["kid"] is None


def _thumbprint(key: Key) -> str:
    if key.public_jwk is None:
        raise InvalidKeyError("a symmetric key of JWT_KEYS needs a kid: its thumbprint would tell about the secret")
    return thumbprint(key.public_jwk)


# --- Changes of a written ring: JWK sets in, JWK sets out -------------------------------------------

JWKS = dict[str, Any]


def generated(algorithm: str, token_bytes: Callable[[int], bytes], now: int) -> JWKS:
    """Return a new ring: one current key, and the next one, which everybody knows from the start."""
    return {
        "keys": [
            _written(keys.generate(algorithm, token_bytes), "current", now),
            _written(keys.generate(algorithm, token_bytes), "next", now),
        ]
    }


def rotated(jwks: JWKS, token_bytes: Callable[[int], bytes], now: int, *, overlap: int | None, settle: int) -> JWKS:
    """Return the ring after one step: next becomes current, current retired, a new next is made.

    Keys that have been retired for longer than *overlap* leave, or for longer than any *overlap* of an earlier call:
    the ring remembers it as ``longest_life``, for the tokens that were issued under earlier settings.

    :param overlap: seconds that a retired key still verifies: the longest life of a token and more; ``None`` is
        for ever.
    :param settle: seconds that a key must have been ``next``, so that everybody has read of it.
    :raises SettingsError: the next key is younger than *settle*.
    """
    members = [dict(jwk) for jwk in jwks["keys"]]
    _refuse_foreign(members)
    current = _current(members)
    following = next((jwk for jwk in members if jwk.get("status") == "next"), None)
    algorithm = keys.from_jwk(current).algorithm
    longest = max(_date(jwks, "longest_life", 0), _FOR_EVER if overlap is None else overlap)
    jwks = {**jwks, "longest_life": longest}
    if following is None:
        # Nobody knows the new key yet: it is only announced, and the next call makes it sign.
        members.append(_written(keys.generate(algorithm, token_bytes), "next", now))
        return {**jwks, "keys": members}
    refuse_unsettled(_date(following, "created_at", 0), now, settle)
    current["status"], current["retired_at"] = "retired", now
    following["status"] = "current"
    kept = [jwk for jwk in members if now - _retired_at(jwk, now) <= longest]
    kept.append(_written(keys.generate(algorithm, token_bytes), "next", now))
    return {**jwks, "keys": kept}


def refuse_unsettled(created: int, now: int, settle: int) -> None:
    """Refuse a rotation to a key that somebody may not have read of.

    :param created: when the next key was made, seconds since 1970.
    :raises SettingsError: it is younger than *settle*.
    """
    age = now - created
    if age < settle:
        raise SettingsError(
            f"the next key is {age} s old; wait {settle - age} s more, until every worker and whoever keeps "
            "/.well-known/jwks.json knows it. To end the current key at once, revoke it"
        )


def without(jwks: JWKS, key_id: str, token_bytes: Callable[[int], bytes], now: int) -> JWKS:
    """Return the ring without one key, at once: every token that it signed is refused.

    If it was the current one, the next one takes its place.

    :raises SettingsError: no key has that name.
    """
    members = [dict(jwk) for jwk in jwks["keys"]]
    _refuse_foreign(members)
    leaving = next((jwk for jwk in members if name(jwk) == key_id), None)
    if leaving is None:
        known = ", ".join(map(name, members))
        raise SettingsError(f"no key of the ring is named {key_id!r}; there are: {known}")
    # A retired key may be of another kind, from before a change of the algorithm.
    current = _current(members)
    algorithm = keys.from_jwk(current).algorithm
    members.remove(leaving)
    if leaving is current:
        following = next((jwk for jwk in members if jwk.get("status") == "next"), None)
        if following is None:
            members.append(_written(keys.generate(algorithm, token_bytes), "current", now))
        else:
            following["status"] = "current"
    if not any(jwk.get("status") == "next" for jwk in members):
        members.append(_written(keys.generate(algorithm, token_bytes), "next", now))
    return {**jwks, "keys": members}


def _current(members: list[JWKS]) -> JWKS:
    return next(jwk for jwk in members if jwk.get("status", "current") == "current")


def _written(key: Key, status: Status, now: int) -> dict[str, Any]:
    assert key.private_jwk is not None
    return {**key.private_jwk(), "kid": key.key_id, "status": status, "created_at": now}


def _date(jwk: Mapping[str, Any], member: str, absent: int) -> int:
    """Return a moment that stands beside a key; whoever writes a ring by hand may leave it out.

    :raises InvalidKeyError: no number of seconds.
    """
    value = jwk.get(member, absent)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidKeyError(f"{member} of a key must be whole seconds since 1970")
    return value


def _retired_at(jwk: Mapping[str, Any], now: int) -> int:
    return _date(jwk, "retired_at", now) if jwk.get("status") == "retired" else now
