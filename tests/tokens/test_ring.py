"""Rings: how they are written, rotated, and read again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_signet.clock import SYSTEM
from flask_signet.exceptions import InvalidKeyError, SettingsError, SignetError
from flask_signet.tokens import base64url, keys, ring
from flask_signet.tokens.key import thumbprint
from tests.vectors import keys as test_keys

NOW = 1_800_000_000
CURRENT = test_keys.jwk("EdDSA", kid="one", status="current", created_at=NOW - 100)
NEXT = test_keys.jwk("ES256", kid="two", status="next", created_at=NOW - 100)


def statuses(jwks: dict[str, Any]) -> dict[str, str]:
    return {jwk["kid"]: jwk["status"] for jwk in jwks["keys"]}


def rotated(jwks: dict[str, Any], now: int = NOW, *, overlap: int = 100, settle: int = 10) -> dict[str, Any]:
    return ring.rotated(jwks, SYSTEM.token_bytes, now, overlap=overlap, settle=settle)


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256", "ES384", "ES512", "HS256", "HS384", "HS512"])
def test_a_new_ring_has_a_current_and_a_next_key(algorithm: str) -> None:
    jwks = ring.generated(algorithm, SYSTEM.token_bytes, NOW)
    made = ring.from_text(json.dumps(jwks).encode())

    assert ["current", "next"] == [jwk["status"] for jwk in jwks["keys"]] == [key.status for key in made.verifying]
    assert [NOW, NOW] == [jwk["created_at"] for jwk in jwks["keys"]]
    assert made.current is made.verifying[0]
    assert {algorithm} == {key.algorithm for key in made.verifying}
    assert 2 == len({key.key_id for key in made.verifying})
    assert made.weakness is None


@pytest.mark.parametrize("algorithm", ["RS256", "PS512"])
def test_a_generated_rsa_key_has_3072_bits(algorithm: str) -> None:
    jwk = keys.generate(algorithm, SYSTEM.token_bytes).private_jwk
    assert jwk is not None

    assert 512 == len(jwk()["n"])  # 384 bytes in base64url
    assert "AQAB" == jwk()["e"]


@pytest.mark.parametrize(("algorithm", "size"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
def test_a_generated_secret_is_as_long_as_its_hash_and_drawn_from_chance(algorithm: str, size: int) -> None:
    drawn: list[int] = []

    def token_bytes(n: int) -> bytes:
        drawn.append(n)
        return bytes(range(65, 65 + n))

    key = keys.generate(algorithm, token_bytes)
    assert key.private_jwk is not None

    assert [12, size] == drawn
    assert "QUJDREVGR0hJSktM" == key.key_id
    assert key.private_jwk()["k"].startswith("QUJDREVGR0hJSktM")


def test_an_unknown_algorithm_is_not_generated() -> None:
    for name in ("none", "ES256K", "", "hs256"):
        with pytest.raises(InvalidKeyError, match=f"algorithm '{name}' is not one of ES256, ES384"):
            keys.generate(name, SYSTEM.token_bytes)


def test_a_step_moves_every_key_one_place_and_announces_a_new_one() -> None:
    before = {"keys": [CURRENT, NEXT], "note": "kept"}
    after = rotated(before)
    names = statuses(after)

    assert ("retired", "current") == (names.pop("one"), names.pop("two"))
    assert ["next"] == list(names.values())
    assert NOW == after["keys"][0]["retired_at"]
    assert NOW == after["keys"][2]["created_at"]
    assert "EdDSA" == after["keys"][2]["alg"]
    assert "kept" == after["note"]
    assert {"keys": [CURRENT, NEXT], "note": "kept"} == before
    assert "two" == ring.from_jwks(after).current.key_id


def test_a_next_key_that_is_too_young_does_not_sign() -> None:
    for age, good in ((9, False), (10, True), (11, True)):
        jwks = {"keys": [CURRENT, {**NEXT, "created_at": NOW - age}]}
        if good:
            assert "two" == ring.from_jwks(rotated(jwks)).current.key_id
        else:
            with pytest.raises(SettingsError) as caught:
                rotated(jwks)
            assert str(caught.value) == (
                "the next key is 9 s old; wait 1 s more, until every worker and every cache of "
                "/.well-known/jwks.json has read it. To end the current key at once, revoke it"
            )


def test_a_next_key_without_a_date_is_old_enough() -> None:
    """As if made in 1970."""
    jwks = {"keys": [CURRENT, {name: value for name, value in NEXT.items() if name != "created_at"}]}

    assert "two" == ring.from_jwks(rotated(jwks)).current.key_id
    assert "two" == ring.from_jwks(rotated(jwks, now=10)).current.key_id
    with pytest.raises(SettingsError, match="the next key is 9 s old; wait 1 s more"):
        rotated(jwks, now=9)


def test_without_a_next_key_a_step_only_announces_one() -> None:
    after = rotated({"keys": [CURRENT]})

    assert ["current", "next"] == [jwk["status"] for jwk in after["keys"]]
    assert "one" == after["keys"][0]["kid"]
    assert NOW == after["keys"][1]["created_at"]


def test_retired_keys_leave_when_the_overlap_is_over() -> None:
    old = test_keys.jwk("ES384", kid="old", status="retired", retired_at=NOW - 100)
    older = test_keys.jwk("ES512", kid="older", status="retired", retired_at=NOW - 101)
    undated = test_keys.jwk("RS256", kid="undated", status="retired")
    names = statuses(rotated({"keys": [CURRENT, NEXT, old, older, undated]}))

    assert "retired" == names["old"] == names["undated"]
    assert "older" not in names


def test_a_date_of_retirement_counts_for_retired_keys_alone() -> None:
    after = rotated({"keys": [CURRENT, {**NEXT, "retired_at": NOW - 10**6}]})

    assert "current" == statuses(after)["two"]


def test_a_key_without_status_is_the_current_one() -> None:
    bare = {name: value for name, value in CURRENT.items() if name != "status"}

    assert "retired" == statuses(rotated({"keys": [bare, NEXT]}))["one"]
    assert "one" == ring.from_jwks({"keys": [bare, NEXT]}).current.key_id


def test_a_removed_current_key_is_followed_by_the_next_one() -> None:
    after = ring.without({"keys": [CURRENT, NEXT]}, "one", SYSTEM.token_bytes, NOW)

    assert ["current", "next"] == [jwk["status"] for jwk in after["keys"]]
    assert "two" == after["keys"][0]["kid"]
    assert "EdDSA" == after["keys"][1]["alg"]


def test_a_removed_key_without_status_was_the_current_one() -> None:
    bare = {name: value for name, value in CURRENT.items() if name != "status"}
    after = ring.without({"keys": [bare, NEXT]}, "one", SYSTEM.token_bytes, NOW)

    assert "current" == statuses(after)["two"]


def test_a_removed_current_key_without_a_next_one_is_replaced_at_once() -> None:
    after = ring.without({"keys": [CURRENT]}, "one", SYSTEM.token_bytes, NOW)

    assert ["current", "next"] == [jwk["status"] for jwk in after["keys"]]
    assert "one" not in statuses(after)
    assert {"EdDSA"} == {jwk["alg"] for jwk in after["keys"]}
    assert [NOW, NOW] == [jwk["created_at"] for jwk in after["keys"]]


def test_the_secrets_of_a_ring_are_drawn_from_the_chance_that_is_handed_in() -> None:
    drawn: list[bytes] = []

    def token_bytes(n: int) -> bytes:
        drawn.append(bytes([len(drawn) + 1]) * n)
        return drawn[-1]

    def made(jwks: dict[str, Any]) -> list[str]:
        new = [base64url.encode(secret).decode() for secret in drawn if len(secret) == 32]
        drawn.clear()
        assert set(new) <= {jwk["k"] for jwk in jwks["keys"]}
        return new

    secret = test_keys.jwk("HS256", kid="one", status="current")
    announced = ring.rotated({"keys": [secret]}, token_bytes, NOW, overlap=0, settle=0)
    assert 1 == len(made(announced))
    stepped = ring.rotated(announced, token_bytes, NOW, overlap=0, settle=0)
    assert 1 == len(made(stepped))
    replaced = ring.without({"keys": [secret]}, "one", token_bytes, NOW)
    assert 2 == len(made(replaced))


def test_a_removed_key_of_another_place_leaves_the_current_one() -> None:
    retired = test_keys.jwk("ES384", kid="old", status="retired")
    after = ring.without({"keys": [CURRENT, NEXT, retired]}, "old", SYSTEM.token_bytes, NOW)
    assert {"one": "current", "two": "next"} == statuses(after)

    after = ring.without({"keys": [CURRENT, NEXT]}, "two", SYSTEM.token_bytes, NOW)
    assert ["current", "next"] == [jwk["status"] for jwk in after["keys"]]
    assert "two" not in statuses(after)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    unnamed = {name: value for name, value in CURRENT.items() if name != "kid"}
    name = thumbprint(unnamed)
    with pytest.raises(SettingsError, match=rf"no key of the ring has the kid 'three'; its keys are: {name}, two"):
        ring.without({"keys": [unnamed, NEXT]}, "three", SYSTEM.token_bytes, NOW)

    assert "two" == ring.without({"keys": [unnamed, NEXT]}, name, SYSTEM.token_bytes, NOW)["keys"][0]["kid"]


def test_a_name_that_is_absent_becomes_the_thumbprint() -> None:
    unnamed = {name: value for name, value in CURRENT.items() if name != "kid"}
    made = ring.from_jwks({"keys": [unnamed]})

    assert thumbprint(unnamed) == made.verifying[0].key_id
    assert thumbprint(unnamed) == made.public_jwks()["keys"][0]["kid"]


def test_a_secret_needs_a_name() -> None:
    with pytest.raises(InvalidKeyError, match=r"^a symmetric key of JWT_KEYS needs a kid: its .* about the secret$"):
        ring.from_jwks({"keys": [test_keys.jwk("HS256", kid=None)]})


def nameless(status: str | None = "retired", algorithm: str = "HS256") -> dict[str, Any]:
    jwk = {name: value for name, value in test_keys.jwk(algorithm).items() if name != "status"}
    return {**jwk, "kid": None} | ({} if status is None else {"status": status})


def test_a_retired_key_may_have_no_name_and_keeps_it_so() -> None:
    former = nameless()
    made = ring.from_jwks({"keys": [CURRENT, NEXT, former]})

    assert [("one", "current"), ("two", "next"), (None, "retired")] == [(k.key_id, k.status) for k in made.verifying]
    assert former == rotated({"keys": [CURRENT, NEXT, former]})["keys"][2]
    assert ["one", "two", "-"] == [ring.name(jwk) for jwk in (CURRENT, NEXT, former)]
    assert [CURRENT, NEXT] == ring.without({"keys": [CURRENT, NEXT, former]}, "-", SYSTEM.token_bytes, NOW)["keys"]


@pytest.mark.parametrize("status", ["current", "next", None])
def test_only_a_retired_key_may_have_no_name(status: str | None) -> None:
    for members in ([nameless(status)], [CURRENT, nameless(status)]):
        with pytest.raises(InvalidKeyError, match=r'^"kid": null is for a "retired" key of JWT_KEYS: .* needs a kid$'):
            ring.from_jwks({"keys": members})


@pytest.mark.parametrize("other", [nameless(algorithm="ES256"), {**NEXT, "kid": "-"}])
def test_one_key_alone_has_no_name(other: dict[str, Any]) -> None:
    with pytest.raises(InvalidKeyError, match="share one kid"):
        ring.from_jwks({"keys": [CURRENT, nameless(), other]})


def test_a_ring_keeps_its_algorithm_when_a_key_of_another_one_is_removed() -> None:
    for members in ([CURRENT, nameless()], [nameless(), CURRENT]):
        left = ring.without({"keys": members}, "-", SYSTEM.token_bytes, NOW)["keys"]
        assert CURRENT == left[0]
        assert ("next", "EdDSA") == (left[1]["status"], keys.from_jwk(left[1]).algorithm)
    left = ring.without({"keys": [nameless(), CURRENT, NEXT]}, "one", SYSTEM.token_bytes, NOW)["keys"]
    assert "EdDSA" == keys.from_jwk(left[2]).algorithm


def test_a_ring_of_public_keys_only_verifies() -> None:
    made = ring.from_jwks({"keys": [test_keys.public_jwk("EdDSA")]})

    assert made.current is None
    assert 1 == len(made.verifying)


@pytest.mark.parametrize("count", [0, 2])
def test_exactly_one_key_is_current(count: int) -> None:
    jwks = {
        "keys": [
            {**CURRENT, "status": "current" if count == 2 else "next"},
            {**NEXT, "status": "current" if count else "retired"},
        ]
    }
    with pytest.raises(SettingsError, match=f'exactly one key with "status": "current", not {count}') as caught:
        ring.from_jwks(jwks)
    assert str(caught.value).endswith('; the others are "next" or "retired"')


@pytest.mark.parametrize("status", ["Current", "", None, 1, ["current"], {"a": 1}, "revoked"], ids=repr)
def test_an_unknown_status_is_refused(status: Any) -> None:
    with pytest.raises(InvalidKeyError, match='"status" of a key must be one of next, current, retired, not'):
        ring.from_jwks({"keys": [{**CURRENT, "status": status}]})


def test_of_an_unknown_status_twenty_characters_are_shown() -> None:
    with pytest.raises(InvalidKeyError) as caught:
        ring.from_jwks({"keys": [{**CURRENT, "status": "x" * 21}]})

    assert f"\"status\" of a key must be one of next, current, retired, not '{'x' * 20}'" == str(caught.value)


def test_the_weakest_key_makes_the_ring_weak() -> None:
    weak = keys.symmetric("changeme", "HS256")
    made = ring.Ring(None, (test_keys.key("EdDSA"), weak))

    assert weak.weakness == made.weakness
    assert ring.Ring(None, (test_keys.key("EdDSA"),)).weakness is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = [
    "kty",
    "alg",
    "kid",
    "use",
    "key_ops",
    "status",
    "crv",
    "x",
    "y",
    "d",
    "n",
    "e",
    "p",
    "q",
    "dp",
    "dq",
    "qi",
    "k",
]
whole = [test_keys.jwk(algorithm) for algorithm in ("HS256", "RS256", "ES256", "EdDSA")]
broken_jwks = st.builds(
    lambda jwk, changes, dropped: {n: v for n, v in {**jwk, **changes}.items() if n not in dropped},
    st.sampled_from([{}, *whole]),
    st.dictionaries(
        st.sampled_from(MEMBERS), json_values | st.sampled_from(["RSA", "EC", "OKP", "oct", "AQAB", "ES384"])
    ),
    st.sets(st.sampled_from(MEMBERS), max_size=2),
)


@given(
    st.one_of(
        json_values, st.builds(lambda members: {"keys": members}, st.lists(broken_jwks | json_values, max_size=3))
    )
)
def test_any_json_is_a_ring_or_an_error_of_ours(value: Any) -> None:
    text = json.dumps(value).encode()
    try:
        made = ring.from_text(text)
    except SignetError:
        return

    assert made.verifying
    assert not {"d", "k", "p", "q"} & {name for jwk in made.public_jwks()["keys"] for name in jwk}


@given(st.binary())
def test_any_bytes_are_a_ring_or_an_error_of_ours(data: bytes) -> None:
    with pytest.raises(SignetError):
        ring.from_text(data)


def test_errors_of_a_ring_say_what_is_wrong() -> None:
    for text, words in (
        (b"{", "the key ring is not complete JSON; was it written only in part, or edited by hand?"),
        (b"[]", 'the key ring must be a JWK set: {"keys": [...]}'),
        (b"{}", 'JWT_KEYS must be a JWK set: {"keys": [...]} with at least one key'),
        (b'{"keys":[1]}', "every member of JWT_KEYS must be a JWK object"),
        (json.dumps({"keys": [CURRENT, {**NEXT, "kid": "one"}]}).encode(), "two keys of JWT_KEYS share one kid"),
    ):
        with pytest.raises(InvalidKeyError) as caught:
            ring.from_text(text)

        assert words == str(caught.value)


def test_where_tokens_live_for_ever_a_retired_key_stays() -> None:
    old = {**CURRENT, "kid": "old", "status": "retired", "retired_at": 0}
    after = ring.rotated({"keys": [CURRENT, NEXT, old]}, SYSTEM.token_bytes, 10**10, overlap=None, settle=0)

    assert "old" in statuses(after)
    assert "old" not in statuses(rotated({"keys": [CURRENT, NEXT, old]}))


@pytest.mark.parametrize("name", ["created_at", "retired_at"])
@pytest.mark.parametrize("date", ["yesterday", 1.5, None, True])
def test_a_date_that_is_none_is_refused(name: str, date: Any) -> None:
    old = {**CURRENT, "kid": "old", "status": "retired", "retired_at": 0}
    dated = old if name == "retired_at" else NEXT
    members = [CURRENT, *({**jwk, name: date} if jwk is dated else jwk for jwk in (NEXT, old))]

    with pytest.raises(InvalidKeyError, match=f"{name} of a key must be whole seconds since 1970"):
        rotated({"keys": members})


def test_a_retired_key_stays_for_the_longest_overlap_that_any_rotation_knew() -> None:
    """Settings are made shorter, and the tokens that were issued before live on."""
    jwks = ring.generated("EdDSA", SYSTEM.token_bytes, NOW)
    first = jwks["keys"][0]["kid"]
    jwks = rotated(jwks, NOW + 100, overlap=1_000)
    jwks = rotated(jwks, NOW + 600, overlap=10)
    assert first in [key["kid"] for key in jwks["keys"]]
    jwks = rotated(jwks, NOW + 1_200, overlap=10)
    assert first not in [key["kid"] for key in jwks["keys"]]
    second = jwks["keys"][0]["kid"]
    jwks = ring.rotated(jwks, SYSTEM.token_bytes, NOW + 1_300, overlap=None, settle=0)
    jwks = rotated(jwks, NOW + 10**8, overlap=10)

    assert second in [key["kid"] for key in jwks["keys"]]
    assert ring.from_jwks(jwks).current is not None
