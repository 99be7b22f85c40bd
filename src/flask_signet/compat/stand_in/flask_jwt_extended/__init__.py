"""Provide Flask-JWT-Extended's names from Flask-Signet; see :func:`flask_signet.compat.install`."""

from . import config as config
from . import default_callbacks as default_callbacks
from . import exceptions as exceptions
from . import internal_utils as internal_utils
from . import jwt_manager as jwt_manager
from . import tokens as tokens
from . import typing as typing
from . import utils as utils
from . import view_decorators as view_decorators
from .jwt_manager import JWTManager as JWTManager
from .utils import create_access_token as create_access_token
from .utils import create_refresh_token as create_refresh_token
from .utils import current_user as current_user
from .utils import decode_token as decode_token
from .utils import get_csrf_token as get_csrf_token
from .utils import get_current_user as get_current_user
from .utils import get_jti as get_jti
from .utils import get_jwt as get_jwt
from .utils import get_jwt_header as get_jwt_header
from .utils import get_jwt_identity as get_jwt_identity
from .utils import get_jwt_request_location as get_jwt_request_location
from .utils import get_unverified_jwt_headers as get_unverified_jwt_headers
from .utils import set_access_cookies as set_access_cookies
from .utils import set_refresh_cookies as set_refresh_cookies
from .utils import unset_access_cookies as unset_access_cookies
from .utils import unset_jwt_cookies as unset_jwt_cookies
from .utils import unset_refresh_cookies as unset_refresh_cookies
from .view_decorators import jwt_required as jwt_required
from .view_decorators import verify_jwt_in_request as verify_jwt_in_request

# The release of Flask-JWT-Extended whose names and behaviour this package provides.
__version__ = "4.7.4"
