"""The tables: made once, moved up and down with their rows, and never in the way of the application's."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import flask
import flask_migrate
import pytest
from alembic.script import ScriptDirectory
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Engine, create_engine, inspect, text

from flask_signet.accounts.tables import users_table
from flask_signet.exceptions import SchemaError, Unavailable
from flask_signet.store import Store, StoreSettings, schema
from flask_signet.store.engines import FILE_NAME
from flask_signet.store.flask_migrate import protect
from flask_signet.store.metadata import metadata

MIGRATIONS = Path(schema.__file__).parent / "migrations"


def test_the_migrations_make_exactly_the_tables_of_the_rooms(store: Store) -> None:
    """What the last revision leaves and what the code expects are the same, on every kind of store."""
    with store.read():
        pass

    assert schema.check(store) == []
    assert set(inspect(store.engine).get_table_names()) == {*metadata.tables, schema.VERSION_TABLE}


def test_all_tables_are_named_after_us() -> None:
    assert [name for name in metadata.tables if not schema.is_ours(name)] == []


def test_the_newest_revision_is_the_one_that_the_code_names() -> None:
    """The constant saves every worker the import of Alembic; it must not lag behind the files."""
    script = ScriptDirectory(str(MIGRATIONS))
    revisions = [revision.revision for revision in script.walk_revisions()]

    assert revisions == sorted(revisions, reverse=True)
    assert all(re.fullmatch(r"[0-9]{4}(_needs_[0-9]{4})?", revision) for revision in revisions)
    assert revisions[0] == schema.HEAD


def test_check_names_what_is_different(file_store: Store) -> None:
    with file_store.write() as connection:
        connection.execute(text("ALTER TABLE signet_users ADD COLUMN shoe_size INTEGER"))

    assert "shoe_size" in "".join(schema.check(file_store))


def test_down_to_the_base_and_up_again(store: Store) -> None:
    """Down takes all that is ours away and nothing else; up makes it again."""
    with store.write() as connection:
        connection.execute(text("CREATE TABLE theirs (id INTEGER)"))
    down = schema.downgrade(store, "base")
    left = set(inspect(store.engine).get_table_names())
    up = schema.upgrade(store)

    assert (None, {"theirs", schema.VERSION_TABLE}, schema.HEAD) == (down, left, up)
    assert schema.check(store) == []


def test_rows_of_the_first_revision_live_through_the_upgrade(store: Store) -> None:
    """An application that began with the first release keeps accounts and keys."""
    with store.read():
        pass
    schema.downgrade(store, "base")
    schema.upgrade(store, "0001")
    with store.unchecked() as connection:
        connection.execute(
            text(
                "INSERT INTO signet_users (username, username_key, email_verified, password_hash, roles, created_at) "
                "VALUES ('Ada', 'ada', false, 'x', '[]', 1)"
            )
        )
        connection.execute(
            text(
                "INSERT INTO signet_keys (kid, status, algorithm, sealed_jwk, public_jwk, created_at) "
                "VALUES ('k', 'current', 'EdDSA', '', '{}', 1)"
            )
        )
    schema.upgrade(store)
    with store.read() as connection:
        rows = connection.execute(text("SELECT username, kid FROM signet_users, signet_keys")).all()

    assert [("Ada", "k")] == [tuple(row) for row in rows]


def test_a_failing_upgrade_leaves_nothing_behind(folder: Path) -> None:
    """One transaction for all: half of the tables would fit no version."""
    folder.mkdir(parents=True)
    other = sqlite3.connect(folder / FILE_NAME)
    other.execute("CREATE TABLE signet_feed (n INTEGER)")
    other.close()
    store = Store(StoreSettings(folder=folder))
    with pytest.raises(Unavailable), store.read():
        pass
    found = inspect(store.engine).get_table_names()
    store.dispose()

    assert found == ["signet_feed"]


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_a_configured_database_is_never_changed_by_itself(
    kind: str, request: pytest.FixtureRequest, folder: Path, tmp_path: Path
) -> None:
    """The first use names the command that creates the tables; afterwards no restart is needed."""
    url = f"sqlite:///{tmp_path / 'theirs'}" if kind == "sqlite" else request.getfixturevalue("postgres_url")
    store = Store(StoreSettings(folder=folder, url=url))
    with pytest.raises(SchemaError, match=schema.COMMAND), store.write():
        pass
    before = inspect(store.engine).get_table_names()
    elsewhere = Store(StoreSettings(folder=folder, url=url))
    schema.upgrade(elsewhere)
    elsewhere.dispose()
    with store.read() as connection:
        count = connection.execute(text("SELECT count(*) FROM signet_users")).scalar()
    store.dispose()

    assert ([], 0) == (before, count)


def test_tables_of_a_newer_version_are_used_as_they_are(file_store: Store) -> None:
    """While one version replaces the other, workers of the old one continue to work."""
    with file_store.write() as connection:
        connection.execute(text("UPDATE signet_alembic_version SET version_num = '9999'"))
    file_store.dispose()
    with file_store.read() as connection:
        count = connection.execute(text("SELECT count(*) FROM signet_users")).scalar()

    assert count == 0


def test_tables_that_become_too_new_while_we_run_are_refused_in_words(store: Store) -> None:
    """A statement fails, and the tables say why; from then on none is tried."""
    with store.read():
        pass
    with store.unchecked() as connection:
        connection.execute(text("ALTER TABLE signet_sessions RENAME COLUMN device TO agent"))
        connection.execute(text("UPDATE signet_alembic_version SET version_num = '9999_needs_9998'"))
    with pytest.raises(SchemaError, match="Start the newer version"), store.read() as connection:
        connection.execute(text("SELECT device FROM signet_sessions"))
    with pytest.raises(SchemaError, match="Start the newer version"):
        store.retrying(lambda connection: connection.execute(text("SELECT 1")).scalar())
    for look in (schema.upgrade, schema.check):
        with pytest.raises(SchemaError, match="Start the newer version"):
            look(store)


def test_what_a_newer_version_added_is_nothing_that_this_one_lacks(file_store: Store) -> None:
    with file_store.write() as connection:
        connection.execute(text("ALTER TABLE signet_users ADD COLUMN shoe_size INTEGER"))
        connection.execute(text("UPDATE signet_alembic_version SET version_num = '9999'"))
    added = schema.check(file_store)
    with file_store.write() as connection:
        connection.execute(text("DROP INDEX ix_signet_sessions_ends_at"))

    assert added == []
    assert "ix_signet_sessions_ends_at" in "".join(schema.check(file_store))
    assert schema.upgrade(file_store) == "9999"


def test_an_old_schema_of_our_own_file_is_upgraded_by_itself(file_store: Store) -> None:
    with file_store.read():
        pass
    schema.downgrade(file_store, "base")
    file_store.dispose()
    with file_store.read() as connection:
        count = connection.execute(text("SELECT count(*) FROM signet_users")).scalar()

    assert count == 0


class Application:
    """An application with Flask-SQLAlchemy, Flask-Migrate and our tables in its database."""

    def __init__(self, folder: Path, *, protected_first: bool, **arguments: object) -> None:
        self.app = flask.Flask("shop", instance_path=str(folder), root_path=str(folder))
        self.app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{folder / 'shop.sqlite3'}"
        self.db = SQLAlchemy()
        self.db.init_app(self.app)

        class Order(self.db.Model):  # type: ignore[name-defined,misc]
            __tablename__ = "orders"
            id = self.db.Column(self.db.Integer, primary_key=True)
            user_id = self.db.Column(self.db.ForeignKey(users_table.c.id))

        flask.appcontext_pushed.connect(protect, self.app)
        self.folder = str(folder / "migrations")
        if protected_first:
            protect(self.app)
        flask_migrate.Migrate(self.app, self.db, directory=self.folder, **arguments)

        def engine() -> Engine:
            with self.app.app_context():
                return self.db.engine

        self.store = Store(StoreSettings(folder=folder / "signet", url="app"), app_engine=engine)

    def generated(self) -> str:
        """Run `flask db init` and `flask db migrate` and return the revision they wrote."""
        with self.app.app_context():
            schema.upgrade(self.store)
            flask_migrate.init()
            flask_migrate.migrate()
        (revision,) = Path(self.folder, "versions").glob("*.py")
        return revision.read_text()


@pytest.fixture(autouse=True)
def _quiet_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    # The env.py that Flask-Migrate writes sets up logging for the whole process.
    monkeypatch.setattr("logging.config.fileConfig", lambda *_args, **_more: None)


# The env.py that Flask-Migrate writes calls what Flask-SQLAlchemy deprecates.
old_env = pytest.mark.filterwarnings("ignore:'get_engine' is deprecated:DeprecationWarning")


@old_env
@pytest.mark.parametrize("protected_first", [True, False], ids=["migrate-after-us", "migrate-before-us"])
def test_flask_migrate_is_never_offered_to_drop_our_tables(tmp_path: Path, protected_first: bool) -> None:
    """The revision makes the application's table, with its foreign key to our users, and changes none of ours."""
    application = Application(tmp_path, protected_first=protected_first)
    revision = application.generated()
    with application.app.app_context():
        flask_migrate.upgrade()
        flask_migrate.migrate()
        application.db.session.execute(text("INSERT INTO orders (user_id) VALUES (NULL)"))
        tables = set(inspect(application.db.engine).get_table_names())
        application.db.session.rollback()
        application.db.engine.dispose()

    assert len(list(Path(application.folder, "versions").glob("*.py"))) == 1  # the second time there was nothing to do
    assert "create_table('orders'" in revision
    assert "drop_table('orders'" in revision
    assert re.findall(r"(?:drop|create|alter)_\w+\('signet_", revision) == []
    assert {"orders", "signet_users", "alembic_version", schema.VERSION_TABLE} <= tables


@old_env
def test_without_our_hook_flask_migrate_would_drop_them(tmp_path: Path) -> None:
    """The danger is real; were it gone, the hook could go too."""
    application = Application(tmp_path, protected_first=False)
    flask.appcontext_pushed.disconnect(protect, application.app)
    revision = application.generated()
    with application.app.app_context():
        application.db.engine.dispose()

    assert "drop_table('signet_users')" in revision


@old_env
def test_the_application_s_own_hook_is_still_asked(tmp_path: Path) -> None:
    asked: list[str | None] = []

    def theirs(name: str | None, kind: str, _parents: object) -> bool:
        asked.append(name)
        return kind != "table" or name != "left_alone"

    application = Application(tmp_path, protected_first=False, include_name=theirs)
    engine = create_engine(f"sqlite:///{tmp_path / 'shop.sqlite3'}")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE left_alone (id INTEGER)"))
    engine.dispose()
    revision = application.generated()
    with application.app.app_context():
        application.db.engine.dispose()

    assert "left_alone" in asked
    assert "left_alone" not in revision
    assert "signet_users" not in asked
