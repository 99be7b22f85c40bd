"""Hold settings, keys and verifier of one application; each request uses a consistent snapshot of them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from flask import Flask, Request, request

from flask_signet.clock import Clock
from flask_signet.exceptions import (
    InvalidKeyError,
    SettingsError,
    SignetError,
    UnknownKey,
    WeakKeyError,
)
from flask_signet.settings import copied
from flask_signet.tokens import keys
from flask_signet.tokens.issuer import Issuer
from flask_signet.tokens.key import HMAC_HASHES
from flask_signet.tokens.ports import KeySource, Revocations
from flask_signet.tokens.ring import Ring
from flask_signet.tokens.verifier import Verified, Verifier
from flask_signet.web.configured_keys import configured_ring, is_pair, no_signing_key
from flask_signet.web.defaults import read_deciding_values, read_values
from flask_signet.web.loaders import Loaders
from flask_signet.web.settings import TokenSettings, refuse_conflicts, token_settings

if TYPE_CHECKING:
    from flask_signet.web.chosen_keys import ChosenKeys
    from flask_signet.web.keyfiles import KeyFile

log = logging.getLogger("flask_signet")

EXTENSION: Final = "flask-signet-tokens"
E = TypeVar("E", bound=SignetError)


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """Settings, keys and verifier that belong together. A snapshot is never changed, only replaced."""

    settings: TokenSettings
    ring: Ring
    verifier: Verifier
    weakness: str | None
    #: The environ name of the header that the cache of verified tokens is keyed by; "" if the cache must not be used.
    recall_from: str
    #: The claim that holds the identity.
    identity_claim: str
    #: The values of ``app.config`` that the snapshot was built from; when they change, it is no longer valid.
    values: tuple[Any, ...]


class TokenLayer:
    """Updates the snapshot of one application when its settings or keys change.

    :param app: the application.
    :param loaders: the callbacks; several applications can share them.
    :param clock: source of time and random bytes.
    :param source: the source of the keys if no setting holds them, such as a database.
    """

    def __init__(self, app: Flask, loaders: Loaders, clock: Clock, source: KeySource | None = None) -> None:
        self.app = app
        self._config = cast(Mapping[str, Any], app.config)
        self.loaders = loaders
        self.clock = clock
        #: Decides which verified tokens are revoked; set by the session layer.
        self.revocations: Revocations | None = None
        #: Returns whether the id in a token that is not an access token now belongs to another user, or to a deleted
        #: user; set by the session layer. Such tokens are rare and long-lived, so the user's row is read.
        self.has_another_user: Callable[[Mapping[str, Any]], bool] | None = None
        #: Returns claims for every new token, from the given identity and the result of the identity loader; set by the
        #: session layer.
        self.stamp: Callable[[Any, Any], Mapping[str, Any]] | None = None
        #: Claims that only the session layer sets, each with the name of its source.
        self.reserved: Mapping[str, str] = {}
        self._given_source = source
        self._source = source
        self._file: tuple[Any, KeyFile] | None = None
        # Values and settings are one tuple, so that no thread combines new values with old settings.
        self._settings: tuple[tuple[Any, ...], TokenSettings] | None = None
        self._snapshot: Snapshot | None = None
        self._issuer: Issuer | None = None
        self._warned: set[str] = set()
        self._judged: tuple[Any, str] | None = None  # the secret that was judged at start, with its algorithm
        self._chosen_keys: ChosenKeys | None = None

    @property
    def settings(self) -> TokenSettings:
        """The current settings.

        :raises SettingsError: a setting is invalid.
        """
        values = read_values(self.app.config)
        known = self._settings
        if known is None or values != known[0]:
            settings = token_settings(self.app.config)
            refuse_conflicts(self._config)
            known = self._settings = copied(values), settings
        return known[1]

    def snapshot(self) -> Snapshot:
        """Return the current keys, the verifier, and their settings.

        :raises SettingsError: a setting is invalid, or there is no key.
        """
        snapshot = self._snapshot
        values = read_deciding_values(self.app.config)
        if snapshot is None or values != snapshot.values:
            # There is no snapshot until the new one is complete: an invalid setting must not leave the old keys in use.
            snapshot = None
            self._source = self._source_of(self.app.config["JWT_KEYS"])
        source = self._source
        if snapshot is None or (source is not None and source.current() is not snapshot.ring):
            values = copied(values)
            settings = self.settings
            ring = source.current() if source is not None else self.configured_ring(settings)
            weakness = ring.weakness
            recall_from = settings.header_environ if settings.locations[0] == "headers" and weakness is None else ""
            verifier = Verifier(ring.verifying, settings.policy)
            snapshot = Snapshot(settings, ring, verifier, weakness, recall_from, settings.policy.identity_claim, values)
            self._snapshot = snapshot
        return snapshot

    def replace_source(self, old: KeySource, new: KeySource) -> None:
        """Use *new* instead of *old* as the source of the keys, once the source behind *old* is open."""
        if self._given_source is old:
            self._given_source = new
        if self._source is old:
            self._source = new

    def replace_revocations(self, old: Revocations, new: Revocations) -> None:
        """Use *new* instead of *old* to check revocations."""
        if self.revocations is old:
            self.revocations = new

    def forget(self) -> None:
        """Discard all cached settings, keys, tokens and log topics."""
        self._snapshot = self._settings = self._issuer = self._file = self._chosen_keys = None
        self._warned.clear()

    def issuer(self) -> Issuer:
        """Return the issuer that signs with the current key.

        :raises SettingsError: there is no signing key.
        :raises WeakKeyError: the key is weak; see :meth:`judge_weakness`.
        """
        snapshot = self.snapshot()
        if snapshot.weakness is not None:
            self.judge_weakness(snapshot.weakness, request if request else None)
        issuer = self._issuer
        if issuer is None or issuer.key is not snapshot.ring.current:
            key = snapshot.ring.current
            if key is None:
                raise SettingsError(no_signing_key(snapshot.settings))
            issuer = self._issuer = Issuer(key)
        return issuer

    def verify(self, token: str, snapshot: Snapshot, now: float, carrier: str | None = None) -> Verified:
        """Return the verified token; the caller checks whether it has expired.

        :param carrier: the value of the header, if it holds only this token.

        :raises JWTDecodeError: the token is invalid.
        """
        if self.loaders.decode_key_callback is not None:
            return self._verify_with_loader(token, now)
        try:
            return snapshot.verifier.verify(token, now, carrier)
        except UnknownKey:
            # Another worker may have signed with a new key that this worker has not loaded yet.
            source = self._source
            if source is None or source.refresh() is snapshot.ring:
                raise
            return self.snapshot().verifier.verify(token, now, carrier)

    def status_of(self, error: SignetError) -> int:
        """Return the HTTP status for *error*, which depends on ``JWT_COMPAT``."""
        return error.fje_status if self.compat and error.fje_status is not None else error.status

    @property
    def compat(self) -> bool:
        """Whether refusals have the form of Flask-JWT-Extended; those of our own routes never have it."""
        try:
            compat = self.settings.compat
        except SettingsError:
            return False  # this error itself is answered, with status 500
        return compat and not (request and request.blueprint in self.app.extensions.get("signet-apis", ()))

    def as_raised(self, error: E) -> E:
        """Return *error* as it is raised; with ``JWT_COMPAT`` it is also an instance of PyJWT's class."""
        if not self.compat:
            return error
        from flask_signet.web.pyjwt import also_pyjwts

        return also_pyjwts(error)

    # --- keys -------------------------------------------------------------------------------------

    def judge_weakness(self, weakness: str | None, request: Request | None, loader: str | None = None) -> None:
        """Log a weak key once, and refuse it in production.

        :param weakness: the reason why the key is weak, or ``None``.
        :param loader: the name of the callback that returned the key; ``None`` if a setting holds it.
        :raises WeakKeyError: the key is weak, and the server is neither a development server nor a test.
        """
        if weakness is None:
            return
        if self.settings.allow_weak_keys or request is None or _is_development(self.app, request):
            self._say_weak(weakness, loader)
            return
        from flask_signet.web import weak_keys

        refused = weak_keys.advice(weakness, self._config, loader) + weak_keys.REFUSED
        self.say_once("refused", refused, logging.ERROR)
        raise WeakKeyError(weakness)

    def judge_secret(self) -> None:
        """Log at start, once, that the current secret is weak; other keys are checked at first use."""
        config, loaders, secret = self._config, self.loaders, self._secret()
        judged = secret, str(config["JWT_ALGORITHM"])
        if self._judged == judged:
            return
        self._judged = judged
        chosen = config["JWT_KEYS"] is not None or loaders.decode_key_callback or loaders.encode_key_callback
        if chosen or not isinstance(secret, (str, bytes)) or judged[1] not in HMAC_HASHES:
            return
        try:
            weakness = keys.symmetric(secret, judged[1]).weakness
        except InvalidKeyError:
            return  # the first use raises this error
        if weakness is not None:
            self._say_weak(weakness, at_start=True)

    def _say_weak(self, weakness: str, loader: str | None = None, *, at_start: bool = False) -> None:
        if weakness not in self._warned:
            from flask_signet.web import weak_keys

            advice = weak_keys.advice(weakness, self._config, loader)
            self.say_once(weakness, advice + weak_keys.AT_START * at_start)

    def check_keys(self) -> None:
        """Read the keys in the settings, and log at start what is wrong with them.

        :raises SettingsError: there is no key, or one that cannot be used.
        """
        if self._source_of(self._config["JWT_KEYS"]) is not None:
            return  # the file or database is opened when a token needs it
        ring = self.snapshot().ring
        if ring.weakness is not None and self.loaders.decode_key_callback is None:
            self._say_weak(ring.weakness, at_start=True)
        if self._config["JWT_KEYS"] is None and not is_pair(ring):
            self.say_once(
                "pair",
                "Flask-Signet: JWT_PUBLIC_KEY does not belong to JWT_PRIVATE_KEY: this application refuses the "
                "tokens that it creates. Set JWT_PUBLIC_KEY to the output of "
                "`openssl pkey -in private.pem -pubout`, or remove it.",
            )

    def say_once(self, topic: str, message: str, level: int = logging.WARNING) -> None:
        """Log *message*, unless a message for *topic* was logged before."""
        if topic not in self._warned:
            self._warned.add(topic)
            log.log(level, "%s", message)

    def _source_of(self, value: Any) -> KeySource | None:
        """Return the file in ``JWT_KEYS``, or the given source; ``None`` if the settings hold the keys."""
        if value is None:
            config = self._config
            configured = config["JWT_SECRET_KEY"] or config["JWT_PRIVATE_KEY"] or config["JWT_PUBLIC_KEY"]
            return None if configured else self._given_source
        if not isinstance(value, (str, Path)) or str(value).lstrip().startswith("{"):
            return None
        path = Path(self.app.instance_path, str(value))
        if self._file is None or self._file[0] != path:
            from flask_signet.web.keyfiles import KeyFile

            self._file = (path, KeyFile(path, self.clock))
        return self._file[1]

    @property
    def has_own_keys(self) -> bool:
        """Whether the keys come from the given source, because no setting holds them."""
        return self._given_source is not None and self._source_of(self._config["JWT_KEYS"]) is self._given_source

    def configured_ring(self, settings: TokenSettings) -> Ring:
        """Return the keys in the settings. This method reads no file.

        :raises SettingsError: there is no key, or one that cannot be used.
        """
        return configured_ring(
            self._config,
            settings,
            secret=self._secret(),
            may_be_empty=self.loaders.decode_key_callback is not None,
            say=self.say_once,
        )

    def _secret(self) -> Any:
        """Return the secret for HMAC; ``SECRET_KEY`` is used only if the keys are not in a database."""
        config = self._config
        return config["JWT_SECRET_KEY"] or (None if self._given_source is not None else config["SECRET_KEY"])

    def _verify_with_loader(self, token: str, now: float) -> Verified:
        chosen = self._chosen_keys
        if chosen is None:
            from flask_signet.web.chosen_keys import ChosenKeys  # few applications have such a loader

            chosen = self._chosen_keys = ChosenKeys()
        loaders = self.loaders
        return chosen.verify(
            token,
            now,
            self.settings,
            choose=lambda header, claims: loaders.call(cast(Any, loaders.decode_key_callback), header, claims),
            judge=lambda weakness: self.judge_weakness(weakness, request if request else None, "decode_key_loader"),
        )


def itself(app: Flask) -> Flask:
    """Return the application itself if *app* is a proxy, since some extensions pass ``current_app``."""
    found: Callable[[], Flask] | None = getattr(app, "_get_current_object", None)
    return app if found is None else found()


def layer_of(app: Flask) -> TokenLayer:
    """Return the token layer of *app*.

    :raises RuntimeError: no JWTManager was initialised with *app*.
    """
    layer = app.extensions.get(EXTENSION)
    if layer is None:
        raise SettingsError("You must initialize a JWTManager with this flask application before using this method")
    return cast(TokenLayer, layer)


def _is_development(app: Flask, request: Request) -> bool:
    environ = request.environ
    software = environ.get("SERVER_SOFTWARE", "")
    # Flask's test client sets `preserve_context` inside a `with` block; else it sends RAW_URI without SERVER_SOFTWARE.
    # Servers that set RAW_URI also set SERVER_SOFTWARE. One without both (uWSGI) counts as a production server.
    made_up = not software and "RAW_URI" in environ and not environ.get("wsgi.multithread")
    in_test_client = "werkzeug.debug.preserve_context" in environ or made_up
    return app.debug or app.testing or in_test_client or software.startswith("Werkzeug/")
