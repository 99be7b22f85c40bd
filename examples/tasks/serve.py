"""Serve the demo: ``python examples/tasks/serve.py``, or ``make run``.

``HOST`` (127.0.0.1) and ``PORT`` (5000) set the address; ``FRESH=1`` deletes the data of earlier runs.
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
    "Mark this task as done and watch the requests",
    "Open “Token” and read the claims of the JWT",
    "Press “Use an expired token”, then add a task",
)


def main() -> int:
    """Serve until Ctrl-C. Returns 1 if the port is taken or not a port."""
    host, port = os.environ.get("HOST") or "127.0.0.1", _port(os.environ.get("PORT") or "5000")
    if port is None:
        return _complain(f"PORT={os.environ.get('PORT')} is not a port: use a number from 1 to 65535.")
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
        # A shell lets background processes ignore SIGINT; SIGTERM should end the server in the same way.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
        print(f"\n  Signet tasks: http://{shown}:{port}", flush=True)
        print(f"  Sign in as {USERNAME} with the password {PASSWORD}. Press Ctrl-C to stop.\n", flush=True)
        server.serve_forever()  # until Ctrl-C
        print("\n  Stopped. The tasks are saved.", flush=True)
    return 0


def _port(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) < 65_536 else None


def _listen(host: str, port: int) -> socket.socket | str:
    """Return a listening socket, or the reason why the port cannot be used."""
    # macOS lets a program bind 127.0.0.1 while AirPlay uses the same port on all addresses, and the
    # browser then connects to AirPlay by ::1. So first check whether a program answers on the port.
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
        return f"Port {port} requires root rights: use a port above 1023, for example PORT=5001."
    except socket.gaierror:
        return f"HOST={host} is not an address of this machine."
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
    lines = [f"Port {port} is in use by another program.", f"Use another port: make run PORT={port + 1}"]
    if port == 5000 and sys.platform == "darwin":
        lines.append("On macOS it is often AirPlay: System Settings > General > AirDrop & Handoff > AirPlay Receiver.")
    return "\n".join(lines)


def _complain(reason: str) -> int:
    print(reason, file=sys.stderr)
    return 1


def _ensure_demo_user(app: Flask) -> None:
    """Create the lesson's user and three tasks if they do not exist."""
    # Create the signing keys now. Otherwise the first login would include the time for it.
    app.test_client().get("/.well-known/jwks.json")
    with app.app_context():
        users = app.extensions["signet"].users
        if users.find(USERNAME) is None:
            # The password check would reject this password for a real account.
            user = users.create(USERNAME, PASSWORD, check_password=False)
            for title in FIRST_TASKS:
                add_task(user.id, title)


if __name__ == "__main__":
    sys.exit(main())
