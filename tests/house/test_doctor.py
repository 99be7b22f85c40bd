"""``flask signet doctor``: what it finds, what it says to write, and that it touches nothing."""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from flask import Blueprint, Flask
from flask.cli import FlaskGroup
from flask_caching import Cache
from flask_cors import CORS
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy import text
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import Map, Rule

import flask_signet.cli.doctor as doctor_module
from flask_signet import JWTManager, Signet, SQLAlchemyUsers, jwt_required
from flask_signet.findings import Finding
from flask_signet.testing import reset
from tests.docs.markdown import DOCS, anchors
from tests.support.postgres import PostgresServer

SECRET = "y2PE5rAzIvNYgHfVrTiYAVN9sIYLjzGrR7xBKpCHgXk"
Factory = Callable[[], Flask]


@dataclass(frozen=True)
class Seen:
    """What the command said."""

    status: int
    findings: dict[str, dict[str, Any]]
    printed: str

    def level(self, code: str) -> str:
        return self.findings[code]["level"]

    @property
    def bad(self) -> dict[str, str]:
        """What must or should be fixed, with its level."""
        return {code: each["level"] for code, each in self.findings.items() if each["level"] in ("warning", "error")}


def run(factory: Factory, *options: str) -> Result:
    return CliRunner().invoke(FlaskGroup(create_app=factory), ["signet", "doctor", *options], env={"NO_COLOR": "1"})


def listing(folder: Path) -> list[tuple[Any, ...]]:
    """Return every file below *folder* with its mode, size, time of change and content."""
    found: list[tuple[Any, ...]] = []
    for path in sorted(folder.rglob("*")):
        status = path.stat()
        content = path.read_bytes() if path.is_file() else b""
        found.append((str(path), stat.S_IMODE(status.st_mode), status.st_size, status.st_mtime_ns, content))
    return found


@pytest.fixture
def examine(tmp_path: Path) -> Callable[[Factory], Seen]:
    """A function that runs the command twice over an application, and fails where it changed a file."""

    def look(factory: Factory) -> Seen:
        before = listing(tmp_path)
        result, people = run(factory, "--json"), run(factory)
        assert before == listing(tmp_path)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        said = json.loads(result.stdout)
        findings = {each["code"]: each for each in said["findings"]}
        assert said["errors"] == sum(each["level"] == "error" for each in said["findings"])
        assert result.exit_code == people.exit_code == (1 if said["errors"] else 0)
        for each in said["findings"]:
            assert set(each) == {"code", "level", "summary", "line_to_write", "page"}
            if each["level"] in ("warning", "error"):
                assert each["line_to_write"] or each["code"].endswith(("_refused", "_too_new", "_unknown")), each
            if each["page"]:
                page, _, section = each["page"].partition("#")
                assert (DOCS / page).exists(), each["page"]
                assert not section or section in anchors(DOCS / page), each["page"]
        return Seen(result.exit_code, findings, people.stdout)

    return look


def plain(tmp_path: Path, **config: Any) -> Flask:
    app = Flask("plain", instance_path=str(tmp_path / "instance"))
    app.config.update(JWT_SECRET_KEY=SECRET)
    app.config.update(config)
    JWTManager(app)
    return app


def whole(tmp_path: Path, **config: Any) -> Flask:
    app = Flask("whole", instance_path=str(tmp_path / "instance"))
    app.config.update(config)
    Signet(app)
    return app


def used(tmp_path: Path, **config: Any) -> Flask:
    """An application whose store was in use, and is closed."""
    app = whole(tmp_path, **config)
    app.extensions["signet"].users.create("ada", "correct horse")
    app.test_client().post("/token", json={"username": "ada", "password": "correct horse"})
    reset(app)
    return app


Examine = Callable[[Factory], Seen]


def test_a_good_manager_has_nothing_to_fix(examine: Examine, tmp_path: Path) -> None:
    seen = examine(lambda: plain(tmp_path))

    assert (seen.status, seen.bad) == (0, {})
    assert seen.level("keys") == "ok"


def test_a_new_signet_has_nothing_to_fix_and_nothing_is_made(examine: Examine, tmp_path: Path) -> None:
    seen = examine(lambda: whole(tmp_path))

    assert (seen.status, seen.bad) == (0, {})
    assert {"folder_not_made", "root_key_not_made", "database_not_made"} <= set(seen.findings)
    assert list(tmp_path.iterdir()) == []


def test_a_signet_in_use_has_nothing_to_fix(examine: Examine, tmp_path: Path) -> None:
    used(tmp_path)
    seen = examine(lambda: whole(tmp_path))

    assert (seen.status, seen.bad) == (0, {})
    assert {"folder", "root_key", "database", "schema", "keys", "refresh_cookie"} <= set(seen.findings)
    assert "current EdDSA" in seen.findings["keys"]["summary"]


def test_it_looks_while_a_server_writes(examine: Examine, tmp_path: Path) -> None:
    """With the log of an open database beside it, which SQLite reads along."""
    app = whole(tmp_path)
    app.extensions["signet"].users.create("ada", "correct horse")
    assert (tmp_path / "instance" / "signet" / "signet.sqlite3-wal").exists()

    result = run(lambda: whole(tmp_path), "--json")

    codes = {each["code"]: each["level"] for each in json.loads(result.stdout)["findings"]}
    assert (codes["database"], codes["schema"]) == ("ok", "ok")
    reset(app)


def test_what_is_printed_fits_in_80_columns_and_says_its_level_in_words(examine: Examine, tmp_path: Path) -> None:
    seen = examine(lambda: plain(tmp_path, JWT_SECRET_KEY="secret", TESTING=True))

    assert [line for line in seen.printed.splitlines() if len(line) > 80] == []
    assert re.findall(r"^(\S+) ", seen.printed, re.MULTILINE).count("FIX") == 2
    assert "\x1b" not in seen.printed
    assert re.search(r"^2 to fix, 0 warnings, \d+ ok\.$", seen.printed, re.MULTILINE)


@pytest.mark.parametrize(
    ("config", "source"),
    [
        ({"JWT_SECRET_KEY": "super-secret"}, "JWT_SECRET_KEY"),
        ({"JWT_SECRET_KEY": None, "SECRET_KEY": "dev"}, "SECRET_KEY"),
        ({"JWT_SECRET_KEY": "short", "SECRET_KEY": SECRET}, "JWT_SECRET_KEY"),
        ({"JWT_SECRET_KEY": "short", "JWT_ALLOW_WEAK_KEYS": True}, "JWT_SECRET_KEY"),
    ],
)
def test_a_weak_key_is_named_by_its_setting_and_not_shown(
    examine: Examine, tmp_path: Path, config: dict[str, Any], source: str
) -> None:
    seen = examine(lambda: plain(tmp_path, **config))

    assert (seen.status, seen.level("key_weak")) == (1, "error")
    assert seen.findings["key_weak"]["summary"].startswith(f"{source}:")
    assert "export JWT_SECRET_KEY=" in seen.findings["key_weak"]["line_to_write"]
    for value in config.values():
        assert not isinstance(value, str) or value == "dev" or value not in seen.printed


def test_flasks_own_key_under_the_tokens_is_a_warning(examine: Examine, tmp_path: Path) -> None:
    seen = examine(lambda: plain(tmp_path, JWT_SECRET_KEY=None, SECRET_KEY=SECRET))

    assert (seen.status, seen.bad) == (0, {"secret_key_shared": "warning"})
    assert SECRET not in seen.printed


def test_a_manager_without_any_key_says_how_to_make_one(examine: Examine, tmp_path: Path) -> None:
    seen = examine(lambda: plain(tmp_path, JWT_SECRET_KEY=None))

    assert seen.bad == {"keys_refused": "error"}
    assert "flask signet keys generate" in seen.findings["keys_refused"]["summary"]


def test_a_ring_in_a_file_is_read_and_its_mode_judged(examine: Examine, tmp_path: Path) -> None:
    ring = tmp_path / "ring.json"
    result = CliRunner().invoke(
        FlaskGroup(create_app=lambda: plain(tmp_path)), ["signet", "keys", "generate", "--output", str(ring)]
    )
    assert result.exit_code == 0
    factory = lambda: plain(tmp_path, JWT_SECRET_KEY=None, JWT_KEYS=str(ring))  # noqa: E731
    assert examine(factory).bad == {}

    ring.chmod(0o640)
    assert examine(factory).bad == {}
    ring.chmod(0o644)
    seen = examine(factory)
    assert seen.bad == {"file_readable_by_others": "warning"}
    assert f"Every user of this machine can read {ring}" in seen.findings["file_readable_by_others"]["summary"]
    assert seen.findings["file_readable_by_others"]["line_to_write"].endswith(f"o= {ring}")
    ring.chmod(0o666)
    assert examine(factory).findings["file_writable_by_others"]["line_to_write"] == f"sudo chmod o-w {ring}"
    assert ring.stat().st_mode & 0o777 == 0o666
    ring.write_text("{")
    ring.chmod(0o600)
    assert examine(factory).bad == {"keys_refused": "error"}
    ring.unlink()
    assert examine(factory).bad == {"keys_unreadable": "error"}


@pytest.mark.parametrize("name", ["root.key", "signet.sqlite3", "."])
def test_files_that_others_can_read_are_named_with_the_command(examine: Examine, tmp_path: Path, name: str) -> None:
    used(tmp_path)
    path = tmp_path / "instance" / "signet" / name
    path.chmod(0o755 if path.is_dir() else 0o644)

    finding = examine(lambda: whole(tmp_path)).findings["file_readable_by_others"]

    assert finding["line_to_write"] == f"chmod {'700' if path.is_dir() else '600'} {path.resolve()}"


def test_a_named_database_that_everyone_can_read_is_a_warning_and_stays_as_it_is(
    examine: Examine, tmp_path: Path
) -> None:
    file = tmp_path / "named.sqlite3"
    factory = lambda: whole(tmp_path, SIGNET_DATABASE_URL=f"sqlite:///{file}")  # noqa: E731
    upgraded = CliRunner().invoke(FlaskGroup(create_app=factory), ["signet", "db", "upgrade"])
    assert upgraded.exit_code == 0, upgraded.output
    file.chmod(0o644)

    seen = examine(factory)

    finding = seen.findings["database_readable_by_everyone"]
    assert (finding["level"], finding["line_to_write"]) == ("warning", f"chmod o-rwx {file}*")
    assert file.stat().st_mode & 0o777 == 0o644
    file.chmod(0o640)
    assert "database_readable_by_everyone" not in examine(factory).findings


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_another_owner_is_found(examine: Examine, tmp_path: Path) -> None:
    """As after a command that root ran: the server cannot read it."""
    used(tmp_path)
    key = tmp_path / "instance" / "signet" / "root.key"
    os.chown(key, 12345, 12345)

    finding = examine(lambda: whole(tmp_path)).findings["file_of_another_owner"]

    assert "belongs to 12345" in finding["summary"]
    assert finding["line_to_write"] == f"sudo chown root {key}"


def test_a_named_root_key_is_judged_in_the_words_of_the_log_and_stays_as_it_is(
    examine: Examine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = tmp_path / "named.key"
    key.write_text("1 " + SECRET + "\n")
    key.chmod(0o644)
    factory = lambda: whole(tmp_path, SIGNET_ROOT_KEY_FILE=str(key))  # noqa: E731
    seen = examine(factory)
    assert seen.bad == {"file_readable_by_others": "warning"}
    assert key.stat().st_mode & 0o777 == 0o644
    key.chmod(0o640)
    assert examine(factory).bad == {}
    key.chmod(0o644)

    found = seen.findings["file_readable_by_others"]
    factory().test_client().get("/health", base_url="https://localhost")
    assert f"{found['summary']} Run: {found['line_to_write']}" in caplog.text


def test_a_root_key_that_is_gone_broken_or_of_another_database(examine: Examine, tmp_path: Path) -> None:
    used(tmp_path)
    key = tmp_path / "instance" / "signet" / "root.key"
    right = key.read_text()
    key.write_text("1 " + SECRET + "\n")
    seen = examine(lambda: whole(tmp_path))
    assert seen.bad == {"root_key_does_not_fit": "error"}
    assert seen.findings["root_key_does_not_fit"]["line_to_write"] == f"cp /your/copy/root.key {key}"
    seen = examine(lambda: whole(tmp_path, SIGNET_ROOT_KEY=SECRET))
    assert seen.findings["root_key_does_not_fit"]["line_to_write"].startswith("export FLASK_SIGNET_ROOT_KEY=")
    key.write_text("rubbish")
    seen = examine(lambda: whole(tmp_path))
    assert seen.bad == {"root_key_refused": "error", "signing_keys_refused": "error"}
    assert seen.findings["root_key_refused"]["line_to_write"] == "flask signet keys generate --root"
    key.unlink()
    seen = examine(lambda: whole(tmp_path))
    assert seen.bad == {"root_key_gone": "error"}
    assert not key.exists()
    assert right.split()[1] not in seen.printed


@contextmanager
def locked_out(folder: Path) -> Generator[None, None, None]:
    """Take away the access of this process to *folder*."""
    root, mode = os.geteuid() == 0, folder.stat().st_mode
    folder.chmod(0o700 if root else 0)
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(mode)


def test_a_folder_of_another_user_is_a_finding_that_says_who_must_look(tmp_path: Path) -> None:
    used(tmp_path)
    run(lambda: whole(tmp_path))  # loads every module
    with locked_out(tmp_path / "instance"):
        printed = " ".join(run(lambda: whole(tmp_path)).stdout.split())  # without line breaks

    assert f"The folder {tmp_path / 'instance' / 'signet'} cannot be checked: Permission denied." in printed
    assert "The check 'database' cannot read" in printed
    assert "sudo -u USER-OF-THE-SERVER flask signet doctor" in printed
    assert "failed with" not in printed


def test_tables_of_another_version_are_found(examine: Examine, tmp_path: Path) -> None:
    app = whole(tmp_path)
    store = app.extensions["signet"].store
    with store.write() as connection:
        connection.execute(text("UPDATE signet_alembic_version SET version_num = '0009_needs_0009'"))
    reset(app)
    assert examine(lambda: whole(tmp_path)).bad == {"schema_too_new": "error"}


def test_a_configured_database_without_tables_names_the_command(examine: Examine, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'app.sqlite3'}"
    seen = examine(lambda: whole(tmp_path, SIGNET_DATABASE_URL=url))
    assert seen.level("database_not_made") == "error"
    (tmp_path / "app.sqlite3").touch()
    seen = examine(lambda: whole(tmp_path, SIGNET_DATABASE_URL=url))
    assert seen.findings["schema_old"]["line_to_write"] == "flask signet db upgrade"


def test_a_server_that_does_not_answer_is_found_without_its_password(examine: Examine, tmp_path: Path) -> None:
    url = "postgresql://signet:swordfish@127.0.0.1:1/app"
    seen = examine(lambda: whole(tmp_path, SIGNET_DATABASE_URL=url))

    assert {"database_unreachable", "root_key_missing"} <= set(seen.bad)
    assert "swordfish" not in seen.printed


@pytest.mark.postgres
def test_postgresql_is_reached_and_its_clock_compared(
    examine: Examine, tmp_path: Path, postgres_server: PostgresServer
) -> None:
    url = postgres_server.create_database()
    config = {"SIGNET_DATABASE_URL": url, "SIGNET_ROOT_KEY": SECRET}
    seen = examine(lambda: whole(tmp_path, **config))
    assert seen.bad == {"schema_old": "error"}
    assert seen.level("clock") == "ok"


def test_a_step_of_the_clock_is_seen_in_the_file_of_the_steady_clock(examine: Examine, tmp_path: Path) -> None:
    app = used(tmp_path)
    file = tmp_path / "instance" / "signet" / "clock.json"
    written = json.loads(file.read_text())
    assert examine(lambda: whole(tmp_path)).level("clock_steady") == "ok"
    file.write_text(json.dumps({**written, "offset": written["offset"] + 3600}))
    seen = examine(lambda: whole(tmp_path))
    assert (seen.status, seen.bad) == (0, {"clock_stepped": "warning"})
    assert "back by 3600 s" in seen.findings["clock_stepped"]["summary"]
    file.write_text("{")
    assert examine(lambda: whole(tmp_path)).bad == {"clock_file_broken": "warning"}
    file.write_text(json.dumps(written))
    os.utime(file, (written["offset"] + 4e9, written["offset"] + 4e9))
    assert examine(lambda: whole(tmp_path)).bad == {"clock_behind_files": "error"}
    reset(app)


def test_debug_mode_in_the_code_must_go_and_in_the_terminal_is_a_warning(
    examine: Examine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def debugging() -> Flask:
        app = plain(tmp_path)
        app.debug = True
        return app

    monkeypatch.delenv("FLASK_DEBUG", raising=False)
    assert examine(debugging).bad == {"debug_in_code": "error"}
    monkeypatch.setenv("FLASK_DEBUG", "1")
    seen = examine(debugging)
    assert (seen.status, seen.bad) == (0, {"debug_in_environment": "warning"})


def test_a_proxy_is_judged_by_what_can_be_known(
    examine: Examine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def behind(**counts: int) -> Factory:
        def make() -> Flask:
            app = plain(tmp_path)
            app.wsgi_app = ProxyFix(app.wsgi_app, **counts)  # type: ignore[method-assign]
            return app

        return make

    assert examine(lambda: plain(tmp_path)).level("proxy_not_told") == "note"
    assert examine(behind(x_for=1, x_proto=1, x_host=1)).level("proxy_told") == "note"
    assert examine(behind(x_for=1, x_proto=0)).level("proxy_half_told") == "warning"
    monkeypatch.setenv("RENDER", "true")
    assert examine(lambda: plain(tmp_path)).level("proxy_not_told") == "error"


@pytest.mark.parametrize(
    ("config", "code", "level"),
    [
        ({"JWT_TOKEN_LOCATION": ["cookies"]}, "cookie_not_secure", "error"),
        (
            {"JWT_TOKEN_LOCATION": ["cookies"], "JWT_COOKIE_SECURE": True, "JWT_COOKIE_CSRF_PROTECT": False},
            "cookie_without_csrf",
            "error",
        ),
        ({"JWT_TOKEN_LOCATION": ["query_string"]}, "token_in_url", "warning"),
        ({"JWT_ACCESS_TOKEN_EXPIRES": False}, "access_token_lives_long", "warning"),
        ({"JWT_ACCESS_TOKEN_EXPIRES": 30 * 86_400}, "access_token_lives_long", "warning"),
        ({"JWT_SECRET_KAY": "x"}, "settings_unknown", "warning"),
        ({"JWT_ALLOW_WEAK_KEYS": True}, "weak_keys_allowed", "warning"),
    ],
)
def test_settings_of_tokens_are_judged(
    examine: Examine, tmp_path: Path, config: dict[str, Any], code: str, level: str
) -> None:
    assert examine(lambda: plain(tmp_path, **config)).bad == {code: level}


@pytest.mark.parametrize(
    ("config", "code", "level"),
    [
        ({"SIGNET_COOKIE_SECURE": False}, "refresh_cookie_not_secure", "error"),
        ({"SIGNET_TRUSTED_ORIGINS": "http://app.example"}, "settings_conflict", "warning"),
        ({"SIGNET_TRUSTED_ORIGINS": "https://app.example"}, None, None),
        ({"SIGNET_THROTTLE": False}, "throttle_off", "warning"),
        ({"SIGNET_THROTTLE_STORE": "store"}, None, None),
    ],
)
def test_settings_of_sessions_are_judged(
    examine: Examine, tmp_path: Path, config: dict[str, Any], code: str | None, level: str | None
) -> None:
    assert examine(lambda: whole(tmp_path, **config)).bad == ({} if code is None else {code: level})


@pytest.mark.parametrize(
    ("store", "code", "level"), [("memory", "throttle_in_memory", "note"), ("store", "throttle", "ok")]
)
def test_where_tries_are_counted_is_said(examine: Examine, tmp_path: Path, store: str, code: str, level: str) -> None:
    assert examine(lambda: whole(tmp_path, SIGNET_THROTTLE_STORE=store)).level(code) == level


def test_a_setting_that_turns_wrong_after_the_start_is_a_finding(examine: Examine, tmp_path: Path) -> None:
    def late() -> Flask:
        app = whole(tmp_path)
        app.config["SIGNET_SESSION_IDLE"] = "soon"
        return app

    assert "refresh_cookie_refused" in examine(late).bad


def test_an_application_that_does_not_start_is_a_finding(examine: Examine, tmp_path: Path) -> None:
    def refused() -> Flask:
        return plain(tmp_path, JWT_ALGORITHM="HS265")

    def lacking() -> Flask:
        return plain(tmp_path, JWT_SECRET_KEY=os.environ["NO_SUCH_VARIABLE"])

    def broken() -> Flask:
        raise OSError("password=swordfish")

    assert "HS256" in examine(refused).findings["start_refused"]["summary"]
    assert examine(lacking).findings["start_lacks_variable"]["line_to_write"] == "export NO_SUCH_VARIABLE=…"
    seen = examine(broken)
    assert seen.bad == {"start_failed": "error"}
    assert "swordfish" not in seen.printed
    assert examine(lambda: Flask("none")).bad == {"no_manager": "error"}


def test_a_check_that_fails_is_a_finding_and_the_others_go_on(
    examine: Examine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_app: Flask) -> Iterator[Finding]:
        yield Finding(code="first", level="ok", summary="The first.")
        raise ValueError("swordfish")

    monkeypatch.setattr(doctor_module, "CHECKS", (broken, *doctor_module.CHECKS))
    seen = examine(lambda: plain(tmp_path))

    assert seen.bad == {"broken_failed": "error"}
    assert {"first", "keys"} <= set(seen.findings)
    assert "swordfish" not in seen.printed


def test_cors_on_a_blueprint_alone_misses_our_routes(examine: Examine, tmp_path: Path) -> None:
    def on_blueprint() -> Flask:
        app, api = whole(tmp_path), Blueprint("api", __name__, url_prefix="/api")
        CORS(api)
        app.register_blueprint(api)
        return app

    def on_paths() -> Flask:
        app = whole(tmp_path)
        CORS(app, resources={r"/api/*": {"origins": "*"}})
        return app

    def on_all() -> Flask:
        app = whole(tmp_path)
        CORS(app, origins=["https://app.example"])
        return app

    def on_any() -> Flask:
        app = whole(tmp_path)
        CORS(app, supports_credentials=True)
        return app

    assert examine(on_any).bad == {"cors_any_origin_with_credentials": "error"}
    seen = examine(on_blueprint)
    assert seen.bad == {"cors_misses_our_routes": "error"}
    assert "'api'" in seen.findings["cors_misses_our_routes"]["summary"]
    assert examine(on_paths).bad == {"cors_misses_our_routes": "error"}
    assert examine(on_all).level("cors") == "ok"
    trusted = "https://app.example"
    assert examine(lambda: whole(tmp_path, SIGNET_TRUSTED_ORIGINS=trusted)).level("cors") == "ok"
    assert "cors" not in examine(lambda: plain(tmp_path)).findings


def test_a_view_of_ones_own_on_our_path_is_found(examine: Examine, tmp_path: Path) -> None:
    def clash() -> Flask:
        app = whole(tmp_path)
        app.add_url_rule("/token", "mine", lambda: "mine", methods=["POST"])
        return app

    seen = examine(clash)
    assert seen.bad == {"start_refused": "error"}
    assert "'mine'" in seen.findings["start_refused"]["summary"]


def test_a_clash_that_was_not_heard_at_the_start_is_found(examine: Examine, tmp_path: Path) -> None:
    def clash() -> Flask:
        app = whole(tmp_path)
        Map.add(app.url_map, Rule("/token", endpoint="mine", methods=["POST"]))
        return app

    assert examine(clash).bad == {"route_served_twice": "error"}


def test_a_cache_outside_of_a_guard_is_found_and_one_inside_is_not(examine: Examine, tmp_path: Path) -> None:
    def caching(outside: bool) -> Factory:
        def make() -> Flask:
            app = plain(tmp_path, CACHE_TYPE="SimpleCache")
            cached, guard = Cache(app).cached(timeout=60), jwt_required()
            view = cached(guard(lambda: "x")) if outside else guard(cached(lambda: "x"))
            app.add_url_rule("/x", "x", view)
            return app

        return make

    assert examine(caching(outside=True)).bad == {"cache_outside_guard": "error"}
    assert examine(caching(outside=False)).bad == {}


def test_the_forms_extension_is_told_of(examine: Examine, tmp_path: Path) -> None:
    def forms() -> Flask:
        app = plain(tmp_path, SECRET_KEY=SECRET)
        CSRFProtect(app)
        return app

    seen = examine(forms)
    assert (seen.bad, seen.level("csrf_protect")) == ({}, "note")


# --- Users of the application's own ---------------------------------------------------------------------


def own(tmp_path: Path, define: Callable[[SQLAlchemy], type[Any]], **names: Any) -> Factory:
    def make() -> Flask:
        app = Flask("own", instance_path=str(tmp_path / "instance"))
        app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{tmp_path / 'app.sqlite3'}"
        db = SQLAlchemy(app)
        Signet(app, users=SQLAlchemyUsers(db.session, define(db), **names))
        return app

    return make


def model(**columns: Any) -> Callable[[SQLAlchemy], type[Any]]:
    """Return what makes a model whose columns are called with ``db``; a value of None leaves one out."""

    def define(db: Any) -> type[Any]:
        standard: dict[str, Any] = {
            "id": lambda db: db.Column(db.Integer, primary_key=True),
            "username": lambda db: db.Column(db.String(80), unique=True),
            "password": lambda db: db.Column(db.String(255), nullable=False),
        }
        made = {name: make(db) for name, make in {**standard, **columns}.items() if make is not None}
        return type("User", (db.Model,), {"__table_args__": {"sqlite_autoincrement": True}, **made})

    return define


@pytest.mark.parametrize(
    ("columns", "names", "bad"),
    [
        ({}, {}, {}),
        ({"__table_args__": lambda _: {}}, {}, {"model_reused_ids": "warning"}),
        ({"password": lambda db: db.Column(db.String(80))}, {}, {"start_refused": "error"}),
        ({"password": lambda db: db.Column(db.Text)}, {}, {"model_no_stamp": "warning"}),
        ({"password": lambda db: db.Column(db.LargeBinary, nullable=False)}, {}, {"model_binary_hash": "warning"}),
        ({"username": lambda db: db.Column(db.String(80))}, {}, {"model_username_not_unique": "error"}),
        ({}, {"username": "email"}, {"start_refused": "error"}),
        (
            {"team": lambda db: db.Column(db.Integer, primary_key=True), "__table_args__": lambda _: {}},
            {},
            {"start_refused": "error"},
        ),
        ({"id": lambda db: db.Column(db.Uuid, primary_key=True), "__table_args__": lambda _: {}}, {}, {}),
        ({"id": lambda db: db.Column(db.DateTime, primary_key=True), "__table_args__": lambda _: {}}, {},
         {"start_refused": "error"}),
    ],
)  # fmt: skip
def test_the_model_of_own_users_is_judged(
    examine: Examine, tmp_path: Path, columns: dict[str, Any], names: dict[str, str], bad: dict[str, str]
) -> None:
    assert examine(own(tmp_path, model(**columns), **names)).bad == bad


def test_users_that_are_no_model_are_left_alone(examine: Examine, tmp_path: Path) -> None:
    class Users:
        def get(self, _user_id: Any) -> Any:
            return None

        def find(self, _username: str) -> Any:
            return None

    def make() -> Flask:
        app = Flask("other", instance_path=str(tmp_path / "instance"))
        Signet(app, users=Users())  # type: ignore[arg-type]
        return app

    assert examine(make).bad == {}
