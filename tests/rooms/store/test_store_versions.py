"""Two versions of the code over one database, while one takes the place of the other."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import ProgrammingError

from flask_signet.exceptions import SchemaError, Unavailable
from flask_signet.store import Store, schema
from tests.rooms.sessions.application import PASSWORD, USERNAME
from tests.rooms.sessions.live import ROOT, House, more, serving, visited
from tests.rooms.store.versions import ADDING, TAKING_AWAY, THIS, later_version, run
from tests.support.http import request
from tests.support.processes import Server, wait_until

StartServer = Callable[..., Server]
LOGIN = {"username": USERNAME, "password": PASSWORD}


def start(start_server: StartServer, version: Path, environment: dict[str, str | None]) -> Server:
    return start_server(
        [
            *(sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:{port}", "-w", "2", "--threads", "4"),
            *("--keep-alive", "30", "tests.rooms.sessions.application:serve()"),
        ],
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(version)},
    )


def environment_of(tmp_path: Path, database: str | None) -> dict[str, str | None]:
    return {"TEST_INSTANCE": str(tmp_path), "TEST_DATABASE_URL": database}


def revision(house: House) -> str | None:
    return schema.current(house.store)


def log_in(server: Server) -> dict[str, Any]:
    answer = request("POST", f"{server.url}/token", json_body=LOGIN)
    assert answer.status == 200, answer.body
    return answer.json


def guarded(server: Server, tokens: dict[str, Any]) -> int:
    return request("GET", f"{server.url}/protected", token=tokens["access_token"]).status


def test_the_old_version_serves_on_while_the_new_one_upgrades_and_after_it(
    start_server: StartServer, tmp_path: Path, database: str | None
) -> None:
    environment = environment_of(tmp_path, database)
    later = later_version(tmp_path / "later", ADDING)
    with serving(start_server, tmp_path, database, workers=2) as house:
        servers = [house.server]
        with visited(servers) as visitors:
            more(visitors)
            new = start(start_server, later, environment)
            if database is None:
                # Our own file: a newer version upgrades it at first use.
                assert request("GET", f"{new.url}/health").status == 200
            else:
                early = request("GET", f"{new.url}/health")
                assert (early.status, early.json["error"]) == (503, "unavailable")
                assert f"at revision {THIS}, this version needs {ADDING}. Run: flask signet db upgrade" in new.output()
                assert revision(house) == THIS
                upgraded = run(later, "signet", "db", "upgrade", "--json", environment=environment)
                assert upgraded.returncode == 0, upgraded.stderr
                assert json.loads(upgraded.stdout) == {"before": THIS, "after": ADDING}
            assert revision(house) == ADDING
            servers.append(new)
            more(visitors)
            # A worker of the old version that starts only now.
            servers.append(start(start_server, ROOT / "src", environment))
            more(visitors)
        for visitor in visitors:
            assert {status for status, _ in visitor.answers} <= {200, 503}, visitor.answers
            assert {what for status, what in visitor.answers if status == 200} == {"login", "guard", "refresh"}
            last = request(
                "POST", f"{new.url}/token/refresh", json_body={"refresh_token": visitor.tokens["refresh_token"]}
            )
            assert last.status == 200, last.body
        assert sum(status == 503 for visitor in visitors for status, _ in visitor.answers) < 20

        # What one version ends, the other refuses.
        for here, there in ((house.server, new), (new, house.server)):
            tokens = log_in(here)
            assert guarded(there, tokens) == 200
            assert request("DELETE", f"{here.url}/token", token=tokens["access_token"]).status == 204
            wait_until(lambda there=there, tokens=tokens: guarded(there, tokens) == 401, timeout=5, what="the end")

        # After a deployment of the old version, the command reports no problem.
        old = ROOT / "src"
        again = run(old, "signet", "db", "upgrade", environment=environment)
        assert (again.returncode, again.stdout.strip()) == (
            0,
            f"The tables are at revision {ADDING}. Nothing to do.",
        )
        checked = run(old, "signet", "db", "check", environment=environment)
        assert (checked.returncode, checked.stdout.strip()) == (0, "The tables are correct.")
        known = run(old, "signet", "db", "current", environment=environment)
        assert known.stdout.strip() == f"{ADDING} (this version needs {THIS})"
        assert [log for log in (house.server.output(), new.output()) if "Traceback" in log] == []


def test_tables_that_the_old_version_cannot_use_are_refused_with_a_word_of_what_to_do(
    start_server: StartServer, tmp_path: Path, database: str | None
) -> None:
    """503, never 500: in a worker that runs and in one that starts."""
    environment = environment_of(tmp_path, database)
    later = later_version(tmp_path / "later", TAKING_AWAY)
    with serving(start_server, tmp_path, database, workers=2) as house:
        servers = [house.server]
        with visited(servers, 3) as visitors:
            more(visitors)
            upgraded = run(later, "signet", "db", "upgrade", "--json", environment=environment)
            assert json.loads(upgraded.stdout)["after"] == TAKING_AWAY, upgraded.stderr
            wait_until(
                lambda: all((503, "login") in visitor.answers for visitor in visitors), timeout=60, what="refusals"
            )
        statuses = {status for visitor in visitors for status, _ in visitor.answers}
        assert statuses == {200, 503}

        def refuses(server: Server) -> bool:
            answer = request("POST", f"{server.url}/token", json_body=LOGIN)
            assert answer.status == 503
            assert int(answer.headers["retry-after"]) > 0
            return "Start the newer version here, too." in server.output()

        started = start(start_server, ROOT / "src", environment)
        for server in (house.server, started):
            assert refuses(server)
            assert f"at revision {TAKING_AWAY}" in server.output()
        assert guarded(started, visitors[0].tokens) == 503
        for command in ("upgrade", "check"):
            done = run(ROOT / "src", "signet", "db", command, environment=environment)
            assert (done.returncode, "Start the newer version" in done.stderr) == (1, True), done


def test_code_of_the_revision_that_is_asked_for_can_use_the_tables(
    start_server: StartServer, tmp_path: Path, database: str | None
) -> None:
    """The one between the two: it knows the revision that only adds, and the tables need no more."""
    environment = environment_of(tmp_path, database)
    with serving(start_server, tmp_path, database, workers=1) as house:
        assert revision(house) == THIS
    newest = later_version(tmp_path / "newest", TAKING_AWAY)
    assert run(newest, "signet", "db", "upgrade", environment=environment).returncode == 0
    between = start(start_server, later_version(tmp_path / "between", ADDING), environment)
    answer = request("GET", f"{between.url}/health")

    assert answer.status == 200


@pytest.mark.parametrize(("found", "usable"), [(ADDING, True), (f"{ADDING}_needs_{THIS}", True), (TAKING_AWAY, False)])
def test_a_revision_says_in_its_name_which_code_it_needs(found: str, usable: bool) -> None:
    if usable:
        schema.refuse_too_new(found)
    else:
        with pytest.raises(SchemaError, match="newer version"):
            schema.refuse_too_new(found)


def test_an_error_of_sql_that_the_tables_do_not_explain_stays_what_it_is(store: Store) -> None:
    """Only where a newer version made the tables is it the operator's affair."""
    with store.read():
        pass
    with pytest.raises((Unavailable, ProgrammingError)) as caught, store.read() as connection:
        connection.exec_driver_sql("SELECT no_such_column FROM signet_users")

    assert not isinstance(caught.value, SchemaError)
    with store.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM signet_users").scalar() == 0
