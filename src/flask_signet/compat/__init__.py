"""Provide the submodules of Flask-JWT-Extended, for code that imports from them.

``from flask_jwt_extended.utils import get_jwt`` becomes ``from flask_signet.compat.utils import get_jwt``.
This package contains no logic of its own: each name refers to :mod:`flask_signet.web` or :mod:`flask_signet.tokens`.

Code that cannot be edited, such as a package that imports ``flask_jwt_extended``, gets the same names through
:func:`install` or ``python -m flask_signet.compat COMMAND…``.
"""

from flask_signet.compat.installing import install as install
