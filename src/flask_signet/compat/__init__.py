"""Flask-JWT-Extended's submodule names, for those who import from them.

``from flask_jwt_extended.utils import get_jwt`` becomes ``from flask_signet.compat.utils import get_jwt``.
Nothing here decides anything: each name hands over to :mod:`flask_signet.web` or :mod:`flask_signet.tokens`.

Code that cannot be edited, a package that imports ``flask_jwt_extended`` by its name, gets the same names from
:func:`install`, or from ``python -m flask_signet.compat COMMAND…``.
"""

from flask_signet.compat.installing import install as install
