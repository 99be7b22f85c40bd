"""Checks of ``flask signet doctor`` for the folder, the root key, the database, its tables and its clock."""

from __future__ import annotations

import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from flask_signet.clock import Clock
from flask_signet.exceptions import SchemaError, SettingsError
from flask_signet.file_checks import named_file, private_file
from flask_signet.findings import Finding, ok
from flask_signet.store import engines, rootkey, schema
from flask_signet.store.looking import Absent, file_of, looking
from flask_signet.store.rootkey import RootKeys
from flask_signet.store.settings import LOCK_NAME, StoreSettings

_FORGIVEN = 10  # seconds by which the clocks of workers may differ
_LATER = 60  # seconds; a file with a later time was written while the clock was wrong
_ROOT_KEY_LINE = f"export FLASK_SIGNET_ROOT_KEY=$({rootkey.COMMAND})"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreChecks:
    """The store checks of one application; each is a :data:`flask_signet.findings.Check` without its argument.

    :param app_engine: returns the engine of the application's Flask-SQLAlchemy, or ``None`` if it has none.
    :param holds_keys: returns whether the database of a connection holds signing keys.
    """

    settings: StoreSettings
    clock: Clock
    app_engine: Callable[[], Engine | None]
    holds_keys: Callable[[Connection], bool]

    @property
    def in_memory(self) -> bool:
        """Return whether the database is lost when the process ends."""
        return self.settings.in_memory and self.settings.url is None

    def folder(self) -> Iterator[Finding]:
        """Check the mode and owner of our folder and its files."""
        folder = self.settings.folder
        if self.in_memory:
            return
        found = [*private_file(folder, "The folder")]
        if not found and not folder.exists():
            yield ok("folder_not_made", f"The folder {folder} does not exist yet; the first request creates it.")
            return
        for file in sorted(folder.iterdir()) if not found else []:
            if file.name not in (".gitignore", LOCK_NAME) and file.is_file():
                found += private_file(file, "The file", like=folder)
        yield from found or [ok("folder", f"Only the server can read {folder} and its files.")]

    def root_key(self) -> Iterator[Finding]:
        """Check that the root key exists and is valid."""
        if self.in_memory and self.settings.root_key is None and self.settings.root_key_file is None:
            return
        if self.settings.root_key is None and self.settings.root_key_file is not None:
            yield from named_file(self.settings.root_key_file)
        roots = self.roots()
        if roots is not None:
            more = "" if len(roots.keys) == 1 else f" and {len(roots.keys) - 1} older"
            yield ok("root_key", f"The root key has the number {roots.current_number}{more}. Keep a copy elsewhere.")
            if self._on_server and self.settings.root_key is None and self.settings.root_key_file is None:
                yield Finding(
                    code="root_key_on_this_machine",
                    level="warning",
                    summary="The root key is a file on this machine, but the database is on a server. Every other "
                    "machine that uses the database needs the same key.",
                    line_to_write="export FLASK_SIGNET_ROOT_KEY=…    # the line of the file, on every machine",
                    page="deploy.md#postgresql",
                )
            return
        file = self.settings.folder / rootkey.FILE_NAME
        if self._on_server:
            yield Finding(
                code="root_key_missing",
                level="error",
                summary="SIGNET_ROOT_KEY is missing. With a database server it is never created automatically: every "
                "machine needs the same one.",
                line_to_write=_ROOT_KEY_LINE,
                page="deploy.md#postgresql",
            )
        elif self._holds_keys():
            yield Finding(
                code="root_key_gone",
                level="error",
                summary=f"The root key {file} is missing, but the database has signing keys encrypted with it. "
                f"{rootkey.IF_LOST}",
                line_to_write=f"cp /your/copy/{rootkey.FILE_NAME} {file}",
                page="keys.md",
            )
        else:
            yield ok("root_key_not_made", f"There is no root key yet; the first request creates {file}.")

    def database(self) -> Iterator[Finding]:
        """Check that the database answers and that its tables are correct."""
        if self.in_memory:
            yield ok("database_in_memory", "The database is in memory: TESTING is on.")
            return
        try:
            with looking(self.settings, self.app_engine, self.clock) as connection:
                yield ok("database", f"The {connection.dialect.name} database answers.")
                yield from self._named_file()
                yield from self._schema(connection)
        except Absent as absent:
            yield from self._absent(absent.file)
        except SQLAlchemyError as error:
            yield Finding(
                code="database_unreachable",
                level="error",
                summary=f"The database does not answer ({type(getattr(error, 'orig', None) or error).__name__}): "
                f"{self._place()}. Check that the server is running and that name and password are correct.",
                line_to_write="export FLASK_SIGNET_DATABASE_URL=postgresql://user:password@host/database",
                page="deploy.md#postgresql",
            )

    def _absent(self, file: Path) -> Iterator[Finding]:
        if self.settings.url is None:
            yield ok("database_not_made", f"There is no database yet; the first request creates {file}.")
            return
        yield Finding(
            code="database_not_made",
            level="error",
            summary=f"The database {file} does not exist.",
            line_to_write=schema.COMMAND,
            page="deploy.md#postgresql",
        )

    def _named_file(self) -> Iterator[Finding]:
        """Check an SQLite file that the settings name. The operator chose its mode, so it is never changed."""
        file = None if self.settings.url is None else file_of(self.settings, self.app_engine)
        if file is not None and sys.platform != "win32" and file.stat().st_mode & stat.S_IROTH:
            yield Finding(
                code="database_readable_by_everyone",
                level="warning",
                summary=f"Every user of this machine can read the database {file}: names, hashes and sessions.",
                line_to_write=f"chmod o-rwx {file}*",
                page="deploy.md",
            )

    def _schema(self, connection: Connection) -> Iterator[Finding]:
        found = schema.revision(connection)
        if self.settings.url is None and (found or "") < schema.HEAD:
            yield ok(
                "schema_old",
                f"The tables are at revision {found or 'none'}; the next start upgrades them.",
            )
            return
        try:
            different = schema.differences(connection)
        except SchemaError as error:
            yield Finding(code="schema_too_new", level="error", summary=f"{error}", page="deploy.md#postgresql")
            return
        if not different:
            yield ok("schema", f"The tables are at revision {found}, which this version needs.")
            return
        old = (found or "") < schema.HEAD
        yield Finding(
            code="schema_old" if old else "schema_differs",
            level="error",
            summary=f"The tables of Flask-Signet are at revision {found or 'none'}, this version needs {schema.HEAD}."
            if old
            else f"The tables differ from what this version needs in {len(different)} places.",
            line_to_write=schema.COMMAND if old else "flask signet db check",
            page="deploy.md#postgresql",
        )

    def clocks(self) -> Iterator[Finding]:
        """Compare the clock of this machine with the clock of the database server and the times of our files."""
        now = self.clock.time()
        apart = self._behind_server(now)
        if apart is not None:
            if abs(apart) > _FORGIVEN:
                yield _clock_finding(
                    "clock_differs",
                    f"The clock of this machine is {abs(apart):.0f} s {'behind' if apart > 0 else 'ahead of'} that of "
                    "the database server.",
                )
            else:
                yield ok("clock", f"This machine's clock and the database server's are {abs(apart):.0f} s apart.")
        files = [*self.settings.folder.glob("*")] if self.settings.folder.exists() and not self.in_memory else []
        latest = max((file.stat().st_mtime for file in files), default=now)
        if latest - now > _LATER:
            moment = datetime.fromtimestamp(latest, timezone.utc)
            yield _clock_finding(
                "clock_behind_files",
                f"A file in {self.settings.folder} was written at {moment:%Y-%m-%d %H:%M} UTC, which is in the future: "
                "the clock was set back, or was wrong at that time.",
            )

    def _behind_server(self, now: float) -> float | None:
        """Return by how many seconds this machine is behind the server; ``None`` if no server answers."""
        if self.in_memory:
            return None
        try:
            with looking(self.settings, self.app_engine, self.clock) as connection:
                if connection.dialect.name != "postgresql":
                    return None
                there = connection.execute(select(func.extract("epoch", func.clock_timestamp()))).scalar_one()
        except (Absent, SQLAlchemyError, SettingsError):
            return None  # the check `database` reports it
        return float(there) - now

    def roots(self) -> RootKeys | None:
        """Return the existing root keys; their file is not changed.

        :raises SettingsError: the root key is invalid or cannot be read.
        """
        if self.settings.root_key is not None:
            return rootkey.parse(self.settings.root_key, source="SIGNET_ROOT_KEY")
        named = self.settings.root_key_file
        file = named or self.settings.folder / rootkey.FILE_NAME
        try:
            return rootkey.parse(file.read_text("ascii", "replace"), source=f"The root key {file}")
        except (FileNotFoundError, NotADirectoryError):
            if named is None:
                return None
            raise SettingsError(f"SIGNET_ROOT_KEY_FILE names {file}, which does not exist") from None
        except OSError as error:
            raise SettingsError(
                f"The root key {file} cannot be read: {error.strerror}. Give this user read permission"
            ) from None

    @property
    def _on_server(self) -> bool:
        return not self.in_memory and file_of(self.settings, self.app_engine) is None

    def _holds_keys(self) -> bool:
        try:
            with looking(self.settings, self.app_engine, self.clock) as connection:
                return self.holds_keys(connection)
        except (Absent, SQLAlchemyError):
            return False

    def _place(self) -> str:
        url: Any = self.settings.url
        if url == "app":
            engine = self.app_engine()
            return (
                "the application's own database" if engine is None else engine.url.render_as_string(hide_password=True)
            )
        if url is None:
            return str(self.settings.folder / engines.FILE_NAME)
        return engines.parse(url).render_as_string(hide_password=True)


def _clock_finding(code: str, summary: str) -> Finding:
    return Finding(
        code=code,
        level="error",
        summary=f"{summary} Tokens are refused as not yet valid, or expire early.",
        line_to_write="timedatectl set-ntp true",
        page="it-does-not-work.md#wrong-server-clock",
    )
