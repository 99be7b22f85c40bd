"""``flask signet users create | list``."""

from __future__ import annotations

import json
import sys
from typing import Any, TextIO, cast

import click
from flask import current_app
from flask.cli import with_appcontext

from flask_signet.accounts.service import Accounts
from flask_signet.commands import json_option, plain_errors
from flask_signet.exceptions import RequestError


def signet() -> Any:
    """Return the application's ``Signet``.

    :raises click.ClickException: the application has none.
    """
    extension = cast(Any, current_app.extensions.get("signet"))
    if extension is None:
        raise click.ClickException("This application has no Signet(app).")
    return extension


def password_of_operator(*, from_standard_input: bool) -> str:
    """Prompt for a password twice, or read the first line of standard input.

    :raises click.ClickException: standard input is empty, closed, or not valid text.
    """
    stdin: TextIO | None = sys.stdin  # None if it was closed
    if not from_standard_input and stdin is not None and stdin.isatty():
        return click.prompt("Password", hide_input=True, confirmation_prompt=True)
    try:
        line = "" if stdin is None else stdin.readline()
    except UnicodeDecodeError:
        raise click.ClickException("Standard input is not valid UTF-8.") from None
    password = line.removesuffix("\n").removesuffix("\r")
    if not password:
        raise click.ClickException("Standard input has no password.")
    return password


@click.group("users")
def users_group() -> None:
    """Create and list accounts."""


@users_group.command("create")
@click.argument("username")
@click.option("--email", help="E-mail address.")
@click.option("--role", "roles", multiple=True, help="A role; may be given several times.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input instead of asking.")
@json_option
@with_appcontext
@plain_errors
def create_user(username: str, email: str | None, roles: tuple[str, ...], password_stdin: bool, as_json: bool) -> None:
    """Create the account USERNAME."""
    users = _built_in_accounts()
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
    users = _built_in_accounts()
    found: list[dict[str, Any]] = []
    page = users.list()
    while page:
        found += [users.profile(user).as_json() | {"disabled": user.disabled} for user in page]
        page = users.list(after=page[-1].id)
    if as_json:
        click.echo(json.dumps(found))
        return
    if not found:
        click.echo("There are no accounts yet. Create one: flask signet users create NAME")
    for user in found:
        roles = f"  roles: {', '.join(user['roles'])}" if user["roles"] else ""
        click.echo(f"{user['id']:>6}  {user['username']}{'  (disabled)' if user['disabled'] else ''}{roles}")


def _built_in_accounts() -> Accounts:
    users = cast(Accounts, signet().users)
    if not users.editable:
        raise click.ClickException(
            "This application has its own users (users=…). Create and list them in the application."
        )
    return users
