"""What the RFCs print comes out as printed."""

from __future__ import annotations

import base64

import pytest

from flask_signet.exceptions import InvalidKeyError, InvalidSignature, JWTDecodeError
from flask_signet.tokens import base64url, keys, verify_signature
from flask_signet.tokens.claims import Policy
from flask_signet.tokens.key import thumbprint
from flask_signet.tokens.verifier import Verifier
from tests.vectors.rfc import CLAIMS, EXAMPLES, RFC7515_A1, RFC8037_A4, THUMBPRINTS, Example

by_section = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.section)


@by_section
def test_the_printed_token_gives_the_printed_payload(example: Example) -> None:
    assert example.payload == verify_signature(example.token, {**example.jwk, "alg": example.algorithm})


@by_section
def test_the_printed_token_is_refused_with_another_payload(example: Example) -> None:
    header, _, signature = example.token.split(".")
    other = base64url.encode(example.payload + b" ").decode()

    with pytest.raises(InvalidSignature):
        verify_signature(f"{header}.{other}.{signature}", {**example.jwk, "alg": example.algorithm})


@by_section
def test_the_printed_token_is_refused_by_a_key_of_another_algorithm(example: Example) -> None:
    other = {"HS256": "HS384", "RS256": "PS256", "PS384": "RS384", "ES512": "ES256", "ES256": "ES512"}

    with pytest.raises((JWTDecodeError, InvalidKeyError)):
        verify_signature(example.token, {**example.jwk, "alg": other.get(example.algorithm, "ES256")})


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.private is not None], ids=lambda example: example.section)
def test_signing_the_printed_text_gives_the_printed_signature(example: Example) -> None:
    """For the algorithms whose signature has no chance in it."""
    key = keys.from_jwk({**example.jwk, **(example.private or {}), "alg": example.algorithm})
    signing_input, _, signature = example.token.rpartition(".")
    assert key.sign is not None

    assert signature == base64url.encode(key.sign(signing_input.encode())).decode()


@pytest.mark.parametrize(("jwk", "expected"), THUMBPRINTS.values(), ids=THUMBPRINTS)
def test_a_thumbprint_is_the_printed_one(jwk: dict[str, str], expected: str) -> None:
    assert expected == thumbprint(keys.from_jwk(jwk).public_jwk or {})


def test_a_private_ed25519_jwk_is_written_as_printed() -> None:
    """RFC 8037 A.1."""
    key = keys.from_jwk({**RFC8037_A4.jwk, **(RFC8037_A4.private or {})})
    assert key.private_jwk is not None

    assert {**RFC8037_A4.jwk, **(RFC8037_A4.private or {}), "alg": "EdDSA", "use": "sig"} == key.private_jwk()


def test_the_claims_of_rfc7519_section_3_1_are_read_and_their_time_is_over() -> None:
    key = keys.from_jwk({**RFC7515_A1.jwk, "alg": "HS256"})
    verifier = Verifier([key], Policy(identity_claim="iss"))

    verified = verifier.verify(RFC7515_A1.token, now=1300819379)

    assert "joe" == verified.identity
    assert 1300819380 == verified.expires_at
    assert verified.claims["http://example.com/is_root"] is True


def test_the_unsecured_token_of_rfc7515_a5_is_refused() -> None:
    payload = base64.urlsafe_b64encode(CLAIMS).decode().rstrip("=")

    with pytest.raises(JWTDecodeError):
        verify_signature(f"eyJhbGciOiJub25lIn0.{payload}.", {**RFC7515_A1.jwk, "alg": "HS256"})
