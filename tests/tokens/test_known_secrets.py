"""Secrets out of tutorials, found in the table that comes with the package; each of these is published."""

from __future__ import annotations

import pytest

from flask_signet.tokens import keys, known_secrets

# Whose digests are the first and the last of the table, and one of exactly the least length.
PUBLISHED = [
    b"GNmsc93UH6XIQsAiKQrF6G4uXl6QesDS",
    b"X3Fcd2N4rEkOR5AmhtY4mRBR3Ob2Ag1KC5GY8UhKAm2SbLPdfQqoEkkWbB7AdMlV",
    b"come-up-with-a-super-secret-token-here",
    b"reallyreallyreallyreallyverysafe",
]


@pytest.mark.parametrize("secret", PUBLISHED)
def test_a_published_secret_is_known_within_quotes_and_blanks_too(secret: bytes) -> None:
    for form in (secret, b'"%s"' % secret, b"'%s'" % secret, b" \t%s\r\n" % secret):
        assert known_secrets.contains(form)
        assert keys.symmetric(form, "HS256").weakness == "the secret is on the public list of JWT secrets"


@pytest.mark.parametrize("secret", PUBLISHED)
def test_the_neighbour_of_a_published_secret_is_not_known(secret: bytes) -> None:
    for form in (secret[:-1], secret + b"!", secret.swapcase(), b"x" + secret, b"-%s-" % secret):
        assert not known_secrets.contains(form)


def test_secrets_are_looked_for_at_both_ends_of_the_table() -> None:
    """Beyond them there is nothing to compare with."""
    found = {known_secrets.contains(f"an honest secret, number {number:9}".encode()) for number in range(3_000)}

    assert {False} == found
