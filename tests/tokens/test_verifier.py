"""The verifier: what it accepts, what it says of the rest, what it remembers and what never enters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import tracemalloc
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flask_signet.exceptions import (
    IdentityTypeError,
    ImmatureToken,
    InvalidAlgorithm,
    InvalidAudience,
    InvalidClaim,
    InvalidIssuer,
    InvalidKeyError,
    InvalidSignature,
    JWTDecodeError,
    MalformedToken,
    MissingClaim,
    SettingsError,
    SignetError,
    UnknownKey,
)
from flask_signet.tokens import base64url, claims, jws, keys, verify_signature
from flask_signet.tokens.claims import Policy
from flask_signet.tokens.inspect import inspect
from flask_signet.tokens.issuer import Issuer
from flask_signet.tokens.verifier import Verifier, header_text
from tests.vectors import keys as test_keys

NOW = 1_800_000_000
KEYS = {algorithm: test_keys.key(algorithm) for algorithm in test_keys.ALGORITHMS}
HS256 = KEYS["HS256"]
GOOD: dict[str, Any] = {"sub": "42", "exp": NOW + 600, "iat": NOW, "nbf": NOW, "type": "access", "jti": "1"}


def token(payload: Any = GOOD, header: Any = None, key: keys.Key = HS256) -> str:
    """A token with a good signature over anything; bytes are taken as they are."""
    head = {"alg": key.algorithm, "typ": "JWT", "kid": key.key_id} if header is None else header
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (head, payload)]
    signing_input = b".".join(base64url.encode(part) for part in parts)
    assert key.sign is not None
    return (signing_input + b"." + base64url.encode(key.sign(signing_input))).decode()


def verifier(*ring: keys.Key, **policy: Any) -> Verifier:
    return Verifier(ring or (HS256,), Policy(**policy))


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in GOOD.items() if key != name}


# --- Round trips ----------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", test_keys.ALGORITHMS)
def test_what_the_issuer_makes_the_verifier_takes(algorithm: str) -> None:
    made = Issuer(KEYS[algorithm]).issue(GOOD)
    checker = verifier(keys.from_jwk(test_keys.public_jwk(algorithm)))
    for _ in range(3):
        verified = checker.verify(made, NOW)

        assert {**GOOD, "fresh": False} == verified.claims
        assert {"alg": algorithm, "typ": "JWT", "kid": f"test-{algorithm}"} == verified.header
        assert ("42", "access", NOW + 600, NOW - 10) == (
            verified.identity,
            verified.kind,
            verified.expires_at,
            verified.not_before,
        )
    assert GOOD == json.loads(verify_signature(made, test_keys.public_jwk(algorithm)))


flat_claims = st.dictionaries(
    st.text(max_size=6).filter(lambda name: name not in ("exp", "nbf", "iat", "iss", "aud", "sub", "jti", "sub_type")),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=6,
    ),
    max_size=6,
)


@given(flat_claims, st.text().filter(lambda text: "\0" not in text))
def test_any_claims_come_back_as_they_went_in(more: dict[str, Any], subject: str) -> None:
    payload = {**more, "sub": subject}
    verified = verifier().verify(Issuer(HS256).issue(payload), NOW)

    assert {"type": "access", "fresh": False, "jti": None, **payload} == verified.claims
    assert verified.claims == verified.copy_claims()
    assert subject == verified.identity


@given(st.integers(-(10**99), 10**99))
def test_an_int_identity_comes_back_as_int(identity: int) -> None:
    payload: dict[str, Any] = {}
    claims.put_identity(payload, identity, "sub", text_subject=True)
    verified = verifier().verify(token(payload), NOW)

    assert identity == verified.identity
    assert type(verified.identity) is int
    assert {"sub": str(identity), "type": "access", "fresh": False, "jti": None} == verified.claims


def test_an_issued_header_may_hold_more_but_no_other_algorithm() -> None:
    issuer = Issuer(KEYS["ES256"])
    made = issuer.issue(GOOD, headers={"cty": "x", "typ": "at+jwt"})

    assert {"alg": "ES256", "typ": "at+jwt", "kid": "test-ES256", "cty": "x"} == jws.read_header(
        made.split(".")[0].encode()
    )
    assert jws.read_header(issuer.issue(GOOD, headers={"alg": "ES256"}).split(".")[0].encode())["alg"] == "ES256"
    with pytest.raises(SettingsError, match=r"signs with ES256\. Set JWT_ALGORITHM and a key of that algorithm\.$"):
        issuer.issue(GOOD, headers={"alg": "none"})
    with pytest.raises(InvalidKeyError, match="the ES256 key can only verify"):
        Issuer(keys.from_jwk(test_keys.public_jwk("ES256")))
    nameless = Issuer(HS256.named(None))
    assert {"alg": "HS256", "typ": "JWT", "cty": "x"} == jws.read_header(
        nameless.issue(GOOD, headers={"cty": "x"}).split(".")[0].encode()
    )
    assert {"alg": "HS256", "typ": "JWT"} == jws.read_header(nameless.issue(GOOD).split(".")[0].encode())
    assert b'{"alg":"HS256","typ":"JWT"}' == base64url.decode(header_text(HS256.named(None)))


def test_what_json_cannot_express_goes_through_the_default() -> None:
    made = Issuer(HS256).issue({**GOOD, "at": {1, 2}}, default=sorted)

    assert [1, 2] == verifier().verify(made, NOW).claims["at"]
    with pytest.raises(TypeError):
        Issuer(HS256).issue({**GOOD, "at": {1, 2}})


# --- Any bytes, any bit ---------------------------------------------------------------------------

RING = tuple(KEYS.values())
segments = st.one_of(
    st.text("ABCxyz019-_", max_size=12),
    st.text(max_size=8),
    st.sampled_from([*token().split("."), header_text(KEYS["ES256"]).decode(), ""]),
    st.binary(max_size=24).map(lambda data: base64url.encode(data).decode()),
    flat_claims.map(lambda value: base64url.encode(json.dumps(value).encode()).decode()),
)
texts = st.one_of(st.text(), st.lists(segments, max_size=5).map(".".join))


@given(texts)
@example("")
@example("..")
@example("\ud800.\ud800.\ud800")
def test_any_text_is_a_token_or_an_error_of_ours(text: str) -> None:
    good = token()
    for check in (
        lambda: verifier(*RING).verify(text, NOW),
        lambda: verify_signature(text, {"keys": [test_keys.public_jwk("RS256"), test_keys.public_jwk("EdDSA")]}),
        lambda: verify_signature(text, test_keys.jwk("HS256")),
    ):
        try:
            check()
        except SignetError:
            continue
        assert text == good
    shown = inspect(text, now=NOW, verify=lambda credential: verifier(*RING).verify(credential, NOW))
    assert shown.lines()
    json.dumps(shown.as_json())


@given(st.binary(max_size=80))
def test_any_bytes_are_an_error_of_ours(data: bytes) -> None:
    with pytest.raises(JWTDecodeError):
        verify_signature(data, test_keys.jwk("HS256"))


@given(st.binary(), st.binary())
def test_any_signed_bytes_are_a_token_or_an_error_of_ours(header: bytes, payload: bytes) -> None:
    for made in (token(payload), token(header=header), token(payload, header)):
        with pytest.raises(JWTDecodeError):
            verifier().verify(made, NOW)


@given(
    st.dictionaries(
        st.sampled_from([*GOOD, "aud", "iss", "fresh", "sub_type"]),
        st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=3),
    ),
    st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "b64", "cty"]), st.none() | st.text() | st.integers()
    ),
)
def test_any_signed_claims_and_header_are_a_token_or_an_error_of_ours(
    changes: dict[str, Any], header: dict[str, Any]
) -> None:
    made = token({**GOOD, **changes}, {"alg": "HS256", "typ": "JWT", "kid": "test-HS256", **header})
    checker = verifier(leeway=5, audience=("a",), issuer=("i",))
    for _ in range(2):
        try:
            verified = checker.verify(made, NOW)
            verified.copy_claims()
            verified.expired()
        except JWTDecodeError:
            continue


@pytest.mark.parametrize("algorithm", test_keys.ALGORITHMS)
def test_every_flipped_bit_is_refused(algorithm: str) -> None:
    """Of the string as it is sent, 8 bits a character; the accepted token was checked and remembered before."""
    checker = verifier(KEYS[algorithm])
    made = token(key=KEYS[algorithm])
    checker.verify(made, NOW)
    raw = bytearray(made.encode())
    # RSA signatures cost more and have more bits: each character, one bit each, beside all of the rest.
    sparse = algorithm[:2] in ("RS", "PS", "ES")
    begin = made.rindex(".")
    for place in range(len(raw)):
        bits = range(8) if not sparse or place < 40 or place == len(raw) - 1 else (place % 8,)
        for bit in bits:
            raw[place] ^= 1 << bit
            flipped = bytes(raw).decode("latin-1")
            with pytest.raises(JWTDecodeError):
                checker.verify(flipped, NOW)
            raw[place] ^= 1 << bit
    assert begin > 0
    assert "42" == checker.verify(made, NOW).identity


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", test_keys.ALGORITHMS)
def test_every_single_flipped_bit_is_refused(algorithm: str) -> None:
    checker = verifier(KEYS[algorithm])
    raw = bytearray(token(key=KEYS[algorithm]).encode())
    for place in range(len(raw)):
        for bit in range(8):
            raw[place] ^= 1 << bit
            with pytest.raises(JWTDecodeError):
                checker.verify(bytes(raw).decode("latin-1"), NOW)
            raw[place] ^= 1 << bit


@pytest.mark.parametrize("algorithm", test_keys.ALGORITHMS)
def test_every_flipped_bit_of_the_raw_signature_is_refused(algorithm: str) -> None:
    """The bits that the primitive sees, spelt canonically again."""
    key = KEYS[algorithm]
    signing_input, _, signature = token(key=key).rpartition(".")
    raw = bytearray(base64url.decode(signature.encode()))
    for place in range(len(raw)):
        for bit in range(8) if len(raw) < 100 else (place % 8,):
            raw[place] ^= 1 << bit
            with pytest.raises(InvalidSignature, match=r"^Signature verification failed$"):
                verifier(key).verify(f"{signing_input}.{base64url.encode(bytes(raw)).decode()}", NOW)
            raw[place] ^= 1 << bit


# --- What it says ---------------------------------------------------------------------------------

HEAD = {"alg": "HS256", "typ": "JWT", "kid": "test-HS256"}
REFUSED: dict[str, tuple[str, type[Exception], str]] = {
    "one segment": ("abc", MalformedToken, "Not enough segments"),
    "empty": ("", MalformedToken, "Not enough segments"),
    "two segments": ("a.b", MalformedToken, "Not enough segments"),
    "four segments": ("a.b.c.d", MalformedToken, "Too many segments"),
    "beyond ascii": ("é.b.c", MalformedToken, "Invalid token: it contains characters other than ASCII"),
    "header padding": ("a.b.c", MalformedToken, "Invalid header padding"),
    "header no json": ("e30x.b.c", MalformedToken, "Invalid header string: "),
    "header not utf-8": (token(header=b'{"\xff":1}'), MalformedToken, "Invalid header string: not UTF-8"),
    "header no object": (token(header=b"[]"), MalformedToken, "Invalid header string: must be a json object"),
    "no alg": (token(header={"typ": "JWT"}), InvalidAlgorithm, "Algorithm not specified"),
    "alg null": (token(header={**HEAD, "alg": None}), InvalidAlgorithm, "Algorithm not specified"),
    "alg number": (token(header={**HEAD, "alg": 1}), InvalidAlgorithm, "The specified alg value is not allowed"),
    "alg other": (token(header={**HEAD, "alg": "HS384"}), InvalidAlgorithm, "The specified alg value is not allowed"),
    "kid number": (token(header={**HEAD, "kid": 1}), MalformedToken, "Key ID header parameter must be a string"),
    "kid null": (token(header={**HEAD, "kid": None}), MalformedToken, "Key ID header parameter must be a string"),
    "kid unknown": (token(header={**HEAD, "kid": "x"}), UnknownKey, "No key is known for this token: unknown kid"),
    "kid absent": (token(header={"alg": "HS256"}), UnknownKey, "No key is known for this token"),
    "crit": (token(header={**HEAD, "crit": ["x"]}), MalformedToken, "Unsupported critical extension: x"),
    "crit long": (
        token(header={**HEAD, "crit": ["x" * 50]}),
        MalformedToken,
        f"Unsupported critical extension: {'x' * 40}",
    ),
    "crit empty": (token(header={**HEAD, "crit": []}), MalformedToken, "Unsupported critical extension: malformed"),
    "crit text": (token(header={**HEAD, "crit": "x"}), MalformedToken, "Unsupported critical extension: malformed"),
    "b64": (token(header={**HEAD, "b64": True}), MalformedToken, "Unsupported header parameter: b64"),
    "jwk": (
        token(header={**HEAD, "jwk": {}}),
        MalformedToken,
        "Unsupported header parameter: jwk (keys are never taken from a token)",
    ),
    "typ number": (token(header={**HEAD, "typ": 1}), MalformedToken, "typ header parameter must be a string"),
    "signature padding": (token()[:-1] + "!", MalformedToken, "Invalid crypto padding"),
    "signature": (token()[:-6] + "AAAAAA", InvalidSignature, "Signature verification failed"),
    "payload no object": (token([]), MalformedToken, "Invalid payload string: must be a json object"),
    "payload no json": (token(b"{x"), MalformedToken, "Invalid payload string: "),
    "payload twice": (token(b'{"a":1,"a":1}'), MalformedToken, "Invalid payload string: a name appears twice"),
    "exp": (token({**GOOD, "exp": "1"}), InvalidClaim, "Expiration Time claim (exp) must be an integer."),
    "exp bool": (token({**GOOD, "exp": True}), InvalidClaim, "Expiration Time claim (exp) must be an integer."),
    "nbf": (token({**GOOD, "nbf": None}), InvalidClaim, "Not Before claim (nbf) must be an integer."),
    "iat": (token({**GOOD, "iat": []}), InvalidClaim, "Issued At claim (iat) must be an integer."),
    "sub": (token({**GOOD, "sub": 1}), InvalidClaim, "Subject must be a string"),
    "sub absent": (token(without("sub")), MissingClaim, "Missing claim: sub"),
    "sub nul": (token({**GOOD, "sub": "a\0"}), InvalidClaim, "Subject must not contain NUL"),
    "jti": (token({**GOOD, "jti": 1}), InvalidClaim, "JWT ID must be a string"),
    "iss": (token({**GOOD, "iss": 1}), InvalidClaim, "Issuer must be a string"),
    "aud": (token({**GOOD, "aud": [1]}), InvalidAudience, "Invalid claim format in token"),
    "nbf ahead": (token({**GOOD, "nbf": NOW + 11}), ImmatureToken, "The token is not yet valid (nbf)"),
    "iat ahead": (token({**GOOD, "iat": NOW + 11}), ImmatureToken, "The token is not yet valid (iat)"),
}


@pytest.mark.parametrize(("made", "kind", "words"), REFUSED.values(), ids=REFUSED)
def test_a_refusal_says_why(made: str, kind: type[JWTDecodeError], words: str) -> None:
    for _ in range(2):
        with pytest.raises(kind) as caught:
            verifier().verify(made, NOW)

        assert kind is type(caught.value)
        assert str(caught.value) == words or (words.endswith(": ") and str(caught.value).startswith(words))
        assert len(str(caught.value)) < 160


@pytest.mark.parametrize("name", ["jku", "x5u", "x5c"])
def test_a_link_to_a_key_is_named(name: str) -> None:
    with pytest.raises(MalformedToken, match=f"^Unsupported header parameter: {name} "):
        verifier().verify(token(header={**HEAD, name: "x"}), NOW)


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "JOSE", "", "x"])
def test_a_type_that_fits_is_taken(typ: str) -> None:
    assert typ == verifier().verify(token(header={**HEAD, "typ": typ}), NOW).header["typ"]


def test_a_type_for_something_else_is_refused() -> None:
    for typ, shown in (("Logout+JWT", "Logout+JWT"), ("x" * 41 + "+jwt", "x" * 40)):
        with pytest.raises(MalformedToken) as caught:
            verifier().verify(token(header={**HEAD, "typ": typ}), NOW)

        assert f"Wrong kind of token: typ {shown!r}" == str(caught.value)


def test_an_empty_payload_is_one_segment_of_three() -> None:
    header, _, signature = token().split(".")
    with pytest.raises(InvalidSignature):
        verifier().verify(f"{header}..{signature}", NOW)


def test_issuer_and_audience_are_compared() -> None:
    checker = verifier(issuer=("i", "j"), audience=("a", "b"))
    for change, kind, words in (
        ({}, InvalidIssuer, 'Token is missing the "iss" claim'),
        ({"iss": "k"}, InvalidIssuer, "Invalid issuer"),
        ({"iss": "i"}, InvalidAudience, 'Token is missing the "aud" claim'),
        ({"iss": "i", "aud": ""}, InvalidAudience, 'Token is missing the "aud" claim'),
        ({"iss": "i", "aud": []}, InvalidAudience, 'Token is missing the "aud" claim'),
        ({"iss": "i", "aud": "c"}, InvalidAudience, "Audience doesn't match"),
        ({"iss": "i", "aud": "ab"}, InvalidAudience, "Audience doesn't match"),
        ({"iss": "i", "aud": ["c", "d"]}, InvalidAudience, "Audience doesn't match"),
    ):
        with pytest.raises(kind) as caught:
            checker.verify(token({**GOOD, **change}), NOW)
        assert words == str(caught.value)
    for audience in ("a", "b", ["b"], ["c", "a"]):
        assert checker.verify(token({**GOOD, "iss": "j", "aud": audience}), NOW).claims["aud"] == audience
    assert verifier().verify(token({**GOOD, "iss": "x", "aud": ["y"]}), NOW)


def test_a_subject_of_another_type_is_taken_where_it_is_not_judged() -> None:
    assert 7 == verifier(text_subject=False).verify(token({**GOOD, "sub": 7}), NOW).identity
    with pytest.raises(InvalidClaim):
        verifier(text_subject=True).verify(token({**GOOD, "sub": 7}), NOW)


def test_a_leeway_moves_the_end_and_never_below_zero() -> None:
    assert NOW + 630 == verifier(leeway=30).verify(token(), NOW).expires_at
    assert NOW - 5 == verifier(start_leeway=5).verify(token(), NOW).not_before
    with pytest.raises(SettingsError, match="JWT_DECODE_LEEWAY must be zero or more seconds, not -1"):
        Policy(leeway=-1)


def test_times_that_are_absent_bind_nothing() -> None:
    verified = verifier().verify(token({"sub": "1"}), 0)

    assert (float("inf"), float("-inf")) == (verified.expires_at, verified.not_before)
    assert "nbf" == verified.start_claim
    assert verifier().verify(token({"sub": "1"}), -(10**12)).identity == "1"


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
def test_a_time_may_have_a_fraction_beside_whatever_else_is_claimed(name: str) -> None:
    """With an issuer or an audience every claim is judged by itself."""
    moment = NOW + 0.5 if name == "exp" else NOW - 0.5
    for more in ({}, {"iss": "x"}, {"aud": "y"}):
        assert moment == verifier().verify(token({**GOOD, **more, name: moment}), NOW).claims[name]


@pytest.mark.parametrize("leeway", [0, 5, 5.5, 20.5])
def test_a_time_beyond_every_float_is_as_far_away_with_a_leeway(leeway: float) -> None:
    far = 10**400
    checker = verifier(leeway=leeway, start_leeway=max(10, leeway))

    assert checker.verify(token({**GOOD, "exp": far}), NOW).expires_at > NOW + 10**300
    with pytest.raises(ImmatureToken):
        checker.verify(token({**GOOD, "nbf": far}), NOW)
    assert checker.verify(token({**GOOD, "exp": -far}), NOW).expires_at < 0


def test_an_identity_is_int_str_or_an_error() -> None:
    for identity in (True, 1.5, None, [], {"id": 1}, b"x"):
        with pytest.raises(
            IdentityTypeError, match=rf"not {type(identity).__name__}: register a @jwt.user_identity_loader that"
        ):
            claims.put_identity({}, identity, "sub", text_subject=True)
        payload: dict[str, Any] = {}
        claims.put_identity(payload, identity, "sub", text_subject=False)
        assert {"sub": identity} == payload
        claims.put_identity(payload, identity, "uid", text_subject=True)
        assert identity == payload["uid"]
    for name in ("sub", "uid"):
        with pytest.raises(IdentityTypeError, match=r"^the identity of a token must not contain NUL characters$"):
            claims.put_identity({}, "a\0b", name, text_subject=True)


def test_the_mark_of_an_int_counts_only_for_a_whole_number() -> None:
    for text, mark, expected in (("7", "int", 7), ("07", "int", "07"), ("7", "str", "7"), ("-0", "int", 0)):
        verified = verifier().verify(token({"sub": text, "sub_type": mark}), NOW)
        assert (expected, type(expected)) == (verified.identity, type(verified.identity))
    assert "sub_type" in verifier().verify(token({"sub": "07", "sub_type": "int"}), NOW).claims
    with pytest.raises(MissingClaim):
        verifier().verify(token({"sub_type": "int"}), NOW)


# --- Keys -----------------------------------------------------------------------------------------


def test_each_token_is_checked_with_its_own_key_of_a_ring() -> None:
    checker = verifier(*RING)
    for key in RING:
        assert checker.verify(token(key=key), NOW).header["kid"] == key.key_id
        with pytest.raises(UnknownKey):
            verifier(*(other for other in RING if other is not key)).verify(token(key=key), NOW)


def test_nameless_keys_are_tried_one_after_the_other() -> None:
    old, new, other = (keys.symmetric(text * 40, "HS256") for text in "abc")
    es = KEYS["ES256"].named(None)
    checker = verifier(old, new, es)
    for key in (old, new, es):
        assert "42" == checker.verify(Issuer(key).issue(GOOD), NOW).identity
    with pytest.raises(InvalidSignature):
        checker.verify(Issuer(other).issue(GOOD), NOW)


def test_a_name_of_several_keys_names_none() -> None:
    twins = (HS256, KEYS["HS512"].named("test-HS256"))
    with pytest.raises(UnknownKey, match=r"^No key is known for this token: several keys have its kid$"):
        jws.candidates(twins, "HS256", "test-HS256")


def test_the_signature_layer_takes_one_key_or_a_set() -> None:
    made = token(key=KEYS["ES256"])
    nameless = token(key=KEYS["ES256"], header={"alg": "ES256"})
    one, other = test_keys.public_jwk("ES256"), test_keys.public_jwk("EdDSA")

    for given_key in (one, {"keys": [one]}, {"keys": [other, one]}, test_keys.public_jwk("ES256", kid=None)):
        assert GOOD == json.loads(verify_signature(made, given_key))
    for given_key in (one, {"keys": [one]}):
        assert GOOD == json.loads(verify_signature(nameless.encode(), given_key))
    words = "^No key is known for this token: it has no kid, and there are several keys$"
    with pytest.raises(UnknownKey, match=words):
        verify_signature(nameless, {"keys": [one, other]})
    unnamed = [test_keys.public_jwk(algorithm, kid=None) for algorithm in ("EdDSA", "ES256")]
    with pytest.raises(UnknownKey, match=r"none of the keys has one$"):
        verify_signature(made, {"keys": unnamed})
    assert GOOD == json.loads(verify_signature(made, {"keys": unnamed[1:]}))
    for given_key in (other, test_keys.public_jwk("ES256", kid="x"), {"keys": [other]}):
        with pytest.raises(UnknownKey):
            verify_signature(made, given_key)
    with pytest.raises(InvalidSignature, match=r"^Signature verification failed$"):
        verify_signature(made[:-4] + "AAAA", one)
    with pytest.raises(MalformedToken, match=r"^Invalid crypto padding$"):
        verify_signature(made + "=", one)


def test_a_name_among_keys_that_have_none_is_refused_in_words() -> None:
    nameless = [test_keys.public_jwk(name, kid=None) for name in ("ES256", "EdDSA")]
    with pytest.raises(UnknownKey) as caught:
        verify_signature(token(key=KEYS["ES256"]), {"keys": nameless})

    assert "No key is known for this token: it has a kid, but none of the keys has one" == str(caught.value)


@pytest.mark.parametrize(
    "value", [None, 1, [], {}, object(), "x" * 262_145, b"x" * 262_145], ids=lambda v: type(v).__name__
)
def test_the_signature_layer_refuses_what_is_no_text_or_too_long(value: Any) -> None:
    with pytest.raises(MalformedToken, match=r"^Invalid token: not a compact JWS$"):
        verify_signature(value, test_keys.jwk("HS256"))


def test_the_signature_layer_takes_a_token_of_exactly_its_limit() -> None:
    room = 262_144 - len(token(b""))
    payload = b"x" * (room * 3 // 4)
    made = token(payload)

    assert 262_140 <= len(made) <= 262_144
    assert payload == verify_signature(made, test_keys.jwk("HS256"))


def test_the_signature_layer_refuses_a_signed_text_that_is_no_base64url() -> None:
    signing_input = b".".join([header_text(HS256), b"A"])
    assert HS256.sign is not None
    made = signing_input + b"." + base64url.encode(HS256.sign(signing_input))

    with pytest.raises(MalformedToken, match=r"^Invalid payload padding$"):
        verify_signature(made, test_keys.jwk("HS256"))
    with pytest.raises(MalformedToken, match=r"^Invalid payload padding$"):
        verifier().verify(made.decode(), NOW)


# --- The cache ------------------------------------------------------------------------------------


def held(checker: Verifier) -> set[str]:
    """Return the tokens that are kept."""
    return {text.removeprefix("\n") for text in (*checker._young, *checker._old)}


def test_a_good_token_is_verified_once_and_judged_each_time() -> None:
    checker = verifier()
    made = token()
    first = checker.verify(made, NOW)

    assert first is checker.verify(made, NOW + 599)
    assert {made} == held(checker)
    with pytest.raises(ImmatureToken):
        checker.verify(made, NOW - 11)
    assert first is checker.verify(made, NOW - 10)


def test_no_refused_token_enters() -> None:
    checker = verifier()
    for made, _, _ in REFUSED.values():
        with pytest.raises(JWTDecodeError):
            checker.verify(made, NOW)

    # Those two are good, only too early.
    early = {REFUSED["nbf ahead"][0], REFUSED["iat ahead"][0]}
    assert held(checker) <= early


def test_an_expired_token_does_not_enter() -> None:
    checker = verifier()
    checker.verify(token(), NOW + 600)
    assert set() == held(checker)
    checker.verify(token(), NOW + 599)
    assert {token()} == held(checker)


def test_no_headers_are_learned_from_refused_tokens_and_few_from_good_ones() -> None:
    checker = verifier()
    for number in range(200):
        made = token(header={**HEAD, "n": number})
        with pytest.raises(InvalidSignature):
            checker.verify(made[:-6] + "AAAAAA", NOW)
    assert {} == checker._learned
    for number in range(200):
        checker.verify(token(header={**HEAD, "n": number}), NOW)
        assert min(number + 1, 64) == len(checker._learned)


def test_a_header_is_read_once_whether_it_is_the_one_that_we_write_or_was_learned() -> None:
    checker = verifier()
    ours = base64url.decode(header_text(HS256))

    def read(header: Any) -> list[Any]:
        return [checker.verify(token({**GOOD, "jti": jti}, header=header), NOW)._header for jti in "ab"]

    one, other = read(ours)
    assert one is other
    assert {} == checker._learned
    one, other = read({**HEAD, "x": 1})
    assert one is other
    assert 1 == len(checker._learned)


def test_a_long_header_is_not_learned() -> None:
    checker = verifier()
    for length, learned in ((256, 1), (257, 1)):
        filler = "x"
        while True:
            made = token(header={**HEAD, "x": filler})
            if len(made.split(".")[0]) >= length:
                break
            filler += "x"
        checker.verify(made, NOW)
        assert learned == len(checker._learned), length


@pytest.mark.parametrize("room", [200_000, 400_000])
@pytest.mark.parametrize("width", [0, 200, 3_000])
def test_the_cache_stays_within_its_bytes(room: int, width: int) -> None:
    checker = verifier(cache_bytes=room)
    made = [token({**GOOD, "jti": str(number), "x": "y" * width}) for number in range(600)]
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for one in made:
            checker.verify(one, NOW)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert after - before < room
    assert made[-1] in held(checker)


def nested(depth: int) -> Any:
    return {"": nested(depth - 1)} if depth else 0


SHAPES: dict[str, Any] = {
    "objects within objects": {"x": [nested(240)] * 4},
    "objects within a list": {"x": [{"": 0}] * 600},
    "lists within lists": json.loads('{"x":' + "[" * 240 + "]" * 240 + "}"),
    "empty lists": {"x": [[]] * 1_000},
    "empty objects": {"x": [{}] * 1_000},
    "floats": {"x": [1.5] * 1_000},
    "texts": {"x": ["éé"] * 300},
    "names": {"x": {str(number): 1 for number in range(400)}},
    "many claims": {f"c{number}": number + 0.5 for number in range(250)},
    "twelve claims": {chr(97 + number): number + 0.5 for number in range(6)},
    "wide characters": {"x": "\U0001f600" + "a" * 3_000},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_the_cache_stays_within_its_bytes_whatever_the_claims_are(shape: dict[str, Any]) -> None:
    room = 400_000
    checker = verifier(cache_bytes=room)
    made = [token({**GOOD, "jti": str(number), **shape}) for number in range(400)]
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for one in made:
            checker.verify(one, NOW)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert after - before < room


def test_the_newest_tokens_are_the_ones_that_are_kept() -> None:
    checker = verifier(cache_bytes=40_000)
    made = [token({**GOOD, "jti": str(number)}) for number in range(100)]
    for one in made:
        checker.verify(one, NOW)

    assert made[-1] in held(checker)
    assert made[0] not in held(checker)
    often = made[-1]
    for one in made[:50]:
        checker.verify(one, NOW)
        assert checker.verify(often, NOW).identity == "42"
        assert often in held(checker)


def test_a_token_of_the_older_half_is_not_verified_again() -> None:
    checker = verifier(cache_bytes=40_000)
    first = checker.verify(token(), NOW)
    number = 0
    while checker._old == {}:
        number += 1
        checker.verify(token({**GOOD, "jti": f"other {number}"}), NOW)

    assert first is checker.verify(token(), NOW)


def test_a_token_is_kept_up_to_the_longest_that_is_accepted_and_up_to_half_of_the_cache() -> None:
    made = token()
    cost = 1_200 + 16 * len("\n" + made)
    for policy, kept in (
        ({"max_token_bytes": len(made)}, True),
        ({"cache_bytes": 2 * cost}, True),
        ({"cache_bytes": 2 * cost - 1}, False),
    ):
        checker = verifier(**policy)
        first = checker.verify(made, NOW)
        assert kept is (first is checker.verify(made, NOW)), policy


def test_a_cache_of_no_bytes_keeps_nothing() -> None:
    checker = verifier(cache_bytes=0)
    first = checker.verify(token(), NOW)

    assert set() == held(checker)
    assert first is not checker.verify(token(), NOW)


def test_callers_cannot_change_what_is_inside() -> None:
    checker = verifier()
    payload = {**GOOD, "roles": ["a", {"b": ["c"]}], "deep": {"x": {"y": 1}}}
    made = token(payload, {**HEAD, "ctx": {"tags": ["t"]}})
    copied, header = checker.verify(made, NOW).copy_claims(), checker.verify(made, NOW).header
    copied["sub"] = "1"
    copied["roles"][1]["b"].append("admin")
    copied["roles"].append("admin")
    copied["deep"]["x"]["y"] = 2
    del copied["exp"]
    header["alg"] = "none"
    header["ctx"]["tags"].append("evil")
    verifier_of_groups = verifier(identity_claim="roles")
    verifier_of_groups.verify(made, NOW).copy_identity().append("x")
    assert ["a", {"b": ["c"]}] == verifier_of_groups.verify(made, NOW).copy_identity()
    expired = checker.verify(made, NOW).expired()
    expired.jwt_data["roles"].append("x")
    expired.jwt_header["ctx"]["tags"].append("x")

    verified = checker.verify(made, NOW)
    assert {**payload, "fresh": False} == verified.copy_claims()
    assert {**HEAD, "ctx": {"tags": ["t"]}} == verified.header
    assert "Token has expired" == str(expired)


# --- Threads and processes ------------------------------------------------------------------------


def test_many_threads_share_one_verifier() -> None:
    checker = verifier(cache_bytes=40_000)
    made = [token({**GOOD, "sub": str(number)}) for number in range(40)]
    wrong: list[Any] = []

    def work(offset: int) -> None:
        for turn in range(400):
            number = (turn * 7 + offset) % 40
            try:
                identity = checker.verify(made[number], NOW).identity
            except Exception as error:
                wrong.append(error)
            else:
                if identity != str(number):
                    wrong.append(identity)

    threads = [threading.Thread(target=work, args=(offset,)) for offset in range(6)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sys.setswitchinterval(interval)

    assert [] == wrong
    assert checker._size <= 2 * checker._room


def test_a_check_that_began_under_an_old_key_does_not_outlive_it() -> None:
    """The key is taken away exactly while its signature is being checked."""
    from tests.attacks.world import Victim

    victim = Victim("EdDSA", JWT_KEYS={"keys": [test_keys.jwk("EdDSA")]})
    made = victim.good()
    layer = victim.app.extensions["flask-signet-tokens"]
    began, swapped = threading.Event(), threading.Event()
    with victim.app.app_context():
        snapshot = layer.snapshot()
    real = snapshot.ring.verifying[0]

    def slow(message: bytes, signature: bytes) -> bool:
        began.set()
        assert swapped.wait(10)
        return real.verify(message, signature)

    slowed = Verifier([replace(real, verify=slow)], snapshot.verifier.policy)
    outcome: list[Any] = []
    thread = threading.Thread(target=lambda: outcome.append(slowed.verify(made, NOW).identity))
    thread.start()
    assert began.wait(10)
    victim.app.config["JWT_KEYS"] = {"keys": [test_keys.jwk("ES256")]}
    with victim.app.app_context():
        after = layer.snapshot()
    swapped.set()
    thread.join(10)

    assert ["42"] == outcome
    assert {made} == held(slowed)
    assert set() == held(after.verifier)
    victim.check_refused(made)


FORK = """
import os, sys
from tests.tokens.test_verifier import NOW, KEYS, Issuer, held, token, verifier

checker = verifier(*KEYS.values())
made = {name: token(key=key) for name, key in KEYS.items()}
for one in made.values():
    checker.verify(one, NOW)
pids = []
for child in range(3):
    pid = os.fork()
    if pid == 0:
        for name, one in made.items():
            assert checker.verify(one, NOW).identity == "42"
            fresh = token({"sub": str(child)}, key=KEYS[name])
            assert checker.verify(fresh, NOW).identity == str(child)
        os._exit(0)
    pids.append(pid)
statuses = [os.waitpid(pid, 0)[1] for pid in pids]
assert statuses == [0, 0, 0], statuses
assert held(checker) == set(made.values())
print("as before")
"""


def test_a_forked_process_goes_on_by_itself() -> None:
    """What the parent knew, the child knows; what the child learns, the parent never sees."""
    done = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, check=False, env={**os.environ})

    assert (0, "as before\n", "") == (done.returncode, done.stdout, done.stderr)
