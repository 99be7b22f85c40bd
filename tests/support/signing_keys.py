"""Keys that are older than they are: a rotation waits until everybody could read of the next one."""

from __future__ import annotations

from flask import Flask

from flask_signet.signing_keys.table import keys_table
from flask_signet.store import Store


def age(app: Flask, store: Store, seconds: int = 600) -> None:
    """Let every key in the database be older, instead of waiting."""
    with app.app_context(), store.write() as connection:
        connection.execute(keys_table.update().values(created_at=keys_table.c.created_at - seconds * 1000))
