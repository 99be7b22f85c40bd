"""What happens to those who run it: restarts, restores, crowds, clocks that are set, pools that are empty."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, text

from flask_signet import JWTManager, create_access_token, decode_token
from flask_signet.clock import SYSTEM
from flask_signet.exceptions import SignetError, Unavailable
from flask_signet.sessions.session_tokens import Granted
from flask_signet.tokens import ring
from flask_signet.web import keyfiles
from tests.rooms.conftest import migrated
from tests.rooms.sessions.application import PASSWORD, ROOT_KEY, USERNAME, create_app
from tests.rooms.sessions.live import ROOT, Connection, House, more, serving, visited
from tests.rooms.sessions.world import World
from tests.support.postgres import PostgresServer
from tests.support.processes import Server, wait_until

StartServer = Callable[..., Server]


# --- F14: workers are replaced under load -----------------------------------------------------------------


def test_a_rolling_restart_under_load_refuses_nobody(
    start_server: StartServer, tmp_path: Path, database: str | None
) -> None:
    """``HUP``: new workers come, old ones finish and go. No guard errs, no refresh is taken for a thief's."""
    with serving(start_server, tmp_path, database, workers=2) as house:
        before = _workers(house)
        with visited([house.server], 3) as visitors:
            for _ in range(2):
                more(visitors, 8)
                house.server.process.send_signal(signal.SIGHUP)
            wait_until(lambda: _workers(house).isdisjoint(before), timeout=60, what="new workers")
            more(visitors, 8)
        answers = [answer for visitor in visitors for answer in visitor.answers]

        assert {status for status, what in answers if what == "guard"} == {200}
        assert {status for status, _ in answers} <= {200, 503}  # 503: more passwords at once than may be hashed
        assert _workers(house).isdisjoint(before)
        last = house.connection()
        for visitor in visitors:
            token = visitor.tokens["refresh_token"]
            assert last.ask("POST", "/token/refresh", {"refresh_token": token}).status == 200


def _workers(house: House) -> set[int]:
    pid = house.server.process.pid
    return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


# --- F15: very many access tokens expire in the same second ------------------------------------------------


def _thunder(house: House, count: int, connections: int) -> list[float]:
    """Let *count* sessions refresh at once; return how long each took, 503 and the wait after it included."""
    granted = [house.sessions.open(1) for _ in range(count)]
    took: list[float] = []
    false_theft: list[Any] = []
    local = threading.local()

    def one(mine: Granted) -> None:
        if not hasattr(local, "connection"):
            local.connection = house.connection(timeout=90)
        began = time.monotonic()
        while True:
            try:
                answer = local.connection.ask("POST", "/token/refresh", {"refresh_token": mine.refresh_token})
            except (http.client.HTTPException, OSError):
                continue
            if answer.status != 503:
                break
            time.sleep(0.2)
        took.append(time.monotonic() - began)
        if answer.status != 200:
            false_theft.append(answer)

    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(one, granted))
    assert false_theft == []
    with house.store.read() as connection:
        rows = connection.execute(
            text("SELECT generation, ended_at, count(*) FROM signet_sessions GROUP BY 1, 2")
        ).all()
    assert [tuple(row) for row in rows] == [(2, None, count)]
    return sorted(took)


def test_a_crowd_that_refreshes_at_once_is_served_and_nobody_is_out(
    start_server: StartServer, tmp_path: Path, database: str | None
) -> None:
    with serving(start_server, tmp_path, database) as house:
        took = _thunder(house, 200, 64)

    assert took[int(len(took) * 0.99)] < 30


@pytest.mark.slow
def test_ten_thousand_tokens_expire_in_one_second(
    start_server: StartServer, tmp_path: Path, database: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(start_server, tmp_path, database) as house:
        took = _thunder(house, 10_000, 200)
    with capsys.disabled():
        print(
            f"10,000 refreshes: median {statistics.median(took):.2f} s, p99 {took[9_900]:.2f} s, worst {took[-1]:.2f} s"
        )

    assert took[9_900] < 60


# --- F11: the clock is set while processes run -------------------------------------------------------------


def test_setting_the_clock_of_running_processes_loses_and_revives_nothing(
    start_server: StartServer, tmp_path: Path
) -> None:
    """A second, five minutes, a day; each time back again."""
    offset = tmp_path / "offset"
    offset.write_text("0")
    with serving(start_server, tmp_path, workers=2, more_environment={"TEST_CLOCK_STEP": str(offset)}) as house:
        client = house.connection()

        def refused(tokens: dict[str, Any]) -> bool:
            guard = client.ask("GET", "/protected", token=tokens["access_token"]).status
            refresh = client.ask("POST", "/token/refresh", {"refresh_token": tokens["refresh_token"]}).status
            return (guard, refresh) == (401, 401)

        for step in (1, -1, 300, -300, -86_400):
            kept, ended, retried = (_log_in(client) for _ in range(3))
            assert client.ask("DELETE", "/token", token=ended["access_token"]).status == 204
            old = retried["refresh_token"]
            current = client.ask("POST", "/token/refresh", {"refresh_token": old}).refresh_token
            time.sleep(1.1)  # so that every worker knows

            offset.write_text(str(step))
            assert all(refused(ended) for _ in range(4)), step
            # A retry within the grace time is no theft, also after a step of the wall clock.
            again = client.ask("POST", "/token/refresh", {"refresh_token": old})
            assert (again.status, again.refresh_token) == (200, current), step
            renewed = client.ask("POST", "/token/refresh", {"refresh_token": kept["refresh_token"]})
            assert renewed.status == 200, step
            assert client.ask("GET", "/protected", token=renewed.body["access_token"]).status == 200
            fresh = _log_in(client)
            assert client.ask("GET", "/protected", token=fresh["access_token"]).status == 200

            offset.write_text("0")
            assert all(refused(ended) for _ in range(4)), step
            for token in (renewed.refresh_token, fresh["refresh_token"]):
                assert client.ask("POST", "/token/refresh", {"refresh_token": token}).status == 200, step


def _log_in(client: Connection) -> dict[str, Any]:
    answer = client.ask("POST", "/token", {"username": USERNAME, "password": PASSWORD})
    assert answer.status == 200, answer
    return answer.body


# --- F23: a copy of yesterday is put back -------------------------------------------------------------------


def test_after_a_restore_one_command_ends_everything_on_running_workers(
    start_server: StartServer, tmp_path: Path, database: str | None
) -> None:
    """Also what was ended after the copy was made, and what no process remembers."""
    with serving(start_server, tmp_path, database, workers=2) as house:
        client = house.connection()
        ended, living = _log_in(client), _log_in(client)
        copy = _copied(tmp_path, database)
        assert client.ask("DELETE", "/token", token=ended["access_token"]).status == 204
        younger = _log_in(client)
        _put_back(copy, tmp_path, database)
        environment = {**os.environ, "TEST_INSTANCE": str(tmp_path), "PYTHONPATH": "src"}
        if database is not None:
            environment["TEST_DATABASE_URL"] = database
        command = [sys.executable, "-m", "flask", "--app", "tests.rooms.sessions.application:serve", "signet"]
        asked = subprocess.run(
            [*command, "db", "restored"], cwd=ROOT, env=environment, input="n\n", capture_output=True, text=True
        )
        assert asked.returncode == 1
        assert "signs out all users" in asked.stdout
        done = subprocess.run(
            [*command, "db", "restored", "--yes", "--json"], cwd=ROOT, env=environment, capture_output=True, text=True
        )
        assert (done.returncode, done.stdout.strip()) == (0, '{"ended": 2}'), done.stderr

        def all_refused() -> bool:
            return all(
                client.ask("GET", "/protected", token=tokens["access_token"]).status == 401
                for tokens in (ended, living, younger)
                for _ in range(4)
            )

        wait_until(all_refused, timeout=10, what="every access token refused by every worker")
        for tokens in (ended, living, younger):
            assert client.ask("POST", "/token/refresh", {"refresh_token": tokens["refresh_token"]}).status == 401
        fresh = _log_in(client)
        for _ in range(8):
            assert client.ask("GET", "/protected", token=fresh["access_token"]).status == 200


TABLES = ("users", "keys", "key_ring", "sessions", "epochs", "feed", "feed_head", "pending_logins")


def _copied(folder: Path, database: str | None) -> Any:
    if database is None:
        source = sqlite3.connect(folder / "signet" / "signet.sqlite3")
        copy = sqlite3.connect(folder / "copy")
        source.backup(copy)
        copy.close()
        source.close()
        return folder / "copy"
    import psycopg

    with psycopg.connect(database) as connection:
        return {table: connection.execute(f"TABLE signet_{table}").fetchall() for table in TABLES}


def _put_back(copy: Any, folder: Path, database: str | None) -> None:
    if database is None:
        file = folder / "signet" / "signet.sqlite3"
        copy.chmod(0o600)
        for name in ("-wal", "-shm"):
            file.with_name(file.name + name).unlink(missing_ok=True)
        shutil.move(copy, file)
        return
    import psycopg

    with psycopg.connect(database) as connection:
        for table in TABLES:
            connection.execute(f"DELETE FROM signet_{table}")  # noqa: S608
            for row in copy[table]:
                marks = ", ".join(["%s"] * len(row))
                connection.execute(f"INSERT INTO signet_{table} VALUES ({marks})", row)  # noqa: S608


# --- F2, F3: kill -9 in a registration, in a change of the password, in a rotation of keys --------------------


def _die(*_: Any, **__: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _die_before(word: str) -> Callable[[Any], None]:
    def install(engine: Any) -> None:
        def look(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            if statement.startswith(word):
                _die()

        event.listen(engine, "before_cursor_execute", look)

    return install


def _app(tmp_path: Path, database: str | None) -> Flask:
    config: dict[str, Any] = {"SIGNET_THROTTLE": False, "SIGNET_ROOT_KEY": ROOT_KEY}
    if database is not None:
        config["SIGNET_DATABASE_URL"] = database
    return create_app(tmp_path, config)


POINTS: dict[str, tuple[Callable[[Any], None], bool]] = {
    "before the hash": (_die_before("UPDATE signet_users"), False),
    "before the epoch": (_die_before("INSERT INTO signet_epochs"), False),
    "before the sessions end": (_die_before("UPDATE signet_sessions SET ended_at"), False),
    "before the feed": (_die_before("INSERT INTO signet_feed"), False),
    "before the commit": (lambda engine: event.listen(engine, "commit", _die), False),
    "after the commit": (lambda engine: event.listen(engine, "checkin", _die), True),
}


@pytest.mark.parametrize(("point", "changed"), POINTS.values(), ids=POINTS.keys())
def test_a_worker_killed_in_a_change_of_the_password_has_done_all_of_it_or_nothing(
    tmp_path: Path, database: str | None, point: Callable[[Any], None], changed: bool
) -> None:
    app = _app(tmp_path, database)
    app.extensions["signet"].users.create(USERNAME, PASSWORD)
    client = app.test_client()

    def log_in(password: str) -> Any:
        return client.post("/token", json={"username": USERNAME, "password": password})

    tokens = log_in(PASSWORD).get_json()
    app.extensions["signet"].close()
    child = os.fork()
    if child == 0:
        victim = _app(tmp_path, database)
        house = victim.extensions["signet"]
        user = house.users.get(1)
        judged, new = house.users.password_hash(user), house.users.hashed("quite another password")
        with house.store.write() as connection:
            # The steps of the route, so that the one connection that is given back is this one.
            point(house.store.engine)
            house.users.replace_password_hash(user, judged, new, connection=connection)
            house.sessions.end_all(1, reason="password", connection=connection)
        os._exit(0)
    ended = os.waitpid(child, 0)[1]
    statuses = (log_in(PASSWORD).status_code, log_in("quite another password").status_code)
    refreshed = client.post("/token/refresh", json={"refresh_token": tokens["refresh_token"]}).status_code
    app.extensions["signet"].close()

    assert ended == signal.SIGKILL
    assert (statuses, refreshed) == (((401, 200), 401) if changed else ((200, 401), 200))


@pytest.mark.parametrize(
    ("point", "made"),
    [
        (_die_before("INSERT INTO signet_users"), False),
        (lambda engine: event.listen(engine, "commit", _die), False),
        (lambda engine: event.listen(engine, "checkin", _die), True),
    ],
    ids=["before the row", "before the commit", "after the commit"],
)
def test_a_worker_killed_in_a_registration_leaves_a_whole_account_or_none(
    tmp_path: Path, database: str | None, point: Callable[[Any], None], made: bool
) -> None:
    account = {"username": USERNAME, "password": PASSWORD}
    app = _app(tmp_path, database)
    app.config["SIGNET_REGISTRATION"] = True
    app.test_client().get("/health")  # the tables are there
    app.extensions["signet"].close()
    child = os.fork()
    if child == 0:
        victim = _app(tmp_path, database)
        victim.config["SIGNET_REGISTRATION"] = True
        with victim.extensions["signet"].store.read():
            pass
        point(victim.extensions["signet"].store.engine)
        victim.test_client().post("/account", json=account)
        os._exit(0)
    ended = os.waitpid(child, 0)[1]
    client = app.test_client()
    logged_in = client.post("/token", json=account).status_code
    again = client.post("/account", json=account).status_code
    then = client.post("/token", json=account).status_code
    app.extensions["signet"].close()

    assert ended == signal.SIGKILL
    assert (logged_in, again, then) == ((200, 409, 200) if made else (401, 201, 200))


def test_rotations_of_a_key_file_killed_at_any_moment_leave_a_whole_ring(tmp_path: Path) -> None:
    """Two rotate without a pause; workers that read beside them never meet half a file, and no token is refused."""
    path = tmp_path / "keys.json"
    keyfiles.create(path, ring.generated("EdDSA", SYSTEM.token_bytes, 0))
    app = Flask("reader")
    app.config["JWT_KEYS"] = str(path)
    JWTManager(app)
    tokens: list[str] = []
    rings: list[bytes] = []

    def rotate_for_ever() -> None:
        step = partial(ring.rotated, token_bytes=SYSTEM.token_bytes, now=1, overlap=None, settle=0)
        while True:
            keyfiles.change(path, step)

    for _ in range(5):
        children = []
        for _ in range(2):
            children.append(os.fork())
            if children[-1] == 0:
                rotate_for_ever()
        seen, began = {path.read_bytes()}, time.monotonic()
        try:
            # On a busy machine the two come to their turn late.
            while (passed := time.monotonic() - began) < 0.05 or (len(seen) < 4 and passed < 20):
                rings.append(path.read_bytes())
                seen.add(rings[-1])
                with app.app_context():
                    tokens.append(create_access_token("5"))
        finally:
            for child in children:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
    statuses = [[key.status for key in ring.from_text(text).verifying] for text in rings]
    with app.app_context():
        read = {decode_token(token)["sub"] for token in tokens}

    assert len(set(rings)) > 10
    assert {(found.count("current"), found.count("next")) for found in statuses} <= {(1, 0), (1, 1)}
    assert read == {"5"}


@pytest.mark.parametrize("word", ["UPDATE signet_key_ring", "UPDATE signet_keys", "INSERT INTO signet_keys", "COMMIT"])
def test_a_worker_killed_in_a_rotation_of_the_signing_keys_leaves_a_whole_ring(
    tmp_path: Path, database: str | None, word: str
) -> None:
    app = _app(tmp_path, database)
    app.extensions["signet"].users.create(USERNAME, PASSWORD)
    client = app.test_client()
    tokens = client.post("/token", json={"username": USERNAME, "password": PASSWORD}).get_json()
    app.extensions["signet"].close()
    for _ in range(3):
        child = os.fork()
        if child == 0:
            keys = _app(tmp_path, database).extensions["signet"].keys
            keys.load()
            engine = keys._store.engine
            if word == "COMMIT":
                event.listen(engine, "commit", _die)
            else:
                _die_before(word)(engine)
            keys.rotate()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        app = _app(tmp_path, database)
        statuses = [key.status for key in app.extensions["signet"].keys.load()]
        assert sorted(statuses) == ["current", "next"]
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        assert app.test_client().get("/protected", headers=headers).status_code == 200
        assert len(app.test_client().get("/.well-known/jwks.json").get_json()["keys"]) == 2
        app.extensions["signet"].close()


# --- F5: the write-ahead log is deleted ---------------------------------------------------------------------------


def test_a_deleted_write_ahead_log_revives_nothing_and_is_made_anew_by_a_restart(tmp_path: Path) -> None:
    """SQLite cannot continue as before, so some requests are 503; none is a 500, and no signed-out user is accepted."""

    def start() -> Flask:
        app = create_app(tmp_path, {"SIGNET_THROTTLE": False})
        apps.append(app)
        return app

    def asked(app: Flask) -> list[int]:
        client = app.test_client()
        headers = {"Authorization": f"Bearer {ended['access_token']}"}
        return [
            client.post("/token", json=body).status_code,
            client.get("/protected", headers=headers).status_code,
            client.post("/token/refresh", json={"refresh_token": ended["refresh_token"]}).status_code,
            client.get("/health").status_code,
        ]

    apps: list[Flask] = []
    body = {"username": USERNAME, "password": PASSWORD}
    running = start()
    running.extensions["signet"].users.create(USERNAME, PASSWORD)
    kept, ended = (running.test_client().post("/token", json=body).get_json() for _ in range(2))
    headers = {"Authorization": f"Bearer {ended['access_token']}"}
    assert running.test_client().delete("/token", headers=headers).status_code == 204
    (tmp_path / "signet" / "signet.sqlite3-wal").unlink()
    answers = asked(running) + asked(start())
    for app in apps:
        app.extensions["signet"].close()
    again = asked(start())
    refreshed = apps[-1].test_client().post("/token/refresh", json={"refresh_token": kept["refresh_token"]})
    apps[-1].extensions["signet"].close()

    assert set(answers) <= {200, 401, 503}
    assert 200 not in (answers[1], answers[2], answers[5], answers[6])
    assert again == [200, 401, 401, 200]
    assert refreshed.status_code == 200


# --- F7: a standby that lags behind takes over ----------------------------------------------------------------------


@pytest.mark.postgres
def test_a_standby_that_knows_less_revives_nothing_on_running_workers(
    start_server: StartServer, tmp_path: Path, postgres_server: PostgresServer, postgres_url: str
) -> None:
    """What the old server acknowledged and the new one never saw: refused, and the log says what to do."""
    import psycopg

    name = postgres_url.rpartition("/")[2]

    def administer(*statements: str) -> None:
        with psycopg.connect(postgres_server.url, autocommit=True) as connection:
            for statement in statements:
                end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
                connection.execute(end, [name])
                connection.execute(statement.encode())

    with serving(start_server, tmp_path, migrated(postgres_url), workers=1) as house:
        client = house.connection()
        ended, moved = _log_in(client), _log_in(client)
        administer(f'CREATE DATABASE "{name}_standby" TEMPLATE "{name}"')
        wait_until(lambda: client.ask("GET", "/health").status == 200, timeout=10, what="the database")
        assert client.ask("DELETE", "/token", token=ended["access_token"]).status == 204
        renewed = client.ask("POST", "/token/refresh", {"refresh_token": moved["refresh_token"]})
        renewed = client.ask("POST", "/token/refresh", {"refresh_token": renewed.refresh_token})
        assert client.ask("GET", "/protected", token=ended["access_token"]).status == 401
        for old, new in ((name, f"{name}_old"), (f"{name}_standby", name)):
            administer(f'ALTER DATABASE "{old}" RENAME TO "{new}"')
        wait_until(lambda: client.ask("GET", "/health").status == 200, timeout=10, what="the standby")
        time.sleep(1.1)

        assert client.ask("GET", "/protected", token=ended["access_token"]).status == 401
        # A token that the standby does not know yet proves that it is behind.
        went_back = client.ask("POST", "/token/refresh", {"refresh_token": renewed.refresh_token})
        assert went_back.status == 401
        assert "flask signet db restored" in house.server.output()
        # A session that it takes for active is refused by a worker that knows better, and from then on by all others.
        assert client.ask("POST", "/token/refresh", {"refresh_token": ended["refresh_token"]}).status == 401
        assert house.sessions.listing() == []


# --- F8: the database ends every third transaction -------------------------------------------------------------


@pytest.mark.postgres
@pytest.mark.parametrize("state", ["40001", "40P01"])
def test_conflicts_of_the_database_are_run_again_and_accuse_nobody(
    tmp_path: Path, postgres_url: str, state: str
) -> None:
    world = World(tmp_path / "signet", url=migrated(postgres_url), clock=SYSTEM)
    worker = world.worker()
    try:
        with worker.store.write() as connection:
            connection.exec_driver_sql("CREATE SEQUENCE turns")
            connection.exec_driver_sql(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " IF mod(nextval('turns'), 3) = 0 THEN "
                f"RAISE EXCEPTION 'a conflict' USING ERRCODE = '{state}'; END IF; RETURN NEW; END $$"
            )
            connection.exec_driver_sql(
                "CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON signet_sessions"
                " FOR EACH ROW EXECUTE FUNCTION refuse()"
            )
        token = worker.sessions.open(7).refresh_token
        for _ in range(12):
            successor = worker.sessions.rotate(token).refresh_token
            assert successor != token
            token = successor
        with worker.store.read() as connection:
            row = connection.execute(text("SELECT generation, ended_at FROM signet_sessions")).one()
            turns = connection.exec_driver_sql("SELECT last_value FROM turns").scalar_one()

        assert tuple(row) == (13, None)
        assert turns > 16  # some were refused
    finally:
        world.close()


# --- F9: no connection is free ------------------------------------------------------------------------------------


@pytest.mark.postgres
def test_a_pool_without_a_free_connection_is_503_in_seconds_and_leaks_none(tmp_path: Path, postgres_url: str) -> None:
    world = World(tmp_path / "signet", url=migrated(postgres_url), clock=SYSTEM)
    worker = world.worker()
    try:
        tokens = [worker.sessions.open(n).refresh_token for n in range(1, 101)]
        pool = worker.store.engine.pool
        held = [worker.store.read() for _ in range(pool.size() + pool._max_overflow)]  # type: ignore[attr-defined]
        for reading in held:
            reading.__enter__()
        begun = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            worker.sessions.listing()
        assert time.monotonic() - begun < 5
        assert caught.value.retry_after > 0
        with pytest.raises(Unavailable):
            worker.sessions.rotate(tokens[0])
        for reading in held:
            reading.__exit__(None, None, None)
        outcomes: list[str] = []

        def refresh(token: str) -> None:
            try:
                worker.sessions.rotate(token)
                outcomes.append("refreshed")
            except SignetError as error:
                outcomes.append(type(error).__name__)

        with ThreadPoolExecutor(100) as threads:
            list(threads.map(refresh, tokens))

        assert set(outcomes) <= {"refreshed", "Unavailable"}
        assert outcomes.count("refreshed") > 50
        assert pool.checkedout() == 0  # type: ignore[attr-defined]
        assert len(worker.sessions.listing()) == 100
    finally:
        world.close()


# --- F19: processes that were forked -----------------------------------------------------------------------------


@pytest.mark.parametrize("count", [10_000, pytest.param(125_000, marks=pytest.mark.slow)])
def test_forked_processes_give_no_id_twice(tmp_path: Path, count: int) -> None:
    """Eight children of one parent that has drawn already; a million ids in the long form."""
    SYSTEM.uuid7()
    children = []
    for number in range(8):
        child = os.fork()
        if child == 0:
            (tmp_path / str(number)).write_bytes(b"".join(SYSTEM.uuid7().bytes for _ in range(count)))
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 8
    drawn = b"".join((tmp_path / str(number)).read_bytes() for number in range(8))
    # Without their time: the random part alone must differ.
    parts = {drawn[at + 8 : at + 16] for at in range(0, len(drawn), 16)}

    assert len(parts) == 8 * count
