"""The ``MetaData`` of our tables and the column types that they share."""

from __future__ import annotations

from sqlalchemy import BigInteger, Integer, MetaData
from sqlalchemy.types import TypeDecorator

from flask_signet.clock import Clock

# Every table of the package belongs to this MetaData and is named `signet_…`. A convention names the constraints, so
# that a later migration can address them on every database.
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
    """A moment as whole milliseconds since 1970-01-01 UTC: the same number on every database.

    :func:`flask_signet.clock.moment` returns it as a ``datetime``.
    """

    impl = BigInteger
    cache_ok = True


# SQLite autoincrements INTEGER primary keys only; on other databases ids may exceed 32 bits.
Identifier = BigInteger().with_variant(Integer(), "sqlite")


def milliseconds(clock: Clock) -> int:
    """Return the time of *clock* as a :class:`Timestamp`."""
    return int(clock.time() * 1000)
