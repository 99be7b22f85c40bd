"""What a child must not inherit: locks that other threads of its parent hold at the fork."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_signet import Signet
from flask_signet.accounts import Passwords
from flask_signet.accounts.settings import AccountSettings
from flask_signet.clock import SYSTEM
from flask_signet.files import locked
from flask_signet.per_process import PerProcess

FORK = multiprocessing.get_context("fork")


@contextmanager
def held(enter: Callable[[], Any]) -> Iterator[None]:
    """Let another thread hold what *enter* returns."""
    is_held, may_go = threading.Event(), threading.Event()

    def hold() -> None:
        with enter():
            is_held.set()
            may_go.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    is_held.wait(30)
    try:
        yield
    finally:
        may_go.set()
        thread.join()


def succeeds_in_child(act: Callable[[], Any]) -> bool:
    """Say whether a forked child does *act* without an error and without waiting for ever."""
    child = FORK.Process(target=act)
    child.start()
    child.join(10)
    if child.exitcode is None:
        child.kill()
        child.join()
    return child.exitcode == 0


def test_threads_share_it_and_a_child_has_its_own() -> None:
    lock = PerProcess(threading.Lock)
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: id(lock()), range(100)))

    assert found == {id(lock())}
    with held(lock):
        assert not lock().acquire(blocking=False)
        assert succeeds_in_child(lambda: lock().acquire())
    assert lock().acquire(blocking=False)


def test_a_child_hashes_although_all_slots_of_its_parent_were_taken() -> None:
    passwords = Passwords(AccountSettings(testing=True, passwords_at_once=1), clock=SYSTEM)

    with held(partial(passwords.budgets.place, "password")):
        assert succeeds_in_child(lambda: passwords.hash("a long sentence"))


@pytest.mark.parametrize("room", ["first use", "health"])
def test_a_child_goes_on_whatever_its_parent_was_doing(room: str, tmp_path: Path) -> None:
    app = Flask("parent", instance_path=str(tmp_path))
    signet = Signet(app)
    house = app.extensions["signet"]
    if room == "first use":
        with held(house._opening):
            assert succeeds_in_child(lambda: signet.users.find("ada"))
    else:
        health = signet.sessions.health

        def ask() -> None:
            health.check()
            assert health._asked_at > float("-inf")

        with held(health._asking):
            assert succeeds_in_child(ask)
    house.close()


def test_a_child_does_not_keep_the_lock_file_of_its_parent(tmp_path: Path) -> None:
    """It has the same open file: to close ours alone would leave it locked as long as the child lives."""
    path = tmp_path / ".lock"
    done = FORK.Event()
    with locked(path):
        child = FORK.Process(target=done.wait, args=(30,))
        child.start()

    def take() -> None:
        with locked(path):
            pass

    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    thread.join(5)
    waits = thread.is_alive()
    done.set()
    child.join()

    assert not waits
