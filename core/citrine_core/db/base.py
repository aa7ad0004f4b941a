"""The base of all tables: names of constraints, times in UTC, 64-bit keys."""

from datetime import UTC, datetime
from typing import Annotated, Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, MetaData, String, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, mapped_column, registry

from citrine_core.db.databases import database_of

__all__ = ["BigId", "Model", "OcppString", "UtcDateTime"]


class UtcDateTime(TypeDecorator[datetime]):
    """A point in time, stored in UTC to the microsecond. Times without a zone are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Any:
        """Return the converter of values for the database."""
        return database_of(dialect).to_time or super().bind_processor(dialect)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the value in UTC.

        Raises:
            ValueError: When the time has no zone.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone can't be stored")
        return value if value.tzinfo is UTC else value.astimezone(UTC)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """Return the converter of stored values."""
        return database_of(dialect).from_time or super().result_processor(dialect, coltype)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the stored time, in UTC."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


class Model(DeclarativeBase):
    """Base of all tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: UtcDateTime()}

    def __init_subclass__(cls, **options: Any) -> None:
        # All mappers of a registry are made ready for use when the first one is used. With a registry for each table,
        # those that a process does not use cost it nothing.
        cls._sa_registry = registry(metadata=cls.metadata, type_annotation_map=cls.type_annotation_map)
        super().__init_subclass__(**options)


BigId = Annotated[int, mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True)]
"""A 64-bit primary key that the database increments (SQLite only increments INTEGER)."""


def OcppString(length: int) -> Any:
    """Return a text column type with a length of OCPP's tables."""
    return String(length)
