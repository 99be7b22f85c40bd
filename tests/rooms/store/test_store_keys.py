"""The root key and the ring of signing keys: made once, kept private, rotated and revoked."""

from __future__ import annotations

import base64
import hmac
import json
import logging
import os
import subprocess
import sys
import threading
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text

from flask_signet.cli import signet as signet_group
from flask_signet.clock import SYSTEM
from flask_signet.exceptions import NotFound, SettingsError
from flask_signet.signing_keys.table import KeyTable, has_keys, keys_table, new_ed25519_jwk
from flask_signet.store import RootKeyRing, Store, StoreSettings, open_root_keys, rootkey

A = base64.urlsafe_b64encode(bytes(range(32))).rstrip(b"=").decode()
B = base64.urlsafe_b64encode(bytes(range(100, 132))).rstrip(b"=").decode()


def ring(*texts: str) -> RootKeyRing:
    """A ring that reads the next of *texts* each time."""
    remaining = list(texts)
    return RootKeyRing(
        lambda: rootkey.parse(remaining.pop(0) if len(remaining) > 1 else remaining[0], source="test"), clock=SYSTEM
    )


@pytest.fixture
def keys(store: Store) -> KeyTable:
    return KeyTable(store, ring(A))


# --- The root key ---


def test_derived_keys_equal_hkdf_by_hand() -> None:
    """RFC 5869 with one block: HMAC(HMAC(zeros, key), info ‖ 01)."""
    extracted = hmac.digest(bytes(32), bytes(range(32)), "sha256")
    expected = hmac.digest(extracted, b"flask-signet:refresh\x01", "sha256")

    assert expected == ring(A).derive("refresh")


def test_labels_and_numbers_give_unrelated_keys() -> None:
    both = ring(f"2 {B}\n1 {A}")
    derived = {both.derive(label, number) for label in ("one", "two") for number in (1, 2)}

    assert len(derived) == 4
    assert both.derive("one") == both.derive("one", 2)


def test_an_unknown_number_is_a_lookup_error() -> None:
    with pytest.raises(LookupError, match="7"):
        ring(A).derive("one", 7)


@pytest.mark.parametrize(
    ("given", "current", "numbers"),
    [
        (A, 1, {1}),
        (f"{A}=\n", 1, {1}),
        (f"1 {A}", 1, {1}),
        (f"7:{A}", 7, {7}),
        (f"2:{B},1:{A}", 2, {1, 2}),
        (f"# rotated in May\n2 {B}\n\n1\t{A}  # the old one\n", 2, {1, 2}),
        (f"65535 {B}\r\n1: {A}\r\n", 65535, {1, 65535}),
    ],
)
def test_forms_of_root_keys(given: str, current: int, numbers: set[int]) -> None:
    parsed = rootkey.parse(given, source="test")

    assert (current, numbers) == (parsed.current_number, set(parsed.keys))


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "\n# nothing\n",
        A[:-1],
        A + "A",
        A[:20] + "\n" + A[20:],
        A[:-1] + "9",  # stray bits in the last character
        f"0 {A}",
        f"65536 {A}",
        f"1 {A}\n1 {B}",
        f"{A}\n{B}",
        f"1 {A} {B}",
        "A" * 43,  # 32 zero bytes: not a random key
        "hunter2",
        A.replace("A", "ä"),
    ],
)
def test_what_is_no_root_key_is_refused_and_not_repeated(bad: str) -> None:
    with pytest.raises(SettingsError, match="SIGNET_ROOT_KEY") as caught:
        rootkey.parse(bad, source="SIGNET_ROOT_KEY")

    assert "hunter2" not in str(caught.value)
    assert A[:12] not in str(caught.value)


@given(st.binary(max_size=200), st.text(max_size=20))
def test_what_was_sealed_comes_back_for_its_label_only(plaintext: bytes, label: str) -> None:
    one = ring(A)
    sealed = one.seal(plaintext, label)

    assert one.open(sealed, label) == plaintext
    with pytest.raises(ValueError, match="changed"):
        one.open(sealed, label + "x")


@given(st.integers(min_value=0, max_value=8 * (3 + 12 + 5 + 16) - 1))
def test_any_flipped_bit_is_noticed(bit: int) -> None:
    one = ring(A)
    sealed = bytearray(one.seal(b"hello", "label"))
    sealed[bit // 8] ^= 1 << bit % 8

    with pytest.raises((ValueError, LookupError)):
        one.open(bytes(sealed), "label")


def test_a_rotated_root_key_still_opens_what_the_old_one_sealed() -> None:
    sealed = ring(A).seal(b"hello", "label")
    rotated = ring(f"2 {B}\n1 {A}")

    assert rotated.open(sealed, "label") == b"hello"
    assert not rotated.sealed_with_current(sealed)
    with pytest.raises(LookupError):
        ring(f"2 {B}").open(sealed, "label")


def test_reload_takes_new_keys_and_forgets_what_was_derived() -> None:
    changing = ring(A, B)
    before = changing.derive("one")
    changing.reload()

    assert changing.derive("one") == ring(B).derive("one") != before


def test_no_representation_shows_a_key(folder: Path) -> None:
    settings = StoreSettings(folder=folder, root_key=A)

    assert A[:10] not in repr(settings)
    assert repr(bytes(range(32)))[2:20] not in repr(rootkey.parse(A, source="test"))


def opened(settings: StoreSettings, *, server: bool = False) -> RootKeyRing:
    return open_root_keys(settings, clock=SYSTEM, server_database=server)


def test_the_default_file_is_made_once_and_private(folder: Path) -> None:
    first = opened(StoreSettings(folder=folder)).derive("x")
    file = folder / rootkey.FILE_NAME
    content = file.read_bytes()

    assert opened(StoreSettings(folder=folder)).derive("x") == first
    assert file.read_bytes() == content
    assert (0o600, 0o700) == (file.stat().st_mode & 0o777, folder.stat().st_mode & 0o777)
    assert (folder / ".gitignore").read_text() == "*\n"


def test_a_file_that_others_may_read_is_tightened_and_said(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    opened(StoreSettings(folder=folder))
    file = folder / rootkey.FILE_NAME
    file.chmod(0o644)
    opened(StoreSettings(folder=folder))

    assert file.stat().st_mode & 0o777 == 0o600
    assert f"{file} could be read by other users" in caplog.text


@pytest.mark.parametrize("length", [0, 1, 20, 44])
def test_a_half_written_file_is_refused_and_kept(folder: Path, length: int) -> None:
    """Never replaced by a new key: what the old one sealed would be lost."""
    folder.mkdir(parents=True)
    file = folder / rootkey.FILE_NAME
    file.write_text(f"1 {A}\n"[:length])

    with pytest.raises(SettingsError, match=r"root\.key"):
        opened(StoreSettings(folder=folder))
    assert len(file.read_text()) == length


def test_with_a_database_server_none_is_made(folder: Path) -> None:
    with pytest.raises(SettingsError, match="flask signet keys generate --root"):
        opened(StoreSettings(folder=folder), server=True)
    assert not folder.exists()


def test_the_command_of_the_error_makes_a_good_key() -> None:
    words = rootkey.COMMAND.split()
    made = CliRunner().invoke(signet_group, words[2:])

    assert words[:2] == ["flask", "signet"]
    assert rootkey.parse(made.stdout, source="test").current_number == 1


def test_a_configured_file_is_read_and_never_made(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "key"
    with pytest.raises(SettingsError, match="SIGNET_ROOT_KEY_FILE"):
        opened(StoreSettings(folder=folder, root_key_file=file))
    file.write_text(A)
    file.chmod(0o600)

    assert opened(StoreSettings(folder=folder, root_key_file=file)).derive("x") == ring(A).derive("x")


def test_a_key_in_the_settings_makes_no_file(folder: Path) -> None:
    assert opened(StoreSettings(folder=folder, root_key=A), server=True).derive("x") == ring(A).derive("x")
    assert not folder.exists()


def test_a_key_that_cannot_be_made_is_an_error_in_words(tmp_path: Path) -> None:
    (tmp_path / "instance").write_text("a file where the folder should be")

    with pytest.raises(SettingsError, match="SIGNET_ROOT_KEY"):
        opened(StoreSettings(folder=tmp_path / "instance" / "signet"))


def test_what_is_no_text_is_no_key(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(b"\xff" * 44)
    file.chmod(0o600)

    with pytest.raises(SettingsError, match="must be a root key, 32"):
        opened(StoreSettings(folder=folder, root_key_file=file))


@pytest.mark.parametrize("cut", [b"", b"\x01", b"\x01\x00\x01" + bytes(20), b"\x02\x00\x01" + bytes(60)])
def test_what_was_never_sealed_is_not_opened(cut: bytes) -> None:
    with pytest.raises(ValueError, match="not encrypted by this version"):
        ring(A).open(cut, "label")


def test_two_places_for_one_key_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="not both"):
        StoreSettings(folder=folder, root_key=A, root_key_file=tmp_path / "key")


def test_tests_have_a_root_key_in_memory(folder: Path) -> None:
    settings = StoreSettings(folder=folder, in_memory=True)
    one, other = opened(settings), opened(settings)

    assert one.derive("x") != other.derive("x")
    assert not folder.exists()


# --- The ring ---


def test_the_first_use_makes_one_current_and_one_next(keys: KeyTable) -> None:
    made = keys.ensure()

    assert sorted(key.status for key in made) == ["current", "next"]
    assert keys.ensure() == made


def test_a_key_is_an_ed25519_jwk_named_by_its_thumbprint() -> None:
    """RFC 8037 appendix A.1 to A.3, the published key and thumbprint."""
    jwk = new_ed25519_jwk(base64.urlsafe_b64decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A="))

    assert jwk["x"] == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    assert jwk["kid"] == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_public_and_private_part_belong_together(keys: KeyTable) -> None:
    for key in keys.ensure():
        seed = base64.urlsafe_b64decode(key.jwk["d"] + "=")
        public = base64.urlsafe_b64decode(key.public_jwk["x"] + "=")

        assert Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw() == public
        assert "d" not in key.public_jwk
        assert key.jwk["d"] not in repr(key)


def test_rotation_moves_each_key_on_by_one(keys: KeyTable) -> None:
    before = {key.status: key.kid for key in keys.ensure()}
    after = {key.status: key.kid for key in keys.rotate()}

    assert (before["current"], before["next"]) == (after["retired"], after["current"])
    assert after["next"] not in before.values()


def test_every_change_gives_another_version(keys: KeyTable) -> None:
    versions = [keys.version()]
    for change in (keys.ensure, keys.rotate, lambda: keys.revoke(keys.load()[0].kid)):
        change()
        versions.append(keys.version())

    assert versions == sorted(set(versions))


def test_a_revoked_current_key_is_replaced_by_next_and_its_private_part_is_gone(keys: KeyTable, store: Store) -> None:
    before = {key.status: key.kid for key in keys.ensure()}
    after = {key.status: key.kid for key in keys.revoke(before["current"])}
    with store.read() as connection:
        sealed = connection.execute(
            select(keys_table.c.sealed_jwk).where(keys_table.c.kid == before["current"])
        ).scalar_one()

    assert after["current"] == before["next"]
    assert before["current"] not in after.values()
    assert bytes(sealed) == b""


def test_an_unknown_key_cannot_be_revoked(keys: KeyTable) -> None:
    keys.ensure()
    version = keys.version()
    for name in ("nobody's", "\udcff"):
        with pytest.raises(NotFound):
            keys.revoke(name)

    assert keys.version() == version


def test_retired_keys_are_forgotten_after_their_time(store: Store) -> None:
    keys = KeyTable(store, ring(A))
    keys.rotate()
    soon = datetime.now(timezone.utc) + timedelta(minutes=1)

    assert (0, 1) == (keys.forget_retired(soon - timedelta(hours=1)), keys.forget_retired(soon))
    assert sorted(key.status for key in keys.load()) == ["current", "next"]


def test_another_root_key_is_an_error_that_says_so_and_makes_no_new_keys(store: Store) -> None:
    KeyTable(store, ring(A)).ensure()
    with pytest.raises(SettingsError, match="Set the root key that belongs to this database"):
        KeyTable(store, ring(B)).ensure()
    with store.read() as connection:
        count = len(connection.execute(select(keys_table.c.kid)).all())

    assert count == 2


def test_a_root_key_that_another_process_rotated_is_read_again(store: Store) -> None:
    made = KeyTable(store, ring(f"2 {B}\n1 {A}")).ensure()

    assert KeyTable(store, ring(A, f"2 {B}\n1 {A}")).load() == made


def test_keys_sealed_again_need_the_old_root_key_no_more(store: Store) -> None:
    made = KeyTable(store, ring(A)).ensure()
    rotated = KeyTable(store, ring(f"2 {B}\n1 {A}"))

    assert (2, 0) == (rotated.seal_again(), rotated.seal_again())
    assert KeyTable(store, ring(f"2 {B}")).load() == made


def test_a_dump_holds_no_private_key(file_store: Store, folder: Path) -> None:
    made = KeyTable(file_store, ring(A)).ensure()
    with file_store.write() as connection:
        connection.execute(text("UPDATE signet_key_ring SET version = version"))
    dump = b"".join(file.read_bytes() for file in folder.iterdir())
    secrets = [key.jwk["d"] for key in made]
    found = [secret for secret in secrets if secret.encode() in dump or base64.urlsafe_b64decode(secret + "=") in dump]

    assert made[0].public_jwk["x"].encode() in dump
    assert found == []


def test_threads_that_begin_at_once_make_one_ring(store: Store) -> None:
    table = KeyTable(store, ring(A))
    seen: list[str] = []
    begin = threading.Barrier(8)

    def run() -> None:
        begin.wait()
        seen.append(json.dumps([key.kid for key in table.ensure()]))

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (8, 1) == (len(seen), len(set(seen)))


FIRST_USE = """
import sys, time, hashlib
from pathlib import Path
from flask_signet.clock import SYSTEM
from flask_signet.store import Store, StoreSettings, open_root_keys
from flask_signet.signing_keys.table import KeyTable
settings = StoreSettings(folder=Path(sys.argv[1]), url=sys.argv[2] or None, root_key=sys.argv[3] or None)
store = Store(settings)
print("ready", flush=True)
sys.stdin.readline()
keys = open_root_keys(settings, clock=SYSTEM, server_database=False)
ring = KeyTable(store, keys).ensure()
print(hashlib.sha256(keys.derive("x")).hexdigest(), sorted((key.status, key.kid) for key in ring))
"""


@pytest.mark.parametrize("kind", ["file", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_eight_processes_that_begin_at_once_make_one_of_each(
    kind: str, request: pytest.FixtureRequest, folder: Path
) -> None:
    """In an empty folder: one root key, one set of tables, one ring. On a server: one ring."""
    postgres: Store | None = request.getfixturevalue("postgres_store") if kind == "postgresql" else None
    arguments = [str(folder), postgres.settings.url or "" if postgres else "", A if postgres else ""]
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", FIRST_USE, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=dict(os.environ),
        )
        for _ in range(8)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60) for process in processes]

    assert [process.returncode for process in processes] == [0] * 8, answers[0][1]
    assert len({out for out, _ in answers}) == 1
    assert "'current'" in answers[0][0]
    if postgres is None:
        assert {".gitignore", ".lock", "root.key", "signet.sqlite3"} == {
            file.name for file in folder.iterdir() if not file.name.endswith(("-wal", "-shm"))
        }


def test_making_the_root_key_says_that_a_copy_is_needed(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        opened(StoreSettings(folder=folder))
    written = (folder / rootkey.FILE_NAME).read_text().split()[1]

    assert "Keep a copy" in caplog.text
    assert written not in caplog.text


def test_a_root_key_that_is_gone_is_not_made_anew_while_keys_are_sealed_with_it(folder: Path) -> None:
    """A new one would open none of them; the old one, put back, opens all."""
    settings = StoreSettings(folder=folder)
    file, aside = folder / rootkey.FILE_NAME, folder / "aside"

    def begin() -> list[str]:
        store = Store(settings)
        try:
            in_use = partial(has_keys, store)
            ring = open_root_keys(settings, clock=SYSTEM, server_database=False, in_use=in_use)
            return [key.kid for key in KeyTable(store, ring).ensure()]
        finally:
            store.dispose()

    made = begin()
    file.rename(aside)
    with pytest.raises(
        SettingsError, match=r"root\.key is missing, .* DELETE FROM signet_keys: this ends all sessions"
    ):
        begin()
    assert not file.exists()
    aside.rename(file)
    assert begin() == made

    file.unlink()
    store = Store(settings)
    with store.write() as connection:
        connection.exec_driver_sql("DELETE FROM signet_keys")
    store.dispose()
    assert begin() != made


def test_a_root_key_that_is_on_this_machine_alone_is_told_about_where_the_database_is_on_a_server(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    opened(StoreSettings(folder=folder))
    caplog.clear()
    opened(StoreSettings(folder=folder), server=True)

    assert f"The root key {folder / rootkey.FILE_NAME} is on this machine only" in caplog.text
