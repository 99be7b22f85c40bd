"""Serve the demo: ``python examples/tasks/serve.py``, or ``make run``.

``HOST`` (127.0.0.1) and ``PORT`` (5000) say where; ``FRESH=1`` throws the data of earlier runs away.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys

from app import create_app, data_folder
from flask import Flask
from tasks import add_task
from werkzeug.serving import make_server

USERNAME, PASSWORD = "alesanchezr", "12341234"  # the lesson's user, in this demo only
FIRST_TASKS = (
    "Tick this task and watch the log",
    "Open “Token” and see what a JWT says",
    "Press “Expire now”, then add a task",
)


def main() -> int:
    """Serve until Ctrl-C. Returns 1 if the port is taken or not a port."""
    host, port = os.environ.get("HOST") or "127.0.0.1", _port(os.environ.get("PORT") or "5000")
    if port is None:
        return _complain(f"PORT={os.environ.get('PORT')} is not a port: take a number from 1 to 65535.")
    listener = _listen(host, port)
    if isinstance(listener, str):
        return _complain(listener)
    if os.environ.get("FRESH") == "1":
        shutil.rmtree(data_folder(), ignore_errors=True)
    app = create_app()
    _ensure_demo_user(app)

    shown = "localhost" if host in {"127.0.0.1", "0.0.0.0", "::1", "::", "localhost"} else host
    with listener:
        server = make_server(host, port, app, threaded=True, fd=listener.fileno())
        # A shell starts what runs in its background deaf to Ctrl-C; and SIGTERM should end it as cleanly.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
        print(f"\n  Signet tasks: http://{shown}:{port}", flush=True)
        print(f"  Sign in as {USERNAME} with the password {PASSWORD}. Ctrl-C ends it.\n", flush=True)
        server.serve_forever()  # ends with Ctrl-C
        print("\n  Stopped; the tasks are kept.", flush=True)
    return 0


def _port(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) < 65_536 else None


def _listen(host: str, port: int) -> socket.socket | str:
    """Return a listening socket, or why there is none."""
    # macOS lets a program bind 127.0.0.1 while AirPlay holds the same port of all addresses, and the
    # browser then talks to AirPlay by way of ::1. So ask first whether anybody answers.
    if any(_answers(address, port) for address in ("127.0.0.1", "::1")):
        return _busy(port)
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        if os.name == "posix":  # elsewhere this option would share a busy port instead of refusing it
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except PermissionError:
        return f"Port {port} needs more rights: take one above 1023, for example PORT=5001."
    except socket.gaierror:
        return f"HOST={host} is no address of this machine."
    except OSError as error:
        return _busy(port) if "in use" in str(error) else f"Cannot listen on {host}:{port}: {error}."
    return listener


def _answers(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=0.3):
            return True
    except OSError:
        return False


def _busy(port: int) -> str:
    lines = [f"Port {port} is in use by another program.", f"Take another one: make run PORT={port + 1}"]
    if port == 5000 and sys.platform == "darwin":
        lines.append("On macOS it is often AirPlay: System Settings > General > AirDrop & Handoff > AirPlay Receiver.")
    return "\n".join(lines)


def _complain(reason: str) -> int:
    print(reason, file=sys.stderr)
    return 1


def _ensure_demo_user(app: Flask) -> None:
    """Make the lesson's user and three tasks, unless an earlier run did."""
    # Make the signing keys now; else the first visitor's login would be measured with that.
    app.test_client().get("/.well-known/jwks.json")
    with app.app_context():
        users = app.extensions["signet"].users
        if users.find(USERNAME) is None:
            # Eight digits in a row would be refused for a real account.
            user = users.create(USERNAME, PASSWORD, check_password=False)
            for title in FIRST_TASKS:
                add_task(user.id, title)


if __name__ == "__main__":
    sys.exit(main())
