"""Provide ``JWTManager``."""

from flask_signet.compat.jwt_manager import JWTManager as JWTManager
