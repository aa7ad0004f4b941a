"""How a station connects: the network profiles in its slots, and the order in which it tries them (B09, B10, A05)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from citrine_simulator.config import StationConfig, connection_url
from citrine_simulator.credentials import Credentials
from citrine_simulator.device_model import DeviceModel
from citrine_simulator.own_certificate import OwnCertificate
from citrine_simulator.store import StationStore

__all__ = ["PRIORITY", "NetworkProfiles", "Way"]

MEMORY = "network_profiles"
"""Key of the profiles that the CSMS set in the store."""

PRIORITY = "OCPPCommCtrlr.NetworkConfigurationPriority"

ATTEMPTS = "OCPPCommCtrlr.NetworkProfileConnectionAttempts"

ACTIVE = "OCPPCommCtrlr.ActiveNetworkProfile"

SECURITY_PROFILE = "SecurityCtrlr.SecurityProfile"

CONFIGURED = "1"
"""Slot of what the station is configured with."""


@dataclass(frozen=True, slots=True)
class Way:
    """How the next connection is made."""

    url: str
    """With the id of the station."""
    password: str | None
    security_profile: int


class NetworkProfiles:
    """The network profiles of a station for one power cycle; those that the CSMS set survive a power loss.

    Args:
        config: The station; its URL is that of slot 1.
        store: Where profiles are stored.
        model: Device model, with the order of the slots.
        credentials: The password.
        certificate: The station's own certificate.
    """

    def __init__(
        self,
        config: StationConfig,
        store: StationStore,
        model: DeviceModel,
        credentials: Credentials,
        certificate: OwnCertificate,
    ) -> None:
        self._config = config
        self._store = store
        self._model = model
        self._credentials = credentials
        self._certificate = certificate
        self._set: dict[str, dict[str, Any]] = store.recall(MEMORY) or {}
        self._position = 0
        self._failures = 0
        model.guard(PRIORITY, self._problem)

    def next_way(self) -> Way:
        """Return how to connect next, and show it in the device model."""
        slots = self._slots()
        slot = slots[self._position % len(slots)]
        way = self._way(slot)
        self._model.assign(ACTIVE, slot)
        self._model.assign(SECURITY_PROFILE, str(way.security_profile))
        return way

    def set(self, slot: int, profile: Mapping[str, Any]) -> str | None:
        """Store a profile in a slot; return None, or the reason code of a rejection (B09)."""
        if str(slot) not in self._model.values(PRIORITY):
            # B09.FR.05
            return "InvalidValue"
        if profile["securityProfile"] < self._model.integer(SECURITY_PROFILE):
            # B09.FR.04
            return "InvalidValue"
        if (profile["securityProfile"] > 1) != profile["ocppCsmsUrl"].startswith("wss:"):
            # B09.FR.02
            return "InvalidURL"
        if str(slot) == CONFIGURED:
            return "InvalidValue"
        self._set[str(slot)] = {"url": profile["ocppCsmsUrl"], "security_profile": profile["securityProfile"]}
        self._store.remember(MEMORY, self._set)
        return None

    def worked(self) -> None:
        """Go on with the slot of the connection; drop those of a lower security profile (A05.FR.06)."""
        self._credentials.worked()
        self._certificate.worked()
        slots = self._slots()
        slot = slots[self._position % len(slots)]
        self._failures = 0
        active = self._way(slot).security_profile
        remaining = [one for one in slots if self._way(one).security_profile >= active]
        if remaining != slots:
            self._model.assign(PRIORITY, ",".join(remaining))
            self._store.remember("variables", self._model.changed())
            self._position = remaining.index(slot)

    def refused(self) -> None:
        """Use another password or certificate next, if there is one."""
        self._credentials.refused()
        self._certificate.refused()

    def failed(self) -> None:
        """Count a connection that was not made; after enough of them the next slot is tried (B10.FR.03)."""
        self._failures += 1
        if self._failures >= self._model.integer(ATTEMPTS):
            self._failures = 0
            self._position += 1

    def _slots(self) -> list[str]:
        usable = [slot for slot in self._model.members(PRIORITY) if slot == CONFIGURED or slot in self._set]
        return usable or [CONFIGURED]

    def _problem(self, priority: str) -> str | None:
        """Return the reason code of an order of slots that the station can't use."""
        for slot in priority.split(","):
            if slot != CONFIGURED and slot not in self._set:
                # B10.FR.02
                return "InvalidValue"
            if self._way(slot).security_profile == 3 and not self._has_certificate:
                # A05.FR.03
                return "InvalidCertificate"
        return None

    @property
    def _has_certificate(self) -> bool:
        return self._certificate.is_there or self._config.certificate_file is not None

    def _way(self, slot: str) -> Way:
        config, password = self._config, self._credentials.current
        if slot != CONFIGURED:
            stored = self._set[slot]
            profile = stored["security_profile"]
            url = connection_url(stored["url"], None, config.station_id)
            return Way(url, None if profile == 3 else password, profile)
        url, profile = config.url, 1
        if config.order_url is not None:
            # The certificate takes the place of the password.
            url, profile = (config.url, 3) if self._certificate.is_there else (config.order_url, 2)
            password = None if profile == 3 else password
        elif config.url.startswith("wss:"):
            profile = 3 if self._has_certificate else 2
        return Way(connection_url(url, config.tenant, config.station_id), password, profile)
