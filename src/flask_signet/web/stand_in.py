"""Detect whether this process imports ``flask_jwt_extended`` from Flask-Signet (see :mod:`flask_signet.compat`)."""

from __future__ import annotations

import sys
from os.path import abspath, dirname, join
from typing import Final

#: Contains only the package ``flask_jwt_extended``. It is on ``sys.path`` only if the user requested it.
FOLDER: Final = join(dirname(dirname(abspath(__file__))), "compat", "stand_in")


def stands_in() -> bool:
    """Return whether ``import flask_jwt_extended`` finds the package of Flask-Signet."""
    return FOLDER in sys.path
