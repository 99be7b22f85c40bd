"""Run commands in parallel: ``side_by_side.py "command" "command" … [-- command with its arguments]``.

As many at once as there are processors, in the given order. The output of a command is shown as a whole when it has
ended. The command after ``--`` starts first and writes directly to the terminal. The exit status is 0 if all succeeded,
else 1; the last line then names the failed commands.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor


class Runner:
    """Runs commands and remembers which failed."""

    def __init__(self) -> None:
        self._terminal = threading.Lock()
        self._running: list[subprocess.Popen[bytes]] = []
        self._ended = False
        self.failed: list[str] = []

    def live(self, command: list[str]) -> None:
        """Run *command* on this terminal."""
        # By the shell, which has a message and a status for a missing program.
        self._note(shlex.join(command), self._start(["sh", "-c", 'exec "$0" "$@"', *command]).wait())

    def kept(self, command: str) -> None:
        """Run a shell command; show its output when it has ended."""
        begun = time.monotonic()
        with tempfile.TemporaryFile() as output:
            status = self._start(["sh", "-c", command], output).wait()
            output.seek(0)
            with self._terminal:
                print(f"\n{'FAILED' if status else 'done'} in {time.monotonic() - begun:.0f} s: {command}", flush=True)
                sys.stdout.buffer.write(output.read())
                sys.stdout.flush()
        self._note(command, status)

    def _start(self, command: list[str], output: object = None) -> subprocess.Popen[bytes]:
        # After an interruption, no thread may start another command.
        if self._ended:
            raise KeyboardInterrupt
        stdin = None if output is None else subprocess.DEVNULL
        process = subprocess.Popen(command, stdin=stdin, stdout=output, stderr=output and subprocess.STDOUT)  # type: ignore[call-overload]
        self._running.append(process)
        return process

    def _note(self, command: str, status: int) -> None:
        if status:
            self.failed.append(command)

    def end(self) -> None:
        """Terminate all running commands."""
        self._ended = True
        for process in self._running:
            if process.poll() is None:
                process.terminate()


def main(arguments: list[str]) -> int:
    """Run the commands in *arguments* and return the exit status."""
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    commands, live = arguments[:cut], arguments[cut + 1 :]
    runner = Runner()
    at_once = max(2, os.cpu_count() or 1)
    with ThreadPoolExecutor(at_once) as pool:
        try:
            jobs = [pool.submit(runner.live, live)] if live else []
            jobs += [pool.submit(runner.kept, command) for command in commands]
            for job in jobs:
                job.result()
        except BaseException:
            runner.end()
            raise
    if runner.failed:
        print(f"\nFailed: {'; '.join(runner.failed)}", file=sys.stderr)
    return 1 if runner.failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
