"""Whether this process imports ``flask_jwt_extended`` from Flask-Signet; :mod:`flask_signet.compat` makes it so."""

from __future__ import annotations

import sys
from os.path import abspath, dirname, join
from typing import Final

#: Holds the package ``flask_jwt_extended`` and nothing else. It is on the path only where it was asked for.
FOLDER: Final = join(dirname(dirname(abspath(__file__))), "compat", "stand_in")


def stands_in() -> bool:
    """Return whether ``import flask_jwt_extended`` finds the package of Flask-Signet."""
    return FOLDER in sys.path
