"""Business counters: energy, refused drivers, refused stations."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter

from citrine.api.v1.stations_pb2 import HandshakeRefusal
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, IdTokenInfo

__all__ = ["BusinessCounters"]

_ACCEPTED = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED

_AUTHORIZATIONS = {
    value.number: value.name.removeprefix("AUTHORIZATION_STATUS_ENUM_").lower()
    for value in AuthorizationStatusEnum.DESCRIPTOR.values
    if value.number not in (0, _ACCEPTED)
}

_REFUSED_STATIONS = {
    value.number: value.name.removeprefix("REASON_").lower() for value in HandshakeRefusal.Reason.DESCRIPTOR.values
}


class BusinessCounters:
    """Counters over all tenants. They have no label for tenants, because the number of series must be bounded.

    Blocks call these after their commit.

    Args:
        registry: Registry of the metrics. None: they are not exported.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._energy = Counter(
            "citrine_core_energy_wh", "Energy that transactions took, in Wh, as stations reported it", registry=registry
        )
        self._owed = 0.0
        self._failed_authorizations = Counter(
            "citrine_core_failed_authorizations",
            "Tokens that were presented and not accepted, when a driver asks, starts or stops",
            ["reason"],
            registry=registry,
        )
        self._refused_stations = Counter(
            "citrine_core_refused_stations", "Handshakes of stations that were refused", ["reason"], registry=registry
        )
        for reason in _AUTHORIZATIONS.values():
            self._failed_authorizations.labels(reason)
        for reason in _REFUSED_STATIONS.values():
            self._refused_stations.labels(reason)

    def energy(self, change_wh: float) -> None:
        """Count energy of transactions.

        If a later reading corrects an earlier one downwards, the difference is deducted from the next increases: a
        counter never decreases.
        """
        change = change_wh + self._owed
        self._owed = min(change, 0.0)
        if change > 0:
            self._energy.inc(change)

    def authorizations(self, infos: Iterable[IdTokenInfo]) -> None:
        """Count the refusing ones among answers for tokens."""
        for info in infos:
            reason = _AUTHORIZATIONS.get(info.status)
            if reason is not None:
                self._failed_authorizations.labels(reason).inc()

    def station_refused(self, reason: int) -> None:
        """Count a handshake; the reason is one of citrine.events.v1.StationRefused."""
        self._refused_stations.labels(_REFUSED_STATIONS.get(reason, "unspecified")).inc()
