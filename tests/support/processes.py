"""Start a program, wait until it answers, read what it says, end it without leaving a child behind."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from typing_extensions import Self


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that is free at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(condition: Callable[[], bool], *, timeout: float, what: str, step: float = 0.02) -> None:
    """Return as soon as *condition* holds.

    :param timeout: seconds.
    :raises TimeoutError: it did not in time; the message names *what*.
    """
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {timeout} s")
        time.sleep(step)


def accepts(host: str, port: int) -> bool:
    """Tell whether a connection to the port succeeds."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((host, port)) == 0


def default_interrupt() -> None:
    """Give SIGINT its default meaning back: a background job of a shell starts its children with it ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Server:
    """A server process in a group of its own, whose children end with it.

    :param command: what to start; ``{port}`` in a part becomes the port.
    :param env: variables beside those of this process; the value None removes one.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        port: int | None = None,
        env: Mapping[str, str | None] | None = None,
        user: str | None = None,
    ) -> None:
        self.port = free_port() if port is None else port
        self.url = f"http://127.0.0.1:{self.port}"
        self.command = [part.replace("{port}", str(self.port)) for part in command]
        changed = {**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})}
        self.env = {name: value for name, value in changed.items() if value is not None}
        self.cwd = cwd
        self.user = user
        self._process: subprocess.Popen[bytes] | None = None
        handle, name = tempfile.mkstemp(prefix="signet-server-", suffix=".log")
        os.close(handle)
        self._log = Path(name)

    def start(self, *, timeout: float = 30.0) -> Self:
        """Start and wait until the port answers.

        :param timeout: seconds; the machine of a test run may be a busy one.
        :raises RuntimeError: the process ended first; the message contains its output.
        """
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=self.cwd,
                env=self.env,
                user=self.user,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=default_interrupt,
            )
        try:
            wait_until(
                lambda: self._ended() or accepts("127.0.0.1", self.port), timeout=timeout, what=" ".join(self.command)
            )
        except TimeoutError:
            said = self.output()
            self.stop()
            raise RuntimeError(f"{' '.join(self.command)} does not answer:\n{said}") from None
        if self._ended():
            said = self.output()
            self.stop()
            raise RuntimeError(f"{' '.join(self.command)} ended with {self.process.returncode}:\n{said}")
        return self

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process started last."""
        if self._process is None:
            raise RuntimeError("not started")
        return self._process

    def _ended(self) -> bool:
        return self.process.poll() is not None

    def output(self) -> str:
        """Return all that the process and its children wrote so far, both streams in one."""
        return self._log.read_text(errors="replace")

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to all processes of the group, as a terminal does with Ctrl-C."""
        try:
            os.killpg(self.process.pid, number)
        except ProcessLookupError:
            pass

    def interrupt(self, *, timeout: float = 10.0) -> int:
        """Press Ctrl-C and return the exit status (minus the signal's number if it died by one)."""
        self.signal_group(signal.SIGINT)
        return self.process.wait(timeout)

    def kill(self) -> None:
        """End the whole group at once, without a chance to tidy up."""
        if self._process is not None:
            self.signal_group(signal.SIGKILL)
            self.process.wait()

    def stop(self, *, timeout: float = 10.0) -> None:
        """Ask to end (SIGTERM); after *timeout* seconds end it by force. What it wrote is gone then."""
        if self._process is not None and not self._ended():
            self.signal_group(signal.SIGTERM)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                pass
        self.kill()  # what its children may have left
        self._log.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self.start() if self._process is None else self

    def __exit__(self, *exc: object) -> None:
        self.stop()
