"""Owners and modes: what we made is ours alone or refused; what the settings name stays as it is, and is warned of."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flask_signet.clock import SYSTEM
from flask_signet.exceptions import SettingsError
from flask_signet.files import check_owner, concerns_of_folder, private_folder, tighten
from flask_signet.store import Store, StoreSettings, open_root_keys
from flask_signet.web.keyfiles import KeyFile, change

NOBODY, STRANGER = 65534, 65533
KEY = "1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n"
RING = b'{"keys": [{"kty": "oct", "alg": "HS256", "kid": "a", "k": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}]}'

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files away")


@pytest.fixture(autouse=True, scope="module")
def _everything_imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    # What is imported at first use must be loaded before this process becomes the user nobody.
    store = Store(StoreSettings(folder=tmp_path_factory.mktemp("warm") / "signet"))
    store.engine.connect().close()
    store.dispose()
    open_root_keys(store.settings, clock=SYSTEM, server_database=False)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that another user can reach."""
    folder = Path(tempfile.mkdtemp(prefix="signet-owners-"))
    folder.chmod(0o755)
    os.chown(folder, NOBODY, NOBODY)
    yield folder
    shutil.rmtree(folder)


@contextmanager
def nobody() -> Iterator[None]:
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def root_key(place: Path, owner: int) -> Path:
    folder = place / "signet"
    folder.mkdir(mode=0o700)
    file = folder / "root.key"
    file.write_text(KEY)
    file.chmod(0o644)
    os.chown(folder, NOBODY, NOBODY)
    os.chown(file, owner, owner)
    return file


def open_keys(settings: StoreSettings) -> None:
    with nobody():
        open_root_keys(settings, clock=SYSTEM, server_database=False)


@pytest.mark.parametrize("owner", [NOBODY, 0])
def test_a_root_key_of_our_own_or_of_root_is_used(place: Path, owner: int) -> None:
    root_key(place, owner)

    open_keys(StoreSettings(folder=place / "signet"))


def test_a_root_key_that_another_user_owns_is_refused(place: Path) -> None:
    file = root_key(place, STRANGER)

    with pytest.raises(SettingsError, match=rf"another user \(uid {STRANGER}\).* sudo chown -h {NOBODY} {file}"):
        open_keys(StoreSettings(folder=place / "signet"))
    assert file.stat().st_mode & 0o777 == 0o644


def test_a_root_key_of_ours_in_a_folder_that_everybody_can_change_is_refused(place: Path) -> None:
    place.chmod(0o777)
    file = root_key(place, NOBODY)
    real = place / "real.key"
    file.rename(real)
    file.symlink_to(real)
    os.chown(file, NOBODY, NOBODY, follow_symlinks=False)

    with pytest.raises(SettingsError, match=f"sudo chmod go-w {place}"):
        open_keys(StoreSettings(folder=place / "signet"))


Read = Callable[[Path], None]


def read_root_key(file: Path) -> None:
    open_root_keys(StoreSettings(folder=file.parent / "other", root_key_file=file), clock=SYSTEM, server_database=False)


def read_ring(file: Path) -> None:
    KeyFile(file, SYSTEM).current()


named = pytest.mark.parametrize("read", [read_root_key, read_ring])


def secret(folder: Path, mode: int, owner: int, group: int) -> Path:
    """Return a file for the settings to name."""
    file = folder / "named"
    file.write_text(KEY)
    file.chmod(mode)
    os.chown(file, owner, group)
    return file


def read_as(user: int, read: Read, file: Path) -> None:
    if read is read_ring:
        file.write_bytes(RING)  # its mode and owner stay
    os.setegid(user)
    os.seteuid(user)
    try:
        read(file)
    finally:
        os.seteuid(0)
        os.setegid(0)


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name.startswith("flask_signet")]


@named
@pytest.mark.parametrize("user", [0, NOBODY])
@pytest.mark.parametrize(
    ("mode", "owner"), [(0o640, 0), (0o440, 0), (0o600, NOBODY)], ids=["root:svc 0640", "root:svc 0440", "svc 0600"]
)
def test_a_named_file_that_serves_root_and_a_service_is_used_in_silence_and_stays_as_it_is(
    place: Path, caplog: pytest.LogCaptureFixture, read: Read, user: int, mode: int, owner: int
) -> None:
    """A command of root must not lock the service out."""
    file = secret(place, mode, owner, NOBODY)
    read_as(user, read, file)

    assert (mode, owner, NOBODY) == (file.stat().st_mode & 0o777, file.stat().st_uid, file.stat().st_gid)
    assert told(caplog) == []


@named
@pytest.mark.parametrize(
    ("user", "group", "mode", "line"),
    [
        (0, STRANGER, 0o444, "sudo chgrp GROUP-OF-THE-SERVER {file} && sudo chmod g=r,o= {file}"),
        (NOBODY, STRANGER, 0o444, f"sudo chgrp {NOBODY} {{file}} && sudo chmod g=r,o= {{file}}"),
        (NOBODY, NOBODY, 0o644, "sudo chmod o= {file}"),
    ],
)
def test_a_named_file_that_every_user_can_read_is_used_and_warned_of_with_a_line_that_locks_no_server_out(
    place: Path, caplog: pytest.LogCaptureFixture, read: Read, user: int, group: int, mode: int, line: str
) -> None:
    file = secret(place, mode, 0, group)
    read_as(user, read, file)

    assert file.stat().st_mode & 0o777 == mode
    [message] = told(caplog)
    assert message.startswith(f"Every user of this machine can read {file}.")
    assert message.endswith(f"Run: {line.format(file=file)}")


def test_what_was_said_of_a_named_file_is_not_said_again(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = secret(place, 0o644, 0, 0)
    settings = StoreSettings(folder=place / "other", root_key_file=file)
    keys = open_root_keys(settings, clock=SYSTEM, server_database=False)
    keys.reload()
    file.write_bytes(RING)
    ring = KeyFile(file, SYSTEM)
    ring.refresh()
    file.write_bytes(RING + b" ")
    ring.refresh()

    assert len(told(caplog)) == 2  # one for each of the two settings


@named
@pytest.mark.parametrize("user", [0, NOBODY])
def test_a_named_file_of_another_user_is_used_and_warned_of(
    place: Path, caplog: pytest.LogCaptureFixture, read: Read, user: int
) -> None:
    """As of a deployer whose group the service is in, or a secret of Compose, which keeps the user of the host."""
    file = secret(place, 0o640, STRANGER, NOBODY)
    read_as(user, read, file)

    assert (file.stat().st_mode & 0o777, file.stat().st_uid) == (0o640, STRANGER)
    [message] = told(caplog)
    assert f"{file} belongs to another user (uid {STRANGER}), who can read and replace it" in message
    assert message.endswith(f"Run: sudo chown -h 0 {file}")


@named
def test_a_link_of_another_user_to_a_named_file_is_warned_of(
    place: Path, caplog: pytest.LogCaptureFixture, read: Read
) -> None:
    """It can be made to lead elsewhere."""
    link = place / "link"
    link.symlink_to(secret(place, 0o600, NOBODY, NOBODY))
    os.chown(link, STRANGER, STRANGER, follow_symlinks=False)
    read_as(NOBODY, read, link)

    assert [f"Run: sudo chown -h 0 {link}" in message for message in told(caplog)] == [True]


@named
@pytest.mark.parametrize("user", [0, NOBODY])
def test_a_named_file_that_every_user_can_write_to_is_refused(place: Path, read: Read, user: int) -> None:
    file = secret(place, 0o666, NOBODY, NOBODY)

    with pytest.raises(SettingsError, match=f"sudo chmod o-w {file}"):
        read_as(user, read, file)
    assert file.stat().st_mode & 0o777 == 0o666


@named
def test_a_named_file_in_a_folder_that_every_user_can_change_is_refused(place: Path, read: Read) -> None:
    file = secret(place, 0o600, NOBODY, NOBODY)
    place.chmod(0o777)

    with pytest.raises(SettingsError, match=f"sudo chmod go-w {place}"):
        read_as(NOBODY, read, file)


@named
@pytest.mark.parametrize("part", ["folder", "file"])
def test_a_named_file_that_a_group_can_change_is_warned_of(
    place: Path, caplog: pytest.LogCaptureFixture, read: Read, part: str
) -> None:
    file = secret(place, 0o600, NOBODY, NOBODY)
    path = place if part == "folder" else file
    path.chmod(0o770 if part == "folder" else 0o660)
    read_as(NOBODY, read, file)

    assert [f"Run: sudo chmod g-w {path}" in message for message in told(caplog)] == [True]


@named
def test_a_secret_of_kubernetes_is_used_in_silence(place: Path, caplog: pytest.LogCaptureFixture, read: Read) -> None:
    """A folder that all can write to but for the sticky bit, and two links to a file of root for the pod's group."""
    os.chown(place, 0, NOBODY)
    place.chmod(0o1777)
    version = place / "..2026_11_28"
    version.mkdir(mode=0o755)
    file = secret(version, 0o440, 0, NOBODY)
    (place / "..data").symlink_to(version.name)
    link = place / "root.key"
    link.symlink_to("..data/named")
    read_as(NOBODY, read, link)

    assert (told(caplog), file.stat().st_mode & 0o777) == ([], 0o440)


def test_a_named_database_keeps_its_mode(place: Path) -> None:
    file = place / "app.sqlite3"
    file.touch()
    file.chmod(0o664)
    store = Store(StoreSettings(folder=place / "signet", url=f"sqlite:///{file}"))
    store.engine.connect().close()
    store.dispose()

    assert file.stat().st_mode & 0o777 == 0o664


@pytest.mark.parametrize("mode", [0o640, 0o440])
def test_a_rotation_by_root_keeps_the_mode_and_the_group_of_a_ring(place: Path, mode: int) -> None:
    """The service can still read it."""
    file = secret(place, mode, 0, NOBODY)
    file.write_bytes(RING)
    change(file, lambda jwks: jwks)

    status = file.stat()
    assert (status.st_mode & 0o777, status.st_uid, status.st_gid) == (mode, 0, NOBODY)


def test_a_change_by_a_user_outside_of_the_group_gives_no_other_group_the_ring(place: Path) -> None:
    file = secret(place, 0o640, NOBODY, STRANGER)
    file.write_bytes(RING)
    read_as(NOBODY, lambda file: (change(file, lambda jwks: jwks), None)[1], file)

    status = file.stat()
    assert (status.st_mode & 0o777, status.st_gid) == (0o600, NOBODY)


def test_a_sticky_folder_will_do(place: Path) -> None:
    """As secrets are mounted into containers."""
    place.chmod(0o1777)

    assert [*concerns_of_folder(place)] == []


def test_a_folder_of_ours_that_another_user_owns_is_refused(place: Path) -> None:
    folder = place / "signet"
    folder.mkdir(mode=0o755)
    os.chown(folder, STRANGER, STRANGER)

    with pytest.raises(SettingsError, match=f"sudo chown -h {NOBODY} {folder}"), nobody():
        private_folder(folder)


def test_a_database_that_another_user_owns_is_refused(place: Path) -> None:
    folder = place / "signet"
    folder.mkdir(mode=0o700)
    os.chown(folder, NOBODY, NOBODY)
    file = folder / "signet.sqlite3"
    file.touch(0o666)
    os.chown(file, STRANGER, STRANGER)
    file.chmod(0o666)

    with pytest.raises(SettingsError, match=f"sudo chown -h {NOBODY} {file}"), nobody():
        Store(StoreSettings(folder=folder)).engine.connect()


def test_root_uses_the_files_of_a_service_in_its_folder_and_no_others(place: Path) -> None:
    """`flask signet` as root works beside a service that runs as another user."""
    file = root_key(place, NOBODY)
    tighten(file)
    os.chown(file, STRANGER, STRANGER)

    with pytest.raises(SettingsError, match="sudo chown -h 0"):
        check_owner(file)
