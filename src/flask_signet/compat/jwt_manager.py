"""``JWTManager``, for those who import it from ``flask_jwt_extended.jwt_manager``."""

from flask_signet.web.manager import JWTManager as JWTManager
