"""Recognise long secrets that people typed, such as ``super-secret-key-change-in-production``.

A list of published secrets is never complete. A typed secret consists of a few common words of this field, of
separators, and of digits that count up or are a date. In a random key such words cover almost no letters.
"""

from __future__ import annotations

import re
from typing import Final

_MOST_UNKNOWN: Final = 10  # other letters and digits, such as a project name or a year: at most 52 bits
_LEAST_WORDS: Final = 3
_LONGEST: Final = 512  # bytes; typed secrets are shorter

#: Words for the purpose of the secret. At least one of them must occur.
_SUBJECT: Final = frozenset(
    """
    auth authentication change changeme changethis clave default demo dev development example flask jwt key keys
    llave login passphrase password placeholder prod production replace sample secret secreta secreto secrets
    secure security sign signing super supersecret test testing token tokens topsecret tutorial
    """.split()
)

#: Other words that occur with them in tutorials, comments and example files, in English and Spanish.
_OTHER: Final = frozenset(
    """
    able access admin again all always and another any anyone anything api app application apps are at backend
    base be before best better bit bits bootcamp but by byte bytes cambiame cambiar character characters chars
    class code config cookie course crypto db deploy do dont down easy encryption enough env environment esta
    este ever file for four from front frontend fullstack fun geeks generate generated get github good guess
    hackathon hard has hash hello here hex hmac house id if in into is it jsonwebtoken just keep know latam
    least len length like local localhost long longer made make me min mine minimum more must muy my name never
    new no nobody not now number of on one only or our para password please por private produccion project
    proyecto public put python query random react real really refresh remember robust safe segura seguro server
    service session set sha shared should signature signed simple site so some somebody someone something store
    string strong studio sure system text that the their them then there this to todo two un una unique until up
    use used user username users using value variable very want we weak web when will with word words work world
    write you your
    """.split()
)
_WORDS: Final = _SUBJECT | _OTHER
_LONGEST_WORD: Final = max(map(len, _WORDS))
_COUNTING: Final = "0123456789" * 12 + "9876543210" * 6

_GROUPS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")  # SuperSecretJWTKey has four groups


def is_made_of_words(secret: bytes) -> bool:
    """Return whether *secret* consists only of common words, separators and digits that are easy to guess."""
    if not secret.isascii() or len(secret) > _LONGEST:
        return False
    words: list[str] = []
    unknown = 0
    for group in _GROUPS.findall(secret.decode("ascii")):
        if group[0].isdigit():
            unknown += 0 if _is_counted(group) else len(group)
        else:
            found, missed = _words_of(group.lower())
            words += found
            unknown += missed
        if unknown > _MOST_UNKNOWN:
            return False
    return not _SUBJECT.isdisjoint(words) and sum(len(word) > 2 for word in words) >= _LEAST_WORDS


def _is_counted(digits: str) -> bool:
    """Return whether *digits* count up or down or repeat one digit. Fewer than three digits are not a pattern."""
    return len(digits) > 2 and (digits in _COUNTING or len(set(digits)) == 1)


def _words_of(letters: str) -> tuple[list[str], int]:
    """Return the words in *letters*, and the number of letters that belong to none of them."""
    words, left = _covered(letters, 2)
    # Random letters contain words of two or three letters by chance. So these do not count next to unknown letters.
    return (words, left) if left == 0 else _covered(letters, 4)


def _covered(letters: str, shortest: int) -> tuple[list[str], int]:
    best: list[tuple[int, tuple[str, ...]]] = [(0, ())]
    for end in range(1, len(letters) + 1):
        left, words = best[end - 1]
        found = (left + 1, words)
        for start in range(max(0, end - _LONGEST_WORD), end - shortest + 1):
            word = letters[start:end]
            if word in _WORDS and best[start][0] < found[0]:
                found = (best[start][0], (*best[start][1], word))
        best.append(found)
    return list(best[-1][1]), best[-1][0]
