"""Read the key that an application's callback returned.

A key may be a string, a JWK, a JWK set, or an object of another library. The classes of PyJWT, joserfc and Authlib are
recognised by their attributes; none of these libraries is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from flask_signet.exceptions import InvalidKeyError
from flask_signet.tokens import keys, strict_json
from flask_signet.tokens.key import Key


def verifying(value: Any, algorithm: str) -> tuple[Key, ...]:
    """Return the key in *value* without its ``kid``, or the usable keys of a set with their ``kid``.

    :param value: a secret, a PEM or OpenSSH string, a key object of ``cryptography``, a JWK or JWK set as a dict or as
        JSON, PyJWT's ``PyJWK`` or ``PyJWKSet``, or an object whose ``as_dict()`` returns a JWK.
    :param algorithm: the algorithm of the token, also used for a key that names no algorithm.
    :raises InvalidKeyError: *value* contains no key for *algorithm*.
    """
    jwk = _jwk_of(value)
    if jwk is not None:
        if "keys" in jwk:
            return keys.from_jwk_set(jwk, algorithm)
        return (_from_jwk(jwk, algorithm),)
    members = getattr(value, "keys", None)
    if isinstance(members, list):  # PyJWKSet
        found = tuple(_member(member, algorithm) for member in cast(list[Any], members))
        return tuple(key for key in found if key is not None) or _none_fits(algorithm)
    if _is_pyjwk(value):
        key = _from_pyjwk(value, algorithm)
        return (key,) if key is not None else _none_fits(algorithm)
    return (keys.from_config(value, algorithm, private=False),)


def signing(value: Any, algorithm: str) -> Key:
    """Return the signing key in *value*.

    :raises InvalidKeyError: the key has another algorithm, or is public.
    """
    jwk = _jwk_of(value)
    if jwk is None or "keys" in jwk:
        return keys.from_config(value.key if _is_pyjwk(value) else value, algorithm, private=True)
    key = keys.from_jwk(_with_algorithm(jwk, algorithm))
    if key.algorithm != algorithm:
        raise InvalidKeyError(f"the JWK is for {key.algorithm}, but JWT_ALGORITHM is {algorithm}")
    if key.sign is None:
        raise InvalidKeyError(f"{algorithm} needs a private key to sign; this JWK is public")
    return key


def _jwk_of(value: Any) -> Mapping[str, Any] | None:
    """Return the JWK or JWK set that *value* is or can be converted to, or ``None``."""
    if isinstance(value, Mapping):
        return cast(Mapping[str, Any], value)
    if isinstance(value, (str, bytes)):
        text = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else value
        text = text.removeprefix(b"\xef\xbb\xbf").strip()
        if text[:1] != b"{":
            return None
        try:
            parsed = strict_json.loads(text)
        except ValueError:
            return None
        return cast(dict[str, Any], parsed) if {"kty", "keys"} & set(parsed) else None
    as_dict = getattr(value, "as_dict", None)
    if callable(as_dict) and not _is_pyjwk(value):
        written = as_dict()
        return cast(Mapping[str, Any], written) if isinstance(written, Mapping) else None
    return None


def _from_jwk(jwk: Mapping[str, Any], algorithm: str) -> Key:
    # The application selected this key, so the kid of a token must not select another one.
    return keys.from_jwk(_with_algorithm(jwk, algorithm)).named(None)


def _with_algorithm(jwk: Mapping[str, Any], algorithm: str) -> Mapping[str, Any]:
    return jwk if jwk.get("alg") is not None else {**jwk, "alg": algorithm}


def _is_pyjwk(value: Any) -> bool:
    return hasattr(value, "key") and isinstance(getattr(value, "algorithm_name", None), str)


def _from_pyjwk(value: Any, algorithm: str) -> Key | None:
    if value.algorithm_name != algorithm:
        return None
    return keys.from_config(value.key, algorithm, private=False)


def _member(member: Any, algorithm: str) -> Key | None:
    """Return the key of one member of a ``PyJWKSet``, or ``None`` if the key is for another purpose."""
    if not _is_pyjwk(member) or getattr(member, "public_key_use", None) not in (None, "sig"):
        return None
    try:
        key = _from_pyjwk(member, algorithm)
    except InvalidKeyError:
        return None
    key_id = getattr(member, "key_id", None)
    return None if key is None else key.named(key_id if isinstance(key_id, str) else None)


def _none_fits(algorithm: str) -> tuple[Key, ...]:
    raise InvalidKeyError(f"it contains no key for {algorithm}")
