"""Valid and invalid requests are answered as the OpenAPI document says, and never with a 5xx."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
import schemathesis
import schemathesis.checks as checks
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_signet import Signet
from flask_signet.cli.openapi import openapi_of
from flask_signet.house_routes import served_rows
from flask_signet.web.routes import Route

pytestmark = pytest.mark.slow

PASSWORD = "correct horse"
COOKIE_MODE = {"X-Signet": "1", "Sec-Fetch-Site": "same-origin"}
CHECKS: list[Any] = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]
ROWS = [row for rows in served_rows(has_steps=False).values() for row in rows]
MODES = schemathesis.GenerationMode
# Nothing can be wrong with a request that may have no credential, no body and no variable.
CASES = [
    (row, mode)
    for row in ROWS
    for mode in MODES
    if mode is MODES.POSITIVE or row.guard is not None or row.body is not None or "<" in row.path
]


@pytest.fixture
def app() -> Iterator[Flask]:
    app = Flask("shop")
    app.config.update(TESTING=True, SIGNET_REGISTRATION=True, SIGNET_THROTTLE=False)
    Signet(app)
    yield app
    app.extensions["signet"].close()


@pytest.mark.parametrize(("row", "mode"), CASES, ids=[f"{row.method} {row.path} {mode.value}" for row, mode in CASES])
def test_a_generated_request_is_answered_as_the_document_says(
    app: Flask, row: Route[Any, Any], mode: schemathesis.GenerationMode
) -> None:
    schema = schemathesis.openapi.from_dict(openapi_of(app))
    schema.app = app
    numbers, client = count(), app.test_client()
    operation: Any = schema[row.path.replace("<", "{").replace(">", "}")][row.method]

    def signed_in() -> dict[str, str]:
        """Return the header of a user that no request has changed yet."""
        name = f"user-{next(numbers)}"
        app.extensions["signet"].users.create(name, PASSWORD)
        tokens = client.post("/token", json={"username": name, "password": PASSWORD}).get_json()
        return {"Authorization": f"Bearer {tokens['token']}"}

    @given(case=operation.as_strategy(generation_mode=mode), signed=st.booleans(), own_page=st.booleans())
    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    def send(case: schemathesis.Case, signed: bool, own_page: bool) -> None:
        headers = {**(signed_in() if signed else {}), **(COOKIE_MODE if own_page else {})}
        case.call_and_validate(headers=headers, checks=CHECKS)

    send()
