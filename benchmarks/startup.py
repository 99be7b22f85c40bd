"""Cost of the token layer before the first request: time and memory of a new process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import textwrap

from benchmarks import measure

ROUNDS = 15
BARE = """
    from flask import Flask
    app = Flask("app")
    app.config["SECRET_KEY"] = "k" * 5 + "0123456789abcdefghijklmnopqrstuvwxyz"
    @app.get("/")
    def index():
        return "ok"
    assert app.test_client().get("/").status_code == 200
"""
GUARDED = """
    from flask import Flask
    from {library} import JWTManager, jwt_required, create_access_token
    app = Flask("app")
    app.config["JWT_SECRET_KEY"] = "k" * 5 + "0123456789abcdefghijklmnopqrstuvwxyz"
    JWTManager(app)
    @app.get("/")
    @jwt_required()
    def index():
        return "ok"
    with app.app_context():
        token = create_access_token("5")
    assert app.test_client().get("/", headers={{"Authorization": "Bearer " + token}}).status_code == 200
"""
REPORT = """
    import pathlib, resource
    pages = pathlib.Path("/proc/self/statm")
    # The peak of a started process can be that of its parent, so what is resident now is asked where it can be.
    here = int(pages.read_text().split()[1]) * resource.getpagesize() // 1024 if pages.exists() else 0
    print(here or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def _program(text: str) -> str:
    return textwrap.dedent(text) + textwrap.dedent(REPORT)


def main() -> None:
    """Print the table."""
    # What is installed was compiled once. A checkout may not be, so that its modules would be compiled at each start;
    # here all are compiled to a folder of their own, in the rounds that warm up.
    with tempfile.TemporaryDirectory() as compiled:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        _measure({**environment, "PYTHONPYCACHEPREFIX": compiled})


def _measure(environment: dict[str, str]) -> None:
    programs = {
        "Flask alone": _program(BARE),
        "Flask alone again": _program(BARE),
        "Flask-Signet": _program(GUARDED.format(library="flask_signet")),
        "Flask-JWT-Extended": _program(GUARDED.format(library="flask_jwt_extended")),
    }
    memory: dict[str, list[int]] = {name: [] for name in programs}

    def run(name: str) -> measure.Work:
        def work() -> int:
            # Memory through the process's own account; time through ours, interpreter included.
            command = [sys.executable, "-c", programs[name]]
            done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
            memory[name].append(int(done.stdout))
            return 1

        return work

    taken = measure.interleaved({name: run(name) for name in programs}, ROUNDS, warm_up=2)
    base = measure.median(memory["Flask alone"])
    rows = [
        [
            name,
            measure.median(taken[name]) * 1e3,
            f"{(measure.ratio(taken, name, 'Flask alone') - 1) * 100:+.1f} %",
            f"{(measure.median(memory[name]) - base) / 1024:+.1f}",
        ]
        for name in programs
    ]
    note = (
        f"Medians of {ROUNDS} interleaved starts: import, one token made, one guarded request answered. "
        "Goal for Flask-Signet: ≤ +15 % and ≤ +2 MB."
    )
    measure.publish(
        "startup", measure.table("Start time and memory", ["application", "ms", "time", "memory, MB"], rows, note)
    )


if __name__ == "__main__":
    main()
