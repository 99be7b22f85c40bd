"""The opaque token: one spelling, refused before any SQL when a bit is wrong, made again to the letter."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from flask_signet.clock import Clock
from flask_signet.exceptions import InvalidSignature, JWTDecodeError, MalformedToken, SettingsError
from flask_signet.sessions.session_tokens import (
    MARK_CLAIM,
    Claims,
    Granted,
    Grants,
    Presented,
    RefreshTokens,
)

SID = UUID("01912345-6789-7abc-8def-0123456789ab")


class Ring:
    """A ring of root keys as a dict; counts how often it was read again."""

    def __init__(self, current: int = 1, **later: bytes) -> None:
        self.current_number = current
        self.keys = {1: b"\x01" * 32, 2: b"\x02" * 32}
        self.reloads = 0
        self.added_by_reload: dict[int, bytes] = {}

    def derive(self, label: str, number: int | None = None) -> bytes:
        return hmac.digest(self.keys[number or self.current_number], label.encode(), "sha256")

    def reload(self) -> None:
        self.reloads += 1
        self.keys |= self.added_by_reload


def codec(ring: Ring | None = None, monotonic: float = 0.0) -> RefreshTokens:
    return RefreshTokens(ring or Ring(), Clock(monotonic=lambda: monotonic))


def test_a_token_says_what_it_was_made_of() -> None:
    tokens = codec()
    text = tokens.make(SID, 7, 1)

    assert tokens.parse(text) == Presented(key_number=1, session_id=SID, generation=7)


def test_the_format_is_the_one_that_is_written_down() -> None:
    """Made here a second time, from the words of the documentation alone."""
    ring = Ring()
    body = b"\x01" + b"\x00\x02" + SID.bytes + b"\x00\x00\x01\x00"
    mac = hmac.new(ring.derive("refresh-token", 2), body, hashlib.sha256).digest()
    expected = "sgr_" + base64.urlsafe_b64encode(body + mac).rstrip(b"=").decode()

    assert expected == codec(ring).make(SID, 256, 2)
    assert codec(ring).parse(expected) == Presented(key_number=2, session_id=SID, generation=256)
    assert len(expected) == 78


@given(generation=st.integers(0, 2**32 - 1), sid=st.uuids(), key=st.sampled_from([1, 2]))
def test_round_trip(generation: int, sid: UUID, key: int) -> None:
    tokens = codec()

    assert tokens.parse(tokens.make(sid, generation, key)) == Presented(
        key_number=key, session_id=sid, generation=generation
    )


def test_one_flipped_bit_anywhere_is_refused() -> None:
    tokens = codec()
    text = tokens.make(SID, 7, 1)
    raw = base64.urlsafe_b64decode(text[4:] + "==")
    for i in range(len(raw) * 8):
        changed = bytearray(raw)
        changed[i // 8] ^= 1 << i % 8
        forged = "sgr_" + base64.urlsafe_b64encode(bytes(changed)).rstrip(b"=").decode()
        with pytest.raises((InvalidSignature, MalformedToken)):
            tokens.parse(forged)


def test_every_other_last_character_is_refused() -> None:
    """The last character holds bits that no byte uses: only one spelling of them is ours."""
    tokens = codec()
    text = tokens.make(SID, 7, 1)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for character in alphabet.replace(text[-1], ""):
        with pytest.raises((InvalidSignature, MalformedToken)):
            tokens.parse(text[:-1] + character)


@given(st.text(max_size=100) | st.text(alphabet="sgr_ABC-=+/\u00e9", min_size=74, max_size=74).map("sgr_{}".format))
def test_parsing_never_raises_anything_but_our_errors(text: str) -> None:
    with pytest.raises(JWTDecodeError):
        codec().parse(text)


@pytest.mark.parametrize("change", [lambda t: t + "=", lambda t: t[:-1], lambda t: " " + t[1:], lambda t: t.upper()])
def test_another_length_or_prefix_is_malformed(change: object) -> None:
    tokens = codec()
    with pytest.raises(MalformedToken):
        tokens.parse(change(tokens.make(SID, 1, 1)))  # type: ignore[operator]


def test_a_token_of_a_key_that_another_worker_added_is_good_after_one_reload() -> None:
    ring, elsewhere = Ring(), Ring()
    elsewhere.keys[3] = ring.added_by_reload[3] = b"\x03" * 32
    text = codec(elsewhere).make(SID, 1, 3)

    assert codec(ring).parse(text).key_number == 3
    assert ring.reloads == 1


def test_a_flood_of_invented_key_numbers_reads_the_ring_once() -> None:
    ring, elsewhere = Ring(), Ring()
    tokens = codec(ring)
    for number in range(3, 100):
        elsewhere.keys[number] = b"\x09" * 32
        with pytest.raises(InvalidSignature):
            tokens.parse(codec(elsewhere).make(SID, 1, number))

    assert ring.reloads == 1


def test_what_is_wrong_with_a_token_is_said_without_telling_it_apart_further() -> None:
    ring, elsewhere = Ring(), Ring()
    elsewhere.keys[9] = b"\x09" * 32
    forged = Ring()
    forged.keys[1] = b"\x08" * 32
    good = codec(ring).make(SID, 7, 1)
    later = "sgr_" + base64.urlsafe_b64encode(b"\x02" + base64.urlsafe_b64decode(good[4:] + "==")[1:]).decode()
    said = {
        "x": "Not a refresh token",
        good[:-1] + "\u00e9": "Not a refresh token",
        later.rstrip("="): "Not a refresh token of this version",
        codec(elsewhere).make(SID, 7, 9): "Invalid refresh token",
        codec(forged).make(SID, 7, 1): "Invalid refresh token",
    }
    for text, words in said.items():
        with pytest.raises(JWTDecodeError) as caught:
            codec(ring).parse(text)
        assert words == str(caught.value)
        assert caught.type is (InvalidSignature if words.startswith("Invalid") else MalformedToken)


def test_invented_key_numbers_read_the_ring_once_a_second() -> None:
    ring, elsewhere = Ring(), Ring()
    elsewhere.keys[9] = b"\x09" * 32
    hands = [0.0]
    tokens = RefreshTokens(ring, Clock(monotonic=lambda: hands[0]))
    reloads: list[int] = []
    for hands[0] in (100.0, 100.999, 101.0, 101.5, 102.0):
        with pytest.raises(InvalidSignature):
            tokens.parse(codec(elsewhere).make(SID, 1, 9))
        reloads.append(ring.reloads)

    assert [1, 1, 2, 2, 3] == reloads


def test_a_ring_that_cannot_be_read_again_is_logged_and_the_token_is_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(Ring):
        def reload(self) -> None:
            raise SettingsError("the file is gone")

    elsewhere = Ring()
    elsewhere.keys[9] = b"\x09" * 32
    with pytest.raises(InvalidSignature):
        codec(Broken()).parse(codec(elsewhere).make(SID, 1, 9))

    assert ["The root keys could not be read again: the file is gone"] == [r.getMessage() for r in caplog.records]


# --- Both tokens ---------------------------------------------------------------------------------------


@dataclass
class Issued:
    """Remembers what an access token was asked for."""

    text: str = "access"
    expires_in: int | None = 900
    asked: dict[str, Any] = field(default_factory=dict)

    def __call__(self, identity: int | str, /, *, fresh: bool, claims: Mapping[str, Any]) -> Issued:
        self.asked = {"identity": identity, "fresh": fresh, "claims": dict(claims)}
        return self


def granted(issued: Issued, ring: Ring | None = None, *added: Claims, **changed: Any) -> Granted:
    given: dict[str, Any] = {"generation": 3, "root_key": 2, "epoch": 4, "mark": None, "fresh": True}
    given |= {"connection": None, **changed}
    return Grants(issued, codec(ring), added).make(given.pop("user_id", 5), SID, **given)


def test_a_login_gives_an_access_token_of_the_session_and_the_refresh_token_of_its_generation() -> None:
    issued = Issued()
    login = granted(issued)

    assert issued.asked == {"identity": 5, "fresh": True, "claims": {"sid": str(SID), "epoch": 4}}
    assert (5, str(SID), "access", 900) == (login.user_id, login.session_id, login.access_token, login.expires_in)
    assert codec().parse(login.refresh_token) == Presented(key_number=2, session_id=SID, generation=3)
    assert f"Granted(user_id=5, session_id='{SID}')" == repr(login)


def test_the_id_of_a_user_is_a_string_in_the_token_where_it_is_a_uuid() -> None:
    issued = Issued()
    login = granted(issued, user_id=SID, mark="of the row", fresh=False)

    assert (str(SID), False) == (issued.asked["identity"], issued.asked["fresh"])
    assert issued.asked["claims"][MARK_CLAIM] == "of the row"
    assert login.user_id == SID


def test_added_claims_are_asked_for_in_the_callers_transaction_and_replace_no_claim_of_the_session() -> None:
    issued, here = Issued(), cast(Connection, object())
    seen: list[Any] = []

    def added(user_id: Any, connection: Connection | None) -> Mapping[str, Any]:
        seen.append((user_id, connection))
        return {"sid": "another", "epoch": 99, "plan": "small"}

    granted(issued, None, added, lambda *_: {"plan": "large"}, connection=here)

    assert seen == [(5, here)]
    assert issued.asked["claims"] == {"sid": str(SID), "epoch": 4, "plan": "large"}


def test_a_generation_whose_root_key_was_removed_gets_its_token_under_the_current_one() -> None:
    ring = Ring()
    del ring.keys[2]

    assert codec(ring).parse(granted(Issued(), ring).refresh_token) == Presented(
        key_number=1, session_id=SID, generation=3
    )
