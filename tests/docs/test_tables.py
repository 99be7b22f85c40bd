"""The tables of the documentation say what the code says: settings, errors, routes, commands, dependencies."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from flask import Flask
from werkzeug.datastructures import ImmutableDict

from flask_signet import Signet
from flask_signet.accounts import settings as account_settings
from flask_signet.cli import signet as signet_group
from flask_signet.exceptions import SignetError
from flask_signet.house_routes import served_rows
from flask_signet.sessions import settings as session_settings
from flask_signet.sessions.conflicts import GROUPS
from flask_signet.store import settings as store_settings
from flask_signet.web.routes import FRESH_TOKEN, TOKEN
from flask_signet.web.settings import DEFAULTS
from tests.docs.markdown import DOCS, ROOT, code, rows

SETTINGS = {
    code(row[0])[0]: row[1].strip("`") for row in rows(DOCS / "settings.md") if row[0].startswith(("`JWT_", "`SIGNET_"))
}


def evaluated(default: str) -> Any:
    """Return the value that the page shows."""
    match = re.fullmatch(r"timedelta\((\w+)=(\d+)\)", default)
    return timedelta(**{match[1]: int(match[2])}) if match else ast.literal_eval(default)


def test_every_jwt_setting_is_listed_with_its_default() -> None:
    listed = {name: evaluated(default) for name, default in SETTINGS.items() if name.startswith("JWT_")}

    assert DEFAULTS == listed


def test_every_signet_setting_of_the_source_is_listed_and_no_other() -> None:
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / "src" / "flask_signet").rglob("*.py"))
    named = {name for name in re.findall(r'"(SIGNET_[A-Z]+(?:_[A-Z]+)*)"', source)}

    assert named == {name for name in SETTINGS if name.startswith("SIGNET_")}


@pytest.mark.parametrize("name", sorted(name for name in SETTINGS if name.startswith("SIGNET_")))
def test_setting_the_listed_default_changes_nothing(name: str, tmp_path: Path) -> None:
    given = ImmutableDict({name: evaluated(SETTINGS[name])})

    assert account_settings.read({}) == account_settings.read(given)
    assert session_settings.read({}) == session_settings.read(given)
    assert store_settings.read({}, tmp_path) == store_settings.read(given, tmp_path)


def test_the_listed_groups_of_routes_are_all() -> None:
    assert evaluated(SETTINGS["SIGNET_ROUTES"]) == GROUPS


def errors() -> Iterator[type[SignetError]]:
    """Yield the public classes of the tree."""
    waiting: list[type[SignetError]] = [SignetError]
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        if kind.__module__ == SignetError.__module__ and not kind.__name__.startswith("_"):
            yield kind


def test_every_error_is_listed_once_with_its_code_and_status() -> None:
    """What answers a request has its code and status, what is the application's own mistake its code."""
    listed: list[tuple[str, str, int]] = []
    for row in rows(DOCS / "errors.md"):
        if len(row) == 4:
            listed += [(name, code(row[0])[0], int(row[1])) for name in code(row[3])]
        elif len(row) == 3:
            listed += [(name, code(row[0])[0], 500) for name in code(row[1])]

    assert sorted(listed) == sorted({(kind.__name__, kind.code, kind.status) for kind in errors()})


def test_the_other_statuses_of_flask_jwt_extended_are_listed() -> None:
    listed = {
        name: int(row[1])
        for row in rows(DOCS / "errors.md", within="Statuses of Flask-JWT-Extended")
        for name in code(row[0])
    }

    assert {kind.__name__: kind.fje_status for kind in errors() if kind.fje_status is not None} == listed


def test_every_route_is_listed_and_no_other(tmp_path: Path) -> None:
    app = Flask("listed", instance_path=str(tmp_path))
    Signet(app)
    served = {
        f"{method} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if rule.endpoint != "static"
    }

    assert served == {code(row[0])[0] for row in rows(DOCS / "http.md") if row[0].startswith("[`")}


def test_the_table_of_routes_says_the_group_and_the_access_of_each_row() -> None:
    access = {None: ("anyone", "a client with"), TOKEN: ("token",), FRESH_TOKEN: ("fresh token",)}
    listed = {code(row[0])[0]: (*code(row[1]), row[2]) for row in rows(DOCS / "http.md") if row[0].startswith("[`")}
    there = served_rows(has_steps=False)
    wanted = {f"{row.method} {row.path}": (group, row) for group in there for row in there[group]}

    assert wanted.keys() == listed.keys()
    for name, (group, words) in listed.items():
        assert group == wanted[name][0], name
        assert words.startswith(access[wanted[name][1].guard]), name
        assert words.startswith("a client with") == bool(wanted[name][1].credentials), name


def test_every_command_is_listed_and_no_other() -> None:
    def leaves(command: click.Command, name: str) -> Iterator[str]:
        if isinstance(command, click.Group):
            context = click.Context(command)
            for child in command.list_commands(context):
                found = command.get_command(context, child)
                assert found is not None
                yield from leaves(found, f"{name} {child}")
        else:
            yield name

    listed = {code(row[0])[0] for row in rows(DOCS / "commands.md")}

    assert set(leaves(signet_group, "flask signet")) == listed


def name_of(requirement: str) -> str:
    """Return name and extra of a requirement, without its version."""
    found = re.match(r"[A-Za-z0-9._-]+(?:\[\w+\])?", requirement)
    assert found is not None
    return found[0]


def test_every_dependency_at_run_time_is_listed_with_its_floor() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {(requirement, "") for requirement in project["dependencies"]}
    for extra, requirements in project["optional-dependencies"].items():
        wanted |= {(requirement, extra) for requirement in requirements if extra != "all"}
    floors = {(name_of(requirement), re.findall(r">=([\d.]+)", requirement)[0], extra) for requirement, extra in wanted}

    listed = {
        (code(row[0])[0], row[1], "".join(code(row[2]))) for row in rows(DOCS / "dependencies.md", within="At run time")
    }

    assert floors == listed


def test_every_development_dependency_is_listed() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]
    wanted = {name_of(item) for group in groups.values() for item in group if isinstance(item, str)}

    assert wanted == {code(row[0])[0] for row in rows(DOCS / "dependencies.md", within="For development")}


def test_every_npm_dependency_is_listed() -> None:
    wanted: set[str] = set()
    for folder in ("", "js", "examples/tasks/web"):
        package = json.loads((ROOT / folder / "package.json").read_text("utf-8"))
        wanted |= {*package.get("dependencies", {}), *package.get("devDependencies", {})}

    assert wanted - {"flask-signet"} == {
        code(row[0])[0] for row in rows(DOCS / "dependencies.md", within="The npm package")
    }
