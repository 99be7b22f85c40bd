"""The commands of the feature that tests/house/test_rooms.py adds."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import with_appcontext


@click.command("guestbook")
@with_appcontext
def guestbook() -> None:
    """Say the greeting."""
    click.echo(current_app.config["SIGNET_GUESTBOOK"])


@click.command("greet")
@click.argument("username")
@with_appcontext
def greet(username: str) -> None:
    """Greet the user USERNAME."""
    click.echo(f"{current_app.config['SIGNET_GUESTBOOK']}, {username}")
