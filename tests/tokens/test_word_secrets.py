"""Long secrets that people typed are weak; no key that a generator made is taken for one of them."""

from __future__ import annotations

import base64
import secrets
import string
import uuid
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_signet.tokens import keys, known_secrets
from flask_signet.tokens.word_secrets import is_made_of_words

TYPED = [
    "super-secret-key-change-in-production",
    "your-secret-key-change-this-in-production",
    "jwt-secret-key-change-in-production-2024",
    "dev-secret-key-please-change-me-1234567890",
    "this_is_a_very_long_secret_key_for_my_flask_app_123",
    "MySuperSecretJWTKeyThatNobodyShouldKnow",
    "change this secret key before you deploy, please!",
    "clave-super-secreta-cambiar-en-produccion",
    "super-secret-jwt-key-for-tucan-project-2025",  # one word that no list holds
    "secretsecretsecretsecretsecretsecret",
    "THIS_IS_A_DEFAULT_SECRET_KEY_00000000000000",
]
LETTERS = string.ascii_letters + string.digits + string.punctuation
GENERATED: dict[str, Callable[[], str]] = {
    "hex": lambda: secrets.token_hex(32),
    "urlsafe": lambda: secrets.token_urlsafe(32),
    "base64": lambda: base64.b64encode(secrets.token_bytes(48)).decode(),
    "base32": lambda: base64.b32encode(secrets.token_bytes(32)).decode(),
    "uuid": lambda: str(uuid.uuid4()),
    "two uuids": lambda: f"{uuid.uuid4()}{uuid.uuid4()}",
    "digits": lambda: str(10**39 + secrets.randbelow(10**39)),
    "small letters": lambda: "".join(secrets.choice(string.ascii_lowercase) for _ in range(32)),
    "capitals": lambda: "".join(secrets.choice(string.ascii_uppercase) for _ in range(32)),
    "everything": lambda: "".join(secrets.choice(LETTERS) for _ in range(40)),
    "words and hex": lambda: f"my-super-secret-key-{secrets.token_hex(16)}",
    "words and letters": lambda: (
        "my-secret-key-for-the-token-" + "".join(secrets.choice(string.ascii_lowercase) for _ in range(20))
    ),
}


@pytest.mark.parametrize("secret", TYPED)
def test_a_long_secret_made_of_words_is_weak(secret: str) -> None:
    assert not known_secrets.contains(secret.encode())
    assert keys.symmetric(secret, "HS256").weakness == "the secret is made of common words, so it can be guessed"


@pytest.mark.parametrize("kind", GENERATED)
def test_no_generated_key_is_taken_for_words(kind: str) -> None:
    made = [GENERATED[kind]() for _ in range(500)]

    assert [key for key in made if is_made_of_words(key.encode())] == []


@settings(max_examples=200)
@given(st.binary(min_size=32, max_size=64))
def test_no_random_bytes_are_taken_for_words(data: bytes) -> None:
    assert not is_made_of_words(data) or len(set(data)) < 4


@pytest.mark.parametrize(
    "secret",
    [
        "correct-horse-battery-staple-banana-orbit-lamp",  # words of a list that is longer than a tutorial's
        "my-secret-key-but-with-8f3a-11c9-77de-90ab-21fe",
        "clé-secrète-super-secret-key-production",
        "secret key " * 60,  # longer than anybody types
    ],
)
def test_what_nobody_can_guess_from_words_alone_is_no_weak_secret(secret: str) -> None:
    assert not is_made_of_words(secret.encode())
