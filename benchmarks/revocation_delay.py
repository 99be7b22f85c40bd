"""How long an ended session is still accepted: four workers, one hundred revocations, the slowest worker of each.

A real gunicorn with an SQLite file. Each worker gets requests without a pause as soon as the logout is answered.
"""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks import measure
from benchmarks.end_to_end import free_port

WORKERS = 4
REVOCATIONS = 100
APP = """
import os
from flask import Flask
from flask_signet import Signet, jwt_required
app = Flask("delay", instance_path=os.environ["DELAY_INSTANCE"])
app.config["SIGNET_THROTTLE"] = False
signet = Signet(app)
@app.get("/worker")
@jwt_required()
def worker():
    return {"worker": os.getpid()}
"""


class Client:
    """One connection that is kept, and so stays with one worker."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def ask(
        self, method: str, path: str, token: str | None = None, body: object = None
    ) -> tuple[int, dict[str, object]]:
        """Return status and JSON of one request."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self._connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = self._connection.getresponse()
        data = response.read()
        return response.status, json.loads(data) if data else {}


def _one_client_per_worker(port: int, token: str) -> list[Client]:
    found: dict[object, Client] = {}
    for _ in range(400):
        client = Client(port)
        _, answer = client.ask("GET", "/worker", token)
        found.setdefault(answer.get("worker"), client)
        if len(found) == WORKERS:
            return list(found.values())
    raise RuntimeError(f"only {len(found)} workers answered")


def _until_refused(client: Client, token: str, ended: float) -> float:
    while True:
        asked = time.perf_counter()
        status, _ = client.ask("GET", "/worker", token)
        if status == 401:
            return max(0.0, asked - ended)
        time.sleep(0.002)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "delay.py").write_text(APP)
        port = free_port()
        environment = {**os.environ, "DELAY_INSTANCE": f"{folder}/instance"}
        create = [
            sys.executable,
            "-m",
            "flask",
            "--app",
            "delay",
            "signet",
            "users",
            "create",
            "ada",
            "--password-stdin",
        ]
        subprocess.run(create, cwd=folder, env=environment, input=b"correct horse", check=True, capture_output=True)
        command = [sys.executable, "-m", "gunicorn", "-w", str(WORKERS), "-k", "gthread", "--threads", "8"]
        command += ["--keep-alive", "30", "-b", f"127.0.0.1:{port}", "--log-level", "error", "delay:app"]
        with subprocess.Popen(command, cwd=folder, env=environment) as server:
            try:
                delays = _measured(port)
            finally:
                server.terminate()
    ordered = sorted(delays)
    rows = [
        ["median of the slowest worker", f"{measure.median(ordered):.3f}", "–"],
        ["95th percentile", f"{ordered[94]:.3f}", "–"],
        ["maximum", f"{ordered[-1]:.3f}", "≤ 1"],
    ]
    note = (
        f"{WORKERS} gunicorn workers with one SQLite file, {REVOCATIONS} logouts. Seconds from the response to a "
        "logout to the start of the last request that the slowest worker accepted."
    )
    measure.publish("revocation_delay", measure.table("Revocation delay", ["", "seconds", "goal"], rows, note))


def _measured(port: int) -> list[float]:
    for _ in range(100):
        try:
            if Client(port).ask("GET", "/health")[0] == 200:
                break
        except OSError:
            time.sleep(0.1)
    entry = Client(port)

    def login() -> str:
        status, answer = entry.ask("POST", "/token", body={"username": "ada", "password": "correct horse"})
        if status != 200:
            raise RuntimeError(f"login: {status} {answer}")
        return str(answer["token"])

    workers = _one_client_per_worker(port, login())
    slowest: list[float] = []
    with ThreadPoolExecutor(WORKERS) as pool:
        for _ in range(REVOCATIONS):
            token = login()
            for client in workers:
                if client.ask("GET", "/worker", token)[0] != 200:
                    raise RuntimeError("a new token was refused")
            entry.ask("DELETE", "/token", token)
            ended = time.perf_counter()
            slowest.append(max(pool.map(_until_refused, workers, [token] * WORKERS, [ended] * WORKERS)))
    return slowest


if __name__ == "__main__":
    main()
