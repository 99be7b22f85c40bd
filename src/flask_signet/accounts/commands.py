"""``flask signet users create | list`` and ``flask signet db upgrade | current | check``."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, TextIO, cast

import click
from flask import current_app
from flask.cli import with_appcontext

from flask_signet.commands import json_option, plain_errors
from flask_signet.exceptions import RequestError
from flask_signet.web.token_layer import layer_of


def signet() -> Any:
    """Return the application's ``Signet``.

    :raises click.ClickException: it has none.
    """
    extension = cast(Any, current_app.extensions.get("signet"))
    if extension is None:
        raise click.ClickException("This application has no Signet(app).")
    return extension


def password_of_operator(*, from_standard_input: bool) -> str:
    """Return a password that is typed twice, or the first line of standard input.

    :raises click.ClickException: standard input is empty, closed, or no text.
    """
    stdin: TextIO | None = sys.stdin  # None where it was closed
    if not from_standard_input and stdin is not None and stdin.isatty():
        return click.prompt("Password", hide_input=True, confirmation_prompt=True)
    try:
        line = "" if stdin is None else stdin.readline()
    except UnicodeDecodeError:
        raise click.ClickException("What came by standard input is no text.") from None
    password = line.removesuffix("\n").removesuffix("\r")
    if not password:
        raise click.ClickException("No password came by standard input.")
    return password


@click.group("users")
def users_group() -> None:
    """Make and list accounts."""


@users_group.command("create")
@click.argument("username")
@click.option("--email", help="E-mail address.")
@click.option("--role", "roles", multiple=True, help="A role; may be given several times.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of asking.")
@json_option
@with_appcontext
@plain_errors
def create_user(username: str, email: str | None, roles: tuple[str, ...], password_stdin: bool, as_json: bool) -> None:
    """Make the account USERNAME."""
    users = _own_users()
    password = password_of_operator(from_standard_input=password_stdin)
    try:
        user = users.create(username, password, email=email, roles=roles)
    except RequestError as error:
        reasons = [f"{field} {reason}" for field, reason in error.fields.items()]
        raise click.ClickException("; ".join(reasons) or str(error)) from error
    profile = users.profile(user).as_json()
    click.echo(json.dumps(profile) if as_json else f"Made the account {user.username} with the id {user.id}.")


@users_group.command("list")
@json_option
@with_appcontext
@plain_errors
def list_users(as_json: bool) -> None:
    """List all accounts."""
    users = _own_users()
    found: list[dict[str, Any]] = []
    page = users.list()
    while page:
        found += [users.profile(user).as_json() | {"disabled": user.disabled} for user in page]
        page = users.list(after=page[-1].id)
    if as_json:
        click.echo(json.dumps(found))
        return
    if not found:
        click.echo("There are no accounts yet. Make one: flask signet users create NAME")
    for user in found:
        roles = f"  roles: {', '.join(user['roles'])}" if user["roles"] else ""
        click.echo(f"{user['id']:>6}  {user['username']}{'  (disabled)' if user['disabled'] else ''}{roles}")


@click.group("db")
def db_group() -> None:
    """Make and check Flask-Signet's own tables."""


@db_group.command("upgrade")
@json_option
@with_appcontext
@plain_errors
def upgrade_tables(as_json: bool) -> None:
    """Bring the tables to this version."""
    from flask_signet.store import schema

    store = _named_store()
    before = schema.current(store)
    after = schema.upgrade(store)
    # The keys too. The first token may be asked for in a transaction of the application's, which on SQLite keeps the
    # lock that making them takes.
    layer_of(current_app).snapshot()
    if as_json:
        click.echo(json.dumps({"before": before, "after": after}))
    else:
        click.echo(f"The tables are at revision {after}." + (" Nothing was to do." if before == after else ""))


@db_group.command("current")
@json_option
@with_appcontext
@plain_errors
def current_revision(as_json: bool) -> None:
    """Print the revision of the tables."""
    from flask_signet.store import schema

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
    """Compare the tables with what this version needs; end with status 1 where they differ."""
    from flask_signet.store import schema

    differences = schema.check(_named_store())
    if as_json:
        click.echo(json.dumps({"differences": differences}))
    elif not differences:
        click.echo("The tables are right.")
    for difference in [] if as_json else differences:
        click.echo(difference)
    if differences:
        raise click.exceptions.Exit(1)


def _named_store() -> Any:
    """Return the store, once it was said which one it is: a setting that is not read leads to another."""
    store = signet().store
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


def _shown(url: Any) -> str:
    """Return the URL of a database without its password."""
    try:
        return url.render_as_string(hide_password=True)
    except UnicodeEncodeError:
        # The name of a folder need not be UTF-8, and is no part of a URL then.
        return f"{url.drivername}: {os.fsencode(url.database)!r}"


def _own_users() -> Any:
    users = signet().users
    if not hasattr(users, "create"):
        raise click.ClickException("The users of this application are its own: make and list them there.")
    return users
