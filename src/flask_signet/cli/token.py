"""``flask signet token inspect``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import click
from flask import Flask

from flask_signet.cli.output import app_if_any, json_option, plain_errors, say
from flask_signet.clock import SYSTEM
from flask_signet.tokens.inspect import inspect
from flask_signet.web.layer import EXTENSION, TokenLayer


@click.group("token")
def token_group() -> None:
    """Look at tokens."""


@token_group.command("inspect")
@click.argument("token", required=False)
@json_option
@click.pass_context
@plain_errors
def inspect_command(context: click.Context, token: str | None, as_json: bool) -> None:
    """Say what TOKEN is, what its parts mean, and what is wrong with it.

    Without TOKEN it is read from standard input, where no list of processes shows it.
    """
    text = token if token not in (None, "-") else sys.stdin.read()
    app = app_if_any(context)
    found = inspect(text or "", now=SYSTEM.now(), verify=None if app is None else _verifier(app))
    say(as_json, found.as_json(), "\n".join(found.lines()))


def _verifier(app: Flask) -> Callable[[str], Any] | None:
    layer: TokenLayer | None = app.extensions.get(EXTENSION)
    if layer is None:
        return None
    known = layer

    def verify(token: str) -> Any:
        with app.app_context():
            return known.verify(token, known.snapshot(), known.clock.time())

    return verify
