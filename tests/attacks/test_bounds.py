"""What a stranger sends is read up to a limit, and an application's own body is still there for its view."""

from __future__ import annotations

import json
import unicodedata
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.test import Client

from flask_signet import JWTManager, Signet, create_access_token, jwt_required
from flask_signet.accounts import names
from flask_signet.accounts.names import nfc
from flask_signet.clock import SYSTEM
from flask_signet.exceptions import InvalidKeyError, InvalidRequest, MalformedToken
from flask_signet.throttle.attempts import network_of
from flask_signet.tokens import jws, ring
from flask_signet.tokens.inspect import inspect
from flask_signet.web.keyfiles import KeyFile, read_jwks
from tests.attacks.world import Victim, b64, claims

JSON = "application/json"


class Counted(BytesIO):
    """A body that tells how much of it was read."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data

    def readinto(self, buffer: Any, /) -> int:
        count = super().readinto(buffer)
        self.taken += count
        return count


def application(**config: Any) -> tuple[Flask, str]:
    """An application that looks for tokens in the body, and a token; its view says what it could read itself."""
    app = Flask(__name__)
    app.config.update(JWT_SECRET_KEY="y7Qm-29fLw0pVzR5tYbN3hKc8sJd6gAe", JWT_TOKEN_LOCATION=["json"], **config)
    JWTManager(app)

    @app.post("/")
    @jwt_required(optional=True)
    def view() -> dict[str, Any]:
        return {"bytes": len(request.get_data()), "seen": (request.get_json(silent=True) or {}).get("last")}

    with app.app_context():
        return app, create_access_token("1")


def post(app: Flask, body: bytes, *, chunked: bool, optional: bool = False) -> Any:
    if not optional:
        app.view_functions["view"] = jwt_required()(app.view_functions["view"].__wrapped__)  # type: ignore[attr-defined]
    lent = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"} if chunked else {}
    arguments: dict[str, Any] = {"input_stream": BytesIO(body)} if chunked else {"data": body}
    return app.test_client().post("/", content_type=JSON, environ_overrides=lent, **arguments)


def body_of(token: str, size: int) -> bytes:
    start = json.dumps({"access_token": token, "last": "yes", "filling": ""}).encode()
    return start[:-2] + b"x" * (size - len(start)) + start[-2:]


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "in chunks"])
@pytest.mark.parametrize(("size", "status"), [(1_000, 200), (16_384, 200), (16_385, 401), (5_000_000, 401)])
def test_a_token_is_looked_for_in_bodies_up_to_the_limit(chunked: bool, size: int, status: int) -> None:
    app, token = application()
    answer = post(app, body_of(token, size), chunked=chunked)

    assert status == answer.status_code
    if status == 200:
        assert {"bytes": size, "seen": "yes"} == answer.get_json()
    else:
        assert "JWT_MAX_JSON_BYTES = 16384" in answer.get_json()["msg"]
        assert "missing_token" == answer.get_json()["error"]


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "in chunks"])
@pytest.mark.parametrize("size", [0, 1, 200, 16_384, 16_385, 40_000, 3_000_000])
def test_the_view_reads_its_whole_body_afterwards(chunked: bool, size: int) -> None:
    app, _ = application()
    body = body_of("", size) if size > 100 else b" " * size
    answer = post(app, body, chunked=chunked, optional=True)

    assert {"bytes": size, "seen": "yes" if size > 100 else None} == answer.get_json()


@pytest.mark.parametrize("chunked", [False, True], ids=["with a length", "in chunks"])
def test_the_limit_is_a_setting(chunked: bool) -> None:
    app, token = application(JWT_MAX_JSON_BYTES=1_000_000)

    assert 200 == post(app, body_of(token, 900_000), chunked=chunked).status_code


def test_of_a_long_body_without_a_token_nothing_is_read() -> None:
    app, _ = application()
    for lent in ({"CONTENT_LENGTH": "50000000"}, {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}):
        app.view_functions["view"] = jwt_required()(app.view_functions["view"].__wrapped__)  # type: ignore[attr-defined]
        body = Counted(b"[" * 50_000_000)
        environ = {"wsgi.input": body, "CONTENT_TYPE": JSON, **lent}

        assert 401 == app.test_client().post("/", environ_overrides=environ).status_code
        assert body.taken <= 16_385


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=b"])
def test_a_form_is_not_read_for_a_token_that_is_none(kind: str) -> None:
    """The proof may lie in a form as large as a file, so it is looked for after the signature was found good."""
    victim = Victim(JWT_TOKEN_LOCATION=["cookies"], JWT_CSRF_CHECK_FORM=True)
    for token, status in (
        ("x.y.z", 401),
        (victim.good(csrf="proof")[:-4] + "AAAA", 401),
        (victim.good(csrf="proof"), 403),
    ):
        victim.client.set_cookie("access_token_cookie", token)
        body = Counted(b"a" * 400_000)
        answer = victim.client.post(
            "/protected",
            environ_overrides={"wsgi.input": body, "CONTENT_TYPE": kind, "CONTENT_LENGTH": "400000"},
        )

        assert status == answer.status_code
        assert (body.taken > 0) == (status == 403)


def test_the_proof_of_a_form_counts_as_before() -> None:
    victim = Victim(JWT_TOKEN_LOCATION=["cookies"], JWT_CSRF_CHECK_FORM=True)
    victim.client.set_cookie("access_token_cookie", victim.good(csrf="proof"))

    assert 200 == victim.client.post("/protected", data={"csrf_token": "proof"}).status_code
    assert 403 == victim.client.post("/protected", data={"csrf_token": "other"}).status_code
    assert 403 == victim.client.post("/protected", data={}).status_code


def test_cookies_are_read_up_to_their_limit() -> None:
    victim = Victim(JWT_TOKEN_LOCATION=["cookies"])
    good = f"access_token_cookie={victim.good()}"
    for others, status in (
        ("a=b; " * 100, 200),
        ("a=b; " * 1_000, 200),
        ('a="b;c"; d=" e"; f ; =g; ', 200),
        ("a=" + " " * 8_000 + '"; ', 200),
        (f"a={'b' * 12_000}; ", 200),
        (f"a={'b' * 17_000}; ", 401),
    ):
        answer = Client(victim.app, use_cookies=False).get("/protected", headers={"Cookie": others + good})

        assert status == answer.status_code


def test_a_query_string_is_read_up_to_its_limit() -> None:
    victim = Victim(JWT_TOKEN_LOCATION=["query_string"])
    good = f"jwt={victim.good()}"
    for others, status in (
        ("a=b&" * 400, 200),
        ("&" * 1_001, 401),
        ("a=%ff&" * 600, 200),
        (f"a={'%ff' * 2_001}&", 401),
        (f"a={'b' * 15_000}&", 200),
        (f"a={'b' * 17_000}&", 401),
    ):
        assert status == victim.client.get(f"/protected?{others}{good}").status_code


def test_a_header_is_taken_apart_up_to_its_limit(victim: Victim) -> None:
    good = victim.good()
    for value, status in (
        (f"Basic eDp5, Bearer {good}", 200),
        (f"Basic {'A' * 3_000}, Bearer {good}", 200),
        (f"Basic {'A' * 13_000}, Bearer {good}", 401),
        ("," * 13_000, 401),
    ):
        assert status == victim.client.get("/protected", headers={"Authorization": value}).status_code


@pytest.fixture
def accounts(tmp_path: Path) -> Flask:
    app = Flask(__name__, instance_path=str(tmp_path))
    app.config.update(TESTING=True)
    Signet(app)
    return app


@pytest.mark.parametrize("path", ["/token", "/token/refresh"])
def test_a_body_of_our_routes_has_at_most_16_kib(accounts: Flask, path: str) -> None:
    client = accounts.test_client()
    for size, refused in ((16_384, False), (16_385, True), (1_000_000, True)):
        answer = client.post(path, data=body_of("", size), content_type=JSON)

        assert refused == (answer.status_code == 413)
        if refused:
            assert {"error", "msg"} == set(answer.get_json())


def test_a_content_type_without_end_is_no_json(accounts: Flask) -> None:
    client = accounts.test_client()
    for size, status in ((900, 400), (1_100, 415)):
        kind = f"{JSON}; a=".ljust(size, "b")

        assert status == client.post("/token", data=b"{}", content_type=kind).status_code


@pytest.mark.parametrize("chunked", [False, True])
def test_a_form_has_a_limited_number_of_fields_and_bytes(accounts: Flask, chunked: bool) -> None:
    head = b'--b\r\nContent-Disposition: form-data; name="username"\r\n\r\na\r\n'
    part = b'--b\r\nContent-Disposition: form-data; name="%d"\r\n\r\n\r\n'
    lent = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"} if chunked else {}

    def status(body: bytes, kind: str) -> int:
        arguments: dict[str, Any] = {"input_stream": BytesIO(body)} if chunked else {"data": body}
        client = accounts.test_client()
        return client.post("/token", content_type=kind, environ_overrides=lent, **arguments).status_code

    form, parts = "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"
    assert 400 == status(b"&".join(b"%d=" % n for n in range(100)), form)
    assert 413 == status(b"&" * 100, form)
    assert 413 == status(b"a" * 16_385, form)
    assert 413 == status(b"a=" + b"%41" * 4_097, form)
    assert 400 == status(b"username=%ff&password=x", form)
    assert 400 == status(head + b"".join(part % n for n in range(99)) + b"--b--\r\n", parts)
    assert 413 == status(head + b"".join(part % n for n in range(100)) + b"--b--\r\n", parts)
    assert 413 == status(head + b" " * 16_385, parts)


def test_a_query_string_of_our_routes_has_a_limit(accounts: Flask) -> None:
    client = accounts.test_client()

    assert 401 == client.delete("/token?everywhere=1").status_code
    assert 400 == client.delete("/token?" + "everywhere=1&" * 1_001).status_code


def test_a_header_segment_has_a_limit_of_its_own() -> None:
    """It is read before the signature, however long tokens may be."""
    victim = Victim(JWT_MAX_TOKEN_BYTES=1_000_000)
    for size, accepted in ((5_000, True), (7_000, False)):
        token = victim.sign(claims(), victim.header(pad="x" * size))
        assert (200 if accepted else 401) == victim.send(token).status_code
    with pytest.raises(MalformedToken, match="longer than 8192 bytes"):
        jws.read_header(b64(b"[" * 7_000).encode())


def test_a_ring_has_a_limit(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(b" " * 1_048_577)
    file.chmod(0o600)
    for read in (
        lambda: read_jwks(file),
        lambda: KeyFile(file, SYSTEM).current(),
        lambda: ring.from_text(b" " * 1_048_577),
    ):
        with pytest.raises(InvalidKeyError, match="longer than 1048576 bytes"):
            read()
    with pytest.raises(InvalidKeyError, match="not complete JSON"):
        ring.from_text(b" " * 1_048_576)


def test_what_is_too_long_to_be_a_credential_is_not_taken_apart() -> None:
    found = inspect("A" * 262_145, now=0)

    assert ("unknown", "longer than 262144 bytes") == (found.kind, found.problem)


def test_an_address_without_end_is_cut() -> None:
    assert "x" * 64 == network_of("x" * 10_000)
    assert "192.0.2.1" == network_of("192.0.2.1:" + "1" * 10_000)


MARKS = st.sampled_from("a\u0300\u0316\u0345\u0f71\u0f72\u0f73\u0344\u0f81\u1100\u1161\u11a8\uac00\u1e9e\u0341\u212b")


@given(st.one_of(st.text(), st.text(MARKS, min_size=1, max_size=60)))
def test_the_normal_form_is_that_of_unicode(text: str) -> None:
    assert unicodedata.normalize("NFC", text) == nfc(text)


def test_a_name_has_few_characters_that_the_whole_name_is_searched_for() -> None:
    for digit in "\u0661\u06f1\uff65\u30fb":
        assert names.canonical(digit * 10 + "\u30a2") if digit in "\uff65\u30fb" else names.canonical("a" + "1" * 9)
        with pytest.raises(InvalidRequest, match="more than 32 Arabic digits or middle dots"):
            names.canonical(digit * 33)
