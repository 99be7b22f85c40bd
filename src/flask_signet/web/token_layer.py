"""Settings, keys and verifier of one application. They belong to one object; a request takes a snapshot of it."""

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
    """Settings, keys and verifier that belong together; never changed, only replaced."""

    settings: TokenSettings
    ring: Ring
    verifier: Verifier
    weakness: str | None
    #: Where a header may be recalled by: its name in the environ, or "" where keys or locations forbid it.
    recall_from: str
    #: The claim that names the user.
    identity_claim: str
    #: The values in ``app.config`` that it was made of: with other ones it does not count.
    values: tuple[Any, ...]


class TokenLayer:
    """Keeps the snapshot of one application in step with its settings and keys.

    :param app: the application.
    :param loaders: the callbacks; several applications may share them.
    :param clock: time and randomness.
    :param source: the keys of the application where no setting gives them, as those in a database.
    """

    def __init__(self, app: Flask, loaders: Loaders, clock: Clock, source: KeySource | None = None) -> None:
        self.app = app
        self._config = cast(Mapping[str, Any], app.config)
        self.loaders = loaders
        self.clock = clock
        #: Says which verified tokens are revoked; set by the part that keeps sessions.
        self.revocations: Revocations | None = None
        #: Whether the user of a token that is no access token is another one by now, or deleted; set by the same part.
        #: Such tokens are few and live long, so they are compared with the user's row.
        self.has_another_user: Callable[[Mapping[str, Any]], bool] | None = None
        #: Claims that every token carries, by the identity as it was given and as the loader made it; set by the same
        #: part.
        self.stamp: Callable[[Any, Any], Mapping[str, Any]] | None = None
        #: Claims that only this part sets, and what sets each.
        self.reserved: Mapping[str, str] = {}
        self._given_source = source
        self._source = source
        self._file: tuple[Any, KeyFile] | None = None
        # With the values that they were read from: one object, so that no thread pairs new ones with old.
        self._settings: tuple[tuple[Any, ...], TokenSettings] | None = None
        self._snapshot: Snapshot | None = None
        self._issuer: Issuer | None = None
        self._warned: set[str] = set()
        self._judged: tuple[Any, str] | None = None  # the secret that was judged at start, with its algorithm
        self._chosen_keys: ChosenKeys | None = None

    @property
    def settings(self) -> TokenSettings:
        """Every setting as it is now.

        :raises SettingsError: one of them is wrong.
        """
        values = read_values(self.app.config)
        known = self._settings
        if known is None or values != known[0]:
            settings = token_settings(self.app.config)
            refuse_conflicts(self._config)
            known = self._settings = copied(values), settings
        return known[1]

    def snapshot(self) -> Snapshot:
        """Return what decides about a token, as it is now: keys, verifier, and the settings of both.

        :raises SettingsError: a setting is wrong, or there is no key.
        """
        snapshot = self._snapshot
        values = read_deciding_values(self.app.config)
        if snapshot is None or values != snapshot.values:
            # Until the new one is whole there is none: a wrong setting must not leave the former keys in force.
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
        """Take the keys from *new* where they come from *old*: what opens a source is not asked once it is open."""
        if self._given_source is old:
            self._given_source = new
        if self._source is old:
            self._source = new

    def replace_revocations(self, old: Revocations, new: Revocations) -> None:
        """Ask *new* about revocations where *old* is asked."""
        if self.revocations is old:
            self.revocations = new

    def forget(self) -> None:
        """Begin anew: nothing that was verified or read before counts."""
        self._snapshot = self._settings = self._issuer = self._file = self._chosen_keys = None
        self._warned.clear()

    def issuer(self) -> Issuer:
        """Return what signs with the current key.

        :raises SettingsError: there is no key that signs.
        """
        snapshot = self.snapshot()
        issuer = self._issuer
        if issuer is None or issuer.key is not snapshot.ring.current:
            key = snapshot.ring.current
            if key is None:
                raise SettingsError(no_signing_key(snapshot.settings))
            issuer = self._issuer = Issuer(key)
        return issuer

    def verify(self, token: str, snapshot: Snapshot, now: float, carrier: str | None = None) -> Verified:
        """Return the verified token; whether it has expired is left to the caller.

        :param carrier: the header that held the token and nothing else.

        :raises JWTDecodeError: not a token of ours.
        """
        if self.loaders.decode_key_callback is not None:
            return self._verify_with_loader(token, now)
        try:
            return snapshot.verifier.verify(token, now, carrier)
        except UnknownKey:
            # A worker may meet a new key's token before it has looked at the ring again.
            source = self._source
            if source is None or source.refresh() is snapshot.ring:
                raise
            return self.snapshot().verifier.verify(token, now, carrier)

    def status_of(self, error: SignetError) -> int:
        """Return the status that *error* is answered with, by ``JWT_COMPAT``."""
        return error.fje_status if self.compat and error.fje_status is not None else error.status

    @property
    def compat(self) -> bool:
        """Whether this request is refused as Flask-JWT-Extended would refuse it; routes of this package never are."""
        try:
            compat = self.settings.compat
        except SettingsError:
            return False  # that is what is answered, with a 500
        return compat and not (request and request.blueprint in self.app.extensions.get("signet-apis", ()))

    def as_raised(self, error: E) -> E:
        """Return *error* as the application catches it: with ``JWT_COMPAT`` also by PyJWT's classes."""
        if not self.compat:
            return error
        from flask_signet.web.pyjwt import also_pyjwts

        return also_pyjwts(error)

    # --- keys -------------------------------------------------------------------------------------

    def judge_weakness(self, weakness: str | None, request: Request | None, loader: str | None = None) -> None:
        """Warn once of keys that anybody could guess; refuse to go on where real users could be harmed.

        :param weakness: what is wrong with a key, or ``None``.
        :param loader: the name of the callback that returned the key; ``None`` where a setting holds it.
        :raises WeakKeyError: a server that is neither a development server nor a test.
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
        """Warn at start, once, of a weak secret that is set already; a key of another kind is judged at first use."""
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
            return  # the first use says so
        if weakness is not None:
            self._say_weak(weakness, at_start=True)

    def _say_weak(self, weakness: str, loader: str | None = None, *, at_start: bool = False) -> None:
        if weakness not in self._warned:
            from flask_signet.web import weak_keys

            advice = weak_keys.advice(weakness, self._config, loader)
            self.say_once(weakness, advice + weak_keys.AT_START * at_start)

    def check_keys(self) -> None:
        """Read the keys that the settings hold, and say at start what is wrong with them.

        :raises SettingsError: there is no key, or one that cannot be used.
        """
        if self._source_of(self._config["JWT_KEYS"]) is not None:
            return  # a file or a database, which is opened when a token needs it
        ring = self.snapshot().ring
        if ring.weakness is not None and self.loaders.decode_key_callback is None:
            self._say_weak(ring.weakness, at_start=True)
        if self._config["JWT_KEYS"] is None and not is_pair(ring):
            self.say_once(
                "pair",
                "Flask-Signet: JWT_PUBLIC_KEY does not belong to JWT_PRIVATE_KEY: this application refuses the "
                "tokens that it makes. Write the public key of the pair, made with "
                "`openssl pkey -in private.pem -pubout`, or remove JWT_PUBLIC_KEY.",
            )

    def say_once(self, topic: str, message: str, level: int = logging.WARNING) -> None:
        """Write *message* into the log, unless *topic* was spoken of before."""
        if topic not in self._warned:
            self._warned.add(topic)
            log.log(level, "%s", message)

    def _source_of(self, value: Any) -> KeySource | None:
        """Return the file that ``JWT_KEYS`` names, or the given source; ``None``: the settings hold the keys."""
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
        """Whether the given source gives the keys, since no setting does."""
        return self._given_source is not None and self._source_of(self._config["JWT_KEYS"]) is self._given_source

    def configured_ring(self, settings: TokenSettings) -> Ring:
        """Return the keys that the settings hold; reads no file.

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
        """Return the secret for HMAC: Flask's own only where the keys are not kept in the database."""
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
    """Return the application that *app* is or stands for: extensions hand in ``current_app``."""
    found: Callable[[], Flask] | None = getattr(app, "_get_current_object", None)
    return app if found is None else found()


def layer_of(app: Flask) -> TokenLayer:
    """Return the token layer of *app*.

    :raises RuntimeError: no JWTManager was initialised with it.
    """
    layer = app.extensions.get(EXTENSION)
    if layer is None:
        raise SettingsError("You must initialize a JWTManager with this flask application before using this method")
    return cast(TokenLayer, layer)


def _is_development(app: Flask, request: Request) -> bool:
    environ = request.environ
    software = environ.get("SERVER_SOFTWARE", "")
    # The mark of Flask's test client, which it leaves only within `with`; else one knows it by what Werkzeug puts into
    # the environs that it makes up: RAW_URI, which of the servers only such set as name themselves. A server that
    # names itself in another way (uWSGI), or not at all (asgiref's adapter), is a real one.
    made_up = not software and "RAW_URI" in environ and not environ.get("wsgi.multithread")
    in_test_client = "werkzeug.debug.preserve_context" in environ or made_up
    return app.debug or app.testing or in_test_client or software.startswith("Werkzeug/")
