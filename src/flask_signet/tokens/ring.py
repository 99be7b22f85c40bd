"""Read and rotate a key ring: the current key signs, the next key will sign later, retired keys still verify.

A ring is written as a JWK set. Its members may have ``"status"``: ``next``, ``current`` (exactly one) or ``retired``.
Every worker reads a key as ``next`` before it signs. So no worker receives a token whose key it does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from flask_signet.exceptions import InvalidKeyError, SettingsError
from flask_signet.tokens import keys, strict_json
from flask_signet.tokens.key import Key, Status, thumbprint

_STATUSES: tuple[Status, ...] = ("next", "current", "retired")

# Stands for the kid of a key without one. Tokens of such a key have no kid.
NAMELESS = "-"
_FOR_EVER = 2**53  # seconds

MAX_BYTES = 1_048_576  # far more than a real ring needs


@dataclass(frozen=True, slots=True)
class Ring:
    """The keys of one issuer.

    :param current: the key that signs; ``None`` for an application that only verifies.
    :param verifying: every key whose tokens are accepted.
    """

    current: Key | None
    verifying: tuple[Key, ...]

    def public_jwks(self) -> dict[str, Any]:
        """Return the JWK set to publish, without private parts and secrets (RFC 7517 section 9.2)."""
        return {"keys": [dict(key.public_jwk) for key in self.verifying if key.public_jwk is not None]}

    @property
    def weakness(self) -> str | None:
        """The reason why the ring must not be used for real users, or ``None``."""
        return next((key.weakness for key in self.verifying if key.weakness), None)


def from_jwks(jwks: Mapping[str, Any]) -> Ring:
    """Return the ring that a JWK set describes. A key without ``kid`` gets its RFC 7638 thumbprint as ``kid``.

    Several public keys without any ``status`` are the published keys of another issuer: all of them verify and none
    signs. Keys for other purposes are ignored.

    One retired key may have ``"kid": null``. It verifies the tokens without a ``kid``, such as tokens from before the
    ring, signed with ``JWT_SECRET_KEY``.

    :raises InvalidKeyError: a key is malformed, or two keys have the same ``kid``.
    :raises SettingsError: the number of current keys is not one.
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
            f'JWT_KEYS must contain exactly one key with "status": "current", not {len(current)}; '
            'the others are "next" or "retired"'
        )
    return Ring(current[0] if current[0].sign is not None else None, ring)


def from_text(text: bytes) -> Ring:
    """Return the ring that a JSON string contains.

    :raises InvalidKeyError: *text* is not strict JSON, or not a JWK set. The message contains no part of *text*.
    """
    return from_jwks(parse(text))


def parse(text: bytes) -> dict[str, Any]:
    """Return the JWK set that a JSON string contains. Its keys are not checked.

    :raises InvalidKeyError: *text* is not strict JSON (for example an incomplete file), or not an object.
    """
    if len(text) > MAX_BYTES:
        raise InvalidKeyError(f"the key ring is longer than {MAX_BYTES} bytes; does the setting name the right file?")
    try:
        value = strict_json.loads(text)
    except ValueError:
        raise InvalidKeyError(
            "the key ring is not complete JSON; was it written only in part, or edited by hand?"
        ) from None
    if not isinstance(value, dict):
        raise InvalidKeyError('the key ring must be a JWK set: {"keys": [...]}')
    return cast(dict[str, Any], value)


def _is_foreign(members: list[Any]) -> bool:
    """Return whether these are the public keys of another issuer, and not a ring with a key that signs."""
    jwks = [cast(Mapping[str, Any], jwk) for jwk in members if isinstance(jwk, Mapping)]
    return len(members) == len(jwks) > 1 and not any(
        "status" in jwk or "d" in jwk or jwk.get("kty") == "oct" for jwk in jwks
    )


def _refuse_foreign(members: list[JWKS]) -> None:
    if _is_foreign(members):
        raise SettingsError("these are the public keys of another issuer; only that issuer can change them")


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
        raise InvalidKeyError('"kid": null is for a "retired" key of JWT_KEYS: a key that signs needs a kid')
    return key.named(None, status)


def name(jwk: Mapping[str, Any]) -> str:
    """Return the ``kid`` of a member of a ring, or its thumbprint, or :data:`NAMELESS` for ``"kid": null``.

    :raises InvalidKeyError: the key is malformed.
    """
    if _is_nameless(jwk):
        return NAMELESS
    return jwk.get("kid") or _thumbprint(keys.from_jwk(jwk))


def _is_nameless(jwk: Mapping[str, Any]) -> bool:
    return "kid" in jwk and jwk["kid"] is None


def _thumbprint(key: Key) -> str:
    if key.public_jwk is None:
        raise InvalidKeyError(
            "a symmetric key of JWT_KEYS needs a kid: its thumbprint would reveal information about the secret"
        )
    return thumbprint(key.public_jwk)


# --- Change a ring. These functions take and return JWK sets. ---------------------------------------

JWKS = dict[str, Any]


def generated(algorithm: str, token_bytes: Callable[[int], bytes], now: int) -> JWKS:
    """Return a new ring with a current key and a next key, which every worker knows from the start."""
    return {
        "keys": [
            _written(keys.generate(algorithm, token_bytes), "current", now),
            _written(keys.generate(algorithm, token_bytes), "next", now),
        ]
    }


def rotated(jwks: JWKS, token_bytes: Callable[[int], bytes], now: int, *, overlap: int | None, settle: int) -> JWKS:
    """Return the ring after one rotation: next becomes current, current becomes retired, and a new next key is made.

    A retired key is removed after *overlap* seconds, or after the longest *overlap* of an earlier call, because tokens
    may have been issued under earlier settings. The ring stores the longest one as ``longest_life``.

    :param overlap: seconds for which a retired key still verifies, longer than any token is valid; ``None`` means for
        ever.
    :param settle: seconds for which a key must have been ``next``, so that every worker and client has read it.
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
        # No worker or client knows the new key yet. It becomes next now, and current with the next call.
        members.append(_written(keys.generate(algorithm, token_bytes), "next", now))
        return {**jwks, "keys": members}
    refuse_unsettled(_date(following, "created_at", 0), now, settle)
    current["status"], current["retired_at"] = "retired", now
    following["status"] = "current"
    kept = [jwk for jwk in members if now - _retired_at(jwk, now) <= longest]
    kept.append(_written(keys.generate(algorithm, token_bytes), "next", now))
    return {**jwks, "keys": kept}


def refuse_unsettled(created: int, now: int, settle: int) -> None:
    """Refuse a rotation to a key that a worker or client may not have read yet.

    :param created: when the next key was made, in seconds since 1970.
    :raises SettingsError: the key is younger than *settle*.
    """
    age = now - created
    if age < settle:
        raise SettingsError(
            f"the next key is {age} s old; wait {settle - age} s more, until every worker and every cache of "
            "/.well-known/jwks.json has read it. To end the current key at once, revoke it"
        )


def without(jwks: JWKS, key_id: str, token_bytes: Callable[[int], bytes], now: int) -> JWKS:
    """Return the ring without the key *key_id*. Every token that this key signed is then refused.

    If it is the current key, the next key becomes current.

    :raises SettingsError: no key of the ring has this ``kid``.
    """
    members = [dict(jwk) for jwk in jwks["keys"]]
    _refuse_foreign(members)
    leaving = next((jwk for jwk in members if name(jwk) == key_id), None)
    if leaving is None:
        known = ", ".join(map(name, members))
        raise SettingsError(f"no key of the ring has the kid {key_id!r}; its keys are: {known}")
    # A retired key may have another algorithm, from before a change of the setting.
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
    """Return the value of a time member, or *absent*: a ring written by hand may lack it.

    :raises InvalidKeyError: the value is not a whole number of seconds.
    """
    value = jwk.get(member, absent)
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidKeyError(f"{member} of a key must be whole seconds since 1970")
    return value


def _retired_at(jwk: Mapping[str, Any], now: int) -> int:
    return _date(jwk, "retired_at", now) if jwk.get("status") == "retired" else now
