"""``flask signet db upgrade | current | check | restored``."""

from __future__ import annotations

import json
import os
from typing import Any, cast

import click
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy import URL

# Imported so that every table is known: `db check` compares all of them.
import flask_signet.sessions.tables as _tables  # noqa: F401  # pyright: ignore[reportUnusedImport]
from flask_signet.accounts.commands import signet
from flask_signet.commands import json_option, plain_errors
from flask_signet.sessions.commands import restored_command
from flask_signet.store import Store, schema
from flask_signet.web.token_layer import layer_of


@click.group("db")
def db_group() -> None:
    """Create and check the tables of Flask-Signet."""


@db_group.command("upgrade")
@json_option
@with_appcontext
@plain_errors
def upgrade_tables(as_json: bool) -> None:
    """Upgrade the tables to this version."""
    store = _named_store()
    before = schema.current(store)
    after = schema.upgrade(store)
    # Create the keys too. The first token may be requested within a transaction of the application, which on SQLite
    # holds the lock that creating them needs.
    layer_of(current_app).snapshot()
    if as_json:
        click.echo(json.dumps({"before": before, "after": after}))
    else:
        click.echo(f"The tables are at revision {after}." + (" Nothing to do." if before == after else ""))


@db_group.command("current")
@json_option
@with_appcontext
@plain_errors
def current_revision(as_json: bool) -> None:
    """Print the revision of the tables."""
    found = schema.current(_named_store())
    if as_json:
        click.echo(json.dumps({"current": found, "head": schema.HEAD}))
    else:
        click.echo(f"{found or 'none'} (this version needs {schema.HEAD})")


@db_group.command("check")
@json_option
@with_appcontext
@plain_errors
def check_tables(as_json: bool) -> None:
    """Compare the tables with what this version needs; end with status 1 if they differ."""
    differences = schema.check(_named_store())
    if as_json:
        click.echo(json.dumps({"differences": differences}))
    elif not differences:
        click.echo("The tables are correct.")
    for difference in [] if as_json else differences:
        click.echo(difference)
    if differences:
        raise click.exceptions.Exit(1)


def _named_store() -> Store:
    """Return the store and print its database, since an unread setting would select another one."""
    store = cast(Store, signet().store)
    click.echo(f"Database: {_shown(store.engine.url)}", err=True)
    config = cast(dict[str, Any], current_app.config)
    if not config.get("SIGNET_DATABASE_URL"):
        for name in ("FLASK_SIGNET_DATABASE_URL", "SIGNET_DATABASE_URL"):
            if name in os.environ:
                click.echo(
                    f"{name} is set in the environment, but this application does not read it: call "
                    "app.config.from_prefixed_env() before Signet(app), and set FLASK_SIGNET_DATABASE_URL.",
                    err=True,
                )
    return store


def _shown(url: URL) -> str:
    """Return the URL of a database without its password."""
    try:
        return url.render_as_string(hide_password=True)
    except UnicodeEncodeError:
        # A folder name that is not UTF-8 cannot be written as a URL.
        return f"{url.drivername}: {os.fsencode(url.database or '')!r}"


db_group.add_command(restored_command)
