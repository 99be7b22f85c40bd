"""Provide the public and private names of ``flask_jwt_extended.view_decorators``."""

from __future__ import annotations

from typing import Any, cast

from flask import current_app, request

from flask_signet.compat.internal_utils import has_user_lookup, user_lookup
from flask_signet.exceptions import FreshTokenRequired, UserLookupError
from flask_signet.web import locations as find
from flask_signet.web.guards import LocationType as LocationType
from flask_signet.web.guards import get_jwt_request_location, is_fresh
from flask_signet.web.guards import jwt_required as jwt_required
from flask_signet.web.guards import verify_jwt_in_request as verify_jwt_in_request
from flask_signet.web.token_layer import layer_of

Claims = dict[str, Any]


def _verify_token_is_fresh(jwt_header: Claims, jwt_data: Claims) -> None:  # pyright: ignore[reportUnusedFunction]
    if not is_fresh(jwt_data["fresh"], layer_of(current_app).clock.time()):
        raise FreshTokenRequired("Fresh token required", jwt_header, jwt_data)


def _load_user(jwt_header: Claims, jwt_data: Claims) -> Claims | None:  # pyright: ignore[reportUnusedFunction]
    if not has_user_lookup():
        return None
    user = user_lookup(jwt_header, jwt_data)
    if user is None:
        identity = jwt_data.get(layer_of(current_app).settings.policy.identity_claim)
        raise UserLookupError(f"Error loading the user {identity}", jwt_header, jwt_data)
    return {"loaded_user": user}


def _decode_jwt_from_headers() -> tuple[str, None]:  # pyright: ignore[reportUnusedFunction]
    return find.from_headers(request, layer_of(current_app).settings), None


def _decode_jwt_from_cookies(refresh: bool) -> tuple[str, str | None]:  # pyright: ignore[reportUnusedFunction]
    settings = layer_of(current_app).settings
    names = settings.refresh_cookies if refresh else settings.access_cookies
    token = find.from_cookies(request, settings, names)
    proof = find.csrf_value(request, settings, names)
    return token, find.csrf_of_form(request, names) if proof == "" else proof


def _decode_jwt_from_query_string() -> tuple[str, None]:  # pyright: ignore[reportUnusedFunction]
    return find.from_query(request, layer_of(current_app).settings), None


def _decode_jwt_from_json(refresh: bool) -> tuple[str, None]:  # pyright: ignore[reportUnusedFunction]
    return find.from_json(request, layer_of(current_app).settings, refresh=refresh), None


def _decode_jwt_from_request(  # pyright: ignore[reportUnusedFunction]
    locations: LocationType,
    fresh: bool,
    refresh: bool = False,
    verify_type: bool = True,
    skip_revocation_check: bool = False,
) -> tuple[Claims, Claims, str]:
    """Return claims, header and location of a verified token, and store them on the request.

    Flask-JWT-Extended does not store them here.
    """
    verified = verify_jwt_in_request(
        fresh=fresh,
        refresh=refresh,
        locations=locations,
        verify_type=verify_type,
        skip_revocation_check=skip_revocation_check,
    )
    header, claims = verified or ({}, {})
    return claims, header, cast(str, get_jwt_request_location())
