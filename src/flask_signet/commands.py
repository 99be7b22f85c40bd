"""``flask signet …``: the command names, and the code that all commands share.

Each command is imported when it is called.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib import import_module
from typing import Any, ParamSpec, TypeVar

import click

from flask_signet.exceptions import SignetError

P = ParamSpec("P")
R = TypeVar("R")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


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
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this name, or one that says which extra it needs where that is not installed."""
        place = _COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, _, name = place.partition(":")
        try:
            command = getattr(import_module(module), name)
        except ModuleNotFoundError as error:
            return _absent(cmd_name, f'This command needs {error.name}: pip install "flask-signet[accounts]"')
        assert isinstance(command, click.Command)
        return command


def _absent(name: str, reason: str) -> click.Command:
    """Return a command that is listed with the others, and says *reason* whatever it is asked."""

    def refuse() -> None:
        raise click.ClickException(reason)

    anything: dict[str, Any] = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
    return click.Command(name, context_settings=anything, callback=refuse, help=reason, short_help="(not installed)")


@click.command("signet", cls=_Later)
def signet() -> None:
    """Accounts, sessions, keys and tokens."""
