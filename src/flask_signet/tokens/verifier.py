"""Check a token: its header, its signature, its payload, and its claims.

The encoded header is always the same string for a given key. So it is looked up, not parsed: if it is found, key and
algorithm are known without parsing bytes from an attacker. Any other header is parsed strictly.

Source: RFC 7515 section 5.2, RFC 7519 section 7.2, RFC 8725.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import inf
from typing import Any, Final, cast

from flask_signet.exceptions import ImmatureToken, InvalidClaim, InvalidSignature, MalformedToken, TokenExpired
from flask_signet.tokens import base64url, jws, strict_json
from flask_signet.tokens.claims import IDENTITY_TYPE, Policy, check_parties, check_types, take_identity
from flask_signet.tokens.key import Key

_LEARNED_HEADERS: Final = 64
_LEARNED_HEADER_BYTES: Final = 256
_NUMBERS: Final = frozenset((int, float))
_NESTED: Final = frozenset((dict, list))
# The most memory that a cache entry takes, in bytes: objects, dict and claims. A payload with short names takes 16
# bytes for each character of the token, one with nested objects 28. A usual payload takes a third of the former.
_ENTRY_BYTES: Final = 1_200
_BYTES_PER_CHARACTER: Final = 16
_BYTES_PER_CHARACTER_NESTED: Final = 28


class Verified:
    """A token with a valid signature and valid claims. Time and revocation are checked at each use.

    All requests with the same token share ``claims``. Copy them before passing them to the application.
    """

    __slots__ = ("_header", "_typed", "claims", "expires_at", "identity", "kind", "nested", "not_before", "start_claim")

    #: Whether the claims may contain objects or lists, which take more memory.
    nested: bool

    def __init__(self, header: Mapping[str, Any], claims: dict[str, Any], policy: Policy) -> None:
        """Check the types of *claims*, set the defaults of Flask-JWT-Extended, and read the identity."""
        get = claims.get
        expires_at, not_before, issued_at = get("exp", inf), get("nbf", -inf), get("iat", -inf)
        if (
            type(expires_at) not in _NUMBERS
            or type(not_before) not in _NUMBERS
            or type(issued_at) not in _NUMBERS
            or type(get("sub", "")) is not str
            or type(get("jti", "")) is not str
            or "iss" in claims
            or "aud" in claims
        ):
            # The condition above is fast and true only for unusual claims. They are checked one by one.
            check_types(claims, text_subject=policy.text_subject)
        self._header = header
        self.claims = claims
        if not_before < issued_at:
            not_before, self.start_claim = issued_at, "iat"
        else:
            self.start_claim = "nbf"
        try:
            self.not_before: float = not_before - policy.start_leeway
            self.expires_at: float = expires_at + policy.leeway
        except OverflowError:
            # The int is too large for a float, and the leeway has a fraction. Such a leeway makes no difference.
            self.not_before, self.expires_at = not_before, expires_at
        if policy.issuer or policy.audience:
            check_parties(claims, policy)
        identity_claim = policy.identity_claim
        #: The claim that is a string in the token, but has the type of the identity for the application.
        self._typed: str | None = None
        if IDENTITY_TYPE not in claims and identity_claim in claims:
            self.identity: Any = claims[identity_claim]
        else:
            self.identity = take_identity(claims, identity_claim)
            if self.identity is not claims[identity_claim]:
                self._typed = identity_claim
        if type(self.identity) is str and "\0" in self.identity:
            # PostgreSQL refuses NUL in a string, so a query for this user would fail with a 500.
            raise InvalidClaim("Subject must not contain NUL")
        self.kind: Any = claims.setdefault("type", "access")
        claims.setdefault("fresh", False)
        claims.setdefault("jti", None)

    @property
    def header(self) -> dict[str, Any]:
        """A copy of the header that the caller may change. All tokens of one key share the original."""
        return {name: _copy(value) if type(value) in _NESTED else value for name, value in self._header.items()}

    def copy_claims(self) -> dict[str, Any]:
        """Return a copy of the claims for the application, with the identity in its original type."""
        claims = {name: _copy(value) if type(value) in _NESTED else value for name, value in self.claims.items()}
        if self._typed is not None:
            claims[self._typed] = self.identity
        return claims

    def copy_identity(self) -> Any:
        """Return the identity. The caller may change it if it is a dict or a list."""
        identity = self.identity
        return _copy(identity) if type(identity) in _NESTED else identity

    def immature(self) -> ImmatureToken:
        """Return the error for a token before its ``nbf`` or ``iat``."""
        return ImmatureToken(f"The token is not yet valid ({self.start_claim})")

    def expired(self) -> TokenExpired:
        """Return the error for a token after its ``exp``."""
        return TokenExpired("Token has expired", jwt_header=self.header, jwt_data=self.copy_claims())


class Verifier:
    """An immutable snapshot of keys and policy, with a cache of verified tokens.

    If the keys change, a new verifier replaces this one. So the result of a check with an old key is never used after
    the change. There is no lock: every step is one operation on a dict, and a lost insertion only causes one more
    signature check.

    :param keys: all keys that may verify.
    :param policy: what the application requires beyond a valid signature.
    """

    __slots__ = ("_headers", "_keys", "_learned", "_old", "_room", "_size", "_young", "policy")

    def __init__(self, keys: Iterable[Key], policy: Policy) -> None:
        self._keys = tuple(keys)
        self.policy = policy
        self._headers = _header_table(self._keys)
        self._learned: dict[bytes, tuple[tuple[Key, ...], dict[str, Any]]] = {}
        # Two generations, each at most half of the size of the cache. When the young one is full, it becomes the old
        # one, and the former old one is dropped.
        self._young: dict[str | None, Verified] = {}
        self._old: dict[str | None, Verified] = {}
        self._size = 0
        self._room = policy.cache_bytes // 2

    def recall(self, text: str | None, now: float) -> Verified | None:
        """Return the token that was verified with this ``carrier`` if it is valid now, otherwise ``None``.

        :param text: the ``carrier`` that was passed to :meth:`verify`.
        """
        verified = self._young.get(text)
        if verified is None or now >= verified.expires_at or now < verified.not_before:
            return None
        return verified

    def verify(self, token: str, now: float, carrier: str | None = None) -> Verified:
        """Return the verified token. The caller must check whether it has expired.

        :param now: NumericDate.
        :param carrier: the whole string that contained the token, as the key for :meth:`recall`. So a header that comes
            with every request need not be parsed every time.
        :raises JWTDecodeError: the token is invalid, is for another application, or is not yet valid.
        """
        # The cache key of a token alone begins with a character that no header contains. Otherwise a token from a
        # cookie would also be found as a header without its scheme, and a header as a cookie that contains the scheme.
        if carrier is not None:
            text = carrier
        elif len(token) > self.policy.max_token_bytes:
            return self.check(token)  # refuses it, before a long string is copied
        else:
            text = "\n" + token
        verified = self._young.get(text)
        if verified is None:
            verified = self._old.get(text)
            if verified is None:
                verified = self.check(token)
            if now < verified.expires_at:
                self._remember(text, verified)
        if now < verified.not_before:
            raise verified.immature()
        return verified

    def check(self, token: str) -> Verified:
        """Return the verified token without using the cache. The time is not checked.

        :raises JWTDecodeError: the token is invalid, or is for another application.
        """
        if len(token) > self.policy.max_token_bytes:
            raise MalformedToken(f"Invalid token: longer than {self.policy.max_token_bytes} bytes")
        signing_input, segment, payload, signature = jws.split(token)
        known = self._headers.get(segment) or self._learned.get(segment)
        if known is not None:
            keys, header = known
            learn = False
        else:
            header = jws.read_header(segment)
            algorithm, key_id = jws.check_header(header)
            keys = jws.candidates(self._keys, algorithm, key_id)
            learn = len(segment) <= _LEARNED_HEADER_BYTES
        try:
            raw_signature = base64url.decode(signature)
        except ValueError:
            raise MalformedToken("Invalid crypto padding") from None
        for key in keys:
            if key.verify(signing_input, raw_signature):
                break
        else:
            raise InvalidSignature("Signature verification failed")
        if learn and len(self._learned) < _LEARNED_HEADERS:
            self._learned[segment] = (keys, header)
        try:
            claims, nested = strict_json.loads_object(base64url.decode(payload))
        except ValueError:
            claims, nested = jws.read_payload(payload), True  # parses it again, for a precise error
        if type(claims) is not dict:
            raise MalformedToken("Invalid payload string: must be a json object")
        verified = Verified(header, claims, self.policy)  # pyright: ignore[reportUnknownArgumentType]  # a cast takes time
        verified.nested = nested
        return verified

    def _remember(self, text: str, verified: Verified) -> None:
        cost = _ENTRY_BYTES + (_BYTES_PER_CHARACTER_NESTED if verified.nested else _BYTES_PER_CHARACTER) * len(text)
        if cost > self._room:
            return
        self._size += cost
        if self._size > self._room or len(self._young) * _ENTRY_BYTES > self._room:
            self._old, self._young, self._size = self._young, {}, cost
        self._young[text] = verified


def header_text(key: Key) -> bytes:
    """Return the encoded header of the tokens that are signed with *key*."""
    header = {"alg": key.algorithm, "typ": "JWT"}
    if key.key_id is not None:
        header["kid"] = key.key_id
    return base64url.encode(strict_json.dumps(header))


def _header_table(keys: tuple[Key, ...]) -> dict[bytes, tuple[tuple[Key, ...], dict[str, Any]]]:
    table: dict[bytes, tuple[tuple[Key, ...], dict[str, Any]]] = {}
    for key in keys:
        segment = header_text(key)
        if segment not in table:
            header = jws.read_header(segment)
            table[segment] = (jws.candidates(keys, key.algorithm, key.key_id), header)
    return table


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copy(member) for name, member in cast(dict[str, Any], value).items()}
    if isinstance(value, list):
        return [_copy(member) for member in cast(list[Any], value)]
    return value
