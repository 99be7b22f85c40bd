"""Rows 28, 29, 31 and 34: what a ring publishes, forgets, and does when its file turns bad."""

from __future__ import annotations

import json
import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flask_signet.clock import SYSTEM
from flask_signet.exceptions import InvalidKeyError, SettingsError
from flask_signet.tokens import keys, ring
from flask_signet.tokens.issuer import Issuer
from flask_signet.web import keyfiles
from tests.attacks.world import NOW, Victim, claims
from tests.vectors import keys as test_keys

PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "k", "oth"}


def step(jwks: dict[str, Any], now: int, *, overlap: int = 10**9) -> dict[str, Any]:
    return ring.rotated(jwks, SYSTEM.token_bytes, now, overlap=overlap, settle=0)


def ring_file(folder: Path, jwks: dict[str, Any] | None = None) -> Path:
    path = folder / "ring.json"
    keyfiles.create(path, ring.generated("EdDSA", SYSTEM.token_bytes, NOW) if jwks is None else jwks)
    return path


def file_victim(path: Path, **config: Any) -> Victim:
    return Victim("EdDSA", JWT_KEYS=str(path), **config)


def published(victim: Victim) -> dict[str, Any]:
    answer = victim.client.get("/.well-known/jwks.json")

    assert 200 == answer.status_code
    return answer.json


@pytest.mark.parametrize("algorithm", test_keys.ALGORITHMS)
def test_rows_28_29_a_published_set_holds_no_private_part_and_no_secret(algorithm: str) -> None:
    victim = Victim(algorithm)
    found = published(victim)

    assert (0 if algorithm.startswith("HS") else 1) == len(found["keys"])
    assert not any(PRIVATE & set(jwk) for jwk in found["keys"])
    for jwk in found["keys"]:
        assert {"kty", "kid", "alg", "use"} <= set(jwk)
        assert algorithm == jwk["alg"]


def test_rows_28_29_nothing_private_before_during_and_after_a_rotation(tmp_path: Path) -> None:
    path = ring_file(tmp_path)
    victim = file_victim(path)
    texts = []
    for number in range(5):
        secrets = [jwk["d"] for jwk in json.loads(path.read_text())["keys"]]
        found = published(victim)
        texts.append(json.dumps(found))
        assert all({"kty", "crv", "x", "kid", "alg", "use"} == set(jwk) for jwk in found["keys"])
        assert not any(secret in text for secret in secrets for text in texts)
        keyfiles.change(path, lambda jwks, now=NOW + number: step(jwks, now))
        victim.now += 1


def test_row_29_a_ring_of_secrets_publishes_an_empty_set() -> None:
    jwks = ring.generated("HS256", SYSTEM.token_bytes, NOW)
    victim = Victim(JWT_KEYS=jwks)

    assert {"keys": []} == published(victim)
    for jwk in jwks["keys"]:
        assert jwk["k"] not in victim.client.get("/.well-known/jwks.json").text


def test_row_29_a_mixed_ring_publishes_the_public_keys_alone() -> None:
    victim = Victim(JWT_KEYS={"keys": [test_keys.jwk("HS256"), test_keys.jwk("ES256", status="next")]})
    found = published(victim)

    assert ["test-ES256"] == [jwk["kid"] for jwk in found["keys"]]
    assert not PRIVATE & set(found["keys"][0])


def test_row_28_the_set_may_be_kept_for_a_while_and_its_own_keys_verify(tmp_path: Path) -> None:
    from flask_signet.tokens import verify_signature

    victim = file_victim(ring_file(tmp_path))
    answer = victim.client.get("/.well-known/jwks.json")

    assert "public" in answer.headers["Cache-Control"]
    assert "max-age=" in answer.headers["Cache-Control"]
    assert claims() == json.loads(verify_signature(victim.good(), answer.json))


def test_row_31_a_revoked_key_is_refused_everywhere_within_a_second(tmp_path: Path) -> None:
    path = ring_file(tmp_path)
    workers = [file_victim(path) for _ in range(3)]
    leaked = workers[0].key
    stolen = workers[0].good()
    for worker in workers:
        worker.check_accepted(stolen)

    keyfiles.change(path, lambda jwks: ring.without(jwks, leaked.key_id, SYSTEM.token_bytes, NOW))

    for worker in workers:
        worker.now += 1
        worker.check_refused(stolen)
        forged = Issuer(leaked).issue(claims(sub="1"))
        worker.check_refused(forged)
        assert leaked.key_id not in json.dumps(published(worker))
    assert 1 == len({worker.key.key_id for worker in workers})
    assert leaked.key_id != workers[0].key.key_id


def test_row_31_the_last_key_cannot_leave_without_a_follower(tmp_path: Path) -> None:
    path = ring_file(tmp_path, {"keys": [test_keys.jwk("EdDSA")]})
    victim = file_victim(path)
    keyfiles.change(path, lambda jwks: ring.without(jwks, "test-EdDSA", SYSTEM.token_bytes, NOW))
    victim.now += 1

    assert "test-EdDSA" != victim.key.key_id
    victim.check_alive()


def test_row_30_tokens_of_three_generations_are_good_within_the_overlap(tmp_path: Path) -> None:
    path = ring_file(tmp_path)
    victim = file_victim(path)
    tokens = []
    for _ in range(4):
        tokens.append(victim.good())
        keyfiles.change(path, lambda jwks: step(jwks, int(victim.now), overlap=100))
        victim.now += 1
    for token in tokens:
        victim.check_accepted(token)

    victim.now += 200
    keyfiles.change(path, lambda jwks: step(jwks, int(victim.now), overlap=100))
    victim.now += 1

    for token in tokens[:3]:
        victim.check_refused(token)
    # The key that was current until this step has been retired just now.
    victim.check_alive()


def test_row_30_a_worker_that_has_not_looked_again_knows_the_new_key_already(tmp_path: Path) -> None:
    """One worker signs with the new key at once; the other's clock stands still, so it does not look."""
    path = ring_file(tmp_path)
    slow, quick = file_victim(path), file_victim(path)
    old = slow.good()
    quick.check_accepted(old)
    keyfiles.change(path, lambda jwks: step(jwks, NOW))
    quick.now += 1
    new = quick.good()

    assert quick.key.key_id != slow.key.key_id
    slow.check_accepted(new)
    quick.check_accepted(old)


def test_row_30_a_key_that_nobody_announced_is_looked_for_once(tmp_path: Path) -> None:
    path = ring_file(tmp_path, {"keys": [test_keys.jwk("EdDSA")]})
    slow, quick = file_victim(path), file_victim(path)
    slow.check_alive()
    replaced = {"keys": [test_keys.jwk("EdDSA", status="retired"), test_keys.jwk("ES256", kid="sudden")]}
    keyfiles.change(path, lambda _: replaced)
    quick.now += 1

    slow.check_accepted(quick.good())


def test_row_34_a_file_that_others_may_read_is_warned_of_and_stays_as_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = ring_file(tmp_path)
    path.chmod(0o644)
    victim = file_victim(path)
    victim.check_alive()

    assert 0o644 == stat.S_IMODE(path.stat().st_mode)
    assert f"Every user of this machine can read {path}" in caplog.text


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(400))


def without_current(path: Path) -> None:
    jwks = json.loads(path.read_text())
    path.write_text(json.dumps({"keys": [{**jwk, "status": "retired"} for jwk in jwks["keys"]]}))


def two_current(path: Path) -> None:
    jwks = json.loads(path.read_text())
    path.write_text(json.dumps({"keys": [{**jwk, "status": "current"} for jwk in jwks["keys"]]}))


def array(path: Path) -> None:
    path.write_text("[]")


def removed(path: Path) -> None:
    path.unlink()


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = [truncated, emptied, garbage, without_current, two_current, array, removed, a_folder]


@pytest.mark.parametrize("damage", DAMAGES)
def test_row_34_a_bad_file_at_start_is_refused(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    path = ring_file(tmp_path)
    secrets = [jwk["d"] for jwk in json.loads(path.read_text())["keys"]]
    damage(path)
    victim = file_victim(path)

    with pytest.raises((InvalidKeyError, SettingsError)) as caught:
        _ = victim.key
    assert not any(secret in str(caught.value) for secret in secrets)
    answer = victim.send("x.y.z")
    assert 500 <= answer.status_code < 600
    assert not any(secret in answer.text for secret in secrets)


@pytest.mark.parametrize("damage", DAMAGES)
def test_row_34_a_file_that_turns_bad_leaves_the_last_good_ring_in_force(
    tmp_path: Path, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:
    path = ring_file(tmp_path)
    victim = file_victim(path)
    token, signer = victim.good(), victim.key
    victim.check_accepted(token)
    whole = path.read_bytes()
    damage(path)
    for _ in range(3):
        victim.now += 1
        victim.check_accepted(token)
        assert signer.key_id == victim.key.key_id
    assert any(record.levelno == logging.ERROR and "ring.json" in record.getMessage() for record in caplog.records)

    if path.is_dir():
        path.rmdir()
    path.write_bytes(whole)
    caplog.clear()
    victim.now += 1

    victim.check_accepted(token)
    victim.now += 1
    victim.check_alive()
    assert [] == [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_row_34_a_file_exchanged_for_another_ring_is_followed(tmp_path: Path) -> None:
    path = ring_file(tmp_path)
    victim = file_victim(path)
    token = victim.good()
    other = ring.generated("ES256", SYSTEM.token_bytes, NOW)
    keyfiles.write_private(path, json.dumps(other).encode())
    victim.now += 1

    victim.check_refused(token)
    assert "ES256" == victim.key.algorithm


def test_row_34_a_half_written_ring_never_signs(tmp_path: Path) -> None:
    """Every prefix of the file, as a crashed editor could leave it."""
    path = ring_file(tmp_path)
    whole = path.read_bytes()
    for length in range(0, len(whole.rstrip()), 7):
        with pytest.raises(InvalidKeyError):
            ring.from_text(whole[:length])
    assert ring.from_text(whole).current is not None


def test_row_34_a_change_that_is_refused_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = ring_file(tmp_path)
    before = path.read_bytes()
    with pytest.raises(SettingsError):
        keyfiles.change(path, lambda jwks: ring.without(jwks, "nobody", SYSTEM.token_bytes, NOW))
    with pytest.raises(SettingsError):
        keyfiles.change(path, lambda jwks: {"keys": []})
    with pytest.raises(SettingsError):
        keyfiles.create(path, {"keys": []})

    assert before == path.read_bytes()
    assert {"ring.json", "ring.json.lock"} == {entry.name for entry in tmp_path.iterdir()}


def test_a_key_of_the_ring_never_prints_itself(tmp_path: Path) -> None:
    path = ring_file(tmp_path)
    secrets = [jwk["d"] for jwk in json.loads(path.read_text())["keys"]]
    found = ring.from_text(path.read_bytes())
    shown = f"{found!r} {found} {[repr(key) for key in found.verifying]}"

    assert not any(secret in shown for secret in secrets)
    assert all(f"{key.key_id}" in shown for key in found.verifying)
    assert "without kid" in repr(keys.symmetric("x" * 40, "HS256"))


def test_row_34_a_file_that_others_may_read_is_warned_of_when_it_comes_later_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And it is read once."""
    path = ring_file(tmp_path)
    victim = file_victim(path)
    victim.check_alive()
    other = tmp_path / "other.json"
    other.write_text(path.read_text().replace("{", "{ ", 1))
    other.chmod(0o644)
    os.replace(other, path)
    victim.now += 1
    victim.check_alive()
    ring_then = victim.app.extensions["flask-signet-tokens"].snapshot().ring

    assert 0o644 == stat.S_IMODE(path.stat().st_mode)
    assert f"Every user of this machine can read {path}" in caplog.text
    victim.now += 1
    victim.check_alive()
    assert ring_then is victim.app.extensions["flask-signet-tokens"].snapshot().ring


def test_row_34_a_change_goes_to_the_file_that_a_link_names(tmp_path: Path) -> None:
    """The link stays. Otherwise the other application would sign with a key that only it knows."""
    (tmp_path / "real").mkdir()
    path = ring_file(tmp_path / "real")
    link = tmp_path / "keys.json"
    link.symlink_to(path)
    keyfiles.change(link, lambda jwks: step(jwks, NOW + 100))

    assert link.is_symlink()
    assert ["retired", "current", "next"] == [key["status"] for key in json.loads(path.read_text())["keys"]]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give a file away")
def test_row_34_a_change_by_root_leaves_the_file_to_its_owner(tmp_path: Path) -> None:
    """Or the service could not read its own keys after a rotation by cron."""
    path = ring_file(tmp_path)
    os.chown(path, 12_345, 12_346)
    keyfiles.change(path, lambda jwks: step(jwks, NOW + 100))
    after = path.stat()

    assert (12_345, 12_346, 0o600) == (after.st_uid, after.st_gid, stat.S_IMODE(after.st_mode))
