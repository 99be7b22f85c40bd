"""The commands of ``flask signet``."""

from flask_signet.commands import signet as signet

__all__ = ["signet"]
