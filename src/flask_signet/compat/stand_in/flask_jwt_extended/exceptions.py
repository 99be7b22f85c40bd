"""Provide the exceptions."""

from flask_signet.compat.exceptions import CSRFError as CSRFError
from flask_signet.compat.exceptions import FreshTokenRequired as FreshTokenRequired
from flask_signet.compat.exceptions import InvalidHeaderError as InvalidHeaderError
from flask_signet.compat.exceptions import InvalidQueryParamError as InvalidQueryParamError
from flask_signet.compat.exceptions import JWTDecodeError as JWTDecodeError
from flask_signet.compat.exceptions import JWTExtendedException as JWTExtendedException
from flask_signet.compat.exceptions import NoAuthorizationError as NoAuthorizationError
from flask_signet.compat.exceptions import RevokedTokenError as RevokedTokenError
from flask_signet.compat.exceptions import UserClaimsVerificationError as UserClaimsVerificationError
from flask_signet.compat.exceptions import UserLookupError as UserLookupError
from flask_signet.compat.exceptions import WrongTokenError as WrongTokenError
