"""Provide the exceptions of ``flask_jwt_extended.exceptions``, defined in :mod:`flask_signet.exceptions`."""

from flask_signet.exceptions import CSRFError as CSRFError
from flask_signet.exceptions import FreshTokenRequired as FreshTokenRequired
from flask_signet.exceptions import InvalidHeaderError as InvalidHeaderError
from flask_signet.exceptions import InvalidQueryParamError as InvalidQueryParamError
from flask_signet.exceptions import JWTDecodeError as JWTDecodeError
from flask_signet.exceptions import JWTExtendedException as JWTExtendedException
from flask_signet.exceptions import NoAuthorizationError as NoAuthorizationError
from flask_signet.exceptions import RevokedTokenError as RevokedTokenError
from flask_signet.exceptions import UserClaimsVerificationError as UserClaimsVerificationError
from flask_signet.exceptions import UserLookupError as UserLookupError
from flask_signet.exceptions import WrongTokenError as WrongTokenError
