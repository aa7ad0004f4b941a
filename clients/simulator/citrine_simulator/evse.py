"""EVSEs, their connectors and the transaction on each: the state of a station, without any message."""

from dataclasses import asdict, dataclass, field
from typing import Any

from citrine_simulator.meter import Meter

__all__ = ["Connector", "Evse", "Transaction"]


@dataclass(slots=True)
class Transaction:
    """A transaction that has begun and not ended; what a station keeps of it over a loss of power."""

    transaction_id: str
    evse_id: int
    connector_id: int
    seq_no: int = 0
    """Of the next message; contiguous from 0 on."""
    charging_state: str = "EVConnected"
    id_token: dict[str, Any] | None = None
    """Who authorized it; None: nobody yet."""
    remote_start_id: int | None = None
    """To be named in the next message (F01.FR.25)."""
    group_id: str | None = None
    total_cost: float | None = None

    @property
    def authorized(self) -> bool:
        """Whether energy may flow."""
        return self.id_token is not None

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Transaction":
        """Restore a transaction."""
        return cls(**value)


@dataclass(slots=True)
class Connector:
    """A connector: its status is that of OCPP's ConnectorStatusEnumType."""

    evse_id: int
    connector_id: int
    plugged_in: bool = False
    operative: bool = True
    """What ChangeAvailability has set for this connector."""
    forced: str | None = None
    """Faulted or Reserved, where the simulation says so."""
    reported: str | None = None
    """The status the CSMS has confirmed."""


@dataclass(slots=True)
class Evse:
    """An EVSE with its connectors and its meter."""

    evse_id: int
    meter: Meter
    connectors: dict[int, Connector]
    operative: bool = True
    """What ChangeAvailability has set for this EVSE."""
    scheduled: list[tuple[int | None, bool]] = field(default_factory=list)
    """Availability changes that wait for the transaction to end: connector (None: the EVSE) and operative."""
    resetting: bool = False
    """Whether it takes no new transactions because of a reset to come."""
    transaction: Transaction | None = None

    def status(self, connector: Connector, station_operative: bool) -> str:
        """Return the status of one of its connectors (G01, G03.FR.06, G04.FR.07)."""
        if connector.forced is not None:
            return connector.forced
        if not (station_operative and self.operative and connector.operative) or self.resetting:
            busy = connector.plugged_in and self.transaction is not None
            return "Occupied" if busy else "Unavailable"
        return "Occupied" if connector.plugged_in else "Available"

    def free(self, station_operative: bool) -> Connector | None:
        """Return a connector on which a transaction can begin, preferring one with an EV."""
        if self.transaction is not None and self.transaction.authorized:
            return None
        usable = [one for one in self.connectors.values() if self.status(one, station_operative) in _USABLE]
        if self.transaction is not None:
            usable = [one for one in usable if one.connector_id == self.transaction.connector_id]
        return next((one for one in usable if one.plugged_in), usable[0] if usable else None)


_USABLE = ("Available", "Occupied")
