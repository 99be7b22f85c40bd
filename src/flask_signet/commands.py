"""``flask signet …``: the command names, and the code that all commands share.

Each command is imported when it is called.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, ParamSpec, TypeVar

import click
from flask.cli import NoAppException, ScriptInfo

from flask_signet.exceptions import SignetError

P = ParamSpec("P")
R = TypeVar("R")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def plain_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Make a command end with our error message instead of a traceback."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except SignetError as error:
            raise click.ClickException(str(error)) from error
        except BrokenPipeError:
            raise  # the reader of the pipe, such as head, has closed it; Click exits silently
        except OSError as error:
            # A missing folder or a full disk: the message of the system says which.
            raise click.ClickException(f"{error.filename or 'the file system'}: {error.strerror}") from error

    return wrapped


_COMMANDS = {
    "db": "flask_signet.cli.db:db_group",
    "doctor": "flask_signet.cli.doctor:doctor",
    "keys": "flask_signet.cli.keys:keys_group",
    "openapi": "flask_signet.cli.openapi:openapi_command",
    "sessions": "flask_signet.sessions.commands:sessions_group",
    "token": "flask_signet.cli.token:token_group",
    "users": "flask_signet.accounts.commands:users_group",
}


class _Later(click.Group):
    """A group that imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the command names."""
        return sorted({*_COMMANDS, *_listed_of_features(ctx, "")})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this name, or one that names the missing extra."""
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return _of_feature(ctx, cmd_name)
        command = _imported(cmd_name, place)
        return _Extended(command) if isinstance(command, click.Group) else command


class _Extended(click.Group):
    """A group with its own commands and those that optional features add to it."""

    def __init__(self, group: click.Group) -> None:
        super().__init__(
            group.name, commands=group.commands, callback=group.callback, params=group.params, help=group.help
        )

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the command names."""
        return sorted({*self.commands, *_listed_of_features(ctx, f"{self.name} ")})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this name."""
        return self.commands.get(cmd_name) or _of_feature(ctx, f"{self.name} {cmd_name}")


def _of_features(ctx: click.Context) -> Mapping[str, str]:
    """Return the commands of the optional features that are on in the application: name → where it is.

    If the application has an error, return none and print a warning. This loads the application, so it is called only
    for the help and for a name that is no command of this package.
    """
    info = ctx.find_object(ScriptInfo)
    try:
        app = None if info is None else info.load_app()
        extension: Any = None if app is None else app.extensions.get("signet")
        return {} if extension is None else extension.commands
    except NoAppException:
        return {}
    except Exception as error:
        click.echo(f"The application cannot be loaded, so commands may be missing here: {error}", err=True)
        return {}


def _listed_of_features(ctx: click.Context, group: str) -> list[str]:
    """Return the names of the features' commands in *group*."""
    names = _of_features(ctx)
    return [name.removeprefix(group) for name in names if name.rpartition(" ")[0] == group.rstrip()]


def _of_feature(ctx: click.Context, name: str) -> click.Command | None:
    place = _of_features(ctx).get(name)
    return None if place is None else _imported(name.rpartition(" ")[2], place)


def _imported(name: str, place: str) -> click.Command:
    """Return the command at *place*, or one that says which package it needs where that is not installed."""
    module, _, attribute = place.partition(":")
    try:
        command = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        return _absent(name, f'This command needs {error.name}: pip install "flask-signet[accounts]"')
    assert isinstance(command, click.Command)
    return command


def _absent(name: str, reason: str) -> click.Command:
    """Return a command that is listed with the others, and always ends with the error *reason*."""

    def refuse() -> None:
        raise click.ClickException(reason)

    anything: dict[str, Any] = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
    return click.Command(
        name,
        context_settings=anything,
        callback=refuse,
        help=reason,
        short_help='(not installed: pip install "flask-signet[accounts]")',
    )


@click.command("signet", cls=_Later)
def signet() -> None:
    """Accounts, sessions, keys and tokens."""
