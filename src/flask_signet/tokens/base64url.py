"""Encode and decode base64url without padding. Only the canonical form is accepted.

Source: RFC 7515 section 2 and appendix C; RFC 4648 sections 3.5 and 5.
"""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64

# Translate to the standard alphabet and back. Characters of the standard alphabet and padding are invalid in the input.
# They become a byte that is in neither alphabet.
_TO_STANDARD = bytes.maketrans(b"-_+/=", b"+/***")
_TO_URL = bytes.maketrans(b"+/", b"-_")
_PADDING = (b"", None, b"==", b"=")
# The last character has 2 or 4 bits that belong to no byte. They must be zero (RFC 4648 section 3.5). Otherwise one
# signature would have several encodings.
_LAST_OF_2 = frozenset(b"AQgw")
_LAST_OF_3 = frozenset(b"AEIMQUYcgkosw048")


def encode(data: bytes) -> bytes:
    """Return *data* as base64url without padding, in ASCII bytes."""
    return b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=")


def decode(text: bytes) -> bytes:
    """Return the bytes that *text* encodes.

    :raises ValueError: *text* is not the canonical encoding of any bytes.
    """
    length = len(text)
    rest = length & 3
    standard = text.translate(_TO_STANDARD)
    if rest:
        padding = _PADDING[rest]
        if padding is None or text[-1] not in (_LAST_OF_2 if rest == 2 else _LAST_OF_3):
            raise ValueError("not canonical base64url")
        standard += padding
    data = a2b_base64(standard)
    # The decoder skips every byte outside of the alphabet, which makes the result shorter. (Its strict mode needs
    # Python 3.11.)
    if len(data) != length * 3 >> 2:
        raise ValueError("not canonical base64url")
    return data


__all__ = ["Error", "decode", "encode"]
