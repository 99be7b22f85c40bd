"""Provide the type names."""

from flask_signet.compat.typing import ExpiresDelta as ExpiresDelta
from flask_signet.compat.typing import Fresh as Fresh
