"""``token inspect``: what a credential is, which check fails and why, and no secret."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from flask_signet import JWTManager, create_access_token
from flask_signet.exceptions import InvalidSignature
from flask_signet.tokens import keys
from flask_signet.tokens.inspect import inspect
from flask_signet.tokens.issuer import Issuer

NOW = 1_900_000_000
SECRET = "a secret that is long enough for all of these tests"
KEY = keys.symmetric(SECRET, "HS256")


def token(**claims: object) -> str:
    return Issuer(KEY).issue({"sub": "5", "exp": NOW + 900, **claims})


def refuse(_token: str) -> None:
    raise InvalidSignature("Signature verification failed")


def test_a_good_token_is_taken_apart_and_explained() -> None:
    found = inspect(token(), now=NOW, verify=lambda _: None)

    assert (found.kind, found.problem) == ("jwt", None)
    assert found.checks["signature"] == "good"
    assert found.checks["time"] == "expires in 15 minutes"
    assert {part.name for part in found.header} == {"alg", "typ"}
    assert "2030" in next(part.meaning for part in found.payload if part.name == "exp")


def test_an_expired_token_says_since_when() -> None:
    found = inspect(token(exp=NOW - 7_200), now=NOW)

    assert found.problem == "expired"
    assert found.checks["time"] == "expired 2 hours ago"


def test_a_token_of_tomorrow_says_so() -> None:
    assert inspect(token(nbf=NOW + 60), now=NOW).problem == "not yet valid"


def test_a_token_without_end_says_so() -> None:
    assert inspect(Issuer(KEY).issue({"sub": "5", "iat": NOW}), now=NOW).checks["time"] == "never expires"


def test_a_bad_signature_is_the_reason() -> None:
    assert inspect(token(), now=NOW, verify=refuse).problem == "Signature verification failed"


def test_alg_none_and_foreign_headers_are_named() -> None:
    header = base64.urlsafe_b64encode(json.dumps({"alg": "HS256", "jku": "https://x"}).encode()).rstrip(b"=").decode()

    assert "jku" in str(inspect(f"{header}.e30.AAAA", now=NOW).problem)


def test_without_a_key_the_signature_is_left_open() -> None:
    assert "not checked" in inspect(token(), now=NOW).checks["signature"]


def test_the_three_kinds_of_the_lesson_and_our_own_prefix_are_known() -> None:
    basic = "Basic " + base64.b64encode(b"ada:top secret").decode()

    assert inspect(basic, now=NOW).kind == "basic"
    assert inspect("Bearer 0123456789abcdef", now=NOW).kind == "opaque"
    assert inspect("Bearer " + token(), now=NOW).kind == "jwt"
    assert inspect("sgr_" + "A" * 75, now=NOW).kind == "refresh"
    assert inspect("two words here", now=NOW).kind == "unknown"
    assert inspect("Basic !!", now=NOW).problem == "not base64"
    assert inspect("Basic YWRh", now=NOW).problem


def test_no_secret_is_shown() -> None:
    basic = "Basic " + base64.b64encode(b"ada:top secret").decode()
    jwt = token()
    text = "\n".join(inspect(basic, now=NOW).lines() + inspect(jwt, now=NOW).lines())
    text += json.dumps(inspect(basic, now=NOW).as_json())

    assert "top secret" not in text
    assert jwt.rpartition(".")[2] not in text
    assert "ada" in text


@given(st.text(max_size=200) | st.tuples(st.text(max_size=40), st.text(max_size=40)).map(lambda p: f"{p[0]}.{p[1]}.x"))
def test_any_text_is_answered(text: str) -> None:
    assert inspect(text, now=NOW).summary


def test_the_command_works_without_an_application(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("flask")), "signet", "token", "inspect", "--json"]
    environment = {name: value for name, value in os.environ.items() if name != "FLASK_APP"}

    done = subprocess.run(command, input=token(), capture_output=True, text=True, cwd=tmp_path, env=environment)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["payload"]["sub"] == "5"


@pytest.mark.parametrize(
    ("secret", "problem"),
    [(SECRET, None), ("another secret of the same length, or so it seems", "Signature verification failed")],
)
def test_the_command_checks_with_the_keys_of_the_application(secret: str, problem: str | None) -> None:
    app = Flask("inspected")
    app.config["JWT_SECRET_KEY"] = SECRET
    JWTManager(app)
    other = Flask("other")
    other.config["JWT_SECRET_KEY"] = secret
    JWTManager(other)
    with other.app_context():
        text = create_access_token("5")

    done = app.test_cli_runner().invoke(args=["signet", "token", "inspect", text, "--json"])

    assert json.loads(done.output)["problem"] == problem


@pytest.mark.parametrize(("leeway", "problem"), [(0, "expired"), (60, None)])
def test_the_command_forgives_what_the_application_forgives(leeway: int, problem: str | None) -> None:
    app = Flask("inspected")
    app.config.update(JWT_SECRET_KEY=SECRET, JWT_DECODE_LEEWAY=leeway)
    JWTManager(app)
    with app.app_context():
        text = create_access_token("5", expires_delta=timedelta(seconds=-1))

    done = app.test_cli_runner().invoke(args=["signet", "token", "inspect", text, "--json"])

    assert json.loads(done.output)["problem"] == problem


def test_nothing_in_a_token_steers_the_terminal() -> None:
    """The token may come from an attacker."""
    evil = "\x1b]0;owned\x07\r\n\u202e"
    claims = {evil: evil, "sub": evil}
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", evil: 1, "crit": [evil]}, claims)]
    text = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (*parts, b"x"))
    for found in (inspect(text, now=NOW), inspect("Basic " + base64.b64encode(f"{evil}:x".encode()).decode(), now=NOW)):
        assert all(line.isprintable() for line in found.lines())
        assert any("owned" in line for line in found.lines())
