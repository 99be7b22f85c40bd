"""``flask signet keys``: rings in files, made, listed, rotated and revoked."""

from __future__ import annotations

import base64
import json
import os
import re
import stat
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt as pyjwt
import pytest
from click.testing import CliRunner
from flask import Flask

from flask_signet import JWTManager, create_access_token, jwt_required
from flask_signet.cli import signet
from flask_signet.exceptions import SettingsError
from flask_signet.web.jwks import MAX_AGE


def run(*args: str) -> Any:
    return CliRunner().invoke(signet, list(args))


def ring_file(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    made = run("keys", "generate", "--output", str(path))
    assert made.exit_code == 0, made.output
    return path


def age(path: Path, seconds: int) -> None:
    """Let every key of the file be older, instead of waiting."""
    jwks = json.loads(path.read_text())
    for key in jwks["keys"]:
        key["created_at"] -= seconds
    path.write_text(json.dumps(jwks))


def guarded(path: Path) -> Flask:
    app = Flask("ring")
    app.config["JWT_KEYS"] = str(path)
    JWTManager(app)

    @app.get("/in")
    @jwt_required()
    def inside() -> str:
        return "in"

    return app


def test_generate_prints_a_ring_and_writes_nothing() -> None:
    keys = json.loads(run("keys", "generate", "--algorithm", "ES256").output)["keys"]

    assert [key["status"] for key in keys] == ["current", "next"]
    assert all(key["kty"] == "EC" and "d" in key for key in keys)


def test_generate_makes_a_secret_of_the_right_length() -> None:
    assert len(run("keys", "generate", "--secret", "--algorithm", "HS512").output.strip()) == 86
    assert len(run("keys", "generate", "--root").output.strip()) == 43
    assert json.loads(run("keys", "generate", "--secret", "--json").output)["algorithm"] == "HS256"
    assert run("keys", "generate", "--secret", "--algorithm", "HS999").exit_code == 1


def test_generate_names_the_algorithms_that_there_are() -> None:
    refused = run("keys", "generate", "--algorithm", "XY256")

    assert refused.exit_code == 1
    assert "EdDSA" in refused.output


def test_a_written_ring_is_ours_alone_and_never_overwritten(tmp_path: Path) -> None:
    path = ring_file(tmp_path)

    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    again = run("keys", "generate", "--output", str(path))
    assert again.exit_code == 1
    assert "rotate" in again.output


def test_list_shows_no_secret(tmp_path: Path) -> None:
    path = ring_file(tmp_path)
    secrets = [key["d"] for key in json.loads(path.read_text())["keys"]]

    output = run("keys", "list", "--file", str(path)).output

    assert "current" in output
    assert not any(secret in output for secret in secrets)


def test_rotate_keeps_every_token_and_revoke_ends_them(tmp_path: Path) -> None:
    path = ring_file(tmp_path)
    app = guarded(path)
    with app.app_context():
        token = create_access_token("5")
    headers = {"Authorization": f"Bearer {token}"}
    client = app.test_client()
    assert client.get("/in", headers=headers).status_code == 200

    age(path, 600)
    keys = json.loads(run("keys", "rotate", "--file", str(path), "--json").output)["keys"]
    other = guarded(path).test_client()
    assert [key["status"] for key in keys] == ["retired", "current", "next"]
    assert other.get("/in", headers=headers).status_code == 200

    run("keys", "revoke", keys[0]["kid"], "--file", str(path))
    assert guarded(path).test_client().get("/in", headers=headers).status_code == 401


def test_a_former_jwt_secret_key_may_go_into_the_ring_and_be_taken_out_again(tmp_path: Path) -> None:
    """So an application changes from one secret to a ring, and all users stay signed in."""
    former = "the secret that was before the ring: 0123456789"
    app = Flask("before")
    app.config["JWT_SECRET_KEY"] = former
    JWTManager(app)
    with app.app_context():
        old, astray = (create_access_token("5", additional_headers=more) for more in (None, {"kid": "else"}))
    path = ring_file(tmp_path)
    jwks = json.loads(path.read_text())
    secret = base64.urlsafe_b64encode(former.encode()).rstrip(b"=").decode()
    jwks["keys"].append({"kty": "oct", "alg": "HS256", "kid": None, "status": "retired", "k": secret})
    path.write_text(json.dumps(jwks))
    after = guarded(path)
    with after.app_context():
        new = create_access_token("5")
    forged = pyjwt.encode(pyjwt.decode(old, former, ["HS256"]), former + "!", "HS256")

    def ask(app: Flask) -> list[int]:
        client = app.test_client()
        tokens = (old, new, astray, forged)
        return [client.get("/in", headers={"Authorization": f"Bearer {token}"}).status_code for token in tokens]

    assert ask(after) == [200, 200, 401, 401]
    listed = json.loads(run("keys", "list", "--file", str(path), "--json").output)["keys"]
    assert listed[-1] == {"kid": "-", "status": "retired", "algorithm": "HS256"}
    run("keys", "revoke", "--file", str(path), "--", "-")
    assert ask(guarded(path)) == [401, 200, 401, 401]


def test_a_key_signs_only_after_everybody_could_read_of_it(tmp_path: Path) -> None:
    """A service that caches the published set must know a key before it signs."""
    path = ring_file(tmp_path)

    first = run("keys", "rotate", "--file", str(path))
    age(path, MAX_AGE)
    second = run("keys", "rotate", "--file", str(path))
    age(path, 11)
    third = run("keys", "rotate", "--file", str(path))

    assert [done.exit_code for done in (first, second, third)] == [1, 1, 0]
    assert re.search(r"wait 3(09|10) s more", first.output)
    assert re.search(r"wait (9|10) s more", second.output)
    assert "revoke" in second.output


def test_a_key_whose_name_begins_with_a_dash_can_be_revoked(tmp_path: Path) -> None:
    """One thumbprint in 64 does."""
    path = ring_file(tmp_path)
    ring = json.loads(path.read_text())
    ring["keys"][0]["kid"] = "-AbC"
    ring["keys"][1]["kid"] = "--AbC"
    path.write_text(json.dumps(ring))

    for arguments in (["-AbC", "--file", str(path)], ["--file", str(path), "--AbC", "--json"]):
        done = run("keys", "revoke", *arguments)
        assert done.exit_code == 0, done.output

    assert not {"-AbC", "--AbC"} & {key["kid"] for key in json.loads(path.read_text())["keys"]}


def test_revoking_an_unknown_key_names_the_known_ones(tmp_path: Path) -> None:
    path = ring_file(tmp_path)

    refused = run("keys", "revoke", "nobody", "--file", str(path))

    assert refused.exit_code == 1
    assert json.loads(path.read_text())["keys"][0]["kid"] in refused.output


def test_without_file_and_application_the_command_says_what_to_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = run("keys", "list")

    assert refused.exit_code == 1
    assert "--file" in refused.output


def test_keys_in_settings_are_no_ring() -> None:
    app = Flask("settings")
    app.config["JWT_SECRET_KEY"] = "a secret that is long enough for this test"
    JWTManager(app)

    refused = app.test_cli_runner().invoke(args=["signet", "keys", "rotate"])

    assert refused.exit_code == 1
    assert "JWT_KEYS" in refused.output


def test_generate_says_the_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``JWT_KEYS`` looks for a relative one in the instance folder, and the command does not."""
    monkeypatch.chdir(tmp_path)

    assert str(tmp_path / "keys.json") in run("keys", "generate", "--output", "keys.json").output


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"keys": []}', '{"keys": [1]}', '{"keys": [{"kty": "oct", "k": "", "status": "next"}]}'],
)
def test_a_file_that_is_no_ring_is_refused_in_words(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text)
    for command in (["list"], ["rotate"], ["revoke", "x"]):
        refused = run("keys", *command, "--file", str(path))

        assert refused.exit_code == 1
        assert refused.output.startswith("Error: ")
    assert path.read_text() == text


@pytest.mark.parametrize("place", ["", ".", "..", "/", "folder"])
@pytest.mark.parametrize("command", [["generate", "--output"], ["rotate", "--file"], ["revoke", "x", "--file"]])
def test_a_folder_is_no_place_for_a_ring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str], place: str
) -> None:
    folder = tmp_path / "above" / "here"
    (folder / "folder").mkdir(parents=True)
    monkeypatch.chdir(folder)
    refused = run("keys", *command, place)

    assert refused.exit_code == 1
    assert refused.output.startswith("Error: ")
    assert "is a folder. Name a file in it, such as " in refused.output
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["above", "folder", "here"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    refused = run("keys", "generate", "--output", str(tmp_path / ("nowhere" * 50)))

    assert refused.exit_code == 1
    assert "nowhere" in refused.output
    assert "too long" in refused.output


@pytest.mark.parametrize(
    ("access", "refresh", "stays"),
    [(timedelta(days=90), timedelta(days=1), True), (False, 60, True), (60, timedelta(days=50), True), (60, 60, False)],
)
def test_a_retired_key_stays_as_long_as_a_token_of_its_may_live(
    tmp_path: Path, access: Any, refresh: Any, stays: bool
) -> None:
    path = ring_file(tmp_path)
    jwks = json.loads(path.read_text())
    retired = {**json.loads(run("keys", "generate").output)["keys"][0], "status": "retired"}
    jwks["keys"].append({**retired, "retired_at": int(time.time()) - 40 * 86_400})
    path.write_text(json.dumps(jwks))
    age(path, 600)
    app = guarded(path)
    app.config.update(JWT_ACCESS_TOKEN_EXPIRES=access, JWT_REFRESH_TOKEN_EXPIRES=refresh)

    listed = app.test_cli_runner().invoke(args=["signet", "keys", "rotate", "--json"])

    assert stays == (retired["kid"] in [key["kid"] for key in json.loads(listed.output)["keys"]])


def test_a_folder_that_is_not_there_is_named_with_what_makes_it(tmp_path: Path) -> None:
    refused = run("keys", "generate", "--output", str(tmp_path / "instance" / "keys.json"))

    assert refused.exit_code == 1
    assert f"Create it: mkdir -p {tmp_path / 'instance'}" in refused.output


def test_a_ring_that_is_not_there_is_named_by_its_whole_path(tmp_path: Path) -> None:
    app = Flask("ring", instance_path=str(tmp_path))
    app.config["JWT_KEYS"] = "keys.json"
    JWTManager(app)

    with app.app_context(), pytest.raises(SettingsError, match=str(tmp_path / "keys.json")):
        create_access_token("5")
