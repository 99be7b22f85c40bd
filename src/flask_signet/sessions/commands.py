"""``flask signet sessions list | revoke`` and ``flask signet db restored``."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any, cast

import click
from flask.cli import with_appcontext

from flask_signet.accounts.commands import signet
from flask_signet.commands import json_option, plain_errors
from flask_signet.sessions.looking import SessionInfo
from flask_signet.sessions.service import Sessions


@click.group("sessions")
def sessions_group() -> None:
    """List and end sessions."""


@sessions_group.command("list")
@click.option("--user", "username", help="List only the sessions of this user name.")
@json_option
@with_appcontext
@plain_errors
def list_command(username: str | None, as_json: bool) -> None:
    """List active sessions, the most recently used first."""
    infos = _sessions().listing(None if username is None else _user_id(username))
    if as_json:
        click.echo(json.dumps([_plain(info) for info in infos], indent=2))
        return
    for info in infos:
        used = datetime.fromtimestamp(info.used_at / 1000, timezone.utc).isoformat(" ", "minutes")
        click.echo(f"{info.id}  user {info.user_id}  {used}  {info.address or '-'}  {info.device or '-'}")
    click.echo(f"{len(infos)} session{'' if len(infos) == 1 else 's'}")


@sessions_group.command("revoke")
@click.argument("session_id", required=False)
@click.option("--user", "username", help="End all sessions of this user name.")
@json_option
@with_appcontext
@plain_errors
def revoke_command(session_id: str | None, username: str | None, as_json: bool) -> None:
    """End one session by its id, or all sessions of a user."""
    if (session_id is None) == (username is None):
        raise click.UsageError("Give the id of a session, or --user NAME.")
    sessions = _sessions()
    if session_id is not None:
        if sessions.end(session_id, reason="revoked") is None:
            raise click.ClickException("There is no active session with this id.")
        _say(as_json, {"revoked": session_id}, f"Session {session_id} has ended.")
        return
    user_id = _user_id(cast(str, username))
    sessions.end_all(user_id, reason="revoked")
    _say(as_json, {"revoked_user": str(user_id)}, f"All sessions of {username} have ended.")


@click.command("restored")
@click.confirmation_option(prompt="This signs out all users. Continue?", help="Do not ask for confirmation.")
@json_option
@with_appcontext
@plain_errors
def restored_command(as_json: bool) -> None:
    """End all sessions after the database was restored from a backup.

    A backup does not contain the revocations that were made after it. So all sessions end, and all access tokens are
    refused.
    """
    ended = _sessions().restored()
    _say(as_json, {"ended": ended}, f"Sessions ended: {ended}. All access tokens issued before are refused.")


def _sessions() -> Sessions:
    return cast(Sessions, signet().sessions)


def _user_id(username: str) -> Any:
    users = signet().users
    user = users.find(username)
    if user is None:
        raise click.ClickException(f"There is no user {username!r}.")
    return users.id_of(user)


def _plain(info: SessionInfo) -> dict[str, Any]:
    return {**asdict(info), "user_id": info.user_id if isinstance(info.user_id, int) else str(info.user_id)}


def _say(as_json: bool, payload: dict[str, Any], text: str) -> None:
    click.echo(json.dumps(payload) if as_json else text)
