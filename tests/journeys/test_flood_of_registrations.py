"""A flood of registrations from one address, against a real server: it must wait, and logins continue to work."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.http import Reply, request
from tests.support.processes import Server
from tests.support.throttling import rate

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
PASSWORD = "correct horse"
APP = "whole_app:create_app"


def test_a_flood_of_registrations_takes_nothing_from_logins(
    tmp_path: Path, start_server: Callable[..., Server]
) -> None:
    folder = str(tmp_path / "instance")
    environment = {**os.environ, "WHOLE_INSTANCE": folder}
    command = [str(BIN / "flask"), "--app", APP, "signet", "users", "create", "ada", "--password-stdin"]
    subprocess.run(command, input=PASSWORD, capture_output=True, text=True, cwd=HERE, env=environment, check=True)
    server = start_server(
        [str(BIN / "gunicorn"), "-w", "1", "--threads", "16", "-b", "127.0.0.1:{port}", f"{APP}()"],
        cwd=HERE,
        env={"WHOLE_INSTANCE": folder, "FLASK_SIGNET_REGISTRATION": "true"},
    )

    def register(number: int) -> Reply:
        # Each name comes twice: the answer "taken" is as useful as an account to an attacker who collects names.
        body = {"username": f"user{number // 2}", "password": PASSWORD}
        return request("POST", f"{server.url}/account", json_body=body, timeout=60)

    def log_in(_: int) -> int:
        body = {"username": "ada", "password": PASSWORD}
        return request("POST", f"{server.url}/token", json_body=body, timeout=60).status

    with ThreadPoolExecutor(12) as crowd, ThreadPoolExecutor(1) as ada:
        flood = [crowd.submit(register, number) for number in range(416)]
        logins = [ada.submit(log_in, number) for number in range(20)]
        answers = [each.result() for each in flood]
        statuses = Counter(each.result() for each in logins)
    refused = [answer for answer in answers if answer.status == 429]
    counts = Counter(answer.status for answer in answers)

    assert statuses == {200: 20}
    assert counts[201] + counts[409] < 3 * rate("register", "network").burst, counts
    assert len(refused) > 200, counts
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert counts.keys() <= {201, 409, 429, 503}, counts
