"""Helpers for commands that work with or without an application."""

from __future__ import annotations

import json
from typing import Any

import click
from flask import Flask
from flask.cli import NoAppException, ScriptInfo


def app_if_any(context: click.Context) -> Flask | None:
    """Return the application that the ``flask`` command would load, or ``None`` if there is none."""
    try:
        return context.ensure_object(ScriptInfo).load_app()
    except NoAppException:
        return None


def say(as_json: bool, payload: Any, text: str) -> None:
    """Print *payload* for programs or *text* for people."""
    click.echo(json.dumps(payload, indent=2) if as_json else text)
