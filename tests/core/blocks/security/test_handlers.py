"""Security events are stored once, however often a station repeats them."""

from citrine.api.v1 import security_pb2 as pb
from citrine.api.v1.security_pb2_grpc import SecurityServiceStub
from citrine.ocpp.v2.security_pb2 import SecurityEventNotificationRequest
from citrine_core.blocks.security import SecurityHandlers
from citrine_core.db import UnitOfWorkFactory
from tests.support.blocks import call_of, events, handle, services_of, stamp
from tests.support.core import PASSWORD, RunningCore


def security_event(kind: str, tech_info: str | None = None) -> SecurityEventNotificationRequest:
    return SecurityEventNotificationRequest(type=kind, timestamp=stamp(), tech_info=tech_info)


async def test_A04_FR_03_events_of_a_batch_are_stored_and_told(unit_of_work: UnitOfWorkFactory) -> None:
    calls = [call_of(security_event("TamperDetectionActivated", tech_info="lid"), f"CS-{n}") for n in range(3)]
    handlers = SecurityHandlers(services_of(unit_of_work))

    answers = await handle(unit_of_work, handlers.security_events, calls)

    assert len(answers) == 3
    [event] = await events(unit_of_work, "CS-2")
    assert event.security_event_received.request == calls[2].message


async def test_event_that_comes_again_is_stored_once(core: RunningCore) -> None:
    """A station repeats it under another message id where the answer was lost (A04.FR.02)."""
    api = core.stub(SecurityServiceStub)
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        station = await edge.connect("CS-1", PASSWORD)
        for message_id in ("1", "1", "2"):
            await station.call(security_event("FirmwareUpdated"), message_id=message_id)
        await station.call(security_event("FirmwareUpdated", tech_info="again"), message_id="2")

    stored = (await api.ListSecurityEvents(pb.ListSecurityEventsRequest())).security_events

    assert [event.request.tech_info for event in stored] == ["again", ""]
    assert stored[0].station_id == "CS-1"
