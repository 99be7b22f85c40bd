"""The key table: the signing keys that ``Signet`` creates and manages, sealed by the root key."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, cast

from sqlalchemy import BigInteger, Column, Connection, Integer, LargeBinary, Row, String, Table, Text, inspect, select

from flask_signet.clock import moment
from flask_signet.exceptions import NotFound, SettingsError
from flask_signet.store.database import Store
from flask_signet.store.metadata import Timestamp, metadata, milliseconds
from flask_signet.store.root_key_labels import Label
from flask_signet.store.rootkey import IF_LOST, RootKeyRing

KeyStatus = Literal["next", "current", "retired", "revoked"]

ALGORITHM = "EdDSA"
FOR_EVER = 2**53
SEAL_LABEL: Final[Label] = "signing-key"

keys_table = Table(
    "signet_keys",
    metadata,
    Column("kid", String(64), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("algorithm", String(16), nullable=False),
    Column("sealed_jwk", LargeBinary, nullable=False),
    Column("public_jwk", Text, nullable=False),
    Column("created_at", Timestamp, nullable=False),
    Column("retired_at", Timestamp),
)

key_ring_table = Table(
    "signet_key_ring",
    metadata,
    # One row (id 1). It counts the changes, so that a worker can tell from one number that it must reload the keys.
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    # Seconds: the longest token lifetime that the settings ever had; 2**53 for tokens that never expire. A retired key
    # is kept this long, even if the current settings are shorter.
    Column("longest_life", BigInteger, nullable=False, server_default="0"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredKey:
    """One key of the ring.

    :param kid: RFC 7638 thumbprint of the public key.
    :param jwk: the private JWK (RFC 8037).
    :param public_jwk: the same without ``d``.
    """

    kid: str
    status: KeyStatus
    algorithm: str
    jwk: dict[str, Any] = field(repr=False)
    public_jwk: dict[str, Any]
    created_at: datetime
    retired_at: datetime | None


def has_keys(store: Store) -> bool:
    """Return whether there are signing keys, without opening one; ``False`` if there is no table yet.

    :raises Unavailable: the database does not answer.
    """
    with store.unchecked(reading=True) as connection:
        there = inspect(connection).has_table(keys_table.name)
        return there and connection.execute(select(keys_table.c.kid).limit(1)).first() is not None


class KeyTable:
    """Creates, stores, rotates and revokes the signing keys. Each change is one transaction."""

    def __init__(self, store: Store, root_keys: RootKeyRing) -> None:
        self._store = store
        self._root_keys = root_keys

    def version(self) -> int:
        """Return a number that changes with every change of the keys."""
        with self._store.read() as connection:
            return connection.execute(select(key_ring_table.c.version)).scalar_one()

    def load(self) -> list[StoredKey]:
        """Return all keys that are not revoked, the oldest first.

        :raises SettingsError: the root key is not the one that sealed them.
        """
        statement = select(keys_table).where(keys_table.c.status != "revoked").order_by(keys_table.c.created_at)
        with self._store.read() as connection:
            rows = connection.execute(statement).all()
        return [self._opened(row) for row in rows]

    def ensure(self) -> list[StoredKey]:
        """Return all keys; create ``current`` and ``next`` if they are missing.

        If several processes do this at once, one creates the keys and all return the same ones.
        """
        keys = self.load()
        if {"current", "next"} <= {key.status for key in keys}:
            return keys
        self._store.retrying(self._fill)
        return self.load()

    def rotate(self, *, judge: Callable[[int], None] | None = None) -> list[StoredKey]:
        """Make ``next`` sign and ``current`` only verify, and create a new ``next``; return all keys.

        :param judge: called with the time at which ``next`` was created, in seconds since 1970; it may raise.
        """

        def run(connection: Connection) -> None:
            self._fill(connection)
            if judge is not None:
                made = select(keys_table.c.created_at).where(keys_table.c.status == "next")
                judge(connection.execute(made).scalar_one() // 1000)
            self._move(connection, "current", "retired")
            self._move(connection, "next", "current")
            self._fill(connection)

        self._store.retrying(run)
        return self.load()

    def revoke(self, kid: str) -> list[StoredKey]:
        """Refuse every token that this key signed; return the remaining keys.

        :raises NotFound: no key has this id.
        """
        if not kid.isascii():
            # Databases reject lone surrogates, which may come from a shell argument.
            raise NotFound(f"No key has the id {kid[:64]!r}")

        def run(connection: Connection) -> None:
            self._changed(connection)
            changed = connection.execute(
                keys_table.update()
                .where(keys_table.c.kid == kid, keys_table.c.status != "revoked")
                # The private part is deleted: it may be stolen, and it is not needed any more.
                .values(status="revoked", sealed_jwk=b"", retired_at=milliseconds(self._store.clock))
            )
            if changed.rowcount == 0:
                raise NotFound(f"No key has the id {kid[:64]!r}")
            self._fill(connection)

        self._store.retrying(run)
        return self.load()

    def forget_retired(self, before: datetime) -> int:
        """Delete the keys that were retired before *before*; return their number."""

        def run(connection: Connection) -> int:
            self._changed(connection)
            limit = int(before.timestamp() * 1000)
            return connection.execute(
                keys_table.delete().where(keys_table.c.status == "retired", keys_table.c.retired_at < limit)
            ).rowcount

        return self._store.retrying(run)

    def remember_life(self, seconds: int | None, connection: Connection | None = None) -> int | None:
        """Store the token lifetime of the current settings; return the longest lifetime that was ever stored.

        Tokens that were issued under earlier settings stay valid.

        :param seconds: the lifetime; ``None``, here and in the result, if tokens never expire.
        """
        life = FOR_EVER if seconds is None else seconds
        longest = key_ring_table.c.longest_life

        def run(own: Connection) -> int:
            if own.execute(select(longest)).scalar_one() < life:
                own.execute(key_ring_table.update().where(longest < life).values(longest_life=life))
            return own.execute(select(longest)).scalar_one()

        remembered = self._store.retrying(run, connection)
        return None if remembered >= FOR_EVER else remembered

    def seal_again(self) -> int:
        """Seal the keys of older root keys with the current one; return how many keys these were.

        Signing keys do not need the older root keys any more after this.
        """

        def run(connection: Connection) -> int:
            self._changed(connection)
            rows = connection.execute(select(keys_table).where(keys_table.c.status != "revoked")).all()
            old = [row for row in rows if not self._root_keys.sealed_with_current(row.sealed_jwk)]
            for row in old:
                jwk = json.dumps(self._opened(row).jwk).encode()
                connection.execute(
                    keys_table.update()
                    .where(keys_table.c.kid == row.kid)
                    .values(sealed_jwk=self._root_keys.seal(jwk, SEAL_LABEL))
                )
            return len(old)

        return self._store.retrying(run)

    def _fill(self, connection: Connection) -> None:
        """Create ``current`` and ``next`` if missing. The row of the ring is the lock."""
        self._changed(connection)
        there = set(connection.execute(select(keys_table.c.status)).scalars())
        if "current" not in there:
            # After a revocation `next` takes over: verifiers elsewhere have already seen it.
            if "next" in there:
                self._move(connection, "next", "current")
                there.discard("next")
            else:
                self._insert(connection, "current")
        if "next" not in there:
            self._insert(connection, "next")

    def _changed(self, connection: Connection) -> None:
        connection.execute(key_ring_table.update().values(version=key_ring_table.c.version + 1))

    def _move(self, connection: Connection, old: KeyStatus, new: KeyStatus) -> None:
        retired_at = milliseconds(self._store.clock) if new == "retired" else None
        connection.execute(
            keys_table.update().where(keys_table.c.status == old).values(status=new, retired_at=retired_at)
        )

    def _insert(self, connection: Connection, status: KeyStatus) -> None:
        jwk = new_ed25519_jwk(self._store.clock.token_bytes(32))
        public = {name: value for name, value in jwk.items() if name != "d"}
        connection.execute(
            keys_table.insert().values(
                kid=jwk["kid"],
                status=status,
                algorithm=ALGORITHM,
                sealed_jwk=self._root_keys.seal(json.dumps(jwk).encode(), SEAL_LABEL),
                public_jwk=json.dumps(public),
                created_at=milliseconds(self._store.clock),
            )
        )

    def _opened(self, row: Row[Any]) -> StoredKey:
        try:
            try:
                jwk = self._root_keys.open(row.sealed_jwk, SEAL_LABEL)
            except LookupError:
                self._root_keys.reload()
                jwk = self._root_keys.open(row.sealed_jwk, SEAL_LABEL)
        except (LookupError, ValueError) as error:
            raise SettingsError(
                f"The signing key {row.kid} cannot be decrypted: {error}. Set the root key that belongs to this "
                f"database. {IF_LOST}"
            ) from error
        return StoredKey(
            kid=row.kid,
            status=cast(KeyStatus, row.status),
            algorithm=row.algorithm,
            jwk=json.loads(jwk),
            public_jwk=json.loads(row.public_jwk),
            created_at=moment(row.created_at),
            retired_at=None if row.retired_at is None else moment(row.retired_at),
        )


def new_ed25519_jwk(seed: bytes) -> dict[str, Any]:
    """Return a private JWK for EdDSA.

    :param seed: 32 unpredictable bytes, the private key of RFC 8032 section 5.1.5.

    Source: RFC 8037 section 2; ``kid`` by RFC 7638 section 3 and RFC 8037 section 2.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    x = _base64url(Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw())
    thumbprint = hashlib.sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()).digest()
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "alg": ALGORITHM,
        "use": "sig",
        "kid": _base64url(thumbprint),
        "x": x,
        "d": _base64url(seed),
    }


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
