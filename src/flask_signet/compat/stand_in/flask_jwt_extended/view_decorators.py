"""Provide the guards."""

from flask_signet.compat.view_decorators import LocationType as LocationType
from flask_signet.compat.view_decorators import _decode_jwt_from_cookies as _decode_jwt_from_cookies  # pyright: ignore[reportPrivateUsage]
from flask_signet.compat.view_decorators import _decode_jwt_from_headers as _decode_jwt_from_headers  # pyright: ignore[reportPrivateUsage]
from flask_signet.compat.view_decorators import _decode_jwt_from_json as _decode_jwt_from_json  # pyright: ignore[reportPrivateUsage]
from flask_signet.compat.view_decorators import _decode_jwt_from_query_string as _decode_jwt_from_query_string  # pyright: ignore[reportPrivateUsage]
from flask_signet.compat.view_decorators import _decode_jwt_from_request as _decode_jwt_from_request  # pyright: ignore[reportPrivateUsage]
from flask_signet.compat.view_decorators import _load_user as _load_user  # pyright: ignore[reportPrivateUsage]
from flask_signet.compat.view_decorators import _verify_token_is_fresh as _verify_token_is_fresh  # pyright: ignore[reportPrivateUsage]
from flask_signet.compat.view_decorators import jwt_required as jwt_required
from flask_signet.compat.view_decorators import verify_jwt_in_request as verify_jwt_in_request
