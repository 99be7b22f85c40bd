"""Provide the functions that encode and decode a token without reading settings."""

from flask_signet.compat.tokens import _decode_jwt as _decode_jwt  # pyright: ignore[reportPrivateUsage]
from flask_signet.compat.tokens import _encode_jwt as _encode_jwt  # pyright: ignore[reportPrivateUsage]
