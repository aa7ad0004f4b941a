"""Handlers for the CALLs of a CSMS in OCPP 1.6, by feature profile. They change the same station as those of 2.x."""

from collections.abc import Mapping

from citrine_simulator.answers.base import Handler, collect
from citrine_simulator.answers.certificates import CertificateAnswers
from citrine_simulator.answers.diagnostics import DiagnosticsAnswers
from citrine_simulator.answers.firmware import FirmwareAnswers
from citrine_simulator.answers.local_auth_list import LocalAuthListAnswers
from citrine_simulator.answers.provisioning import ProvisioningAnswers
from citrine_simulator.answers.remote_control import RemoteControlAnswers
from citrine_simulator.answers.reservations import ReservationAnswers
from citrine_simulator.answers.reset import ResetAnswers
from citrine_simulator.answers.smart_charging import SmartChargingAnswers
from citrine_simulator.authorization import CallCsms
from citrine_simulator.parts import Parts
from citrine_simulator.v16.answers.configuration import ConfigurationAnswers16
from citrine_simulator.v16.answers.control import ControlAnswers16
from citrine_simulator.v16.answers.local_list import LocalListAnswers16
from citrine_simulator.v16.answers.maintenance import MaintenanceAnswers16
from citrine_simulator.v16.answers.reservations import ReservationAnswers16
from citrine_simulator.v16.answers.security import SecurityAnswers16
from citrine_simulator.v16.answers.smart_charging import SmartChargingAnswers16
from citrine_simulator.v16.answers.triggers import TriggerAnswers16
from citrine_simulator.v16.connectors import ConnectorNumbers
from citrine_simulator.v16.numbers import TransactionNumbers

__all__ = ["handlers16"]


def handlers16(parts: Parts, numbers: TransactionNumbers, send: CallCsms) -> Mapping[str, Handler]:
    """Return the handlers by action. `send` sends a CALL worded in 1.6."""
    connectors = ConnectorNumbers(parts.config)
    profiles = SmartChargingAnswers(parts)
    smart_charging = SmartChargingAnswers16(parts, profiles, numbers, connectors)
    control = ControlAnswers16(
        parts, RemoteControlAnswers(parts, profiles.install), ResetAnswers(parts), smart_charging, numbers, connectors
    )
    return collect(
        ConfigurationAnswers16(parts, ProvisioningAnswers(parts)),
        control,
        LocalListAnswers16(LocalAuthListAnswers(parts)),
        MaintenanceAnswers16(FirmwareAnswers(parts), DiagnosticsAnswers(parts)),
        ReservationAnswers16(ReservationAnswers(parts), connectors),
        SecurityAnswers16(CertificateAnswers(parts)),
        smart_charging,
        TriggerAnswers16(parts, connectors, send),
    )
