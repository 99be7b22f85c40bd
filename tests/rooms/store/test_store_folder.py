"""What the file system refuses: 503 and advice in the log, and everything works again once the cause is removed."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.rooms.sessions.application import PASSWORD, USERNAME, create_app

NOBODY = 65534
SETTINGS = {"SIGNET_THROTTLE": False, "SIGNET_REGISTRATION": True}
LOGIN = {"username": USERNAME, "password": PASSWORD}


def asked(app: Flask, *, token: str = "a.b.c", refresh_token: str = "sgr_nonsense") -> dict[str, TestResponse]:
    """Ask every route that needs the store."""
    client, headers = app.test_client(), {"Authorization": f"Bearer {token}"}
    return {
        "login": client.post("/token", json=LOGIN),
        "refresh": client.post("/token/refresh", json={"refresh_token": refresh_token}),
        "guard": client.get("/protected", headers=headers),
        "account": client.get("/account", headers=headers),
        "register": client.post("/account", json={"username": "bob", "password": PASSWORD}),
        "sessions": client.get("/account/sessions", headers=headers),
        "logout": client.delete("/token", headers=headers),
        "keys": client.get("/.well-known/jwks.json"),
        "health": client.get("/health"),
    }


def refuses(answers: dict[str, TestResponse], secret: Path) -> None:
    """Each answer is a 503 that says when to come again and nothing of the machine."""
    for name, answer in answers.items():
        assert (name, answer.status_code) == (name, 503)
        assert answer.get_json() == {"error": "unavailable", "msg": "Service temporarily unavailable"}
        assert int(answer.headers["Retry-After"]) > 0
        assert str(secret) not in answer.text


@contextmanager
def as_nobody(folder: Path) -> Iterator[None]:
    """Obey permissions, which root does not. Other users do so already."""
    if os.geteuid() != 0:
        yield
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def run(*command: str | Path) -> None:
    """Run a command that needs rights that not every machine gives, also not to root."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"{command[0]}: {done.stderr.strip()}")


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that another user can reach: the folders of pytest are closed to others, again and again."""
    folder = Path(tempfile.mkdtemp(prefix="signet-place-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(autouse=True, scope="module")
def _everything_imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    # What is imported at first use must be loaded before this process becomes the user nobody.
    app = create_app(tmp_path_factory.mktemp("warm"), SETTINGS)
    app.extensions["signet"].users.create(USERNAME, PASSWORD)
    tokens = app.test_client().post("/token", json=LOGIN).get_json()
    asked(app, token=tokens["access_token"], refresh_token=tokens["refresh_token"])
    app.extensions["signet"].close()


# --- At first use ----------------------------------------------------------------------------------------


def _file(path: Path) -> Callable[[], None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("a file where the folder should be")
    return path.unlink


def _folder(path: Path) -> Callable[[], None]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.mkdir()
    return path.rmdir


AT_FIRST_USE: dict[str, tuple[Callable[[Path], Callable[[], None]], str]] = {
    "the instance folder is a file": (lambda place: _file(place / "instance"), "SIGNET_DATABASE_URL"),
    "a folder above it is a file": (lambda place: _file(place), "SIGNET_DATABASE_URL"),
    "our folder is a file": (lambda place: _file(place / "instance" / "signet"), "SIGNET_DATABASE_URL"),
    "the lock is a folder": (lambda place: _folder(place / "instance" / "signet" / ".lock"), ".lock"),
    "the database is a folder": (
        lambda place: _folder(place / "instance" / "signet" / "signet.sqlite3"),
        "SIGNET_DATABASE_URL",
    ),
    "the root key is a folder": (lambda place: _folder(place / "instance" / "signet" / "root.key"), "root key"),
}


@pytest.mark.parametrize(("spoil", "advice"), AT_FIRST_USE.values(), ids=AT_FIRST_USE.keys())
def test_a_place_that_cannot_be_made_is_503_until_it_can(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], Callable[[], None]], advice: str
) -> None:
    place = tmp_path / "place"
    mend = spoil(place)
    app = create_app(place / "instance", SETTINGS)
    with caplog.at_level(logging.ERROR, "flask_signet"):
        refuses(asked(app), place)
    assert advice in caplog.text
    assert "Give this user" in caplog.text

    mend()
    assert app.test_client().get("/health").status_code == 200
    assert app.test_client().post("/token", json=LOGIN).status_code == 401
    app.extensions["signet"].close()


@pytest.mark.parametrize("what", ["instance", "instance/signet", "instance/signet/root.key"])
def test_a_place_that_this_user_may_not_use_is_503_until_it_may(
    place: Path, caplog: pytest.LogCaptureFixture, what: str
) -> None:
    if what != "instance":
        used = create_app(place / "instance", SETTINGS)
        used.extensions["signet"].users.create(USERNAME, PASSWORD)
        used.extensions["signet"].close()
    (place / "instance").mkdir(parents=True, exist_ok=True)
    path = place / what
    app = create_app(place / "instance", SETTINGS)
    with as_nobody(place), caplog.at_level(logging.ERROR, "flask_signet"):
        mode = path.stat().st_mode & 0o777
        path.chmod(0)
        refuses(asked(app), place)
        path.chmod(mode)
        # A key that was not to be read must never be taken for one that is not there.
        answer = app.test_client().post("/token", json=LOGIN)
        app.extensions["signet"].close()

    assert answer.status_code == (401 if what == "instance" else 200)
    assert "Give this user" in caplog.text


def test_a_read_only_file_system_is_503_until_it_can_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    instance = tmp_path / "instance"
    instance.mkdir()
    run("mount", "-t", "tmpfs", "-o", "ro,size=4m,mode=0700", "tmpfs", instance)
    try:
        app = create_app(instance, SETTINGS)
        refuses(asked(app), instance)
        run("mount", "-o", "remount,rw", instance)
        app.extensions["signet"].users.create(USERNAME, PASSWORD)
        tokens = app.test_client().post("/token", json=LOGIN).get_json()
        app.extensions["signet"].close()
        run("mount", "-o", "remount,ro", instance)  # with all that is needed already there
        refuses(asked(app, token=tokens["access_token"], refresh_token=tokens["refresh_token"]), instance)
        run("mount", "-o", "remount,rw", instance)

        assert [answer.status_code for answer in _with(app, tokens)] == [200, 200]
        assert "Read-only file system" in caplog.text
        app.extensions["signet"].close()
    finally:
        run("umount", "-l", instance)


def test_a_full_disk_at_first_use_makes_no_half_key_and_is_503_until_there_is_room(tmp_path: Path) -> None:
    """Fault F4."""
    instance = tmp_path / "instance"
    instance.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "tmpfs", instance)
    try:
        ballast = instance / "ballast"
        _fill(ballast)
        app = create_app(instance, SETTINGS)
        refuses(asked(app), instance)
        key = instance / "signet" / "root.key"
        assert not key.exists() or len(key.read_text()) > 40
        ballast.unlink()

        assert app.test_client().post("/token", json=LOGIN).status_code == 401
        app.extensions["signet"].users.create(USERNAME, PASSWORD)
        tokens = app.test_client().post("/token", json=LOGIN).get_json()
        _fill(ballast)
        statuses = {name: answer.status_code for name, answer in asked(app, token=tokens["access_token"]).items()}
        assert set(statuses.values()) <= {200, 201, 204, 401, 503}, statuses
        ballast.unlink()

        assert app.test_client().post("/token", json=LOGIN).status_code == 200
        app.extensions["signet"].close()
    finally:
        run("umount", "-l", instance)


# --- While running ---------------------------------------------------------------------------------------


@pytest.fixture
def running(place: Path) -> Iterator[tuple[Flask, Path, dict[str, Any]]]:
    """An application that has served, the folder of its data, and the tokens of a session."""
    app = create_app(place / "instance", SETTINGS)
    app.extensions["signet"].users.create(USERNAME, PASSWORD)
    tokens = app.test_client().post("/token", json=LOGIN).get_json()
    assert app.test_client().get("/protected", headers=_bearer(tokens)).status_code == 200
    yield app, place / "instance" / "signet", tokens
    app.extensions["signet"].close()


def _moved_away(folder: Path) -> Callable[[], object]:
    away = folder.with_name("away")
    folder.rename(away)
    return lambda: away.rename(folder)


def _a_file_in_its_place(folder: Path) -> Callable[[], object]:
    back = _moved_away(folder)
    folder.write_text("a file where the folder should be")

    def mend() -> None:
        folder.unlink()
        back()

    return mend


def _a_file_above_it(folder: Path) -> Callable[[], object]:
    return _a_file_in_its_place(folder.parent)


def _not_to_be_entered(folder: Path) -> Callable[[], object]:
    folder.chmod(0)
    return lambda: folder.chmod(0o700)


WHILE_RUNNING = [_moved_away, _a_file_in_its_place, _a_file_above_it, _not_to_be_entered]


@pytest.mark.parametrize("spoil", WHILE_RUNNING, ids=lambda spoil: spoil.__name__.strip("_"))
def test_a_folder_that_goes_while_we_run_is_503_until_it_is_back(
    running: tuple[Flask, Path, dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
    spoil: Callable[[Path], Callable[[], object]],
) -> None:
    app, folder, tokens = running
    refreshed = app.test_client().post("/token/refresh", json={"refresh_token": tokens["refresh_token"]}).get_json()
    with as_nobody(folder.parent.parent), caplog.at_level(logging.ERROR, "flask_signet"):
        mend = spoil(folder)
        answers = asked(app, token=refreshed["access_token"], refresh_token=refreshed["refresh_token"])
        # A guard needs no store for a while; who ends no session must not say that he has.
        assert answers.pop("guard").status_code == 200
        assert answers.pop("keys").status_code == 200
        refuses(answers, folder)
        assert "Give this user" in caplog.text
        mend()

        assert [answer.status_code for answer in _with(app, refreshed)] == [200, 200]
        assert app.test_client().post("/token", json=LOGIN).status_code == 200


def test_files_that_may_no_longer_be_written_are_503_until_they_may(
    running: tuple[Flask, Path, dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    _, folder, tokens = running
    app = create_app(folder.parent, SETTINGS)  # a login keeps a connection, and an open file could still be written
    assert app.test_client().get("/protected", headers=_bearer(tokens)).status_code == 200
    app.extensions["signet"].store.engine.dispose()
    with as_nobody(folder.parent.parent), caplog.at_level(logging.ERROR, "flask_signet"):
        for file in folder.glob("signet.sqlite3*"):
            file.chmod(0o400)
        answers = [*_with(app, tokens), app.test_client().post("/token", json=LOGIN)]
        for file in folder.glob("signet.sqlite3*"):
            file.chmod(0o600)
        again = _with(app, tokens)

    assert [answer.status_code for answer in answers] == [200, 503, 503]
    assert "Give this user write permission for the database file" in caplog.text
    assert [answer.status_code for answer in again] == [200, 200]


def test_an_immutable_file_is_503_until_it_is_none(running: tuple[Flask, Path, dict[str, Any]]) -> None:
    """As a file system that went read-only after an error: what is open cannot be written any more."""
    app, folder, tokens = running
    if shutil.which("chattr") is None or os.geteuid() != 0:
        pytest.skip("no chattr")
    files = [file for file in folder.glob("signet.sqlite3*") if not file.name.endswith("-shm")]
    run("chattr", "+i", *files)
    try:
        answers = _with(app, tokens)
    finally:
        run("chattr", "-i", *files)

    assert answers[0].status_code == 200
    assert answers[1].status_code in (200, 503)  # whether an open file is refused is the file system's affair
    assert [answer.status_code for answer in _with(app, tokens)] == [200, 200]


def test_a_key_file_of_the_settings_that_cannot_be_read_is_503_until_it_can(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A secret that is mounted a moment later than the server starts."""
    file = tmp_path / "secrets" / "root.key"
    app = create_app(tmp_path / "instance", SETTINGS | {"SIGNET_ROOT_KEY_FILE": str(file)})
    refuses(asked(app), tmp_path)
    assert "SIGNET_ROOT_KEY_FILE" in caplog.text
    file.parent.mkdir()
    file.write_text("1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n")
    file.chmod(0o600)

    assert app.test_client().post("/token", json=LOGIN).status_code == 401
    app.extensions["signet"].close()


def _bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


def _with(app: Flask, tokens: dict[str, Any]) -> list[TestResponse]:
    """Show the two tokens of a session."""
    client = app.test_client()
    return [
        client.get("/protected", headers=_bearer(tokens)),
        client.post("/token/refresh", json={"refresh_token": tokens["refresh_token"]}),
    ]


def _fill(ballast: Path) -> None:
    """Take all the room that is left."""
    with open(ballast, "wb", buffering=0) as file:
        for size in (65_536, 4_096, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                continue
