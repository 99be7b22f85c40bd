"""Verify with the key that the application's ``decode_key_loader`` chooses for each token."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final, cast

from flask_signet.exceptions import InvalidAlgorithm, InvalidKeyError, MalformedToken, UnknownKey
from flask_signet.tokens import given, jws, strict_json
from flask_signet.tokens.claims import take_identity
from flask_signet.tokens.key import Key
from flask_signet.tokens.verifier import Verified, Verifier
from flask_signet.web.settings import TokenSettings

log = logging.getLogger("flask_signet")

_MOST_WARNINGS: Final = 64
_REMEMBERED: Final = 64


class ChosenKeys:
    """Reads the keys that a loader returns and caches the last ones: parsing a key takes longer than using it."""

    def __init__(self) -> None:
        self._remembered = lru_cache(_REMEMBERED, typed=True)(given.verifying)
        self._warned: set[str] = set()

    def verify(
        self,
        token: str,
        now: float,
        settings: TokenSettings,
        *,
        choose: Callable[[dict[str, Any], dict[str, Any]], Any],
        judge: Callable[[str | None], None],
    ) -> Verified:
        """Return the verified token. It is not cached: the loader may choose another key next time.

        :param choose: returns the key for an unverified header and unverified claims.
        :param judge: called with the weakness of a key, or ``None``; refuses a weak key.
        :raises JWTDecodeError: the token is invalid, or the loader returned no key for it.
        """
        if len(token) > settings.policy.max_token_bytes:
            raise MalformedToken(f"Invalid token: longer than {settings.policy.max_token_bytes} bytes")
        _, header_segment, payload_segment, _ = jws.split(token)
        header, claims = jws.read_header(header_segment), jws.read_payload(payload_segment)
        algorithm, key_id = jws.check_header(header)
        if algorithm not in settings.decode_algorithms:
            raise InvalidAlgorithm("The specified alg value is not allowed")
        try:
            value = choose(header, _as_seen(claims, settings.policy.identity_claim))
        except LookupError:
            raise UnknownKey("No key is known for this token") from None
        if value is None:
            raise UnknownKey("No key is known for this token")
        try:
            found = self._read(value, algorithm)
        except InvalidKeyError as error:
            self._complain(algorithm, error)
            raise InvalidAlgorithm(f"The key does not fit this token: {error}") from None
        # The loader has chosen the keys. Of a set, the token's `kid` selects one; a single key needs no `kid`.
        chosen = tuple(key.named(None) for key in jws.candidates(found, algorithm, key_id))
        for key in chosen:
            judge(key.weakness)
        return Verifier(chosen, settings.policy).verify(token, now)

    def _read(self, value: Any, algorithm: str) -> tuple[Key, ...]:
        if isinstance(value, Mapping):
            try:
                # A string is hashable, so the cache can keep the parsed key.
                value = strict_json.dumps(cast(Mapping[str, Any], value))
            except (TypeError, ValueError):
                raise InvalidKeyError("a JWK must contain only strings, lists and objects") from None
        can_be_remembered = type(value) in (str, bytes)  # other values may be unhashable or mutable
        return (self._remembered if can_be_remembered else given.verifying)(value, algorithm)

    def _complain(self, algorithm: str, error: InvalidKeyError) -> None:
        """Log once that the loader returns an unusable key: every token is refused, and the answers do not say why."""
        reason = str(error)
        if reason in self._warned or len(self._warned) >= _MOST_WARNINGS:
            return
        self._warned.add(reason)
        log.error(
            "The key that the decode_key_loader returned for a token with the algorithm %s cannot be used: %s. Return "
            "a public key for one of JWT_DECODE_ALGORITHMS as a PEM string or a JWK, or the secret for HMAC.",
            algorithm,
            reason,
        )


def _as_seen(claims: dict[str, Any], identity_claim: str) -> dict[str, Any]:
    """Return a copy of the unverified claims with the identity in its original type, as for verified claims."""
    seen = dict(claims)
    if identity_claim in seen:
        seen[identity_claim] = take_identity(seen, identity_claim)
    return seen
