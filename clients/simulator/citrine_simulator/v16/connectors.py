"""The connectors of a station in OCPP 1.6: their numbers, and their finer statuses. No I/O."""

from collections.abc import Iterator

from citrine_simulator.charging import Charging
from citrine_simulator.config import StationConfig
from citrine_simulator.evse import Connector, Evse

__all__ = ["STATION", "ConnectorNumbers", "connector_statuses"]

STATION = 0
"""Number of the station itself among the connectors."""

_IN_TRANSACTION = ("Charging", "SuspendedEV", "SuspendedEVSE")
"""Charging states that are statuses of a connector, too."""


class ConnectorNumbers:
    """The numbers from 1 on of the connectors of all EVSEs: 1.6 knows no EVSEs."""

    def __init__(self, config: StationConfig) -> None:
        self._evses = config.evses
        self._each = config.connectors_per_evse

    @property
    def count(self) -> int:
        """Number of connectors of the station."""
        return self._evses * self._each

    def of(self, evse_id: int, connector_id: int) -> int:
        """Return the number of a connector; EVSE 0 is the station."""
        return STATION if evse_id == STATION else (evse_id - 1) * self._each + connector_id

    def place(self, number: int) -> tuple[int, int] | None:
        """Return EVSE and connector of a number. None: there is none."""
        if not 0 < number <= self.count:
            return None
        evse, connector = divmod(number - 1, self._each)
        return evse + 1, connector + 1


def connector_statuses(charging: Charging, station: Connector) -> Iterator[tuple[Connector, str]]:
    """Yield the station as connector 0, then each of its connectors, with their ChargePointStatus."""
    yield station, "Available" if charging.operative else "Unavailable"
    for connector, status in charging.connectors:
        yield connector, _status(charging.evses[connector.evse_id], connector, status)


def _status(evse: Evse, connector: Connector, status: str) -> str:
    """Return the ChargePointStatus for a status of OCPP 2.x (chapter 4.9 and 7.7)."""
    transaction = evse.transaction if evse.is_busy(connector.connector_id) else None
    if status not in ("Occupied", "Available") or (status == "Available" and transaction is None):
        return status
    if transaction is None:
        return "Finishing" if connector.has_charged else "Preparing"
    return transaction.charging_state if transaction.charging_state in _IN_TRANSACTION else "Preparing"
