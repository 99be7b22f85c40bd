"""Provide Flask-JWT-Extended's ``config``: the settings of the current application, read at each access."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any, Final, cast

from flask import current_app

from flask_signet.compat.internal_utils import get_json_encoder
from flask_signet.exceptions import SettingsError
from flask_signet.tokens.key import ASYMMETRIC
from flask_signet.web.settings import TokenSettings, expires, token_locations
from flask_signet.web.token_layer import layer_of


class Config:
    """A read-only view of the settings; every property raises ``RuntimeError`` if a setting is invalid."""

    @property
    def _settings(self) -> TokenSettings:
        return layer_of(current_app).settings

    @staticmethod
    def _configured(setting: str) -> Any:
        return cast(dict[str, Any], current_app.config)[setting]

    # --- keys ---------------------------------------------------------------------------------------

    @property
    def algorithm(self) -> str:
        """``JWT_ALGORITHM``."""
        return self._settings.algorithm

    @property
    def decode_algorithms(self) -> list[str]:
        """``JWT_DECODE_ALGORITHMS`` and ``JWT_ALGORITHM``, in a new list."""
        return list(self._settings.decode_algorithms)

    @property
    def is_asymmetric(self) -> bool:
        """Whether ``JWT_ALGORITHM`` signs with a private key."""
        return self.algorithm in ASYMMETRIC

    @property
    def encode_key(self) -> Any:
        """The signing key."""
        return self._private_key if self.is_asymmetric else self._secret_key

    @property
    def decode_key(self) -> Any:
        """The verifying key."""
        return self._public_key if self.is_asymmetric else self._secret_key

    @property
    def _secret_key(self) -> Any:
        key = self._configured("JWT_SECRET_KEY") or self._configured("SECRET_KEY")
        if not key:
            raise SettingsError(
                f'JWT_SECRET_KEY or flask SECRET_KEY must be set when using symmetric algorithm "{self.algorithm}"'
            )
        return key

    @property
    def _private_key(self) -> Any:
        return self._asymmetric("JWT_PRIVATE_KEY")

    @property
    def _public_key(self) -> Any:
        return self._asymmetric("JWT_PUBLIC_KEY")

    def _asymmetric(self, setting: str) -> Any:
        key = self._configured(setting)
        if not key:
            raise SettingsError(f'{setting} must be set to use asymmetric cryptography algorithm "{self.algorithm}"')
        return key

    # --- claims -------------------------------------------------------------------------------------

    @property
    def access_expires(self) -> Any:
        """``JWT_ACCESS_TOKEN_EXPIRES``, seconds as a ``timedelta``; ``False`` if tokens never expire."""
        return self._expires("JWT_ACCESS_TOKEN_EXPIRES")

    @property
    def refresh_expires(self) -> Any:
        """``JWT_REFRESH_TOKEN_EXPIRES``, seconds as a ``timedelta``; ``False`` if tokens never expire."""
        return self._expires("JWT_REFRESH_TOKEN_EXPIRES")

    def _expires(self, setting: str) -> Any:
        configured = self._configured(setting)
        checked = expires(configured, setting)
        return checked if isinstance(configured, int) else configured

    @property
    def identity_claim_key(self) -> str:
        """``JWT_IDENTITY_CLAIM``."""
        return self._settings.policy.identity_claim

    @property
    def verify_sub(self) -> bool:
        """``JWT_VERIFY_SUB``."""
        return self._settings.policy.text_subject

    @property
    def encode_nbf(self) -> bool:
        """``JWT_ENCODE_NBF``."""
        return self._settings.encode_nbf

    @property
    def encode_audience(self) -> str | Iterable[str] | None:
        """``JWT_ENCODE_AUDIENCE``, as it was configured."""
        return self._configured("JWT_ENCODE_AUDIENCE")

    @property
    def decode_audience(self) -> str | Iterable[str] | None:
        """``JWT_DECODE_AUDIENCE``, as it was configured."""
        return self._configured("JWT_DECODE_AUDIENCE")

    @property
    def encode_issuer(self) -> str | None:
        """``JWT_ENCODE_ISSUER``."""
        return self._settings.encode_issuer

    @property
    def decode_issuer(self) -> str | None:
        """``JWT_DECODE_ISSUER``, as it was configured."""
        return self._configured("JWT_DECODE_ISSUER")

    @property
    def leeway(self) -> float | timedelta:
        """``JWT_DECODE_LEEWAY``, as it was configured."""
        return self._configured("JWT_DECODE_LEEWAY")

    @property
    def json_encoder(self) -> type[json.JSONEncoder]:
        """The JSON encoder class that uses the application's JSON provider."""
        return get_json_encoder(current_app)

    @property
    def error_msg_key(self) -> str:
        """``JWT_ERROR_MESSAGE_KEY``."""
        return self._settings.message_key

    # --- locations ----------------------------------------------------------------------------------

    @property
    def token_location(self) -> Collection[str]:
        """``JWT_TOKEN_LOCATION``, as it was configured; a string becomes a tuple with one item."""
        configured = self._configured("JWT_TOKEN_LOCATION")
        checked = token_locations(configured)
        return checked if isinstance(configured, str) else configured

    @property
    def jwt_in_headers(self) -> bool:
        """Whether tokens are accepted in a header."""
        return "headers" in self.token_location

    @property
    def jwt_in_cookies(self) -> bool:
        """Whether tokens are accepted in cookies."""
        return "cookies" in self.token_location

    @property
    def jwt_in_query_string(self) -> bool:
        """Whether tokens are accepted in the query string."""
        return "query_string" in self.token_location

    @property
    def jwt_in_json(self) -> bool:
        """Whether tokens are accepted in the JSON body."""
        return "json" in self.token_location

    @property
    def header_name(self) -> str:
        """``JWT_HEADER_NAME``."""
        return self._settings.header_name

    @property
    def header_type(self) -> str:
        """``JWT_HEADER_TYPE``."""
        return self._settings.header_type

    @property
    def query_string_name(self) -> str:
        """``JWT_QUERY_STRING_NAME``."""
        return self._settings.query_name

    @property
    def query_string_value_prefix(self) -> str:
        """``JWT_QUERY_STRING_VALUE_PREFIX``."""
        return self._settings.query_prefix

    @property
    def json_key(self) -> str:
        """``JWT_JSON_KEY``."""
        return self._settings.json_keys[0]

    @property
    def refresh_json_key(self) -> str:
        """``JWT_REFRESH_JSON_KEY``."""
        return self._settings.json_keys[1]

    # --- cookies ------------------------------------------------------------------------------------

    @property
    def access_cookie_name(self) -> str:
        """``JWT_ACCESS_COOKIE_NAME``."""
        return self._settings.access_cookies.name

    @property
    def access_cookie_path(self) -> str | None:
        """``JWT_ACCESS_COOKIE_PATH``."""
        return self._settings.access_cookies.path

    @property
    def refresh_cookie_name(self) -> str:
        """``JWT_REFRESH_COOKIE_NAME``."""
        return self._settings.refresh_cookies.name

    @property
    def refresh_cookie_path(self) -> str | None:
        """``JWT_REFRESH_COOKIE_PATH``."""
        return self._settings.refresh_cookies.path

    @property
    def cookie_secure(self) -> bool:
        """``JWT_COOKIE_SECURE``."""
        return self._settings.cookie_secure

    @property
    def cookie_domain(self) -> str | None:
        """``JWT_COOKIE_DOMAIN``."""
        return self._settings.cookie_domain

    @property
    def cookie_samesite(self) -> str | None:
        """``JWT_COOKIE_SAMESITE``."""
        return self._settings.cookie_samesite

    @property
    def session_cookie(self) -> bool:
        """``JWT_SESSION_COOKIE``."""
        return self.cookie_max_age is None

    @property
    def cookie_max_age(self) -> int | None:
        """Lifetime of a cookie in seconds; ``None`` for a session cookie."""
        return self._settings.cookie_max_age

    # --- CSRF protection ------------------------------------------------------------------------------

    @property
    def cookie_csrf_protect(self) -> bool:
        """``JWT_COOKIE_CSRF_PROTECT``."""
        return self._settings.csrf_protect

    @property
    def csrf_request_methods(self) -> Iterable[str]:
        """``JWT_CSRF_METHODS``, as it was configured."""
        return self._configured("JWT_CSRF_METHODS")

    @property
    def csrf_in_cookies(self) -> bool:
        """``JWT_CSRF_IN_COOKIES``."""
        return self._settings.csrf_in_cookies

    @property
    def csrf_check_form(self) -> bool:
        """``JWT_CSRF_CHECK_FORM``."""
        return self._settings.csrf_check_form

    @property
    def access_csrf_cookie_name(self) -> str:
        """``JWT_ACCESS_CSRF_COOKIE_NAME``."""
        return self._settings.access_cookies.csrf_name

    @property
    def access_csrf_cookie_path(self) -> str | None:
        """``JWT_ACCESS_CSRF_COOKIE_PATH``."""
        return self._settings.access_cookies.csrf_path

    @property
    def access_csrf_header_name(self) -> str:
        """``JWT_ACCESS_CSRF_HEADER_NAME``."""
        return self._settings.access_cookies.csrf_header

    @property
    def access_csrf_field_name(self) -> str:
        """``JWT_ACCESS_CSRF_FIELD_NAME``."""
        return self._settings.access_cookies.csrf_field

    @property
    def refresh_csrf_cookie_name(self) -> str:
        """``JWT_REFRESH_CSRF_COOKIE_NAME``."""
        return self._settings.refresh_cookies.csrf_name

    @property
    def refresh_csrf_cookie_path(self) -> str | None:
        """``JWT_REFRESH_CSRF_COOKIE_PATH``."""
        return self._settings.refresh_cookies.csrf_path

    @property
    def refresh_csrf_header_name(self) -> str:
        """``JWT_REFRESH_CSRF_HEADER_NAME``."""
        return self._settings.refresh_cookies.csrf_header

    @property
    def refresh_csrf_field_name(self) -> str:
        """``JWT_REFRESH_CSRF_FIELD_NAME``."""
        return self._settings.refresh_cookies.csrf_field

    @property
    def exempt_methods(self) -> frozenset[str]:
        """The methods that every guard accepts without a token."""
        return frozenset(("OPTIONS",))


config: Final = Config()
