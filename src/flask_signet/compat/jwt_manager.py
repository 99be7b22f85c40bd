"""Provide ``JWTManager`` under the module name of ``flask_jwt_extended.jwt_manager``."""

from flask_signet.web.manager import JWTManager as JWTManager
