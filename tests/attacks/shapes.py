"""Hostile shapes, made and not written by hand: for each grammar, input that could make a parser backtrack.

Unclosed (what opens and never ends), nested, escaped, repeated, long, and mixed at random. A shape is a rule that
gives a string of any length, so that one can measure how the time grows with the length.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

MIXTURES = 6  # at random


@dataclass(frozen=True, kw_only=True)
class Grammar:
    """The pieces that a reader knows.

    :param pieces: what means something to the reader, and what means nothing.
    :param openers: what begins something that the rest may never end.
    :param closers: what comes after a long middle: a last character may let everything before it fail.
    :param nests: pairs that lie within each other.
    """

    pieces: Sequence[str]
    openers: Sequence[str] = ("",)
    closers: Sequence[str] = ("",)
    nests: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Shape:
    """A named rule: length → a string of that length."""

    name: str
    make: Callable[[int], str]


def shapes(grammar: Grammar, *, pairs: int | None = None) -> Iterator[Shape]:
    """Return the shapes of *grammar*.

    :param pairs: how many repeated pairs of pieces, drawn once for all; ``None`` for every pair.
    """
    every = ["".join(pair) for pair in product(grammar.pieces, repeat=2)]
    if pairs is not None:
        every = _chance(15).sample(every, min(pairs, len(every)))
    units = [*grammar.pieces, *every]
    for opener, unit, closer in product(("", *grammar.openers), dict.fromkeys(units), ("", *grammar.closers)):
        yield Shape(f"{opener!r} then {unit!r} again and again, then {closer!r}", _repeated(opener, unit, closer))
    for opening, closing in grammar.nests:
        yield Shape(f"{opening!r} within each other", _nested(opening, closing))
    for seed in range(MIXTURES):
        yield Shape(f"mixture {seed}", _mixed(grammar.pieces, seed))


def _chance(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311  # the same shapes at every run


def _repeated(opener: str, unit: str, closer: str) -> Callable[[int], str]:
    def make(length: int) -> str:
        room = length - len(opener) - len(closer)
        # Whole units: a cut one would be refused at once, or end what must not end, at one length and not at another.
        return opener + unit * (room // len(unit)) + closer

    return make


def _nested(opening: str, closing: str) -> Callable[[int], str]:
    def make(length: int) -> str:
        depth = length // (len(opening) + len(closing))
        return opening * depth + closing * depth

    return make


def _mixed(pieces: Sequence[str], seed: int) -> Callable[[int], str]:
    def make(length: int) -> str:
        return "".join(_chance(seed).choices(pieces, k=length))[:length]  # the longer one begins with the shorter

    return make


JSON = Grammar(
    pieces=[
        *'[]{}",:\\ \n1.-ea',
        "[],",
        "{},",
        '"a":1,',
        '"",',
        '\\"',
        "\\u00",
        '"\\ud83d\\ude00",',
        "1e1,",
        "true,",
        "é",
    ],
    openers=["[", "{", '"', '{"a":', '["', "[" * 260, '"' + "[" * 260],
    closers=["\\", '"', "]", "}", '"]', "[" * 260],
    nests=[("[", "]"), ('{"a":', "}"), ('[{"a":', "}]"), ("[" * 249 + "1", "]" * 249 + ",")],
)
TOKEN = Grammar(pieces=[*"A.-_=+/ \n~", "e30.", "eyJ9", ".."], openers=["e30.", "A."], closers=["=", ".", "!", ".AAAA"])
AUTHORIZATION = Grammar(
    pieces=[*', \t;="Aa.', "Bearer", "Bearer ", "Bearer a,", "Basic eDp5,", ", ", "\x0b", "\xa0"],
    openers=["Bearer ", "Basic a, Bearer ", ","],
    closers=[",", " ", " b", ", Bearer a"],
)
COOKIE = Grammar(
    pieces=[*';= "\\a,%\t', "\\101", "a=;", "a=b; ", 'a="', "access_token_cookie=a;", "; ", 'a="\\";', "é"],
    openers=['a="', "a=", "access_token_cookie=", 'access_token_cookie="'],
    closers=['"', ";", "\\", "; access_token_cookie=a"],
)
MEDIA_TYPE = Grammar(
    pieces=[*';=/ "\\a*%,', ";a=b", ";a*1=b", ";a*0*=b", "a*=utf-8''%", "; ", '\\"', "+json"],
    openers=["application/json", "application/json;", 'application/json; a="', "application/json; a*="],
    closers=['"', ";", "\\", "=", "/json"],
)
FORM = Grammar(
    pieces=[*"&=%+;a", "%41", "%e2%82%ac", "a=b&", "&&", "username=a&", "%ff", "é"],
    openers=["username=", "username=a&password=", "jwt=", "&", "everywhere=1&"],
    closers=["%", "=", "&", "&jwt=a"],
)
MULTIPART = Grammar(
    pieces=[
        *'\r\n-b":; \\a=',
        "\r\n",
        "--b",
        "--b\r\n",
        "\r\n--b",
        'Content-Disposition: form-data; name="a"',
        "\r\n\r\n",
    ],
    openers=[
        "--b\r\n",
        '--b\r\nContent-Disposition: form-data; name="',
        '--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n',
    ],
    closers=["--b--", "\r\n--b--\r\n", "\r", '"'],
    nests=[('--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n', "\r\n--b\r\n")],
)
NAME = Grammar(
    pieces=[
        *"aA1 .-_@",
        *"\u0300\u0316\u0345\u0f73\u0344",  # combining characters of several classes, two that stand for two
        *"\u05d0\u0627\u0661\u06f0",  # right to left, digits of two kinds
        *"\uff21\uac00\u1100\u1161\u11a8\u0130\u1e9e\ufdfa\u3300\ufb03",  # what mapping or NFKC makes another or longer
        *"\u00b7\u0375\u05f3\u30fb\u200c\u200d\u094d\u0915\u2163",  # what counts by its neighbours
        "\U0001f600",
        "\ud800",
    ],
    openers=["a", "\u05d0", "\u0915\u094d"],
    closers=["\u0300", "\u200d", "\u0661"],
)
PASSWORD = Grammar(
    pieces=[*"a\u0300\u0316\u0345\u0f73\u0344\u1161\uac00\u1e9e", "\u0300\u0316", "\u0f73\u0316", "\ud800"],
    openers=["a", "\u1100"],
    closers=["\u0316", "\u11a8"],
)
ADDRESS = Grammar(
    pieces=[*"0123:.[]%/ ,x", "::", "ffff:", "127.0.0.1,", "fe80"],
    openers=["[", "::", "::ffff:", "http://", "http://a@", "//["],
    closers=["]", "%", ":1", "."],
)
EMAIL = Grammar(pieces=[*'a@.+" (,', "a@a", "é"], openers=["a@", '"'], closers=["@", "@a.example", " "])
KEY = Grammar(
    pieces=[
        *'-A0="\\ \n{[',
        "-----BEGIN ",
        "---- BEGIN",
        "ssh-rsa ",
        "AAAA",
        "AAAAB3NzaC1yc2E",
        "\\n",
        '"kty":',
        "0\x82",
    ],
    openers=["-----", "{", '{"', "AAAA", "ssh-rsa AAAA", "\ufeff"],
    closers=["=", "}", "-----", "\n"],
)
