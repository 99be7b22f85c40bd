"""``flask signet keys generate | list | rotate | revoke``.

A key ring is in the file that ``JWT_KEYS`` names (or ``--file``), or in the database of a ``Signet``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

import click
from flask import Flask

from flask_signet.cli.output import app_if_any, say
from flask_signet.clock import SYSTEM
from flask_signet.commands import json_option, plain_errors
from flask_signet.exceptions import InvalidKeyError, SettingsError
from flask_signet.tokens import base64url, ring
from flask_signet.tokens import keys as token_keys
from flask_signet.web import keyfiles
from flask_signet.web.jwks import MAX_AGE
from flask_signet.web.settings import expires

# By then every worker has reloaded its ring, and clients have fetched the published key set again.
_SETTLE = MAX_AGE + 10  # seconds
_DAY = 86_400

file_option = click.option(
    "--file",
    "file",
    type=click.Path(path_type=Path),
    help="The file of the ring, instead of JWT_KEYS. `rotate` then removes keys that were retired 30 days ago.",
)


class _Ring(Protocol):
    def list(self) -> list[dict[str, Any]]: ...
    def rotate(self) -> list[dict[str, Any]]: ...
    def revoke(self, key_id: str) -> list[dict[str, Any]]: ...


@click.group("keys")
def keys_group() -> None:
    """Create, list, rotate and revoke signing keys."""


@keys_group.command("generate")
@click.option("--algorithm", default="EdDSA", show_default=True, help="JWA name, such as HS256, ES256 or RS256.")
@click.option("--secret", is_flag=True, help="Print only a secret for JWT_SECRET_KEY (HS256, HS384, HS512).")
@click.option("--root", is_flag=True, help="Print only a root key for SIGNET_ROOT_KEY.")
@click.option("--output", type=click.Path(path_type=Path), help="Write the ring to this file, readable only by you.")
@json_option
@plain_errors
def generate(algorithm: str, secret: bool, root: bool, output: Path | None, as_json: bool) -> None:
    """Create a new key ring (or one secret) and print it. Nothing else is changed."""
    if root:
        text = base64url.encode(SYSTEM.token_bytes(32)).decode()
        say(as_json, {"root_key": text}, text)
        return
    if secret:
        algorithm = algorithm if algorithm.startswith("HS") else "HS256"
        size = {"HS256": 32, "HS384": 48, "HS512": 64}.get(algorithm)
        if size is None:
            raise SettingsError("--secret is for HS256, HS384 and HS512")
        text = base64url.encode(SYSTEM.token_bytes(size)).decode()
        say(as_json, {"algorithm": algorithm, "secret": text}, text)
        return
    jwks = ring.generated(algorithm, SYSTEM.token_bytes, SYSTEM.now())
    if output is None:
        say(True, jwks, "")
        return
    keyfiles.create(output, jwks)
    place = output.resolve()  # JWT_KEYS would look for a relative path in the instance folder
    say(as_json, {"file": str(place)}, f"Wrote a new ring. Set JWT_KEYS to its path, {place}")


@keys_group.command("list")
@file_option
@json_option
@click.pass_context
@plain_errors
def list_keys(context: click.Context, file: Path | None, as_json: bool) -> None:
    """List the keys, without their secrets."""
    _show(_within(context, file, lambda found: found.list()), as_json)


@keys_group.command("rotate")
@file_option
@json_option
@click.pass_context
@plain_errors
def rotate(context: click.Context, file: Path | None, as_json: bool) -> None:
    """Make the next key current. The former key still verifies the tokens that it signed."""
    _show(_within(context, file, lambda found: found.rotate()), as_json)


# One thumbprint in 64 begins with a dash.
@keys_group.command("revoke", context_settings={"ignore_unknown_options": True})
@click.argument("kid")
@file_option
@json_option
@click.pass_context
@plain_errors
def revoke(context: click.Context, kid: str, file: Path | None, as_json: bool) -> None:
    """Refuse all tokens of the key KID immediately."""
    _show(_within(context, file, lambda found: found.revoke(kid)), as_json)


class _FileRing:
    def __init__(self, path: Path, overlap: int | None) -> None:
        self._path = path
        self._overlap = overlap

    def list(self) -> list[dict[str, Any]]:
        return _public(keyfiles.read_jwks(self._path))

    def rotate(self) -> list[dict[str, Any]]:
        def step(jwks: dict[str, Any]) -> dict[str, Any]:
            return ring.rotated(jwks, SYSTEM.token_bytes, SYSTEM.now(), overlap=self._overlap, settle=_SETTLE)

        return _public(keyfiles.change(self._path, step))

    def revoke(self, key_id: str) -> list[dict[str, Any]]:
        def step(jwks: dict[str, Any]) -> dict[str, Any]:
            return ring.without(jwks, key_id, SYSTEM.token_bytes, SYSTEM.now())

        return _public(keyfiles.change(self._path, step))


class _TableRing:
    def __init__(self, table: Any, overlap: timedelta | None) -> None:
        self._table = table
        self._overlap = overlap

    def list(self) -> list[dict[str, Any]]:
        return _stored(self._table.ensure())

    def rotate(self) -> list[dict[str, Any]]:
        # Afterwards older root keys are not needed, and keys that no valid token was signed with are deleted.
        self._table.seal_again()
        longest = self._table.remember_life(None if self._overlap is None else int(self._overlap.total_seconds()))
        if longest is not None:
            before = datetime.fromtimestamp(SYSTEM.time(), timezone.utc) - timedelta(seconds=longest)
            self._table.forget_retired(before)
        judge = partial(ring.refuse_unsettled, now=SYSTEM.now(), settle=_SETTLE)
        return _stored(self._table.rotate(judge=judge))

    def revoke(self, key_id: str) -> list[dict[str, Any]]:
        return _stored(self._table.revoke(key_id))


def _within(
    context: click.Context, file: Path | None, act: Callable[[_Ring], list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    if file is not None:
        return act(_FileRing(file, 30 * _DAY))
    app = app_if_any(context)
    if app is None:
        raise SettingsError(
            "No application was found. Name it: flask --app shop signet keys …, or name the ring: --file keys.json"
        )
    with app.app_context():
        return act(_ring_of(app))


def _ring_of(app: Flask) -> _Ring:
    config = cast(Mapping[str, Any], app.config)
    value = config.get("JWT_KEYS")
    if isinstance(value, (str, Path)) and not str(value).lstrip().startswith("{"):
        longest = _longest_life(config)
        overlap = None if longest is None else int(longest.total_seconds())
        return _FileRing(Path(app.instance_path, value), overlap)
    house = app.extensions.get("signet")
    if value is None and house is not None:
        return _TableRing(house.keys, _longest_life(config))
    raise SettingsError(
        "The keys of this application are in its settings, not in a key ring. Create a key ring with "
        "`flask signet keys generate --output instance/keys.json` and set JWT_KEYS = 'keys.json'."
    )


def _longest_life(config: Mapping[str, Any]) -> timedelta | None:
    """Return the longest lifetime of a token; ``None`` if some tokens never expire."""
    lives = [expires(config[name], name) for name in ("JWT_ACCESS_TOKEN_EXPIRES", "JWT_REFRESH_TOKEN_EXPIRES")]
    ending = [life for life in lives if isinstance(life, timedelta)]
    return max(timedelta(days=1), *ending) if len(ending) == len(lives) else None


def _public(jwks: dict[str, Any]) -> list[dict[str, Any]]:
    described: list[dict[str, Any]] = []
    for jwk in jwks["keys"]:
        try:
            algorithm = token_keys.from_jwk(jwk).algorithm
        except InvalidKeyError:  # a key of another issuer, which the ring ignores
            continue
        described.append({"kid": ring.name(jwk), "status": jwk.get("status", "current"), "algorithm": algorithm})
    return described


def _stored(stored: list[Any]) -> list[dict[str, Any]]:
    return [{"kid": key.kid, "status": key.status, "algorithm": key.algorithm} for key in stored]


def _show(described: list[dict[str, Any]], as_json: bool) -> None:
    lines = [f"{key['status']:<8} {key['algorithm']:<6} {key['kid']}" for key in described]
    say(as_json, {"keys": described}, "\n".join(lines))
