"""The jobs that ask stations to renew certificates, before these expire and after."""

import asyncio
import logging
from collections.abc import Mapping
from datetime import timedelta

from citrine.api.v1 import common_pb2 as common
from citrine.events.v1.events_pb2 import CertificateExpiring, Event
from citrine.ocpp.v2 import remote_control_pb2 as ocpp
from citrine.ocpp.v2.security_pb2 import CertificateSigningUseEnum
from citrine_core.background import Apart
from citrine_core.blocks.security.orders.models import IssuedCertificate
from citrine_core.blocks.security.orders.repository import IssuedCertificateRepository
from citrine_core.blocks.security.orders.signing import MOST
from citrine_core.certificate_authorities import COMBINED
from citrine_core.errors import CoreError
from citrine_core.resources.commands import CommandSender
from citrine_core.resources.connections.queries import claim_expired
from citrine_core.rpc import system_caller, to_timestamp
from citrine_core.services import Services

__all__ = ["ExpiredCertificates", "Renewals"]

logger = logging.getLogger(__name__)

FIRST_PAUSE = timedelta(minutes=10)
LONGEST_PAUSE = timedelta(days=1)
"""Shortest and longest time until a station that was asked, and did not renew its certificate, is asked again."""

NOTIFIED_AFTER = 3
"""Attempts after which an event says that the certificate expires."""

_Use, _Trigger = CertificateSigningUseEnum, ocpp.MessageTriggerEnum

_STATION = _Use.CERTIFICATE_SIGNING_USE_ENUM_CHARGING_STATION_CERTIFICATE

_TRIGGERS: Mapping[int, ocpp.MessageTriggerEnum.ValueType] = {
    COMBINED: _Trigger.MESSAGE_TRIGGER_ENUM_SIGN_COMBINED_CERTIFICATE,
    _STATION: _Trigger.MESSAGE_TRIGGER_ENUM_SIGN_CHARGING_STATION_CERTIFICATE,
    _Use.CERTIFICATE_SIGNING_USE_ENUM_V2G_CERTIFICATE: _Trigger.MESSAGE_TRIGGER_ENUM_SIGN_V2G_CERTIFICATE,
    _Use.CERTIFICATE_SIGNING_USE_ENUM_V2G20_CERTIFICATE: _Trigger.MESSAGE_TRIGGER_ENUM_SIGN_V2G20_CERTIFICATE,
}


class Renewals:
    """Sends TriggerMessage to stations whose certificates expire soon (A02). Several cores may run it concurrently."""

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._commands = services.commands
        self._apart: Apart[tuple[str, str]] = Apart("renewals of certificates")

    async def run(self) -> None:
        """Ask all stations that are connected and due now."""
        claimed = MOST
        while claimed == MOST:
            async with self._unit_of_work() as work:
                now = self._clock()
                rows = await IssuedCertificateRepository(work.session).claim_renewals(now, MOST)
                for row in rows:
                    row.renew_due_time = now + min(FIRST_PAUSE * 2 ** min(row.renew_attempts, 20), LONGEST_PAUSE)
                    row.renew_attempts += 1
                    if row.renew_attempts == NOTIFIED_AFTER:
                        work.emit(_expiring(row))
                await work.commit()
            why = "its certificate expires"
            asked = ((row.tenant_id, row.station_id, row.certificate_type, why) for row in rows)
            await asyncio.gather(*(self._apart.run(one[:2], _ask, self._commands, *one) for one in asked))
            claimed = len(rows)


class ExpiredCertificates:
    """Asks stations that connected with an expired certificate for an order of another one (A00.FR.429).

    Several cores may run it concurrently.
    """

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._commands = services.commands
        self._apart: Apart[tuple[str, str]] = Apart("renewals of certificates")

    async def run(self) -> None:
        """Ask all stations that are connected and due now."""
        claimed = MOST
        while claimed == MOST:
            async with self._unit_of_work() as work:
                now = self._clock()
                stations = await claim_expired(work.session, now, now + FIRST_PAUSE, MOST)
                await work.commit()
            await asyncio.gather(
                *(
                    self._apart.run(one, _ask, self._commands, *one, _STATION, "its certificate has expired")
                    for one in stations
                )
            )
            claimed = len(stations)


async def _ask(commands: CommandSender, tenant_id: str, station_id: str, certificate_type: int, reason: str) -> None:
    request = ocpp.TriggerMessageRequest(requested_message=_TRIGGERS[certificate_type])
    target = common.CommandTarget(station_id=station_id, reason=reason)
    try:
        await commands.send(system_caller(tenant_id, "certificate renewal"), target, request)
    except CoreError as error:
        extra = {"station_id": station_id, "problem": str(error)}
        logger.info("a station could not be asked to renew its certificate", extra=extra)


def _expiring(row: IssuedCertificate) -> Event:
    body = CertificateExpiring(
        fingerprint=row.fingerprint, subject=f"CN={row.common_name}", valid_to=to_timestamp(row.valid_until)
    )
    return Event(tenant_id=row.tenant_id, station_id=row.station_id, certificate_expiring=body)
