"""Make and check tokens. No Flask, no SQL, no I/O.

``verify_signature`` checks only a signature. Applications use everything else in this package through
:class:`flask_signet.JWTManager`.
"""

from flask_signet.tokens.signature import verify_signature as verify_signature

__all__ = ["verify_signature"]
