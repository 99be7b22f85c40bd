"""What a strict type checker says of a program that uses the package as the documentation shows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT, missing

PYRIGHT = ROOT / "node_modules" / ".bin" / "pyright"


def complaints(program: str, folder: Path) -> list[tuple[int, str]]:
    """Return what Pyright, in its strict mode, has against *program*: line and rule."""
    if not PYRIGHT.exists():
        missing("no node_modules: make setup")
    (folder / "program.py").write_text(program, "utf-8")
    settings = {"typeCheckingMode": "strict", "extraPaths": [str(ROOT / "src")], "include": ["program.py"]}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), "utf-8")
    done = subprocess.run(
        [str(PYRIGHT), "--outputjson", "--pythonpath", sys.executable, "--project", str(folder)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = json.loads(done.stdout)
    assert said["summary"]["filesAnalyzed"] == 1
    return [(each["range"]["start"]["line"] + 1, each.get("rule", "")) for each in said["generalDiagnostics"]]


def test_the_session_of_a_request_is_asked_for_by_its_truth(tmp_path: Path) -> None:
    """It is a proxy: a comparison with None would always say that there is a session."""
    program = """\
from flask_signet import current_session

def device() -> str | None:
    if not current_session:
        return None
    return current_session.device

def name() -> str | None:
    return current_session.id if current_session else None

def wrong() -> bool:
    return current_session is not None
"""

    assert complaints(program, tmp_path) == [(12, "reportUnnecessaryComparison")]


def test_users_are_the_accounts_or_what_the_application_brings(tmp_path: Path) -> None:
    program = """\
from flask import Flask
from flask_signet import Signet, SQLAlchemyUsers

app = Flask("shop")
signet = Signet(app)
ada: int = signet.users.create("ada", "a long sentence").id
later = Signet()
later.users.disable(ada)

def either(signet: Signet) -> None:
    print(signet.users.find("ada"))

class User: ...
shop = Signet(app, users=SQLAlchemyUsers(object(), User))
either(shop)
shop.users.create("ada", "a long sentence")
"""

    assert [line for line, _ in complaints(program, tmp_path)] == [16, 16]
