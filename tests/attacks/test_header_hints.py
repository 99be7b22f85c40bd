"""Rows 5 to 8, 18 and 19: a header that brings its own key, points at one, or asks for something special."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_signet.tokens import keys
from tests.attacks.conftest import Doings
from tests.attacks.world import Victim, b64, claims
from tests.vectors import keys as test_keys


class Listener:
    """Counts the connections to a port of this machine, and returns a key set to every client."""

    def __init__(self, body: bytes) -> None:
        self.hits = 0
        self._body = body
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/keys.json"
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.hits += 1
            with connection:
                head = f"HTTP/1.0 200 OK\r\nContent-Length: {len(self._body)}\r\n\r\n"
                connection.sendall(head.encode() + self._body)

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)


@pytest.fixture
def listener() -> Iterator[Listener]:
    listening = Listener(json.dumps({"keys": [test_keys.public_jwk("RS384", alg="RS256")]}).encode())
    yield listening
    listening.close()


def signed_by_attacker(victim: Victim, header: dict[str, Any]) -> str:
    """A token that is good under the attacker's own RSA key."""
    key = test_keys.key("RS384", alg="RS256")
    signing_input = f"{b64(json.dumps(header))}.{b64(json.dumps(claims()))}"
    assert key.sign is not None
    return f"{signing_input}.{b64(key.sign(signing_input.encode()))}"


@pytest.mark.parametrize("kid", ["keep", "attacker", None])
def test_row_05_a_key_inside_the_token_is_not_used(rsa_victim: Victim, kid: str | None) -> None:
    embedded = test_keys.public_jwk("RS384", alg="RS256", kid=kid)
    names = {} if kid == "keep" else {"kid": kid}
    for jwk in (embedded, {**embedded, "kid": rsa_victim.key.key_id}, [embedded], "x", None, {}):
        header = {**rsa_victim.header(**names), "jwk": jwk}
        rsa_victim.check_refused(signed_by_attacker(rsa_victim, header))


def test_row_05_even_our_own_key_inside_the_token_is_refused(rsa_victim: Victim) -> None:
    header = rsa_victim.header(jwk=test_keys.public_jwk("RS256"))

    rsa_victim.check_refused(rsa_victim.sign(claims(), header))


@pytest.mark.parametrize("name", ["jku", "x5u", "x5c"])
def test_row_06_nobody_is_asked_for_a_key(rsa_victim: Victim, listener: Listener, doings: Doings, name: str) -> None:
    for kid in (rsa_victim.key.key_id, "attacker", None):
        for value in (listener.url, [listener.url], {"url": listener.url}, None):
            header = {**rsa_victim.header(kid=kid), name: value}
            token = signed_by_attacker(rsa_victim, header)
            with doings.watched() as seen:
                rsa_victim.check_refused(token)
                rsa_victim.check_refused(rsa_victim.sign(claims(), header))

            assert [] == seen
    assert 0 == listener.hits


@pytest.mark.parametrize("name", ["x5t", "x5t#S256"])
def test_row_06_a_thumbprint_chooses_no_key(rsa_victim: Victim, doings: Doings, name: str) -> None:
    """Entra ID writes one into every token. It names no key to trust, so it neither lets in nor keeps out."""
    for value in ("bm90IGEgdGh1bWJwcmludA", ["x"], None):
        header = {**rsa_victim.header(), name: value}
        rsa_victim.check_accepted(rsa_victim.sign(claims(), header))
        with doings.watched() as seen:
            rsa_victim.check_refused(signed_by_attacker(rsa_victim, header))

        assert [] == seen


def test_row_06_the_listener_does_count(listener: Listener) -> None:
    """A listener that never hears anything would let every test of this row pass."""
    with socket.create_connection(("127.0.0.1", int(listener.url.split(":")[2].split("/")[0]))) as connection:
        connection.recv(16)

    assert 1 == listener.hits


KIDS: list[Any] = [
    "../../../../../../dev/null",
    "/dev/null",
    "file:///dev/null",
    "",
    "|sleep 10",
    "$(sleep 10)",
    "x' UNION SELECT '1';--",
    "\0",
    "test-HS256\0",
    "TEST-HS256",
    "x" * 5_000,
    1,
    0,
    True,
    1.5,
    {"kid": "test-HS256"},
    ["test-HS256"],
    None,
    "\u202etest-HS256",
    "test-HS256 ",
]


@pytest.mark.parametrize("kid", KIDS, ids=lambda kid: repr(kid)[:20])
@pytest.mark.parametrize("secret", [b"", b"1", b"\0", b"null"])
def test_row_07_a_kid_names_a_key_and_nothing_else(victim: Victim, doings: Doings, kid: Any, secret: bytes) -> None:
    import hmac

    header = {"alg": "HS256", "typ": "JWT", "kid": kid}
    signing_input = f"{b64(json.dumps(header))}.{b64(json.dumps(claims()))}"
    mac = hmac.digest(secret, signing_input.encode(), "sha256")
    victim.check_alive()  # the first request checks the strength of the key, and reads a file of the package for that
    with doings.watched() as seen:
        victim.check_refused(f"{signing_input}.{b64(mac)}")
        victim.check_refused(victim.sign(claims(), header))

    assert [] == seen


def test_row_07_a_strange_kid_costs_no_time(victim: Victim) -> None:
    tokens = [victim.sign(claims(), {"alg": "HS256", "kid": kid}) for kid in KIDS]
    for token in tokens:
        fastest = min(timed(lambda token=token: victim.send(token)) for _ in range(3))

        assert fastest < 0.05


def timed(call: Any) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def test_row_08_an_unknown_kid_is_refused_and_reads_no_file(tmp_path: Path, doings: Doings) -> None:
    """The ring is looked at again at an unknown name, but its file is only read when it has changed."""
    path = tmp_path / "ring.json"
    path.write_text(json.dumps({"keys": [test_keys.jwk("EdDSA")]}))
    path.chmod(0o600)
    victim = Victim(JWT_KEYS=str(path), JWT_ALGORITHM="EdDSA")
    victim.check_alive()
    token = victim.good()
    with doings.watched() as seen:
        for number in range(200):
            victim.check_refused(victim.sign(claims(), victim.header(kid=f"unknown-{number}")))

    assert [] == [what for what in seen if "ring" in str(what)]
    victim.check_accepted(token)


def test_row_08_no_kid_with_several_keys_is_refused() -> None:
    ring = {"keys": [test_keys.jwk("EdDSA"), test_keys.jwk("ES256", status="next")]}
    victim = Victim(JWT_KEYS=ring, JWT_ALGORITHM="EdDSA")

    victim.check_refused(victim.sign(claims(), victim.header(kid=None)))


def test_row_08_two_keys_of_one_name_are_refused_at_import() -> None:
    ring = {"keys": [test_keys.jwk("EdDSA", kid="one"), test_keys.jwk("ES256", kid="one", status="next")]}
    victim = Victim(JWT_KEYS=ring)

    with pytest.raises(keys.InvalidKeyError, match="share one kid"):
        _ = victim.key


CRITICAL: list[Any] = [
    ["x"],
    ["exp"],
    ["b64"],
    ["alg"],
    [],
    "exp",
    None,
    {},
    [1],
    ["exp", "exp"],
    ["absent"],
    [None],
    [["b64"]],
    0,
]


@pytest.mark.parametrize("crit", CRITICAL, ids=repr)
def test_row_18_whatever_is_critical_is_refused(victim: Victim, crit: Any) -> None:
    for more in ({}, {"b64": False}, {"b64": True}, {"exp": 1}):
        victim.check_refused(victim.sign(claims(), {**victim.header(**more), "crit": crit}))


@pytest.mark.parametrize("value", [False, True, None, "false"])
def test_row_18_an_unencoded_payload_is_refused(victim: Victim, value: Any) -> None:
    victim.check_refused(victim.sign(claims(), {**victim.header(), "b64": value}))


@pytest.mark.parametrize(
    "members",
    [
        {"zip": "DEF"},
        {"cty": "JWT"},
        {"enc": "A256GCM"},
        {"p2c": 2**31, "p2s": "c2FsdA"},
        {"apu": "x", "epk": {"kty": "EC"}},
        {"typ": "jwt"},
        {"typ": "at+jwt"},
        {"typ": "application/at+JWT"},
        {"anything": {"of": ["ours"]}},
    ],
    ids=repr,
)
def test_row_19_members_that_mean_nothing_here_have_no_effect(victim: Victim, members: dict[str, Any]) -> None:
    """Nothing is unpacked, nothing iterated: the payload is taken as it stands."""
    token = victim.sign(claims(), victim.header(**members))

    assert min(timed(lambda: victim.send(token)) for _ in range(3)) < 0.05
    victim.check_accepted(token)


def test_row_19_a_packed_payload_is_not_unpacked(victim: Victim) -> None:
    import zlib

    packed = zlib.compress(json.dumps(claims()).encode())[2:-4]

    victim.check_refused(victim.sign(packed, victim.header(zip="DEF")))


def test_row_19_a_learned_header_serves_only_tokens_with_a_good_signature(victim: Victim) -> None:
    """After a good token, its header is known; a bad signature under the same header is still one."""
    token = victim.sign(claims(), victim.header(cty="x"))
    for _ in range(3):
        victim.check_accepted(token)
    header, _, signature = token.split(".")

    victim.check_refused(f"{header}.{b64(json.dumps(claims(sub='1')))}.{signature}")
