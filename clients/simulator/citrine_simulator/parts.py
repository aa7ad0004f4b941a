"""The parts of a station that is switched on, for the handlers of CALLs."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from citrine_simulator.authorization import Authorization, CallCsms
from citrine_simulator.certificate_order import CertificateOrder
from citrine_simulator.charging import Charging
from citrine_simulator.clock import Clock
from citrine_simulator.config import StationConfig
from citrine_simulator.credentials import Credentials
from citrine_simulator.delivery import Delivery
from citrine_simulator.device_model import DeviceModel
from citrine_simulator.link import Link
from citrine_simulator.monitors import Monitors
from citrine_simulator.network_profiles import NetworkProfiles
from citrine_simulator.presence import Heartbeats, StatusReports
from citrine_simulator.registration import Registration
from citrine_simulator.store import StationStore

__all__ = ["Parts"]


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a station in one power cycle; created by the controller."""

    config: StationConfig
    clock: Clock
    now: Callable[[], datetime]
    store: StationStore
    model: DeviceModel
    credentials: Credentials
    certificate_order: CertificateOrder
    network_profiles: NetworkProfiles
    online: asyncio.Event
    """Set while connected and accepted."""
    link: Link
    call: CallCsms
    """Sends a CALL with a new message id and the default MessageTimeout; raises CallFailedError."""
    delivery: Delivery
    charging: Charging
    registration: Registration
    authorization: Authorization
    statuses: StatusReports
    heartbeats: Heartbeats
    monitors: Monitors
    reboot: Callable[[str], None]
    """Switches the station off, and on again with this boot reason."""
