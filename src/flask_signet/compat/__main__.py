"""Run a command in which ``flask_jwt_extended`` is imported from Flask-Signet.

Usage: ``python -m flask_signet.compat COMMAND…``.

The command is a program (``flask run``, ``gunicorn app:app``, ``pytest``), the path of a Python file, or ``-m`` and a
module. Every Python process that the command starts inherits this, including a reloader and the workers of a server.
"""

from __future__ import annotations

import os
import sys

from flask_signet.compat.installing import command, environment

USAGE = "usage: python -m flask_signet.compat COMMAND [ARGUMENT…], where COMMAND is a program, FILE.py or -m MODULE"


def main(arguments: list[str]) -> int:
    """Run the command and return its exit status; on POSIX the command replaces this process instead."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE, file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    try:
        program = command(arguments)
    except FileNotFoundError:
        print(f"The program {arguments[0]!r} was not found. {USAGE}", file=sys.stderr)
        return 127
    environ = environment(os.environ)
    if os.name == "nt":  # on Windows, exec returns to the shell before the command ends
        import subprocess

        return subprocess.run(program, env=environ, check=False).returncode  # noqa: S603  # the user's own command
    sys.stdout.flush()
    os.execve(program[0], program, environ)  # noqa: S606  # the user's own command


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
