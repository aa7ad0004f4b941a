"""Tables of the connections: which station is connected, by which edge and epoch."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model, PartialIndex

__all__ = ["Connection", "ConnectionRecord", "Edge"]


class Connection(Model):
    """The newest session of a station. The row remains after the websocket closed, for its epoch."""

    __tablename__ = "connections"
    __table_args__ = (
        Index(None, "edge_id", "is_open"),
        Index(None, "tenant_id", "is_open", "station_id"),
        Index(None, "tenant_id", "ocpp_version", "station_id"),
        PartialIndex("ix_connections_renew", "renew_due_time", where=text("renew_due_time IS NOT NULL")),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    epoch: Mapped[int] = mapped_column(BigInteger)
    """Increases by one with each admission. Messages with an older epoch are refused."""
    edge_id: Mapped[str] = mapped_column(String(36))
    is_open: Mapped[bool]
    ocpp_version: Mapped[int] = mapped_column(Integer)
    """citrine.edge.v1.OcppVersion"""
    remote_address: Mapped[str] = mapped_column(String(100))
    admit_time: Mapped[datetime]
    renew_due_time: Mapped[datetime | None]
    """When to ask the station for an order of a certificate, as its own has expired. None: it has not."""
    open_time: Mapped[datetime | None]
    close_time: Mapped[datetime | None]
    close_code: Mapped[int | None] = mapped_column(Integer)
    close_reason: Mapped[str | None] = mapped_column(String(125))


class ConnectionRecord(Model):
    """One session of a station whose websocket opened: the history."""

    __tablename__ = "connection_records"
    __table_args__ = (
        Index(None, "tenant_id", "open_time", "station_id", "epoch"),
        Index("ix_connection_records_edge", "tenant_id", "edge_id", "open_time", "station_id", "epoch"),
        Index("ix_connection_records_version", "tenant_id", "ocpp_version", "open_time", "station_id", "epoch"),
        PartialIndex("ix_connection_records_open", "tenant_id", "station_id", where=text("close_time IS NULL")),
        PartialIndex(
            "ix_connection_records_open_since",
            *("tenant_id", "open_time", "station_id", "epoch"),
            where=text("close_time IS NULL"),
        ),
    )

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    epoch: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    edge_id: Mapped[str] = mapped_column(String(36))
    ocpp_version: Mapped[int] = mapped_column(Integer)
    """citrine.edge.v1.OcppVersion"""
    remote_address: Mapped[str] = mapped_column(String(100))
    open_time: Mapped[datetime]
    close_time: Mapped[datetime | None]
    """When it ended. None: it has not, or its edge has not said so."""
    close_code: Mapped[int | None] = mapped_column(Integer)
    close_reason: Mapped[str | None] = mapped_column(String(125))


class Edge(Model):
    """An edge process that had a link to some core recently."""

    __tablename__ = "edges"

    edge_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    edge_name: Mapped[str | None] = mapped_column(String(64))
    """Name by which it identified itself when it linked first. Empty: it has none. None: it linked before there were
    names."""
    software_version: Mapped[str] = mapped_column(String(50))
    last_seen_time: Mapped[datetime]
