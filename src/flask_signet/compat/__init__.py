"""Flask-JWT-Extended's submodule names, for those who import from them.

``from flask_jwt_extended.utils import get_jwt`` becomes ``from flask_signet.compat.utils import get_jwt``.
Nothing here decides anything: each name hands over to :mod:`flask_signet.web` or :mod:`flask_signet.tokens`.
"""
