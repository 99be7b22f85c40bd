"""The tables' common ground: one ``MetaData`` of our own and the column types that all rooms use."""

from __future__ import annotations

from datetime import datetime, timezone

from sqlalchemy import BigInteger, Integer, MetaData
from sqlalchemy.types import TypeDecorator

from flask_signet.clock import Clock

# Every table of the package hangs here and is named `signet_…`. Constraints get names by rule, so that a
# later migration can name what it changes on every database.
metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class Timestamp(TypeDecorator[int]):
    """A moment as whole milliseconds since 1970-01-01 UTC: the same number on every database."""

    impl = BigInteger
    cache_ok = True


# SQLite counts only an INTEGER primary key by itself; elsewhere ids may outgrow 32 bits.
Identifier = BigInteger().with_variant(Integer(), "sqlite")


def milliseconds(clock: Clock) -> int:
    """Return the time of *clock* as a :class:`Timestamp`."""
    return int(clock.time() * 1000)


def milliseconds_of(moment: datetime) -> int:
    """Return an aware ``datetime`` as the :class:`Timestamp` that :func:`moment` made it from."""
    return round(moment.timestamp() * 1000)


def moment(timestamp: int) -> datetime:
    """Return a :class:`Timestamp` as an aware ``datetime`` in UTC."""
    return datetime.fromtimestamp(timestamp / 1000, timezone.utc)
