"""Verify only the signature of a token. The payload may be anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_signet.exceptions import InvalidSignature, MalformedToken, UnknownKey
from flask_signet.tokens import base64url, jws, keys

MAX_BYTES = 262_144  # of a whole token: far more than a real token needs, and checked first


def verify_signature(token: str | bytes, jwk_or_jwks: Mapping[str, Any]) -> bytes:
    """Verify the signature of a compact JWS and return the payload.

    :param token: header, payload and signature in base64url, joined by dots.
    :param jwk_or_jwks: one key as a JWK, or a JWK set; the ``kid`` of the token selects the key of a set.
    :raises InvalidKeyError: the key cannot be used for signatures.
    :raises JWTDecodeError: the token is malformed, or is not signed by that key with the algorithm of the key.

    Source: RFC 7515 section 5.2; the algorithm is the key's (RFC 8725 section 3.1).
    """
    # The JSON serialisation of a JWS is an object. A caller that parsed it from a request body may pass it here.
    if not isinstance(token, (str, bytes)) or len(token) > MAX_BYTES:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise MalformedToken("Invalid token: not a compact JWS")
    signing_input, header_segment, payload_segment, signature_segment = jws.split(token)
    algorithm, key_id = jws.check_header(jws.read_header(header_segment))
    if "keys" in jwk_or_jwks:
        ring = keys.from_jwk_set(jwk_or_jwks)
        if len(ring) > 1 and key_id is None:
            raise UnknownKey("No key is known for this token: it has no kid, and there are several keys")
        if len(ring) > 1 and all(key.key_id is None for key in ring):
            raise UnknownKey("No key is known for this token: it has a kid, but none of the keys has one")
    else:
        ring = (keys.from_jwk(jwk_or_jwks),)
    if key_id is None:
        # The caller selected this key, so a token without a kid may use it.
        ring = tuple(key.named(None) for key in ring)
    key = jws.candidates(ring, algorithm, key_id)[0]
    if not key.verify(signing_input, jws.read_signature(signature_segment)):
        raise InvalidSignature("Signature verification failed")
    try:
        return base64url.decode(payload_segment)
    except ValueError:
        raise MalformedToken("Invalid payload padding") from None
