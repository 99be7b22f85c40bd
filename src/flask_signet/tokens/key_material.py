"""Recognise asymmetric keys in all common formats, so that none of them is used as a secret.

If a public key is used as an HMAC secret, everyone can forge tokens (RFC 8725 section 2.1). This module checks the
structure of the bytes. It does not import ``cryptography``, because an application with a secret may not have it.

A raw Ed25519 key (32 bytes) and a compressed point look like random bytes. They cannot be distinguished from a secret.

Source: RFC 7468 (PEM), X.690 (DER), RFC 4253 section 6.6 and RFC 4716 (SSH), RFC 7517 (JWK), SEC 1 section 2.3.3.
"""

from __future__ import annotations

import json
import re
from binascii import Error, a2b_base64, unhexlify
from typing import Any, Final, cast

# For example a PEM string in base64 in a JSON string: each is one layer.
_LAYERS: Final = 3

_ARMOUR: Final = re.compile(rb"-----?\s?BEGIN[ -]", re.IGNORECASE)
_WORDS: Final = re.compile(rb"[A-Za-z0-9+/_-]{20,}").finditer
_NOT_BASE64: Final = re.compile(rb"[^A-Za-z0-9+/=_-]").search
_WRAPPED: Final = re.compile(rb"\\[nr]|[\s\"']+")
_SSH_NAME: Final = re.compile(rb"[a-z][a-z0-9-]{4,60}(?:@[a-z0-9.-]{3,40})?").fullmatch
_SSH_LINE: Final = re.compile(rb"(?:ssh-(?:rsa|dss|ed)|ecdsa-sha2-|sk-(?:ssh|ecdsa)-)[a-z0-9@.-]*[ \t]+AAAA").search
_JWK: Final = re.compile(rb'"(?:kty|keys)"\s*:').search
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")

# Tags that occur in keys, certificates and requests: integers, strings, OIDs, sequences, sets, times, [0] to [3].
_TAGS: Final = frozenset(
    b"\x01\x02\x03\x04\x05\x06\x0a\x0c\x13\x14\x16\x17\x18\x1a\x1c\x1e\x30\x31\x80\x81\x82\x83\xa0\xa1\xa2\xa3"
)
_SEQUENCE, _INTEGER, _BIT_STRING, _OID = 0x30, 0x02, 0x03, 0x06

# Field prime and constants a and b of each curve, by the length of a point. Random bytes are never on a curve.
_CURVES: Final = {
    65: (
        (
            0xFFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF,
            -3,
            0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
        ),
        (2**256 - 2**32 - 977, 0, 7),
    ),
    97: (
        (
            2**384 - 2**128 - 2**96 + 2**32 - 1,
            -3,
            0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
        ),
    ),
    133: (
        (
            2**521 - 1,
            -3,
            int(
                "0051953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF1"
                "09E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00",
                16,
            ),
        ),
    ),
}


def looks_public(data: bytes) -> bool:
    """Return whether *data* is an asymmetric key or certificate, public or private, in any format.

    It recognises PEM, DER, OpenSSH, SSH2, JWK and uncompressed points. They may be encoded in base64 or hexadecimal,
    be quoted, or begin with blanks or a byte order mark.
    """
    layer: bytes | None = data
    for _ in range(_LAYERS):
        if not layer:
            return False
        if _is_key(layer):
            return True
        layer = _decoded(layer)
    return False


def _is_key(data: bytes) -> bool:
    text = data.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n\f\v\"'\0")
    if b"BEGIN" in text.upper() and _ARMOUR.search(text):
        return True
    if data.startswith(b"openssh-key-v1\0") or _is_der(data) or _is_der(text) or _is_ssh(data) or _is_point(data):
        return True
    if text[:1] in (b"{", b"[") and _is_jwk(text):
        return True
    # One line of OpenSSH: options, type, key, comment. The key also contains its type.
    if _SSH_LINE(text):
        return True
    words = (word[0] for word in _WORDS(text))
    return any(_is_ssh(_base64(word[:120])) for word in words if word.startswith(b"AAAA"))


def _decoded(data: bytes) -> bytes | None:
    """Return *data* decoded from base64 or hexadecimal, or ``None`` if it is neither."""
    text = _WRAPPED.sub(b"", data.removeprefix(b"\xef\xbb\xbf"))
    if len(text) < 40 or _NOT_BASE64(text):
        return None
    try:
        return unhexlify(text)
    except (Error, ValueError):
        return _base64(text)


def _base64(text: bytes) -> bytes:
    text = text.rstrip(b"=").translate(_TO_STANDARD)
    try:
        return a2b_base64(text[: len(text) - (len(text) % 4 == 1)] + b"=" * (-len(text) % 4))
    except (Error, ValueError):
        return b""


def _is_ssh(blob: bytes) -> bool:
    """Return whether *blob* is a key in SSH wire format: the length of its type, the type, and its parts."""
    if len(blob) < 20 or blob[:3] != b"\0\0\0":
        return False
    return _SSH_NAME(blob[4 : 4 + blob[3]]) is not None


def _is_point(data: bytes) -> bool:
    if data[:1] != b"\x04" or len(data) not in _CURVES:
        return False
    size = len(data) // 2
    x, y = int.from_bytes(data[1 : 1 + size], "big"), int.from_bytes(data[1 + size :], "big")
    return any((y * y - x * x * x - a * x - b) % prime == 0 for prime, a, b in _CURVES[len(data)])


def _is_jwk(text: bytes) -> bool:
    if _JWK(text):
        return True
    if b"\\" not in text:
        return False
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and bool(cast(dict[str, Any], value).keys() & {"kty", "keys"})


def _is_der(data: bytes) -> bool:
    """Return whether *data* is a complete DER sequence, like keys, certificates and requests.

    Checking only the first bytes is not enough: one in 65,536 random secrets begins like a sequence.
    """
    if len(data) < 40 or data[0] != _SEQUENCE:
        return False
    # Ranges that complete values must fill. Each range is read once, so there are at most as many steps as bytes.
    open_ranges = [(0, len(data), True)]
    inside: list[int] = []
    while open_ranges:
        place, end, top = open_ranges.pop()
        while place < end:
            found = _value(data, place, end)
            if found is None:
                return False
            tag, start, place = found
            if top and place != end:
                return False
            inside.append(tag)
            if tag == _INTEGER and not _is_integer(data[start : min(place, start + 2)]):
                return False
            if tag == _BIT_STRING and (start == place or data[start] > 7):
                return False
            if tag & 0x20:
                open_ranges.append((start, place, False))
            top = False
    # A key contains the OID of an algorithm, or the integers of RSA. A sequence with only an octet string is not a key.
    return _OID in inside or inside.count(_INTEGER) > 1


def _value(data: bytes, place: int, end: int) -> tuple[int, int, int] | None:
    """Return tag, first byte and end of the value at *place*, or ``None`` if no value there ends by *end*."""
    if end - place < 2 or data[place] not in _TAGS:
        return None
    tag, size, start = data[place], data[place + 1], place + 2
    if size >= 0x80:
        width = size & 0x7F
        if not 0 < width <= 4 or start + width > end:
            return None
        size, start = int.from_bytes(data[start : start + width], "big"), start + width
        if size < 0x80:
            return None
    return None if start + size > end else (tag, start, start + size)


def _is_integer(first: bytes) -> bool:
    """Return whether an integer is in its shortest form, as DER requires. *first* contains its first two bytes."""
    return len(first) == 1 or (len(first) == 2 and not (first[0] == 0 and first[1] < 0x80))
