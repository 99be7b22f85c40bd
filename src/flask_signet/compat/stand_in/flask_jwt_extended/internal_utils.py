"""Provide the helper functions that other packages import."""

from flask_signet.compat.internal_utils import HAS_JSON_PROVIDER as HAS_JSON_PROVIDER
from flask_signet.compat.internal_utils import JSONEncoder as JSONEncoder
from flask_signet.compat.internal_utils import custom_verification_for_token as custom_verification_for_token
from flask_signet.compat.internal_utils import get_json_encoder as get_json_encoder
from flask_signet.compat.internal_utils import get_jwt_manager as get_jwt_manager
from flask_signet.compat.internal_utils import has_user_lookup as has_user_lookup
from flask_signet.compat.internal_utils import user_lookup as user_lookup
from flask_signet.compat.internal_utils import verify_token_not_blocklisted as verify_token_not_blocklisted
from flask_signet.compat.internal_utils import verify_token_type as verify_token_type
