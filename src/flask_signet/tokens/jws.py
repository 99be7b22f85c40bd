"""Parse a compact JWS strictly: three segments, and a header without unsupported parameters.

Source: RFC 7515 sections 3.1, 4.1 and 5.2; RFC 8725 section 3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from flask_signet.exceptions import InvalidAlgorithm, MalformedToken, UnknownKey
from flask_signet.tokens import base64url, strict_json
from flask_signet.tokens.key import Key

# Parameters that contain a key or a link to one. A thumbprint (x5t) does neither. It selects no key here and is
# ignored.
_KEY_HINTS = ("jwk", "jku", "x5u", "x5c")
# The header is parsed before the signature is checked. So it has a limit of its own, whatever the limit of the token
# is.
_LONGEST_HEADER = 8_192  # bytes, encoded


def split(token: str | bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Return signing input, header, payload and signature, all still encoded.

    :raises MalformedToken: the token is not ASCII, or does not have three segments.
    """
    try:
        raw = token.encode("ascii") if isinstance(token, str) else token
    except UnicodeEncodeError:
        raise MalformedToken("Invalid token: it contains characters other than ASCII") from None
    signing_input, _, signature = raw.rpartition(b".")
    header, _, payload = signing_input.partition(b".")
    if not payload and raw.count(b".") != 2:
        raise MalformedToken("Not enough segments")
    if b"." in payload:
        raise MalformedToken("Too many segments")
    return signing_input, header, payload, signature


def read_header(segment: bytes) -> dict[str, Any]:
    """Return the header as a dict. Its members are not checked.

    :raises MalformedToken: the segment is not canonical base64url of a strict JSON object, or is longer than 8 KiB.
    """
    if len(segment) > _LONGEST_HEADER:
        raise MalformedToken(f"Invalid header string: longer than {_LONGEST_HEADER} bytes")
    return _object(segment, "header")


def read_payload(segment: bytes) -> dict[str, Any]:
    """Return the payload as a dict. Its members are not checked.

    :raises MalformedToken: the segment is not canonical base64url of a strict JSON object.
    """
    return _object(segment, "payload")


def _object(segment: bytes, part: str) -> dict[str, Any]:
    try:
        data = base64url.decode(segment)
    except ValueError:
        raise MalformedToken(f"Invalid {part} padding") from None
    try:
        value = strict_json.loads(data)
    except ValueError as error:
        reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)[:100]
        raise MalformedToken(f"Invalid {part} string: {reason}") from None
    if not isinstance(value, dict):
        raise MalformedToken(f"Invalid {part} string: must be a json object")
    return cast(dict[str, Any], value)


def check_header(header: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return ``alg`` and ``kid`` of a header without unsupported parameters.

    :raises InvalidAlgorithm: ``alg`` is absent or not a string.
    :raises MalformedToken: the header has ``crit``, ``b64``, a key, a link to a key, or the ``typ`` of another kind of
        token.
    """
    algorithm, key_id, kind = header.get("alg"), header.get("kid"), header.get("typ", "JWT")
    if algorithm is None:
        raise InvalidAlgorithm("Algorithm not specified")
    if not isinstance(algorithm, str):
        raise InvalidAlgorithm("The specified alg value is not allowed")
    if "kid" in header and not isinstance(key_id, str):
        raise MalformedToken("Key ID header parameter must be a string")
    if "crit" in header:
        # No extension is supported, so every critical one is refused (RFC 7515 section 4.1.11).
        names = header["crit"]
        shown = str(cast(list[Any], names)[0])[:40] if isinstance(names, list) and names else "malformed"
        raise MalformedToken(f"Unsupported critical extension: {shown}")
    if "b64" in header:
        raise MalformedToken("Unsupported header parameter: b64")
    for hint in _KEY_HINTS:
        if hint in header:
            raise MalformedToken(f"Unsupported header parameter: {hint} (keys are never taken from a token)")
    if not isinstance(kind, str):
        raise MalformedToken("typ header parameter must be a string")
    if kind.lower().endswith("+jwt") and kind.lower() not in ("at+jwt", "application/at+jwt"):
        # An explicit type shows that the token was made for another purpose (RFC 8725 section 3.11).
        raise MalformedToken(f"Wrong kind of token: typ {kind[:40]!r}")
    return algorithm, key_id


def candidates(keys: Iterable[Key], algorithm: str, key_id: str | None) -> tuple[Key, ...]:
    """Return the keys that a header selects: one key for a ``kid``, otherwise all keys without a ``kid``.

    If none of the keys has a ``kid``, the application selected them, and the ``kid`` in the header is ignored.

    :raises UnknownKey: the ``kid`` is unknown or ambiguous, or is absent although every key has one.
    :raises InvalidAlgorithm: the key has another algorithm.
    """
    keys = tuple(keys)
    named = tuple(key for key in keys if key.key_id == key_id)
    if not named and all(key.key_id is None for key in keys):
        key_id, named = None, keys
    if not named:
        raise UnknownKey("No key is known for this token" + ("" if key_id is None else ": unknown kid"))
    if key_id is not None and len(named) > 1:
        raise UnknownKey("No key is known for this token: several keys have its kid")
    fitting = tuple(key for key in named if key.algorithm == algorithm)
    if not fitting:
        raise InvalidAlgorithm("The specified alg value is not allowed")
    return fitting


def read_signature(segment: bytes) -> bytes:
    """Return the decoded signature.

    :raises MalformedToken: the segment is not canonical base64url.
    """
    try:
        return base64url.decode(segment)
    except ValueError:
        raise MalformedToken("Invalid crypto padding") from None
