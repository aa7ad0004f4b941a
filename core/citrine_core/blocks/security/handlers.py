"""Handlers of SecurityEventNotification."""

from collections.abc import Sequence
from datetime import UTC

from citrine.events.v1.events_pb2 import Event, SecurityEventReceived
from citrine.ocpp.v2.security_pb2 import SecurityEventNotificationRequest, SecurityEventNotificationResponse
from citrine_core.blocks.security.repository import SecurityEventRepository
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Call, content_key, handles
from citrine_core.services import Services

__all__ = ["SecurityHandlers"]


class SecurityHandlers:
    """Handles security events of stations (functional block A)."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock

    # Stations queue security events until they are delivered (A04.FR.02), and resend one whose answer was lost.
    @handles(SecurityEventNotificationRequest, batched=True, once=content_key)
    async def security_events(
        self, work: UnitOfWork, calls: Sequence[Call[SecurityEventNotificationRequest]]
    ) -> Sequence[SecurityEventNotificationResponse]:
        """Store security events (A04)."""
        now = self._clock()
        await SecurityEventRepository(work.session).add_all(
            [
                {
                    "tenant_id": call.tenant_id,
                    "station_id": call.station_id,
                    "type": call.message.type,
                    "event_time": call.message.timestamp.ToDatetime(UTC),
                    "request": call.message.SerializeToString(),
                    "create_time": now,
                }
                for call in calls
            ]
        )
        for call in calls:
            received = SecurityEventReceived(request=call.message)
            work.emit(Event(tenant_id=call.tenant_id, station_id=call.station_id, security_event_received=received))
        return [SecurityEventNotificationResponse()] * len(calls)
