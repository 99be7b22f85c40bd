"""What an application keeps between two requests, and when it lets go of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from flask import Flask

from flask_signet import (
    JWTManager,
    create_access_token,
    decode_token,
    get_jwt_identity,
    get_jwt_request_location,
    jwt_required,
)
from flask_signet.clock import SYSTEM
from flask_signet.tokens import keys, ring
from flask_signet.tokens.issuer import Issuer
from flask_signet.tokens.revocations import RevocationMemory
from flask_signet.tokens.ring import Ring
from flask_signet.web import keyfiles
from flask_signet.web.token_layer import EXTENSION, TokenLayer
from tests.compat.application import NOW, SECRET, World, bearer, world
from tests.vectors import keys as test_keys

EC_KEY = ec.generate_private_key(ec.SECP256R1())


def layer_of(w: World) -> TokenLayer:
    return w.app.extensions[EXTENSION]


def test_while_nothing_changes_all_that_was_made_is_kept() -> None:
    layer = layer_of(world())
    snapshot, issuer, settings = layer.snapshot(), layer.issuer(), layer.settings

    assert layer.snapshot() is snapshot
    assert layer.issuer() is issuer
    assert layer.settings is settings


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, "HTTP_AUTHORIZATION"),
        ({"JWT_HEADER_NAME": "X-Token"}, "HTTP_X_TOKEN"),
        ({"JWT_TOKEN_LOCATION": ["headers", "cookies"]}, "HTTP_AUTHORIZATION"),
        ({"JWT_TOKEN_LOCATION": ["query_string", "headers"]}, ""),
        ({"JWT_TOKEN_LOCATION": ["cookies"]}, ""),
    ],
)
def test_a_header_is_recalled_where_it_is_looked_at_first(config: dict[str, Any], expected: str) -> None:
    assert layer_of(world(**config)).snapshot().recall_from == expected


def test_no_header_is_recalled_where_the_key_must_be_judged_at_every_request() -> None:
    w = world()
    w.app.config["JWT_SECRET_KEY"] = "changeme"

    assert layer_of(w).snapshot().recall_from == ""


@pytest.mark.parametrize("scheme", ["Bearer", "bEARER"])
def test_a_header_that_was_accepted_is_recalled_as_a_whole(scheme: str) -> None:
    w = world()
    header = f"{scheme} {w.access()}"
    verifier = layer_of(w).snapshot().verifier
    assert verifier.recall(header, NOW) is None
    assert w.client.get("/access", headers={"Authorization": header}).status_code == 200

    assert verifier.recall(header, NOW) is not None


@pytest.mark.parametrize("form", ["Bearer  {}", "Bearer {},", "Basic eDp5, Bearer {}"])
def test_a_header_of_unusual_form_is_not_kept(form: str) -> None:
    """There are endless ways to write one token so: they must not push others out."""
    w = world()
    header = form.format(w.access())
    assert w.client.get("/access", headers={"Authorization": header}).status_code == 200

    assert layer_of(w).snapshot().verifier.recall(header, NOW) is None


def test_a_header_that_was_accepted_after_a_look_at_the_ring_is_recalled_too(tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    keyfiles.create(path, {"keys": [test_keys.jwk("EdDSA")]})
    w = world(JWT_KEYS=str(path))
    assert w.get("/access", Issuer(test_keys.key("EdDSA")).issue({"sub": "ann", "exp": NOW + 60})).status_code == 200
    keyfiles.change(path, lambda jwks: {"keys": [*jwks["keys"], test_keys.jwk("ES256", status="next")]})
    token = Issuer(test_keys.key("ES256")).issue({"sub": "bob", "exp": NOW + 60})

    assert w.get("/access", token).json["identity"] == "bob"
    assert layer_of(w).snapshot().verifier.recall(f"Bearer {token}", NOW) is not None


def test_a_recalled_header_does_not_go_before_a_place_that_is_asked_first() -> None:
    w = world(JWT_TOKEN_LOCATION=["query_string", "headers"])
    ann, bob = w.access("ann"), w.access("bob")
    assert w.get("/access", ann).json["identity"] == "ann"

    assert w.get(f"/access?jwt={bob}", ann).json["identity"] == "bob"


def test_a_recalled_header_does_not_count_where_a_route_looks_elsewhere() -> None:
    w = world()
    w.guarded("/query", locations="query_string")
    ann, bob = w.access("ann"), w.access("bob")
    assert w.get("/access", ann).status_code == 200

    assert w.get("/query", ann).status_code == 401
    assert w.get(f"/query?jwt={bob}", ann).json["identity"] == "bob"


def test_a_recalled_header_does_not_count_once_the_application_chooses_the_key() -> None:
    w = world()
    token = w.access()
    assert w.get("/access", token).status_code == 200
    w.jwt.decode_key_loader(lambda header, claims: SECRET[::-1])

    assert w.get("/access", token).json["msg"] == "Signature verification failed"


def test_a_token_in_a_header_says_so_the_second_time_too() -> None:
    w = world(JWT_TOKEN_LOCATION=["headers", "cookies"])

    @w.app.get("/where")
    @jwt_required()
    def where() -> list[Any]:
        return [get_jwt_identity(), get_jwt_request_location()]

    token = w.access()
    assert [w.get("/where", token).json for _ in range(2)] == [["ann", "headers"]] * 2


def test_a_room_that_remembers_is_asked_of_every_token_but_where_a_route_skips_it() -> None:
    w = world()
    w.guarded("/skip", skip_revocation_check=True)
    w.jwt.revoked_token_loader(lambda header, claims: {"alg": header["alg"], "sid": claims["sid"]})
    known = RevocationMemory(lambda: NOW)
    known.end_sessions([("ended", NOW + 60)])
    layer_of(w).revocations = known
    ended, other = (w.raw({"sub": "ann", "sid": sid}) for sid in ("ended", "other"))

    for _ in range(2):
        assert w.get("/access", other).status_code == 200
        assert w.get("/access", ended).json == {"alg": "HS256", "sid": "ended"}
        assert w.get("/skip", ended).status_code == 200
    w.jwt.token_in_blocklist_loader(lambda header, claims: True)
    assert w.get("/access", other).json == {"alg": "HS256", "sid": "other"}


class OneRing:
    """A source of keys that never change."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring

    def current(self) -> Ring:
        return self.ring

    def refresh(self) -> Ring:
        return self.ring


@pytest.mark.parametrize(
    "config",
    [
        {"JWT_SECRET_KEY": SECRET},
        {"JWT_PRIVATE_KEY": EC_KEY, "JWT_ALGORITHM": "ES256"},
        {"JWT_PUBLIC_KEY": EC_KEY.public_key(), "JWT_ALGORITHM": "ES256"},
    ],
    ids=["secret", "private", "public"],
)
def test_any_key_in_the_settings_goes_before_those_of_a_room(config: dict[str, Any]) -> None:
    kept = ring.from_jwks({"keys": [test_keys.jwk("EdDSA")]})
    app = Flask("app")
    manager = JWTManager(app)
    layer = TokenLayer(app, manager, SYSTEM, OneRing(kept))
    assert layer.snapshot().ring is kept

    app.config.update(config)
    assert layer.snapshot().ring is not kept
    app.config.update(dict.fromkeys(config), JWT_ALGORITHM="HS256")
    assert layer.snapshot().ring is kept


def test_a_ring_as_text_may_begin_with_blanks() -> None:
    text = "\n  " + json.dumps({"keys": [test_keys.jwk("EdDSA")]})

    assert layer_of(world(JWT_KEYS=text)).snapshot().ring.verifying[0].key_id == "test-EdDSA"


def test_a_ring_of_a_relative_path_lies_in_the_instance_folder(tmp_path: Path) -> None:
    keyfiles.create(tmp_path / "ring.json", {"keys": [test_keys.jwk("EdDSA")]})
    app = Flask("app", instance_path=str(tmp_path))
    app.config["JWT_KEYS"] = "ring.json"
    JWTManager(app)

    assert app.extensions[EXTENSION].snapshot().ring.verifying[0].key_id == "test-EdDSA"


def test_another_file_is_followed_and_the_same_one_is_kept_when_another_setting_changes(tmp_path: Path) -> None:
    for name in ("EdDSA", "ES256"):
        keyfiles.create(tmp_path / f"{name}.json", {"keys": [test_keys.jwk(name)]})
    w = world(JWT_KEYS=str(tmp_path / "EdDSA.json"))
    layer = layer_of(w)
    before = layer.snapshot().ring
    (tmp_path / "EdDSA.json").write_text("{")
    w.app.config["JWT_DECODE_LEEWAY"] = 5
    assert layer.snapshot().ring is before  # the last valid one: the file was not read again

    w.app.config["JWT_KEYS"] = str(tmp_path / "ES256.json")
    assert layer.snapshot().ring.verifying[0].key_id == "test-ES256"


def test_outside_a_request_a_weak_key_makes_tokens_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    w = world()
    w.app.config["JWT_SECRET_KEY"] = "changeme"
    with w.app.app_context():
        token = create_access_token("ann")

    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert w.client.get("/access", headers=bearer(token)).status_code == 200


def test_outside_a_request_a_weak_key_of_the_application_is_warned_of_and_used(
    caplog: pytest.LogCaptureFixture,
) -> None:
    w = world()
    w.jwt.decode_key_loader(lambda header, claims: "changeme")
    token = Issuer(keys.symmetric("changeme", "HS256")).issue({"sub": "ann"})
    with w.app.app_context():
        assert decode_token(token)["sub"] == "ann"

    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_the_algorithm_that_signs_may_stand_first_among_those_that_are_accepted() -> None:
    w = world(JWT_DECODE_ALGORITHMS=["HS256", "ES256"], JWT_PUBLIC_KEY=EC_KEY.public_key())
    token = Issuer(keys.from_config(EC_KEY, "ES256", private=True)).issue({"sub": "bob"})

    assert w.get("/access", w.access()).json["identity"] == "ann"
    assert w.get("/access", token).json["identity"] == "bob"


def test_no_accepted_algorithm_but_the_one_that_signs_makes_tokens() -> None:
    w = world(JWT_DECODE_ALGORITHMS=["HS512", "ES256"], JWT_PRIVATE_KEY=EC_KEY)

    assert layer_of(w).issuer().key.algorithm == "HS256"


def test_each_application_has_a_list_of_csrf_methods_of_its_own() -> None:
    first, second = world(), world()
    first.app.config["JWT_CSRF_METHODS"].append("GET")

    assert "GET" not in second.app.config["JWT_CSRF_METHODS"]


def test_a_proof_in_a_header_counts_where_forms_are_looked_at_too() -> None:
    w = world(JWT_TOKEN_LOCATION=["cookies"], JWT_CSRF_CHECK_FORM=True)
    w.client.set_cookie("access_token_cookie", w.raw({"sub": "ann", "csrf": "proof"}))

    assert w.client.post("/access", headers={"X-CSRF-TOKEN": "proof"}).status_code == 200


@pytest.mark.parametrize("value", ["Bearer ", "Bearer a\tb", "Bearer a,b c"])
def test_a_header_of_unusual_form_is_read_by_the_letter(value: str) -> None:
    w = world()
    expected = "Bad Authorization header. Expected 'Authorization: Bearer <JWT>'"
    if "," in value:
        expected = "Not enough segments"

    answer = w.client.get("/access", environ_overrides={"HTTP_AUTHORIZATION": value})
    assert (answer.status_code, answer.json["msg"]) == (401, expected)
