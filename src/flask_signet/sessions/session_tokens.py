"""The two tokens of a session: the refresh token, and the access token that comes with it.

The refresh token is ``sgr_`` and the canonical base64url of version (1 byte), number of the root key (2), id of the
session (16), generation (4) and the HMAC-SHA-256 of all before it (32); numbers are big-endian. Only a holder of the
root key can make one. It is not stored: a copy of the database contains no tokens, an old token is recognised as
genuine and old without a list, and the token of a lost response can be computed again.

The access token is a JWT of the application. Its claims ``sid`` and ``epoch`` name the session and what must not have
been revoked since.
"""

from __future__ import annotations

import hmac
import logging
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

from sqlalchemy import Connection

from flask_signet.accounts.user_ids import UserId
from flask_signet.clock import Clock
from flask_signet.exceptions import InvalidSignature, MalformedToken, SettingsError
from flask_signet.store.root_key_labels import Label
from flask_signet.tokens import base64url

log = logging.getLogger(__name__)

#: The claim that holds the user's mark; see :mod:`flask_signet.sessions.same_user`.
MARK_CLAIM: Final = "sub_mark"

# A client that sends forged key numbers must not cause a read of the key file for each one.
_RELOAD_SECONDS = 1.0

_VERSION = 1
_MAC_BYTES = 32

# --- The refresh token -----------------------------------------------------------------------------------

PREFIX = "sgr_"
LABEL: Final[Label] = "refresh-token"
LAST_GENERATION = 2**32 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """The content of a genuine refresh token."""

    key_number: int
    session_id: UUID
    generation: int


class RefreshTokens:
    """Makes and reads refresh tokens.

    :param root_keys: the ring that the MAC keys are derived from.
    :param clock: limits how often an unknown key number causes another read of the ring.
    """

    def __init__(self, root_keys: RootKeys, clock: Clock) -> None:
        self._tokens = MacTokens(MacKeys(root_keys, LABEL, clock), PREFIX, "16sI", "refresh token")

    @property
    def current_number(self) -> int:
        """Number of the root key that new generations are made with."""
        return self._tokens.keys.current_number

    def make(self, session_id: UUID, generation: int, key_number: int) -> str:
        """Return the one token of this session and generation under this root key.

        :raises LookupError: the ring has no key of this number.
        """
        return self._tokens.make(key_number, session_id.bytes, generation)

    def parse(self, text: str) -> Presented:
        """Verify the MAC of *text* and return its content.

        :raises MalformedToken: *text* has the wrong form or length.
        :raises InvalidSignature: *text* was not made under one of the root keys.
        """
        key_number, session_id, generation = self._tokens.parse(text)
        return Presented(key_number=key_number, session_id=UUID(bytes=session_id), generation=generation)


# --- Tokens with a MAC -----------------------------------------------------------------------------------


class RootKeys(Protocol):
    """The part of the root key ring that opaque tokens use."""

    @property
    def current_number(self) -> int:
        """Number of the key that makes new tokens, 1 to 65535."""
        ...

    def derive(self, label: Label, number: int | None = None) -> bytes:
        """Return 32 bytes for one purpose (RFC 5869).

        :raises LookupError: the ring has no key of this number.
        """
        ...

    def reload(self) -> None:
        """Read the ring again from its storage."""
        ...


class MacKeys:
    """The MAC keys of one kind of token, by the number of the root key.

    :param label: names the kind of token; other labels give unrelated keys.
    :param clock: limits how often an unknown number causes another read of the ring.
    """

    def __init__(self, root_keys: RootKeys, label: Label, clock: Clock) -> None:
        self._root_keys = root_keys
        self._label: Label = label
        self._clock = clock
        self._reloaded_at: float | None = None

    @property
    def current_number(self) -> int:
        """Number of the root key that new tokens are made with."""
        return self._root_keys.current_number

    def key(self, number: int) -> bytes:
        """Return the key of a number.

        :raises LookupError: the ring has no key of this number.
        """
        try:
            return self._root_keys.derive(self._label, number)
        except LookupError:
            now = self._clock.monotonic()
            if self._reloaded_at is not None and now - self._reloaded_at < _RELOAD_SECONDS:
                raise
            # Another worker may already use a new root key.
            self._reloaded_at = now
        try:
            self._root_keys.reload()
        except SettingsError as error:
            log.error("The root keys could not be read again: %s", error)
        return self._root_keys.derive(self._label, number)


class MacTokens:
    """Opaque tokens of one kind: a prefix, and base64url of version, number of the root key, fields and their MAC.

    :param prefix: begins each token and names its kind.
    :param fields: the ``struct`` format of the fields, big-endian.
    :param kind: such as ``"refresh token"``, for errors.
    """

    def __init__(self, keys: MacKeys, prefix: str, fields: str, kind: str) -> None:
        self.keys = keys
        self._prefix = prefix
        self._body = struct.Struct(f">BH{fields}")
        self._malformed = f"Not a {kind}"
        self._invalid = f"Invalid {kind}"
        self._length = len(prefix) + -(-(self._body.size + _MAC_BYTES) * 4 // 3)

    def make(self, key_number: int, *fields: Any) -> str:
        """Return the token with these fields under a root key.

        :raises LookupError: the ring has no key of this number.
        """
        body = self._body.pack(_VERSION, key_number, *fields)
        mac = hmac.digest(self.keys.key(key_number), body, "sha256")
        return self._prefix + base64url.encode(body + mac).decode("ascii")

    def parse(self, text: str) -> tuple[Any, ...]:
        """Verify the MAC of *text*; return the number of the root key and the fields.

        :raises MalformedToken: *text* has the wrong form or length.
        :raises InvalidSignature: *text* was not made under one of the root keys.
        """
        if len(text) != self._length or not text.startswith(self._prefix):
            raise MalformedToken(self._malformed)
        try:
            data = base64url.decode(text[len(self._prefix) :].encode("ascii"))
        except ValueError:
            raise MalformedToken(self._malformed) from None
        body, mac = data[: self._body.size], data[self._body.size :]
        version, key_number, *fields = self._body.unpack(body)
        if version != _VERSION:
            raise MalformedToken(f"{self._malformed} of this version")
        try:
            key = self.keys.key(key_number)
        except LookupError:
            raise InvalidSignature(self._invalid) from None
        # Before any SQL: a forged token must not cause database queries, and must not name a row that is then changed.
        if not hmac.compare_digest(hmac.digest(key, body, "sha256"), mac):
            raise InvalidSignature(self._invalid)
        return (key_number, *fields)


# --- Both tokens -----------------------------------------------------------------------------------------


class AccessToken(Protocol):
    """An access token as the issuer returns it."""

    @property
    def text(self) -> str:
        """The token."""
        ...

    @property
    def expires_in(self) -> int | None:
        """Lifetime in seconds, or ``None`` if it never expires."""
        ...


#: Returns what an optional feature adds to the claims of a user; in the transaction of the caller, if one is open.
Claims = Callable[[UserId, "Connection | None"], Mapping[str, Any]]


class Issue(Protocol):
    """Makes an access token of the application."""

    def __call__(self, identity: int | str, /, *, fresh: bool, claims: Mapping[str, Any]) -> AccessToken:
        """Return a token for *identity* that carries *claims*, whatever the application's loaders add."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """The result of a login or refresh. The two tokens are secrets: the ``repr`` of this object omits them."""

    user_id: UserId
    session_id: str
    access_token: str
    refresh_token: str
    expires_in: int | None

    def __repr__(self) -> str:
        """Return the user and the session, without the tokens."""
        return f"Granted(user_id={self.user_id!r}, session_id={self.session_id!r})"


class Grants:
    """Makes the two tokens of a session.

    :param issue: makes access tokens.
    :param added: each returns claims for the tokens of a user. They are read after the epoch, so a change that raises
        the epoch revokes every token with older claims.
    """

    def __init__(self, issue: Issue, tokens: RefreshTokens, added: Sequence[Claims] = ()) -> None:
        self._issue = issue
        self._tokens = tokens
        self._added = added

    def make(
        self,
        user_id: UserId,
        sid: UUID,
        *,
        generation: int,
        root_key: int,
        epoch: int,
        mark: str | None,
        fresh: bool,
        connection: Connection | None,
    ) -> Granted:
        """Return the tokens of one generation of a session.

        :param mark: the user's mark; ``None`` if rows of users hold no evidence.
        :param connection: a transaction of the caller that is still open.
        """
        session_id = str(sid)
        claims: dict[str, Any] = {}
        for added in self._added:
            claims.update(added(user_id, connection))
        claims |= {"sid": session_id, "epoch": epoch}
        if mark is not None:
            claims[MARK_CLAIM] = mark
        access = self._issue(str(user_id) if isinstance(user_id, UUID) else user_id, fresh=fresh, claims=claims)
        try:
            refresh = self._tokens.make(sid, generation, root_key)
        except LookupError:
            # The root key of this generation was removed; a token under the current key is equally valid.
            refresh = self._tokens.make(sid, generation, self._tokens.current_number)
        return Granted(
            user_id=user_id,
            session_id=session_id,
            access_token=access.text,
            refresh_token=refresh,
            expires_in=access.expires_in,
        )
