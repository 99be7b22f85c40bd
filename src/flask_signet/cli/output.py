"""What the commands share: the application, where there is one, and errors in plain words."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import click
from flask import Flask
from flask.cli import NoAppException, ScriptInfo

from flask_signet.exceptions import SignetError

P = ParamSpec("P")
R = TypeVar("R")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def plain_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Let a command end with the words of our errors instead of a traceback."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except SignetError as error:
            raise click.ClickException(str(error)) from error
        except BrokenPipeError:
            raise  # whoever read us has enough, such as head; Click ends without a word
        except OSError as error:
            # A folder that is absent, a disk that is full: the words of the system say which.
            raise click.ClickException(f"{error.filename or 'the file system'}: {error.strerror}") from error

    return wrapped


def app_if_any(context: click.Context) -> Flask | None:
    """Return the application that the ``flask`` command would load, or ``None`` where there is none."""
    try:
        return context.ensure_object(ScriptInfo).load_app()
    except NoAppException:
        return None


def say(as_json: bool, payload: Any, text: str) -> None:
    """Print *payload* for programs or *text* for people."""
    click.echo(json.dumps(payload, indent=2) if as_json else text)
