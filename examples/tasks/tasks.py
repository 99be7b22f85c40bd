"""``/tasks``: list, add, mark as done, delete. Users see only their own tasks."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from flask import Blueprint, current_app, g, request

from flask_signet import get_jwt_identity, jwt_required

TITLE_LIMIT = 200
SCHEMA = """
create table if not exists tasks (
    id integer primary key autoincrement,
    user_id text not null,
    title text not null,
    done integer not null default 0,
    created_at text not null
)
"""

tasks = Blueprint("tasks", __name__, url_prefix="/tasks")
Answer = tuple[dict[str, Any], int]


def _file(folder: str) -> Path:
    return Path(folder) / "tasks.sqlite3"


def prepare(folder: str) -> None:
    """Create the table in *folder* if it does not exist."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(_file(folder), timeout=5)) as connection:
        connection.execute(SCHEMA)


def database() -> sqlite3.Connection:
    """Return the connection of this request to the database of the tasks."""
    if "tasks_database" not in g:
        connection = sqlite3.connect(_file(current_app.instance_path), timeout=5)
        connection.row_factory = sqlite3.Row
        g.tasks_database = connection
    return g.tasks_database


@tasks.teardown_app_request
def close_database(_error: BaseException | None) -> None:
    """Close the connection at the end of the request, also after an error."""
    connection: sqlite3.Connection | None = g.pop("tasks_database", None)
    if connection is not None:
        connection.close()


def add_task(user_id: object, title: str) -> int:
    """Insert a task of *user_id* and return its id."""
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    with database() as connection:
        cursor = connection.execute(
            "insert into tasks (user_id, title, created_at) values (?, ?, ?)", (str(user_id), title, now)
        )
    return cursor.lastrowid or 0


def owned(task_id: int) -> dict[str, Any] | None:
    """Return the task *task_id* if it belongs to the user of the access token."""
    row = (
        database()
        .execute("select * from tasks where id = ? and user_id = ?", (task_id, str(get_jwt_identity())))
        .fetchone()
    )
    return shape(row) if row else None


def shape(row: sqlite3.Row) -> dict[str, Any]:
    """Return a row as JSON for the page."""
    return {"id": row["id"], "title": row["title"], "done": bool(row["done"]), "created_at": row["created_at"]}


def refusal(reason: str, field: str) -> Answer:
    """Return a 400 in the same form as Signet's own routes."""
    return {"error": "invalid_request", "msg": reason, "fields": {field: reason}}, 400


def not_found() -> Answer:
    """Return the same 404 for a missing task and for a task of another user."""
    return {"error": "not_found", "msg": "No such task"}, 404


@tasks.get("")
@jwt_required()
def list_tasks() -> list[dict[str, Any]]:
    """Return all tasks of the user, oldest first."""
    rows = database().execute("select * from tasks where user_id = ? order by id", (str(get_jwt_identity()),))
    return [shape(row) for row in rows]


@tasks.post("")
@jwt_required()
def create_task() -> Answer:
    """Create a task from ``{"title": "…"}``."""
    body = request.get_json(silent=True)
    title = body.get("title") if isinstance(body, dict) else None
    if not isinstance(title, str) or not title.strip():
        return refusal("Enter a title", "title")
    if len(title.strip()) > TITLE_LIMIT:
        return refusal(f"The title can have at most {TITLE_LIMIT} characters", "title")
    return owned(add_task(get_jwt_identity(), title.strip())) or {}, 201


@tasks.patch("/<int:task_id>")
@jwt_required()
def tick_task(task_id: int) -> Answer | dict[str, Any]:
    """Mark a task as done with ``{"done": true}``, as open with ``false``."""
    body = request.get_json(silent=True)
    done = body.get("done") if isinstance(body, dict) else None
    if not isinstance(done, bool):
        return refusal("Must be true or false", "done")
    with database() as connection:
        connection.execute(
            "update tasks set done = ? where id = ? and user_id = ?", (done, task_id, str(get_jwt_identity()))
        )
    return owned(task_id) or not_found()


@tasks.delete("/<int:task_id>")
@jwt_required()
def delete_task(task_id: int) -> Answer | tuple[str, int]:
    """Delete one task."""
    with database() as connection:
        gone = connection.execute(
            "delete from tasks where id = ? and user_id = ?", (task_id, str(get_jwt_identity()))
        ).rowcount
    return ("", 204) if gone else not_found()
