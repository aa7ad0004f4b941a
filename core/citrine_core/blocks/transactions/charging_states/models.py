"""Table of charging states that arrived before their transactions."""

from datetime import datetime

from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from citrine_core.db import Model

__all__ = ["EarlyState"]


class EarlyState(Model):
    """A charging state that an EVSE reported while no transaction was known there.

    A station that was offline may send its statuses before the transactions that they are of.
    """

    __tablename__ = "early_charging_states"
    __table_args__ = (Index(None, "receive_time"),)

    tenant_id: Mapped[str] = mapped_column(String(36), primary_key=True)
    station_id: Mapped[str] = mapped_column(String(48), primary_key=True)
    evse_id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    status_time: Mapped[datetime] = mapped_column(primary_key=True)
    """By the clock of the station."""
    charging_state: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """citrine.ocpp.v2.ChargingStateEnum"""
    connector_id: Mapped[int] = mapped_column(Integer)
    receive_time: Mapped[datetime]
    """When the edge read it."""
