"""Owner and thief over three workers, with lost answers, late requests and clock steps: every outcome is foretold.

The model is a dict of exchange times and knows nothing of rows, rings or locks. Invariants: S1 nobody is let in who
was signed out; S2 what was answered survives; S3 at most one generation can be exchanged; S4 what was ended stays so.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from flask_signet.exceptions import RevokedTokenError
from flask_signet.sessions.session_tokens import Granted
from tests.rooms.sessions.world import Claims, HandClock, Worker, World

GRACE = 30.0
WORKERS = st.integers(0, 2)
WHO = st.sampled_from(["owner", "thief"])
# In quarters of a second, so that no test depends on how a fraction is rounded to milliseconds.
SOON = st.integers(0, 8).map(lambda quarters: quarters / 4)
LATER = st.sampled_from([5.0, 14.75, 15.0, 29.75, 30.0, 30.25, 61.0])


@dataclass
class Model:
    """What must be true of the session."""

    sid: str
    tokens: list[str]  # by generation, the first is generation 1
    exchanged: dict[int, float] = field(default_factory=dict)
    ended_at: float | None = None
    ended_by: int = -1

    @property
    def current(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True)
class Sent:
    """A request that has arrived and waits somewhere."""

    who: str
    token: str
    arrived: float


@dataclass(frozen=True)
class Access:
    """An access token that was issued; its session may end later."""

    granted: Granted
    epoch: int
    session: Model
    expires: float  # on the wall clock


class TwoClients(RuleBasedStateMachine):
    """Each example is a user of its own in one database."""

    world: ClassVar[World]
    users: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).users += 1
        self.user = self.users
        self.hand = self.world.hand
        self.hand.wall = 1_800_000_000.0 + self.hand.steady
        self.epoch = 0
        self.epoch_raised: tuple[float, int] = (float("-inf"), -1)
        self.access: list[Access] = []
        self.pending: list[Sent] = []
        self.holds: dict[str, str | None] = {"owner": None, "thief": None}
        self.session: Model
        self.log_in(0)

    # --- What happens ---

    def worker(self, number: int) -> Worker:
        return self.world.workers[number]

    @rule()
    def steal(self) -> None:
        self.holds["thief"] = self.holds["owner"]

    @rule(who=WHO, worker=WORKERS, lost=st.booleans())
    def refresh(self, who: str, worker: int, lost: bool) -> None:
        token = self.holds[who]
        if token is not None:
            self._present(Sent(who, token, self.hand.steady), worker, lost)

    @rule(who=WHO)
    def send(self, who: str) -> None:
        token = self.holds[who]
        if token is not None:
            self.pending.append(Sent(who, token, self.hand.steady))

    @precondition(lambda self: self.pending)
    @rule(worker=WORKERS, lost=st.booleans(), which=st.integers(0, 50))
    def deliver(self, worker: int, lost: bool, which: int) -> None:
        self._present(self.pending.pop(which % len(self.pending)), worker, lost)

    @rule(who=WHO, worker=WORKERS, times=st.integers(2, 18))
    def refresh_again_and_again(self, who: str, worker: int, times: int) -> None:
        for _ in range(times):
            self.refresh(who, worker, lost=False)

    # One rule for all that ends a session, or most sessions would not live long enough to be interesting.
    @rule(worker=WORKERS, how=st.sampled_from(["out", "everywhere", "password", "again"]))
    def end_or_begin(self, worker: int, how: str) -> None:
        if self.session.ended_at is not None or how == "again":
            self.log_in(worker)
        elif how == "password":
            self.change_password(worker)
        elif how == "everywhere":
            self.log_out_everywhere(worker)
        else:
            self.log_out(worker)

    @rule(seconds=SOON | LATER)
    def pass_time(self, seconds: float) -> None:
        self.hand.pass_(seconds)

    @rule(seconds=st.sampled_from([-86_400.0, -300.0, -1.0, 1.0, 300.0]))
    def step_the_clock(self, seconds: float) -> None:
        self.hand.step(seconds)

    @rule(worker=WORKERS)
    def clean_up(self, worker: int) -> None:
        self.worker(worker).sessions.clean_up()

    def log_in(self, worker: int) -> None:
        granted = self.worker(worker).sessions.open(self.user)
        self.session = Model(sid=granted.session_id, tokens=[granted.refresh_token])
        self.holds["owner"] = granted.refresh_token
        self._answered(granted, self.session)

    def log_out(self, worker: int) -> None:
        assert self.worker(worker).sessions.end(self.session.sid) == self.user
        self._end(worker)

    def log_out_everywhere(self, worker: int) -> None:
        self.worker(worker).sessions.end_all(self.user)
        self.epoch += 1
        self.epoch_raised = (self.hand.steady, worker)
        self._end(worker)

    def change_password(self, worker: int) -> None:
        sessions = self.worker(worker).sessions
        with self.worker(worker).store.write() as connection:
            sessions.end_all(self.user, keep=self.session.sid, reason="password", connection=connection)
            granted = sessions.force_rotation(self.session.sid, fresh=True, connection=connection)
        self.epoch += 1
        self.epoch_raised = (self.hand.steady, worker)
        self._exchanged(granted)
        self.holds["owner"] = granted.refresh_token
        self._answered(granted, self.session)

    # --- What must be ---

    @invariant()
    def guards_know_who_was_signed_out(self) -> None:
        now = self.hand.steady
        for number, worker in enumerate(self.world.workers):
            for access in self.access[-6:]:
                if self.hand.wall >= access.expires:
                    continue
                ended, by = access.session.ended_at, access.session.ended_by
                stale = access.epoch < self.epoch
                known = (ended is not None and (by == number or now - ended >= 1)) or (
                    stale and (self.epoch_raised[1] == number or now - self.epoch_raised[0] >= 1)
                )
                accepted = worker.accepts(access.granted)
                assert not (known and accepted), "a guard let somebody in who was signed out"
                assert accepted or ended is not None or stale, "a guard refused somebody who was not signed out"

    @invariant()
    def at_most_one_generation_can_be_exchanged(self) -> None:
        infos = self.worker(0).sessions.listing(self.user)
        living = [info.id for info in infos]

        assert (self.session.sid in living) is (self.session.ended_at is None)

    # --- The model ---

    def _present(self, sent: Sent, worker: int, lost: bool) -> None:
        sessions = self.worker(worker).sessions
        if sent.token not in self.session.tokens:  # of a session before the last login: nothing to foretell
            return
        expected = self._foretell(sent)
        try:
            granted = sessions.rotate(sent.token, arrived=sent.arrived)
        except RevokedTokenError:
            assert expected in ("ended", "theft")
            if expected == "theft":
                self._end(worker)
            return
        assert expected in ("next", "same")
        assert granted.session_id == self.session.sid
        if expected == "next":
            self._exchanged(granted)
        else:
            assert granted.refresh_token == self.session.tokens[-1]
        if not lost:
            self.holds[sent.who] = granted.refresh_token
            self._answered(granted, self.session)

    def _foretell(self, sent: Sent) -> str:
        session = self.session
        if session.ended_at is not None:
            return "ended"
        generation = session.tokens.index(sent.token) + 1
        remembered = {g: at for g, at in session.exchanged.items() if g >= session.current - 16}
        if generation == session.current:
            storm = len(remembered) == 16 and all(sent.arrived - at < GRACE for at in remembered.values())
            return "same" if storm else "next"
        at = remembered.get(generation)
        return "same" if at is not None and sent.arrived - at < GRACE else "theft"

    def _exchanged(self, granted: Granted) -> None:
        assert granted.refresh_token not in self.session.tokens, "two generations with one token"
        self.session.exchanged[self.session.current] = self.hand.steady
        self.session.tokens.append(granted.refresh_token)

    def _end(self, worker: int) -> None:
        if self.session.ended_at is None:
            self.session.ended_at, self.session.ended_by = self.hand.steady, worker

    def _answered(self, granted: Granted, session: Model) -> None:
        epoch = Claims.read(granted.access_token)["epoch"]
        assert epoch == self.epoch, "a token with an epoch that was not the user's when it was made"
        self.access.append(Access(granted, self.epoch, session, self.hand.wall + 900))


def test_two_clients_over_three_workers() -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder) / "signet", hand=HandClock(wall=1_800_000_000.0, steady=5_000.0))
        for _ in range(3):
            world.worker()
        TwoClients.world = world
        try:
            run_state_machine_as_test(
                TwoClients,
                settings=settings(
                    max_examples=100,
                    stateful_step_count=40,
                    deadline=None,
                    database=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            world.close()
