"""Keys with an earlier time of creation: a rotation waits until all services could read the next key."""

from __future__ import annotations

from flask import Flask

from flask_signet.signing_keys.table import keys_table
from flask_signet.store import Store


def age(app: Flask, store: Store, seconds: int = 600) -> None:
    """Let every key in the database be older, instead of waiting."""
    with app.app_context(), store.write() as connection:
        connection.execute(keys_table.update().values(created_at=keys_table.c.created_at - seconds * 1000))
