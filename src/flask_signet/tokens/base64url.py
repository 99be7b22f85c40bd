"""Base64url without padding, and only in its one canonical form.

Source: RFC 7515 section 2 and appendix C; RFC 4648 sections 3.5 and 5.
"""

from __future__ import annotations

from binascii import Error, a2b_base64, b2a_base64

# To the standard alphabet and back. What only the other alphabet has, and the padding that we add
# ourselves, become a byte that is in neither.
_TO_STANDARD = bytes.maketrans(b"-_+/=", b"+/***")
_TO_URL = bytes.maketrans(b"+/", b"-_")
_PADDING = (b"", None, b"==", b"=")
# The last character carries 2 or 4 bits that no byte uses: they must be zero (RFC 4648 section 3.5),
# or one signature would have several spellings.
_LAST_OF_2 = frozenset(b"AQgw")
_LAST_OF_3 = frozenset(b"AEIMQUYcgkosw048")


def encode(data: bytes) -> bytes:
    """Return *data* as base64url without padding, ASCII bytes."""
    return b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=")


def decode(text: bytes) -> bytes:
    """Return what *text* stands for.

    :raises ValueError: *text* is not the one canonical spelling of some bytes.
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
    # The decoder leaves out every byte that is not in the alphabet, and then its result is shorter. (Its strict mode
    # came with Python 3.11.)
    if len(data) != length * 3 >> 2:
        raise ValueError("not canonical base64url")
    return data


__all__ = ["Error", "decode", "encode"]
