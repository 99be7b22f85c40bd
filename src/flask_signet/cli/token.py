"""``flask signet token inspect``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TextIO

import click

from flask_signet.cli.output import app_if_any, say
from flask_signet.clock import SYSTEM
from flask_signet.commands import json_option, plain_errors
from flask_signet.tokens.inspect import inspect
from flask_signet.tokens.signature import MAX_BYTES
from flask_signet.web.token_layer import EXTENSION, TokenLayer


@click.group("token")
def token_group() -> None:
    """Inspect tokens."""


@token_group.command("inspect")
@click.argument("token", required=False)
@json_option
@click.pass_context
@plain_errors
def inspect_command(context: click.Context, token: str | None, as_json: bool) -> None:
    """Explain TOKEN: its kind, its parts, and why a guard would refuse it.

    Without TOKEN, the token is read from standard input. Then it is not visible in the list of processes.
    """
    text = token if token not in (None, "-") else _standard_input()
    app = app_if_any(context)
    layer: TokenLayer | None = None if app is None else app.extensions.get(EXTENSION)
    if app is None or layer is None:
        found = inspect(text or "", now=SYSTEM.now())
    else:
        with app.app_context():
            found = inspect(text or "", now=SYSTEM.now(), verify=_verifier(layer), policy=layer.settings.policy)
    say(as_json, found.as_json(), "\n".join(found.lines()))


def _standard_input() -> str:
    stdin: TextIO | None = sys.stdin  # None where it was closed
    try:
        return "" if stdin is None else stdin.read(MAX_BYTES + 1)
    except UnicodeDecodeError:
        raise click.ClickException("Standard input is not valid UTF-8.") from None


def _verifier(layer: TokenLayer) -> Callable[[str], Any]:
    return lambda token: layer.verify(token, layer.snapshot(), layer.clock.time())
