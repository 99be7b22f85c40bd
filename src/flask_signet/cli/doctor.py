"""``flask signet doctor``: check an application and print the line to write for each problem."""

from __future__ import annotations

import json
import textwrap
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
from flask import Flask
from flask.cli import NoAppException, ScriptInfo

from flask_signet.commands import json_option
from flask_signet.exceptions import SignetError
from flask_signet.findings import Check, Finding, from_message
from flask_signet.web import checks, surrounding_checks
from flask_signet.web.token_layer import EXTENSION

CHECKS: Final[tuple[Check, ...]] = (
    checks.settings,
    checks.conflicts,
    checks.keys,
    checks.lifetimes,
    checks.carriers,
    surrounding_checks.modes,
    surrounding_checks.proxy,
    surrounding_checks.https,
    surrounding_checks.cors,
    surrounding_checks.csrf_extension,
    surrounding_checks.caches,
)

_WIDTH: Final = 80
_WORDS: Final = {
    "ok": ("ok", "green"),
    "note": ("look", "cyan"),
    "warning": ("warn", "yellow"),
    "error": ("FIX", "red"),
}
_INDENT: Final = " " * 6


@click.command("doctor")
@json_option
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Check the application, and print the line to write for each problem.

    Creates and changes nothing. The exit status is 1 if something must be fixed.
    """
    found = [*_examined(context)]
    errors = sum(finding.level == "error" for finding in found)
    warnings = sum(finding.level == "warning" for finding in found)
    if as_json:
        findings = [finding.as_json() for finding in found]
        click.echo(json.dumps({"errors": errors, "warnings": warnings, "findings": findings}, indent=2))
    else:
        for finding in found:
            click.echo(_shown(finding))
        good = sum(finding.level == "ok" for finding in found)
        click.echo(f"\n{errors} to fix, {warnings} warning{'' if warnings == 1 else 's'}, {good} ok.")
    if errors:
        raise click.exceptions.Exit(1)


def _examined(context: click.Context) -> Iterator[Finding]:
    try:
        info = context.ensure_object(ScriptInfo)
        info.set_debug_flag = False  # otherwise the command overrides the debug mode that the code sets
        app = info.load_app()
    except NoAppException as error:
        raise click.ClickException(f"{error}") from error
    except Exception as error:
        yield _does_not_start(error)
        return
    with app.app_context():
        if EXTENSION not in app.extensions:
            yield Finding(
                code="no_manager",
                level="error",
                summary="This application has neither Signet(app) nor JWTManager(app).",
                line_to_write="signet = Signet(app)    # from flask_signet import Signet",
                page="quick-start.md",
            )
            return
        for check in (*CHECKS, *_of_house(app)):
            yield from _looked(check, app)


def _of_house(app: Flask) -> tuple[Check, ...]:
    house: Any = app.extensions.get("signet")
    return () if house is None else house.checks()


def _looked(check: Check, app: Flask) -> Iterator[Finding]:
    """Yield the findings of *check*; a failure of the check is a finding too."""
    name = getattr(check, "__name__", "check")
    try:
        yield from check(app)
    except SignetError as error:
        yield from_message(f"{name}_refused", "error", str(error), "settings.md")
    except PermissionError as error:
        yield Finding(
            code=f"{name}_failed",
            level="error",
            summary=f"The check {name!r} cannot read {error.filename}: {error.strerror}.",
            line_to_write="sudo -u USER-OF-THE-SERVER flask signet doctor",
            page="deploy.md#the-folder-instancesignet",
        )
    except Exception as error:
        yield Finding(
            code=f"{name}_failed",
            level="error",
            summary=f"The check {name!r} failed with {type(error).__name__} {_place(error)}, so its result is unknown.",
            line_to_write="flask signet doctor --json    # and report it with this output",
        )


def _does_not_start(error: Exception) -> Finding:
    if isinstance(error, SignetError):
        return from_message("start_refused", "error", str(error), "settings.md")
    if isinstance(error, KeyError) and error.args and str(error.args[0]).isidentifier():
        return Finding(
            code="start_lacks_variable",
            level="error",
            summary=f"The application does not start: {error.args[0]!r} is missing {_place(error)}. An exported "
            "variable exists only in the terminal where it was set.",
            line_to_write=f"export {error.args[0]}=…",
            page="it-does-not-work.md#keyerror-when-the-application-starts",
        )
    # The message may hold secrets, such as a password in a URL.
    return Finding(
        code="start_failed",
        level="error",
        summary=f"The application does not start: {type(error).__name__} {_place(error)}.",
        line_to_write="flask routes    # shows the whole traceback",
    )


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""


def _shown(finding: Finding) -> str:
    """Return a finding wrapped to 80 columns; lines to copy are not wrapped."""
    word, color = _WORDS[finding.level]
    summary = textwrap.fill(
        finding.summary,
        _WIDTH,
        initial_indent=_INDENT,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
    lines = [click.style(f"{word:<6}", fg=color, bold=finding.level == "error") + summary[len(_INDENT) :]]
    if finding.level != "ok":
        written = (finding.line_to_write or "").splitlines()
        lines += [f"{_INDENT}  {line}" for line in written]
        if finding.page:
            lines.append(f"{_INDENT}see docs/{finding.page}")
    return "\n".join(lines)
