"""Sessions: opened by a login, gone on with by a refresh, ended by whoever may; no Flask.

Every change is one transaction. Locks are taken in one order everywhere: the row of the user's epoch, rows of
sessions, the head of the feed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from sqlalchemy import Connection

from flask_signet.accounts.user_ids import UserId, join, split
from flask_signet.clock import Clock
from flask_signet.exceptions import (
    InvalidCredentials,
    JWTDecodeError,
    RevokedTokenError,
    SignetError,
    TokenExpired,
)
from flask_signet.sessions import events, statements
from flask_signet.sessions.feed import Ended, Feed
from flask_signet.sessions.marks import Judged, Marks, holds
from flask_signet.sessions.refresh_token import Presented, RefreshTokens, RootKeys
from flask_signet.sessions.rotation import Decision, Moment, Snapshot, decide, is_over, pack, push, unpack
from flask_signet.sessions.settings import SessionSettings
from flask_signet.sessions.steady_time import SteadyTime
from flask_signet.store import Store
from flask_signet.store.failures import TransactionLost
from flask_signet.store.health import Health

log = logging.getLogger(__name__)

_CLEAN_UP_SECONDS = 60.0
_CLEAN_UP_ROWS = 200
_DAY_MS = 86_400_000
_SOME_MS = 60_000  # within what the feed adds for the clocks of two machines


class AccessToken(Protocol):
    """An access token as the issuer gives it."""

    @property
    def text(self) -> str:
        """The token."""
        ...

    @property
    def expires_in(self) -> int | None:
        """Seconds that it lives, or ``None`` for ever."""
        ...


class Issue(Protocol):
    """Makes the access token of a session."""

    def __call__(self, user_id: UserId, *, fresh: bool, sid: str, epoch: int, mark: str | None) -> AccessToken:
        """Return a token with the claims ``sid`` and ``epoch``, and the mark of the user where there is one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What a login or a refresh gives. The two tokens are secrets: the text of this object leaves them out."""

    user_id: UserId
    session_id: str
    access_token: str
    refresh_token: str
    expires_in: int | None

    def __repr__(self) -> str:
        """Name user and session only."""
        return f"Granted(user_id={self.user_id!r}, session_id={self.session_id!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo:
    """A living session, for its owner to look at. Times are milliseconds since 1970 UTC."""

    id: str
    user_id: UserId
    device: str | None
    address: str | None
    created_at: int
    used_at: int
    ends_at: int


class _Row(NamedTuple):
    """A locked row of ``signet_sessions`` and what was read with it."""

    user_id: str
    user_kind: str
    root_key: int
    epoch: int
    mark: str | None
    access_until: int | None
    snapshot: Snapshot
    moment: Moment


class _Outcome(NamedTuple):
    """How a rotation ended: the decision, and what a token needs if there is to be one."""

    decision: Decision
    user_id: UserId | None = None
    epoch: int = 0
    generation: int = 0
    root_key: int = 0
    mark: str | None = None


class Sessions:
    """The sessions of one application.

    :param settings: gives the settings that hold now.
    :param issue: makes access tokens.
    :param standing: returns, in the transaction that opens a session, what the row of the user holds as evidence of
        who they are (see :mod:`flask_signet.sessions.marks`; empty for nothing), or ``None`` if the user is gone or may
        not log in.
    :param ask_on_refresh: ask that at each refresh too. The built-in accounts need not be asked: what ends an
        account ends its sessions in the same transaction.
    :param canonical: returns the id that another spelling of it means.
    :param sender: sender of the signals, the Flask application.
    """

    def __init__(
        self,
        *,
        store: Store,
        root_keys: RootKeys,
        feed: Feed,
        settings: Callable[[], SessionSettings],
        clock: Clock,
        issue: Issue,
        standing: Callable[[Any, Connection], bytes | None] | None = None,
        ask_on_refresh: bool = False,
        canonical: Callable[[Any], UserId] | None = None,
        sender: object = None,
    ) -> None:
        self._store = store
        self._feed = feed
        self._settings = settings
        self._clock = clock
        self._issue = issue
        self._standing = standing
        self._ask_on_refresh = ask_on_refresh
        self._canonical = canonical
        self.marks = Marks(root_keys)
        self._sender = sender
        self.health = Health(store, clock)
        self._tokens = RefreshTokens(root_keys, clock)
        self._time = SteadyTime(clock, None if store.in_memory else store.settings.folder)
        self._cleaned_at = float("-inf")
        #: Called now and then in a transaction that nobody waits for.
        self.on_clean_up: list[Callable[[Connection], None]] = []

    @property
    def settings(self) -> SessionSettings:
        """The settings that hold now."""
        return self._settings()

    def arrival(self) -> float:
        """Return the present for :meth:`rotate`, to be taken when a request comes."""
        return self._clock.monotonic()

    # --- Opening -------------------------------------------------------------------------------------

    def mark(self) -> int:
        """Return the number of the newest revocation, to hand to :meth:`open`, taken before the password is checked.

        :raises Unavailable: the store does not answer.
        """
        with self._store.read() as connection:
            return connection.execute(statements.HEAD).scalar_one()

    def open(
        self,
        user_id: UserId,
        *,
        device: str | None = None,
        address: str | None = None,
        fresh: bool = True,
        since: int | None = None,
        replaces: str | None = None,
        connection: Connection | None = None,
    ) -> Granted:
        """Open a session and return its first tokens.

        :param device: what the owner may know it by, such as ``User-Agent``; cut at 255 characters.
        :param address: network address of the client.
        :param fresh: whether a password was typed for it.
        :param since: a :meth:`mark`; whoever was signed out everywhere after it is not let in, for the password
            that was checked may be the old one.
        :param replaces: the refresh token that this browser holds: its session, of whichever user, ends in the same
            transaction if the token is genuine and current.
        :raises InvalidCredentials: signed out since the mark, disabled, or gone.
        :raises InvalidRequest: the text of the id is longer than 255 characters.
        :raises Unavailable: the store does not answer.

        Where no access token can be made, the session is ended and what went wrong is raised.
        """
        kind, key = split(user_id)
        settings = self._settings()
        sid = self._clock.uuid7()
        root_key = self._tokens.current_number

        replaced = None if replaces is None else self._parsed(replaces)

        def run(own: Connection) -> tuple[int, list[Ended], str | None, tuple[UserId, Ended] | None]:
            epoch = self._lock_epoch(own, key)
            # After the lock: whoever locks a user out and then ends the sessions either has done both or finds ours.
            evidence = b"" if self._standing is None else self._standing(user_id, own)
            if evidence is None:
                raise InvalidCredentials
            if since is not None and own.execute(statements.SIGNED_OUT, {"user": key, "since": since}).first():
                raise InvalidCredentials
            today = self._moment(own, None).today
            # Before the cap counts.
            held = None if replaced is None else self._end_current(own, replaced)
            ended: list[Ended] = []
            mark = None
            if self._standing is not None:
                judged = self._judge_mark(own, key, evidence)
                mark = judged.mark
                if not judged.same:
                    ended.append(self._end_tokens(own, key, keep=None, reason="changed"))
                    epoch = own.execute(statements.TOKEN_EPOCH, {"user": key}).scalar_one()
            ended += self._make_room(own, key, settings.per_user, today)
            own.execute(
                statements.INSERT,
                {
                    "id": str(sid),
                    "user_id": key,
                    "user_kind": kind,
                    "generation": 1,
                    "root_key": root_key,
                    "exchanged": b"",
                    "now": today,
                    "idle_ends_at": today + min(settings.idle, settings.absolute) * 1000,
                    "ends_at": today + settings.absolute * 1000,
                    "device": _printable(device, 255),
                    "address": _printable(address, 45),
                    "mark": mark,
                    "access_until": self._feed.issued_until(),
                },
            )
            self._feed.append(own, ended)
            return epoch, ended, mark, held

        epoch, ended, mark, held = self._store.retrying(run, connection)
        self._after(ended, connection)
        for entry in ended:
            if entry.epoch is None:
                self._say_ended(user_id, entry.subject, "cap")
            else:
                self._say_changed(user_id)
        if held is not None:
            self._say_replaced(*held, connection)
        events.session_opened.send(self._sender, user_id=user_id, session_id=str(sid), device=device, address=address)
        if connection is None:
            # Beside a caller's transaction ours would wait on SQLite for the lock that the caller holds.
            self._clean_up_now_and_then()
        try:
            return self._granted(user_id, sid, generation=1, root_key=root_key, epoch=epoch, mark=mark, fresh=fresh)
        except Exception:
            # No key, or a claims loader that fails: a session whose tokens nobody holds is not to stay in the list.
            if connection is None:
                with suppress(SignetError):
                    self.end(str(sid), reason="no_token")
            raise

    # --- Going on ------------------------------------------------------------------------------------

    def rotate(self, presented: str, *, arrived: float | None = None) -> Granted:
        """Exchange a refresh token for the next one, or say why not.

        :param arrived: when the request came, on the monotonic clock, before it waited for anything.
        :raises MalformedToken, InvalidSignature: not a token of ours; no SQL was run.
        :raises TokenExpired: the session reached its end.
        :raises RevokedTokenError: the session was ended, now or before.
        :raises Unavailable: the store does not answer.
        """
        arrived = self._clock.monotonic() if arrived is None else arrived
        token = self._tokens.parse(presented)
        outcome = self._rotate_quickly(token, arrived)
        if outcome is None:
            outcome = self._store.retrying(lambda connection: self._judge(connection, token, arrived))
        return self._answer(token, outcome)

    def force_rotation(self, session_id: str, *, fresh: bool, connection: Connection | None = None) -> Granted:
        """Give a living session its next tokens, in the transaction that changed its user's password.

        :raises RevokedTokenError: the session is over.
        """

        def run(own: Connection) -> _Outcome:
            row = self._lock(own, session_id, None)
            if row is None or is_over(row.snapshot, row.moment.today):
                return _Outcome(decision=Decision.ENDED)
            outcome = self._advance(own, session_id, row)
            evidence = None
            if self._ask_on_refresh and self._standing is not None:
                evidence = self._standing(join(row.user_kind, row.user_id), own)
            return outcome if evidence is None else outcome._replace(mark=self.marks.make(row.user_id, evidence))

        outcome = self._store.retrying(run, connection)
        if outcome.user_id is None:
            raise RevokedTokenError
        return self._granted(
            outcome.user_id,
            UUID(session_id),
            generation=outcome.generation,
            root_key=outcome.root_key,
            epoch=outcome.epoch,
            mark=outcome.mark,
            fresh=fresh,
        )

    def _judge(self, connection: Connection, token: Presented, arrived: float) -> _Outcome:
        sid = str(token.session_id)
        row = self._lock(connection, sid, arrived)
        if row is None:
            return self._judge_absent(connection, token)
        decision = decide(row.snapshot, token.generation, row.moment, grace_ms=self._settings().grace * 1000)
        user_id = join(row.user_kind, row.user_id)
        if decision is Decision.ROTATE:
            return self._advance(connection, sid, row)
        if decision is Decision.SAME:
            if self._lives_longer(row):
                connection.exec_driver_sql(statements.lengthen(connection.dialect.name), self._longer(sid, row))
            return _same(row)
        if decision in (Decision.THEFT, Decision.WENT_BACK):
            self._mark_ended(connection, sid, decision.value, row.moment.today)
            self._feed.append(connection, [Ended(subject=sid, until=row.access_until)])
        return _Outcome(decision=decision, user_id=user_id)

    def _judge_absent(self, connection: Connection, token: Presented) -> _Outcome:
        # The row of a session stays a day longer than the session; its id says when it began (UUIDv7).
        began = token.session_id.int >> 80
        if self._moment(connection, None).today >= began + self._settings().absolute * 1000:
            return _Outcome(decision=Decision.EXPIRED)
        self._feed.append(connection, [Ended(subject=str(token.session_id))])
        return _Outcome(decision=Decision.WENT_BACK)

    def _end_again(self, connection: Connection, sid: str, user_id: UserId | None) -> _Outcome:
        row = self._lock(connection, sid, None)
        if row is not None and row.snapshot.ended:
            return _Outcome(decision=Decision.ENDED)  # only now, beside us: the store has forgotten nothing
        if row is not None:
            self._mark_ended(connection, sid, Decision.WENT_BACK.value, row.moment.today)
        # What the row says of its tokens is as old as the row.
        self._feed.append(connection, [Ended(subject=sid)])
        return _Outcome(decision=Decision.WENT_BACK, user_id=user_id)

    def _advance(self, connection: Connection, sid: str, row: _Row) -> _Outcome:
        values, outcome = self._next(sid, row)
        if connection.exec_driver_sql(statements.advance(connection.dialect.name), values).rowcount != 1:
            raise SignetError("a locked session changed")  # the row is ours until the commit: this cannot be
        return outcome

    def _next(self, sid: str, row: _Row) -> tuple[tuple[Any, ...], _Outcome]:
        """Return the values of the compare-and-set that exchanges a generation, and what then holds."""
        before, moment = row.snapshot, row.moment
        used_at = max(moment.today, before.used_at)
        root_key = self._tokens.current_number
        values = (
            before.generation + 1,
            root_key,
            pack(push(before.exchanged, moment.now)),
            used_at,
            min(used_at + self._settings().idle * 1000, before.ends_at),
            self._access_until(row),
            sid,
            before.generation,
        )
        return values, _Outcome(
            decision=Decision.ROTATE,
            user_id=join(row.user_kind, row.user_id),
            epoch=row.epoch,
            generation=before.generation + 1,
            root_key=root_key,
            mark=row.mark,
        )

    def _access_until(self, row: _Row) -> int:
        """Return until when the last access token of a session lives, if it gets one more now."""
        before = self._feed.unknown_until() if row.access_until is None else row.access_until
        return max(before, self._feed.issued_until())

    def _lives_longer(self, row: _Row) -> bool:
        """Return whether one more token, given within the grace, lives longer than what the row says allows for."""
        return row.access_until is None or self._feed.issued_until() > row.access_until + _SOME_MS

    def _longer(self, sid: str, row: _Row) -> tuple[int, str]:
        return self._access_until(row), sid

    # --- The quick way: the driver alone, for the case that nearly every refresh is -----------------------

    def _rotate_quickly(self, token: Presented, arrived: float) -> _Outcome | None:
        """Exchange the current token, or give it again; ``None`` where anything else is to be done.

        :raises Unavailable: the store does not answer.
        """
        try:
            with self._store.driver() as driver:
                if driver is None:
                    return None
                if self._store.dialect == "sqlite":
                    return self._in_sqlite(driver, token, arrived)
                return self._in_postgresql(driver, token, arrived)
        except TransactionLost:
            return None

    def _in_sqlite(self, driver: Any, token: Presented, arrived: float) -> _Outcome | None:
        sid = str(token.session_id)
        driver.execute("BEGIN IMMEDIATE")
        found = driver.execute(statements.lock("sqlite"), (sid,)).fetchone()
        outcome = None
        if found is not None:
            now, today = self._time.now(), self._time.today()
            moment = Moment(arrived=now - self._time.waited(arrived), now=now, today=today)
            row = _row(found, found[11], moment)
            decision = decide(row.snapshot, token.generation, moment, grace_ms=self._settings().grace * 1000)
            if decision is Decision.ROTATE:
                values, outcome = self._next(sid, row)
                driver.execute(statements.advance("sqlite"), values)
            elif decision is Decision.SAME:
                outcome = _same(row)
                if self._lives_longer(row):
                    driver.execute(statements.lengthen("sqlite"), self._longer(sid, row))
        driver.execute("COMMIT")
        return outcome

    def _in_postgresql(self, driver: Any, token: Presented, arrived: float) -> _Outcome | None:
        """Do all in one statement, which is a transaction by itself: one round trip."""
        settings = self._settings()
        root_key = self._tokens.current_number
        values = (
            root_key,
            settings.idle * 1000,
            self._feed.unknown_until(),
            self._feed.issued_until(),
            str(token.session_id),
            token.generation,
            self._time.waited(arrived) + settings.grace * 1000,
        )
        row = driver.execute(statements.POSTGRESQL_ROTATE, values).fetchone()
        if row is None:
            return None
        return _Outcome(
            decision=Decision.ROTATE,
            user_id=join(row[0], row[1]),
            epoch=row[2],
            generation=token.generation + 1,
            root_key=root_key,
            mark=row[3],
        )

    def _answer(self, token: Presented, outcome: _Outcome) -> Granted:
        sid, user_id = token.session_id, outcome.user_id
        if outcome.decision in (Decision.ROTATE, Decision.SAME) and self._feed.has_ended(str(sid)):
            # Guards refuse the session in this worker: what it knows, a store that went back has forgotten.
            outcome = self._store.retrying(lambda connection: self._end_again(connection, str(sid), user_id))
        if outcome.decision is Decision.EXPIRED:
            raise TokenExpired("The session has expired")
        if outcome.decision is Decision.THEFT:
            self._feed.note([Ended(subject=str(sid))])
            log.warning("An old refresh token of session %s came again: the session has ended.", sid)
            events.refresh_reuse_detected.send(self._sender, user_id=user_id, session_id=str(sid))
            self._say_ended(user_id, str(sid), "theft")
        if outcome.decision is Decision.WENT_BACK:
            self._feed.note([Ended(subject=str(sid))])
            log.critical(
                "The database knows less of session %s than it once did: it is an older copy. "
                "After every restore run: flask signet db restored",
                sid,
            )
            self._say_ended(user_id, str(sid), "went_back")
        if outcome.decision not in (Decision.ROTATE, Decision.SAME) or user_id is None:
            raise RevokedTokenError("The session is over")
        mark = self._mark_now(user_id) if self._ask_on_refresh and self._standing is not None else outcome.mark
        return self._granted(
            user_id,
            sid,
            generation=outcome.generation,
            root_key=outcome.root_key,
            epoch=outcome.epoch,
            mark=mark,
            fresh=False,
        )

    # --- Marks: whether the row of the user is still the same user's ---------------------------------------

    def admit(self, user_id: UserId, before: bytes, after: bytes, *, connection: Connection | None = None) -> None:
        """Store the mark of *after* beside that of *before*, to be called before the row changes from one to the other.

        So nobody is signed out by a hash that is renewed. If *before* fits no stored mark, nothing is stored: the row
        is another user's already, and the next login, refresh or load finds that.

        :raises Unavailable: the store does not answer.
        """
        key = self._key(user_id)

        def run(own: Connection) -> None:
            self._lock_epoch(own, key)
            stored = self._stored_marks(own, key)
            admitted = self.marks.admitted(stored, key, before, after)
            if admitted is not None and admitted != stored:
                own.execute(statements.SET_MARKS, {"user": key, "marks": admitted})

        self._store.retrying(run, connection)

    def is_same_user(self, user_id: UserId, mark: str) -> bool:
        """Return whether *mark*, which a token carries, and the row as it is now are those of one user.

        For the case in which the two differ, since the hash was renewed after the token was made; it asks the store.

        :raises Unavailable: the store does not answer.
        """
        key = self._key(user_id)
        if self._standing is None:
            return True
        with self._store.read() as connection:
            evidence = self._standing(user_id, connection)
            # After the row: a new mark is stored before the row changes.
            stored = self._stored_marks(connection, key)
        return evidence is not None and holds(stored, mark) and self.marks.judge(stored, key, evidence).same

    def _mark_now(self, user_id: UserId) -> str:
        """Return the mark of a user whose session goes on; end everything if it is another user.

        :raises RevokedTokenError: the user is gone, may not log in, or is not the one who logged in.
        """
        assert self._standing is not None
        key = self._key(user_id)
        with self._store.read() as connection:
            evidence = self._standing(user_id, connection)
            # After the row: a new mark is stored before the row changes.
            stored = self._stored_marks(connection, key)
        if evidence is None:
            self.end_all(user_id, reason="inactive")
            raise RevokedTokenError("The session is over")
        judged = self.marks.judge(stored, key, evidence)
        if judged.same and judged.marks == stored:
            return judged.mark

        def run(own: Connection) -> tuple[Judged, list[Ended]]:
            self._lock_epoch(own, key)
            again = self._judge_mark(own, key, evidence)
            ended = [] if again.same else [self._end_tokens(own, key, keep=None, reason="changed")]
            self._feed.append(own, ended)
            return again, ended

        judged, ended = self._store.retrying(run)
        if not judged.same:
            self._after(ended, None)
            self._say_changed(user_id)
            raise RevokedTokenError("The session is over")
        return judged.mark

    def _judge_mark(self, connection: Connection, key: str, evidence: bytes) -> Judged:
        """Compare the row of a user with the stored marks, and store what holds then; the epoch's row is locked."""
        stored = self._stored_marks(connection, key)
        judged = self.marks.judge(stored, key, evidence)
        if judged.marks != stored:
            connection.execute(statements.SET_MARKS, {"user": key, "marks": judged.marks})
        return judged

    def _stored_marks(self, connection: Connection, key: str) -> str | None:
        row = connection.execute(statements.MARKS, {"user": key}).first()
        return None if row is None else row.marks

    def _say_changed(self, user_id: UserId) -> None:
        log.warning(
            "The row of user %s holds another password hash (or stamp) than before, which Flask-Signet did not write: "
            "all sessions of the former user have ended.",
            user_id,
        )
        self._say_ended(user_id, None, "changed")

    # --- Ending --------------------------------------------------------------------------------------

    def session_of(self, presented: str) -> str:
        """Return the id of the session that a refresh token, current or old, belongs to.

        :raises MalformedToken, InvalidSignature: not a token of ours.
        """
        return str(self._tokens.parse(presented).session_id)

    def end_replaced(self, presented: str) -> None:
        """End the session of a refresh token, since its browser got another one; an old or forged token ends none."""
        token = self._parsed(presented)
        if token is None:
            return
        held = self._store.retrying(lambda connection: self._end_current(connection, token))
        if held is not None:
            self._say_replaced(*held, None)

    def holder_of(self, presented: str) -> UserId | None:
        """Return whose living session a refresh token is current for, or ``None``.

        :raises Unavailable: the store does not answer.
        """
        token = self._parsed(presented)
        if token is None:
            return None

        def run(connection: Connection) -> UserId | None:
            row = self._current_row(connection, token)
            return None if row is None else join(row.user_kind, row.user_id)

        return self._store.retrying(run)

    def _parsed(self, presented: str) -> Presented | None:
        try:
            return self._tokens.parse(presented)
        except JWTDecodeError:
            return None

    def _current_row(self, connection: Connection, token: Presented) -> _Row | None:
        """Return the locked row of the living session that the token would be exchanged for, or ``None``."""
        row = self._lock(connection, str(token.session_id), self._clock.monotonic())
        if row is None:
            return None
        decision = decide(row.snapshot, token.generation, row.moment, grace_ms=self._settings().grace * 1000)
        return row if decision in (Decision.ROTATE, Decision.SAME) else None

    def _end_current(self, connection: Connection, token: Presented) -> tuple[UserId, Ended] | None:
        row = self._current_row(connection, token)
        if row is None:
            return None
        sid = str(token.session_id)
        self._mark_ended(connection, sid, "replaced", row.moment.today)
        ended = Ended(subject=sid, until=row.access_until)
        self._feed.append(connection, [ended])
        return join(row.user_kind, row.user_id), ended

    def _say_replaced(self, whose: UserId, ended: Ended, connection: Connection | None) -> None:
        self._after([ended], connection)
        self._say_ended(whose, ended.subject, "replaced")

    def end(
        self,
        session_id: str,
        *,
        user_id: UserId | None = None,
        reason: str = "revoked",
        connection: Connection | None = None,
    ) -> UserId | None:
        """End one session; return whose it was, or ``None`` if there is no such living session.

        :param user_id: end it only if it is this user's.
        :raises Unavailable: the store does not answer.
        """
        # By their text: a token gives a UUID back as text.
        owner = None if user_id is None else self._key(user_id)
        if not _may_be_id(session_id):
            return None

        def run(own: Connection) -> tuple[UserId, Ended] | None:
            row = self._lock(own, session_id, None)
            if row is None or row.snapshot.ended or (owner is not None and owner != row.user_id):
                return None
            self._mark_ended(own, session_id, reason, row.moment.today)
            ended = Ended(subject=session_id, until=row.access_until)
            self._feed.append(own, [ended])
            return join(row.user_kind, row.user_id), ended

        found = self._store.retrying(run, connection)
        if found is None:
            return None
        whose, ended = found
        self._after([ended], connection)
        self._say_ended(whose, session_id, reason)
        return whose

    def end_all(self, user_id: UserId, *, reason: str = "everywhere", connection: Connection | None = None) -> None:
        """End all sessions of a user and refuse every access token that was issued before."""
        self._end_user(user_id, keep=None, reason=reason, connection=connection)

    def forget(self, user_id: UserId, *, reason: str = "deleted", connection: Connection | None = None) -> None:
        """As :meth:`end_all`, for a user who is gone: the next one with this id is taken as found."""

        def run(own: Connection) -> None:
            key = self._key(user_id)
            self._lock_epoch(own, key)
            if self._stored_marks(own, key) is not None:
                own.execute(statements.SET_MARKS, {"user": key, "marks": None})

        if connection is None:
            self._end_user(user_id, keep=None, reason=reason, connection=None)
            self._store.retrying(run)
            return
        run(connection)
        self._end_user(user_id, keep=None, reason=reason, connection=connection)

    def end_all_but(self, user_id: UserId, keep: str, *, reason: str, connection: Connection | None = None) -> None:
        """As :meth:`end_all`, but the session *keep* lives on and needs new tokens (:meth:`force_rotation`)."""
        self._end_user(user_id, keep=keep, reason=reason, connection=connection)

    def end_others(self, user_id: UserId, keep: str) -> int:
        """End all sessions of a user but one, whose tokens stay good; return how many ended."""
        key = self._key(user_id)

        def run(own: Connection) -> list[Ended]:
            self._lock_epoch(own, key)
            rows = own.execute(statements.LIVING_IDS, {"user": key, "keep": keep}).all()
            now = self._moment(own, None).today
            ended = [Ended(subject=row.id, until=row.access_until) for row in rows]
            for entry in ended:
                self._mark_ended(own, entry.subject, "revoked", now)
            self._feed.append(own, ended)
            return ended

        ended = self._store.retrying(run)
        self._feed.note(ended)
        for entry in ended:
            self._say_ended(user_id, entry.subject, "revoked")
        return len(ended)

    def restored(self) -> int:
        """End every session and refuse every access token: a step of each restore of the database.

        :return: how many sessions were ended.
        """

        def run(own: Connection) -> int:
            now = self._moment(own, None).today
            ended = own.execute(statements.END_EVERYTHING, {"now": now}).rowcount
            self._feed.raise_floor(own)
            return ended

        return self._store.retrying(run)

    def _end_user(self, user_id: UserId, *, keep: str | None, reason: str, connection: Connection | None) -> None:
        key = self._key(user_id)

        def run(own: Connection) -> Ended:
            self._lock_epoch(own, key)
            ended = self._end_tokens(own, key, keep=keep, reason=reason)
            self._feed.append(own, [ended])
            return ended

        ended = self._store.retrying(run, connection)
        self._after([ended], connection)
        self._say_ended(user_id, None, reason)

    def _end_tokens(self, own: Connection, key: str, *, keep: str | None, reason: str) -> Ended:
        """Raise the epoch of a user, which is locked, and end the sessions; the caller appends the result."""
        own.execute(statements.RAISE_EPOCH, {"user": key})
        epoch = own.execute(statements.EPOCH, {"user": key}).scalar_one()
        now = self._moment(own, None).today
        own.execute(statements.END_USER, {"user": key, "keep": keep or "", "reason": reason, "now": now})
        return Ended(subject=key, epoch=epoch)

    def _key(self, user_id: UserId) -> str:
        """Return the text of an id in its one spelling: by it sessions are found and tokens refused."""
        return split(user_id if self._canonical is None else self._canonical(user_id))[1]

    # --- Looking -------------------------------------------------------------------------------------

    def listing(self, user_id: UserId | None = None) -> list[SessionInfo]:
        """Return the living sessions of a user, or of all users; the one used last first."""
        with self._store.read() as connection:
            today = self._moment(connection, None).today
            values = {"today": today, "user": None if user_id is None else self._key(user_id)}
            rows = connection.execute(statements.LIVING if user_id is not None else statements.ALL_LIVING, values)
            return [_info(row) for row in rows]

    def get(self, session_id: str) -> SessionInfo | None:
        """Return a living session, or ``None``."""
        if not _may_be_id(session_id):
            return None
        with self._store.read() as connection:
            today = self._moment(connection, None).today
            row = connection.execute(statements.ONE_LIVING, {"today": today, "id": session_id}).first()
        return None if row is None else _info(row)

    # --- Cleaning up ---------------------------------------------------------------------------------

    def clean_up(self, limit: int = _CLEAN_UP_ROWS) -> int:
        """Delete up to *limit* rows of sessions that ended for good a day ago, and as many of the feed.

        :return: how many rows went.
        """

        def run(own: Connection) -> int:
            # On SQLite by the slower of two clocks: one that is set forward for a while must not cost a row.
            moment = self._moment(own, None)
            earliest = moment.now if own.dialect.name == "postgresql" else min(moment.now, self._wall())
            gone = own.execute(statements.CLEAN_UP, {"before": earliest - _DAY_MS, "limit": limit}).rowcount
            for also in self.on_clean_up:
                also(own)
            return gone + self._feed.clean_up(own, limit)

        return self._store.retrying(run)

    def _clean_up_now_and_then(self) -> None:
        now = self._clock.monotonic()
        if now - self._cleaned_at < _CLEAN_UP_SECONDS:
            return
        self._cleaned_at = now
        try:
            self.clean_up()
        except SignetError as error:
            log.warning("Dead sessions could not be cleaned up: %s", error)

    # --- Pieces --------------------------------------------------------------------------------------

    def _granted(
        self,
        user_id: UserId,
        sid: UUID,
        *,
        generation: int,
        root_key: int,
        epoch: int,
        mark: str | None,
        fresh: bool,
    ) -> Granted:
        session_id = str(sid)
        access = self._issue(user_id, fresh=fresh, sid=session_id, epoch=epoch, mark=mark)
        try:
            refresh = self._tokens.make(sid, generation, root_key)
        except LookupError:
            # The root key of this generation was taken away; under another one the claim is as good.
            refresh = self._tokens.make(sid, generation, self._tokens.current_number)
        return Granted(
            user_id=user_id,
            session_id=session_id,
            access_token=access.text,
            refresh_token=refresh,
            expires_in=access.expires_in,
        )

    def _moment(self, connection: Connection, arrived: float | None) -> Moment:
        """Return the present as this database sees it; on a server all workers share the server's clock."""
        if connection.dialect.name == "postgresql":
            now = today = connection.execute(statements.POSTGRESQL_NOW).scalar_one()
        else:
            now, today = self._time.now(), self._time.today()
        return Moment(arrived=now - (0 if arrived is None else self._time.waited(arrived)), now=now, today=today)

    def _wall(self) -> int:
        return int(self._clock.time() * 1000)

    def _lock_epoch(self, connection: Connection, key: str) -> int:
        """Return the epoch that new tokens of a user carry; until the commit nobody else changes it."""
        if connection.dialect.name != "sqlite":
            # On SQLite the transaction itself is the lock.
            connection.execute(statements.MAKE_EPOCH, {"user": key})
            connection.execute(statements.LOCK_EPOCH, {"user": key})
        return connection.execute(statements.TOKEN_EPOCH, {"user": key}).scalar_one()

    def _lock(self, connection: Connection, sid: str, arrived: float | None) -> _Row | None:
        dialect = connection.dialect.name
        row = connection.exec_driver_sql(statements.lock(dialect), (sid,)).first()
        if row is None:
            return None
        # After the lock: so the epoch is not older than the row, and the time not older than its exchanges.
        epoch = (
            row[11]
            if dialect == "sqlite"
            else connection.execute(statements.TOKEN_EPOCH, {"user": row[0]}).scalar_one()
        )
        return _row(row, epoch, self._moment(connection, arrived))

    def _make_room(self, connection: Connection, key: str, cap: int | None, now: int) -> list[Ended]:
        if cap is None:
            return []
        living = connection.execute(statements.LIVING_BY_AGE, {"user": key, "today": now}).all()
        oldest = living[: max(0, len(living) - cap + 1)]
        ended = [Ended(subject=row.id, until=row.access_until) for row in oldest]
        for entry in ended:
            self._mark_ended(connection, entry.subject, "cap", now)
        return ended

    def _mark_ended(self, connection: Connection, sid: str, reason: str, now: int) -> None:
        connection.execute(statements.END, {"id": sid, "reason": reason, "now": now})

    def _after(self, ended: list[Ended], connection: Connection | None) -> None:
        # In the caller's transaction nothing is committed yet; the feed looks for it (see `append`).
        if connection is None:
            self._feed.note(ended)

    def _say_ended(self, user_id: UserId | None, sid: str | None, reason: str) -> None:
        events.session_ended.send(self._sender, user_id=user_id, session_id=sid, reason=reason)


def _row(row: Any, epoch: int, moment: Moment) -> _Row:
    return _Row(
        user_id=row[0],
        user_kind=row[1],
        root_key=row[3],
        epoch=epoch,
        mark=row[9],
        access_until=row[10],
        snapshot=Snapshot(
            generation=row[2],
            exchanged=unpack(bytes(row[4])),
            used_at=row[5],
            idle_ends_at=row[6],
            ends_at=row[7],
            ended=row[8] is not None,
        ),
        moment=moment,
    )


def _same(row: _Row) -> _Outcome:
    return _Outcome(
        decision=Decision.SAME,
        user_id=join(row.user_kind, row.user_id),
        epoch=row.epoch,
        generation=row.snapshot.generation,
        root_key=row.root_key,
        mark=row.mark,
    )


def _info(row: Any) -> SessionInfo:
    return SessionInfo(
        id=row.id,
        user_id=join(row.user_kind, row.user_id),
        device=row.device,
        address=row.address,
        created_at=row.created_at,
        used_at=row.used_at,
        ends_at=row.ends_at,
    )


def _may_be_id(text: str) -> bool:
    """Say whether *text*, which may come from a path, can be asked for: PostgreSQL refuses a NUL with an error."""
    return text.isascii() and text.isprintable()


def _printable(value: str | None, longest: int) -> str | None:
    """Return *value* cut to size, without what could break a line of a log or a database."""
    if value is None:
        return None
    return "".join(character if character.isprintable() else "?" for character in value[:longest])
