"""Against PyJWT and joserfc over generated tokens: wherever the verdicts differ, the reason stands here.

All three have the same key, allow the same one algorithm, and judge no time. Where a peer accepts what we
refuse, one of RULES must say why; where a peer refuses what we accept, one of THEIRS must. A difference that
no rule explains fails the test, and so does a rule that never explains any.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt as pyjwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jws as joserfc_jws
from joserfc import jwt as joserfc_jwt
from joserfc.errors import JoseError
from joserfc.jwk import import_key

from flask_signet.exceptions import SignetError
from flask_signet.tokens import base64url, strict_json
from flask_signet.tokens.claims import Policy
from flask_signet.tokens.verifier import Verifier
from tests.vectors import keys as test_keys

NOW = 1_800_000_000
KEY = test_keys.key("HS256", kid=None)
SECRET = base64url.decode(test_keys.jwk("HS256")["k"].encode())
JOSERFC_KEY = import_key(test_keys.jwk("HS256", kid=None))
VERIFIER = Verifier([KEY], Policy(cache_bytes=0, start_leeway=10**20))
TIMES = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}


@dataclass(frozen=True)
class Case:
    """A token with a good signature over its parts, unless the parts were changed after it."""

    header: bytes
    payload: bytes
    token: str


def signed(header: bytes, payload: bytes, spoil: Callable[[str], str] = lambda token: token) -> Case:
    signing_input = base64url.encode(header) + b"." + base64url.encode(payload)
    assert KEY.sign is not None
    token = (signing_input + b"." + base64url.encode(KEY.sign(signing_input))).decode()
    return Case(header, payload, spoil(token))


def we_accept(token: str) -> bool:
    try:
        VERIFIER.verify(token, NOW)
    except SignetError:
        return False
    return True


def pyjwt_accepts(token: str) -> bool:
    try:
        pyjwt.decode(token, SECRET, ["HS256"], options=TIMES)
    except pyjwt.PyJWTError:
        return False
    except (ValueError, TypeError, AttributeError, RecursionError):
        return False  # an error that is none of its own: a 500 in an application, but no acceptance
    return True


def joserfc_accepts(token: str) -> bool:
    try:
        registry = joserfc_jws.JWSRegistry(algorithms=["HS256"])
        joserfc_jwt.decode(token, JOSERFC_KEY, algorithms=["HS256"], registry=registry)
    except JoseError:
        return False
    except (ValueError, TypeError, AttributeError, RecursionError, KeyError):
        return False
    return True


PEERS = {"PyJWT": pyjwt_accepts, "joserfc": joserfc_accepts}


# --- Why we refuse what they accept ---------------------------------------------------------------


def header_of(case: Case) -> dict[str, Any]:
    return loose(case.header)


def loose(data: bytes) -> dict[str, Any]:
    """What a lenient reader makes of it."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def not_strict(data: bytes) -> bool:
    try:
        strict_json.loads(data)
    except ValueError:
        return True
    return False


def wrong_type(case: Case, names: tuple[str, ...], kinds: tuple[type, ...]) -> bool:
    claims = loose(case.payload)
    return any(name in claims and type(claims[name]) not in kinds for name in names)


def bad_audience(case: Case) -> bool:
    audience = loose(case.payload).get("aud", "")
    return not (isinstance(audience, str) or (isinstance(audience, list) and all(type(a) is str for a in audience)))


def other_spelling(case: Case) -> bool:
    """Padding or stray bits: the same bytes in another text (RFC 7515 section 2, RFC 4648 section 3.5)."""
    for part in case.token.split("."):
        try:
            base64url.decode(part.encode("utf-8", "surrogatepass"))
        except ValueError:
            return True
    return False


HINTS = ("jwk", "jku", "x5u", "x5c")
RULES: dict[str, Callable[[Case], bool]] = {
    # RFC 7515 section 4, RFC 8259: one reading only. Both take the last of two names, NaN, UTF-16 and lone surrogates.
    "the payload is no strict JSON": lambda case: not_strict(case.payload),
    "the header is no strict JSON": lambda case: not_strict(case.header),
    # RFC 8725 section 3.10: no key from a token. Both ignore the members, which is as safe; we refuse whoever tries.
    "the header brings a key": lambda case: any(hint in header_of(case) for hint in HINTS),
    # RFC 7515 section 4.1.11 and RFC 7797: what is critical must be understood; b64 without crit changes the meaning.
    "the header is critical": lambda case: bool({"crit", "b64"} & set(header_of(case))),
    # RFC 7515 section 4.1.4 and 4.1.9: both are texts.
    "kid or typ is no text": lambda case: any(
        name in header_of(case) and not isinstance(header_of(case)[name], str) for name in ("kid", "typ")
    ),
    # RFC 8725 section 3.11: made for something else.
    "typ says something else": lambda case: str(header_of(case).get("typ", "")).lower().endswith("+jwt"),
    # RFC 7519 section 2: a NumericDate is a number. PyJWT takes int("…"), joserfc does not look unless asked.
    "a time is no number": lambda case: wrong_type(case, ("exp", "nbf", "iat"), (int, float)),
    # RFC 7519 section 4.1: these are texts.
    "a text claim is no text": lambda case: wrong_type(case, ("sub", "iss", "jti"), (str,)),
    "aud is no text": bad_audience,
    # Ours: a guard must know for whom the token is, and no database takes NUL.
    "nobody is named": lambda case: "sub" not in loose(case.payload) or "\0" in str(loose(case.payload)["sub"]),
    "another spelling": other_spelling,
}

# --- Why they refuse what we accept ---------------------------------------------------------------

THEIRS: dict[str, dict[str, Callable[[Case], bool]]] = {
    "PyJWT": {},
    "joserfc": {
        # It knows a fixed list of header members and types those it knows: RFC 7515 section 4 says ignore the others.
        "a header member that it does not know": lambda case: bool(set(header_of(case)) - {"alg", "typ", "kid", "cty"}),
        "cty is no text": lambda case: not isinstance(header_of(case).get("cty", ""), str),
        # Its limit of a payload or header is lower than our 8 KiB for the whole.
        "longer than its own limits": lambda case: len(case.header) > 500 or len(case.payload) > 7_000,
    },
}

scalars = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=6)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
header_members = st.dictionaries(
    st.sampled_from(["alg", "typ", "kid", "crit", "b64", "cty", "zip", "x", *HINTS]),
    st.sampled_from(["HS256", "none", "HS384", "JWT", "at+jwt", "logout+jwt", ["x"], ["b64"], [], None, 1, {}, True])
    | values,
    max_size=3,
)
claim_members = st.dictionaries(
    st.sampled_from(["sub", "exp", "nbf", "iat", "iss", "aud", "jti", "type", "fresh", "x"]),
    st.sampled_from([NOW, str(NOW), "42", "a\0", ["a"], ["a", 1]]) | values,
    max_size=4,
)


def encoded(value: dict[str, Any], how: int, twice: bool) -> bytes:
    text = json.dumps(value, ensure_ascii=how % 2 == 0)
    if twice and value:
        name = json.dumps(next(iter(value)))
        text = f"{text[:-1]},{name}:{json.dumps(next(iter(value.values())))}}}"
    return text.encode(["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-8"][how], "surrogatepass")


def padded(token: str) -> str:
    return token + "=" * (-len(token.rpartition(".")[2]) % 4)


def stray(token: str) -> str:
    """The last character of an HS256 signature carries two bits that no byte uses."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


SPOILS: list[Callable[[str], str]] = [
    lambda token: token,
    padded,
    stray,
    lambda token: token + ".",
    lambda token: token[:-4],
    lambda token: token + "A",
    lambda token: token.replace(".", "=.", 1),
    lambda token: token[:9] + "?" + token[9:],
    lambda token: token.rpartition(".")[0] + ".",
]
cases = st.builds(
    lambda header, claims, how, twice, spoil: signed(
        encoded({"alg": "HS256", "typ": "JWT", **header}, how[0], twice[0]),
        encoded({"sub": "42", **claims}, how[1], twice[1]),
        spoil,
    ),
    header_members,
    claim_members,
    st.tuples(*[st.sampled_from([0, 0, 0, 1, 2, 3, 4, 5])] * 2),
    st.tuples(*[st.sampled_from([False, False, False, True])] * 2),
    st.sampled_from([SPOILS[0]] * 8 + SPOILS[1:]),
)


def explain(case: Case, peer: str, accepted_by_us: bool) -> list[str]:
    rules = THEIRS[peer] if accepted_by_us else RULES
    return [name for name, holds in rules.items() if holds(case)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("peer", PEERS)
@settings(max_examples=800, deadline=None, suppress_health_check=list(HealthCheck))
@given(cases)
def test_every_difference_from_a_peer_has_a_reason(peer: str, case: Case) -> None:
    ours, theirs = we_accept(case.token), PEERS[peer](case.token)

    assert ours == theirs or explain(case, peer, ours), (case, ours, theirs)


GOOD_HEADER, GOOD_CLAIMS = {"alg": "HS256", "typ": "JWT"}, {"sub": "42"}


def example(header: dict[str, Any] | bytes = GOOD_HEADER, claims: Any = GOOD_CLAIMS, spoil: int = 0) -> Case:
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)]
    return signed(parts[0], parts[1], SPOILS[spoil])


# One token for each rule, and who of the two accepts it.
EXAMPLES: dict[str, Case] = {
    "the payload is no strict JSON": example(claims=b'{"sub":"42","sub":"1"}'),
    "the header is no strict JSON": example(header=b'{"alg":"none","alg":"HS256"}'),
    "the header brings a key": example({**GOOD_HEADER, "jku": "https://attacker.test"}),
    "the header is critical": example({**GOOD_HEADER, "b64": True}),
    "kid or typ is no text": example({**GOOD_HEADER, "typ": 1}),
    "typ says something else": example({**GOOD_HEADER, "typ": "logout+jwt"}),
    "a time is no number": example(claims={"sub": "42", "exp": str(NOW)}),
    "a text claim is no text": example(claims={"sub": "42", "iss": 1}),
    "aud is no text": example(claims={"sub": "42", "aud": 1}),
    "nobody is named": example(claims={"x": 1}),
    "another spelling": example(spoil=1),
}


@pytest.mark.filterwarnings("ignore")
def test_every_rule_explains_a_difference_that_exists() -> None:
    assert set(RULES) == set(EXAMPLES)
    counted: Counter[str] = Counter()
    for rule, case in EXAMPLES.items():
        assert RULES[rule](case), rule
        assert not we_accept(case.token), rule
        counted[rule] = sum(accepts(case.token) for accepts in PEERS.values())

    assert [] == [rule for rule in RULES if counted[rule] == 0]


@pytest.mark.filterwarnings("ignore")
def test_the_usual_token_is_accepted_by_all() -> None:
    case = example()

    assert we_accept(case.token)
    assert all(accepts(case.token) for accepts in PEERS.values())
    assert not any(holds(case) for holds in RULES.values())


@pytest.mark.filterwarnings("ignore")
def test_a_bad_signature_is_refused_by_all() -> None:
    token = example().token
    for spoilt in (token[:-4], token[:-6] + "AAAAAA", token.rpartition(".")[0] + "."):
        assert not we_accept(spoilt)
        assert not any(accepts(spoilt) for accepts in PEERS.values())
