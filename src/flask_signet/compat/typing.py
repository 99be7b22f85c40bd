"""Provide the type names of ``flask_jwt_extended.typing``."""

from flask_signet.web.issuing import ExpiresDelta as ExpiresDelta
from flask_signet.web.issuing import Fresh as Fresh
