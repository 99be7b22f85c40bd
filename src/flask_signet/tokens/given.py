"""Keys as an application's callback gives them: text, JWK, JWK set, or the object of another library.

The classes of PyJWT, joserfc and Authlib are known by what they offer; none of them is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from flask_signet.exceptions import InvalidKeyError
from flask_signet.tokens import keys, strict_json
from flask_signet.tokens.key import Key


def verifying(value: Any, algorithm: str) -> tuple[Key, ...]:
    """Return the key that *value* is, without a name, or the usable keys of a set, with theirs.

    :param value: a secret, PEM or OpenSSH text, a key object of ``cryptography``, a JWK or JWK set as a dict or as
        JSON, PyJWT's ``PyJWK`` or ``PyJWKSet``, or an object whose ``as_dict()`` gives a JWK.
    :param algorithm: of the token; a key that does not say its own is taken for this one.
    :raises InvalidKeyError: there is no key in it that fits *algorithm*.
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
    """Return the key that *value* is, which must be able to sign.

    :raises InvalidKeyError: it is of another algorithm, or public.
    """
    jwk = _jwk_of(value)
    if jwk is None or "keys" in jwk:
        return keys.from_config(value.key if _is_pyjwk(value) else value, algorithm, private=True)
    key = keys.from_jwk(_with_algorithm(jwk, algorithm))
    if key.algorithm != algorithm:
        raise InvalidKeyError(f"the JWK is for {key.algorithm}, and JWT_ALGORITHM is {algorithm}")
    if key.sign is None:
        raise InvalidKeyError(f"{algorithm} needs a private key to sign; this JWK is public")
    return key


def _jwk_of(value: Any) -> Mapping[str, Any] | None:
    """Return the JWK or JWK set that *value* is or writes, or ``None``."""
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
    # Whoever hands in one key has named it already.
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
    """Return a key of a ``PyJWKSet``, or ``None`` where it is for something else."""
    if not _is_pyjwk(member) or getattr(member, "public_key_use", None) not in (None, "sig"):
        return None
    try:
        key = _from_pyjwk(member, algorithm)
    except InvalidKeyError:
        return None
    key_id = getattr(member, "key_id", None)
    return None if key is None else key.named(key_id if isinstance(key_id, str) else None)


def _none_fits(algorithm: str) -> tuple[Key, ...]:
    raise InvalidKeyError(f"none of its keys is for {algorithm}")
