"""Provide the settings of the current application."""

from flask_signet.compat.config import config as config
