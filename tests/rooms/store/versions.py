"""The first released schema as SQL, and versions of the package that are not there yet."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flask_signet.store import schema

ROOT = Path(__file__).parents[3]
FROZEN = Path(__file__).parent / "revision_0001"

# The revision of this version, and the two that come after it.
THIS = schema.HEAD
ADDING = f"{int(THIS) + 1:04}"
TAKING_AWAY = f"{int(THIS) + 2:04}_needs_{ADDING}"

# A revision that only adds: code of this version still works.
ADDS = f"""
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "{ADDING}", "{THIS}", None, None


def upgrade():
    op.add_column("signet_sessions", sa.Column("nickname", sa.String(64)))
    op.add_column("signet_users", sa.Column("locale", sa.String(16), nullable=False, server_default="en"))
    op.create_index("ix_signet_sessions_nickname", "signet_sessions", ["nickname"])
    op.create_table("signet_extras", sa.Column("id", sa.Integer(), primary_key=True))


def downgrade():
    op.drop_table("signet_extras")
    op.drop_index("ix_signet_sessions_nickname", "signet_sessions")
    op.drop_column("signet_users", "locale")
    op.drop_column("signet_sessions", "nickname")
"""

# One that takes away what code of this version writes, and says so.
TAKES_AWAY = f"""
from alembic import op

revision, down_revision, branch_labels, depends_on = "{TAKING_AWAY}", "{ADDING}", None, None


def upgrade():
    op.execute("ALTER TABLE signet_sessions RENAME COLUMN device TO agent")


def downgrade():
    op.execute("ALTER TABLE signet_sessions RENAME COLUMN agent TO device")
"""

LATER = {ADDING: ADDS, TAKING_AWAY: TAKES_AWAY}


def load(kind: str, place: str) -> dict[str, Any]:
    """Make the tables and rows that revision 0001 left behind; return the tokens that were issued then.

    :param place: the file of SQLite, or the URL of an empty database.
    """
    script = (FROZEN / f"{kind}.sql").read_text("utf-8")
    if kind == "sqlite":
        connection = sqlite3.connect(place)
        connection.executescript(script)
        connection.close()
    else:
        import psycopg

        with psycopg.connect(place) as server:
            server.execute(script.encode())
    return json.loads((FROZEN / "issued.json").read_text("utf-8"))[kind]


def later_version(folder: Path, head: str) -> Path:
    """Make a copy of the package that knows revisions up to *head*; return what ``PYTHONPATH`` must name."""
    package = shutil.copytree(ROOT / "src" / "flask_signet", folder / "flask_signet")
    versions = package / "store" / "migrations" / "versions"
    for revision, script in LATER.items():
        if revision <= head:
            (versions / f"{revision}.py").write_text(script, "utf-8")
    schema = package / "store" / "schema.py"
    before = schema.read_text("utf-8")
    after = before.replace(f'\nHEAD = "{THIS}"', f'\nHEAD = "{head}"')
    assert before != after
    schema.write_text(after, "utf-8")
    return folder


def run(
    version: Path,
    *command: str,
    environment: Mapping[str, str | None],
    app: str = "tests.rooms.sessions.application:serve",
) -> subprocess.CompletedProcess[str]:
    """Run ``flask …`` with that version of the package."""
    changed = {**os.environ, **environment, "PYTHONPATH": str(version)}
    return subprocess.run(
        [sys.executable, "-m", "flask", "--app", app, *command],
        cwd=ROOT,
        env={name: value for name, value in changed.items() if value is not None},
        capture_output=True,
        text=True,
        check=False,
    )
