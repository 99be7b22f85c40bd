"""Provide the helper functions."""

from flask_signet.compat.utils import config as config
from flask_signet.compat.utils import create_access_token as create_access_token
from flask_signet.compat.utils import create_refresh_token as create_refresh_token
from flask_signet.compat.utils import current_user as current_user
from flask_signet.compat.utils import current_user_context_processor as current_user_context_processor
from flask_signet.compat.utils import decode_token as decode_token
from flask_signet.compat.utils import get_csrf_token as get_csrf_token
from flask_signet.compat.utils import get_current_user as get_current_user
from flask_signet.compat.utils import get_jti as get_jti
from flask_signet.compat.utils import get_jwt as get_jwt
from flask_signet.compat.utils import get_jwt_header as get_jwt_header
from flask_signet.compat.utils import get_jwt_identity as get_jwt_identity
from flask_signet.compat.utils import get_jwt_manager as get_jwt_manager
from flask_signet.compat.utils import get_jwt_request_location as get_jwt_request_location
from flask_signet.compat.utils import get_unverified_jwt_headers as get_unverified_jwt_headers
from flask_signet.compat.utils import set_access_cookies as set_access_cookies
from flask_signet.compat.utils import set_refresh_cookies as set_refresh_cookies
from flask_signet.compat.utils import unset_access_cookies as unset_access_cookies
from flask_signet.compat.utils import unset_jwt_cookies as unset_jwt_cookies
from flask_signet.compat.utils import unset_refresh_cookies as unset_refresh_cookies
