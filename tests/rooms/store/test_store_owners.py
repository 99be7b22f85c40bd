"""What another user of the machine owns, or can replace, is not used: the message has the line that changes that."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flask_signet.clock import SYSTEM
from flask_signet.exceptions import InvalidKeyError, SettingsError
from flask_signet.files import check_folder, check_owner, private_folder, tighten
from flask_signet.store import Store, StoreSettings, open_root_keys
from flask_signet.web.keyfiles import KeyFile

NOBODY, STRANGER = 65534, 65533
KEY = "1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files away")


@pytest.fixture(autouse=True, scope="module")
def _everything_imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    # What is imported at first use must not be looked for while this process is nobody.
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


def test_a_named_root_key_that_another_user_owns_is_refused(place: Path) -> None:
    file = root_key(place, STRANGER)

    with pytest.raises(SettingsError, match="sudo chown"):
        open_keys(StoreSettings(folder=place / "other", root_key_file=file))


def test_a_link_of_another_user_to_a_key_of_ours_is_refused(place: Path) -> None:
    """It can be made to lead elsewhere."""
    link = place / "link"
    link.symlink_to(root_key(place, NOBODY))
    os.chown(link, STRANGER, STRANGER, follow_symlinks=False)

    with pytest.raises(SettingsError, match=f"sudo chown -h {NOBODY} {link}"):
        open_keys(StoreSettings(folder=place / "other", root_key_file=link))


def test_a_link_of_ours_to_a_key_of_another_user_is_refused(place: Path) -> None:
    link = place / "link"
    link.symlink_to(root_key(place, STRANGER))

    with pytest.raises(SettingsError, match="sudo chown"):
        open_keys(StoreSettings(folder=place / "other", root_key_file=link))


def test_a_key_in_a_folder_that_everybody_can_change_is_refused(place: Path) -> None:
    file = root_key(place, NOBODY)
    file.parent.chmod(0o777)

    with pytest.raises(SettingsError, match=f"sudo chmod go-w {file.parent}"):
        open_keys(StoreSettings(folder=place / "other", root_key_file=file))


def test_a_key_in_a_folder_that_a_group_can_change_is_warned_of(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = root_key(place, NOBODY)
    file.parent.chmod(0o770)
    open_keys(StoreSettings(folder=place / "other", root_key_file=file))

    assert f"sudo chmod g-w {file.parent}" in caplog.text


def test_a_sticky_folder_will_do(place: Path) -> None:
    """As secrets are mounted into containers."""
    place.chmod(0o1777)

    check_folder(place)


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


def test_a_ring_of_keys_that_another_user_owns_is_refused(place: Path) -> None:
    file = place / "keys.json"
    file.write_bytes(b'{"keys": []}')
    file.chmod(0o600)
    os.chown(file, STRANGER, STRANGER)

    with pytest.raises(InvalidKeyError, match="belongs to another user"), nobody():
        KeyFile(file, SYSTEM).current()


def test_root_uses_the_files_of_a_service_in_its_folder_and_no_others(place: Path) -> None:
    """`flask signet` by root goes on beside a service that runs as another user."""
    file = root_key(place, NOBODY)
    tighten(file)
    os.chown(file, STRANGER, STRANGER)

    with pytest.raises(SettingsError, match="sudo chown -h 0"):
        check_owner(file)
