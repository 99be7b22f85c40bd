"""Make and check tokens. No Flask, no SQL, no I/O.

``verify_signature`` is the signature layer alone; everything else of this floor is used through
:class:`flask_signet.JWTManager`.
"""

from flask_signet.tokens.signature import verify_signature as verify_signature

__all__ = ["verify_signature"]
