"""Tables of functional block G."""

from datetime import datetime

from sqlalchemy import ColumnElement, Integer, LargeBinary, String, func, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model, PartialIndex

__all__ = ["ConnectorState", "ConnectorStatusChange", "WantedAvailability"]


class ConnectorState(Model):
    """The present status of a connector.

    A station may also report on itself, as EVSE 0, or on a whole EVSE, as its connector 0.
    """

    __tablename__ = "connectors"
    __table_args__ = (
        # Of most connectors the status is Available, and those are found without it.
        PartialIndex(
            "ix_connectors_not_available",
            *("tenant_id", "status", "station_id", "evse_id", "connector_id"),
            where=text("status <> 1"),
        ),
        # For counts of stations.
        PartialIndex("ix_connectors_available", "tenant_id", "status", "station_id", where=text("status = 1")),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    evse_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    connector_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    status: Mapped[int] = mapped_column(Integer)
    """citrine.ocpp.v2.ConnectorStatusEnum"""
    status_time: Mapped[datetime]
    """When the status began, by the clock of the station."""
    order_time: Mapped[datetime]
    """Time of the newest report; older reports don't change the status. Never later than `receive_time`."""
    receive_time: Mapped[datetime | None]
    """When the newest report was received. None: before this was stored."""
    detail: Mapped[bytes | None] = mapped_column(LargeBinary)
    """Serialised citrine.api.v1.ConnectorDetail of the newest report. None: it says no more than the status."""

    @classmethod
    def report_time(cls) -> ColumnElement[datetime]:
        """Return when the newest report was received, by our clock: the station's clock may be hours slow."""
        return func.coalesce(cls.receive_time, cls.order_time)


class ConnectorStatusChange(Model):
    """One change of a connector's status: the history.

    A report that is resent adds nothing: the key is all that it says. On PostgreSQL the table is partitioned by
    month of status_time.
    """

    __tablename__ = "connector_statuses"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    status_time: Mapped[datetime] = mapped_column(primary_key=True)
    """By the clock of the station."""
    evse_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    connector_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    status: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """citrine.ocpp.v2.ConnectorStatusEnum"""
    create_time: Mapped[datetime]


class WantedAvailability(Model):
    """The availability that was last requested for a station, an EVSE or a connector, with the station's answer."""

    __tablename__ = "availabilities"

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    evse_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """0: the whole station."""
    connector_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """0: the whole EVSE or station."""
    wanted: Mapped[int] = mapped_column(Integer)
    """citrine.ocpp.v2.OperationalStatusEnum"""
    answer: Mapped[int | None] = mapped_column(Integer)
    """citrine.ocpp.v2.ChangeAvailabilityStatusEnum. None: the station did not answer."""
    problem: Mapped[str] = mapped_column(String(255))
    """Why it was refused or not answered, for people."""
    command_id: Mapped[str] = mapped_column(String(36))
    answer_time: Mapped[datetime]
    """When the command was answered or ended without an answer."""
