"""The state of EVSEs, connectors, transactions and reservations, without messages."""

import asyncio
from dataclasses import asdict, dataclass, field
from typing import Any

from citrine_simulator.meter import Meter

__all__ = ["Connector", "Evse", "Reservation", "Transaction"]


@dataclass(slots=True)
class Transaction:
    """An open transaction, as it is stored over a power loss."""

    transaction_id: str
    evse_id: int
    connector_id: int
    seq_no: int = 0
    """seqNo of the next message; contiguous from 0 on."""
    charging_state: str = "EVConnected"
    id_token: dict[str, Any] | None = None
    """The token that authorized it; None: not authorized yet."""
    remote_start_id: int | None = None
    """To be sent in the next message (F01.FR.25)."""
    reservation_id: int | None = None
    """To be sent in the next message (H01.FR.15)."""
    group_id: str | None = None
    total_cost: float | None = None

    @property
    def authorized(self) -> bool:
        """Whether energy may flow."""
        return self.id_token is not None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of the transaction."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Transaction":
        """Return the transaction of a JSON object."""
        return cls(**value)


@dataclass(slots=True)
class Reservation:
    """The reservation of an EVSE for a token or its group."""

    reservation_id: int
    id_token: str
    group_id: str | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it ends before its expiry."""

    def is_for(self, id_token: str, group_id: str | None = None) -> bool:
        """Return whether a token may use it, by itself or by its group (H03.FR.01, H03.FR.04)."""
        return id_token.lower() == self.id_token.lower() or (group_id is not None and group_id == self.group_id)


@dataclass(slots=True)
class Connector:
    """A connector. Its statuses are those of ConnectorStatusEnumType."""

    evse_id: int
    connector_id: int
    plugged_in: bool = False
    operative: bool = True
    """The operational status of this connector, as set by ChangeAvailability."""
    forced: str | None = None
    """Faulted or Reserved, if the simulation forces this status."""
    has_charged: bool = False
    """Whether the EV that is plugged in has had a transaction that ended (Finishing in 1.6)."""
    reported: str | None = None
    """The last status that the CSMS has confirmed."""


@dataclass(slots=True)
class Evse:
    """An EVSE with its connectors and its meter."""

    evse_id: int
    meter: Meter
    connectors: dict[int, Connector]
    operative: bool = True
    """The operational status of this EVSE, as set by ChangeAvailability."""
    resetting: bool = False
    """Whether it refuses new transactions because of a scheduled reset."""
    transaction: Transaction | None = None
    reservation: Reservation | None = None

    @property
    def out_of_order(self) -> bool:
        """Whether all connectors are faulted or inoperative, so that a reservation can't be honoured."""
        return not self.operative or all(
            one.forced == "Faulted" or not one.operative for one in self.connectors.values()
        )

    def is_busy(self, connector_id: int | None = None) -> bool:
        """Return whether a transaction runs on any connector, or on the given one."""
        return self.transaction is not None and connector_id in (None, self.transaction.connector_id)

    def is_usable(self, connector: Connector, station_operative: bool) -> bool:
        """Return whether a connector is operative, or will be until its transaction ends (G03.FR.05, G04.FR.06)."""
        if self.is_busy():
            return connector.operative or self.is_busy(connector.connector_id)
        return station_operative and self.operative and connector.operative

    def status(self, connector: Connector, station_operative: bool) -> str:
        """Return the status of one of its connectors (G01, G03.FR.06, G04.FR.07)."""
        if connector.forced is not None:
            return connector.forced
        if not self.is_usable(connector, station_operative) or self.resetting:
            busy = connector.plugged_in and self.transaction is not None
            return "Occupied" if busy else "Unavailable"
        if self.reservation is not None:
            # G01.FR.09: the status is Reserved even while an EV is plugged in.
            return "Reserved"
        return "Occupied" if connector.plugged_in else "Available"

    def free(self, station_operative: bool, id_token: str | None = None) -> Connector | None:
        """Return a connector on which a transaction can start, preferably one with an EV.

        A reserved EVSE is free only for the token of its reservation.
        """
        reservation = self.reservation
        if reservation is not None and id_token is not None and reservation.is_for(id_token):
            self.reservation = None
            try:
                return self.free(station_operative)
            finally:
                self.reservation = reservation
        if self.transaction is not None and self.transaction.authorized:
            return None
        usable = [one for one in self.connectors.values() if self.status(one, station_operative) in _USABLE]
        if self.transaction is not None:
            usable = [one for one in usable if one.connector_id == self.transaction.connector_id]
        return next((one for one in usable if one.plugged_in), usable[0] if usable else None)


_USABLE = ("Available", "Occupied")
