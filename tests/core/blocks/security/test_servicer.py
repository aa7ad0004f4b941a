"""SecurityService: security events of the tenant's stations."""

from datetime import timedelta

from citrine.api.v1 import security_pb2 as pb
from citrine.ocpp.v2.security_pb2 import SecurityEventNotificationRequest
from citrine_core.blocks.security import SecurityHandlers, SecurityServicer
from citrine_core.db import UnitOfWorkFactory
from citrine_core.rpc import Caller, acting_as
from tests.support.blocks import NOW, call_of, handle, services_of, stamp


async def store(unit_of_work: UnitOfWorkFactory, *kinds: str, station_id: str = "CS-1") -> None:
    requests = [
        SecurityEventNotificationRequest(type=kind, timestamp=stamp(NOW + timedelta(seconds=number)))
        for number, kind in enumerate(kinds)
    ]
    handlers = SecurityHandlers(services_of(unit_of_work))
    await handle(unit_of_work, handlers.security_events, [call_of(request, station_id) for request in requests])


async def test_events_are_listed_page_by_page_the_latest_first(unit_of_work: UnitOfWorkFactory) -> None:
    await store(unit_of_work, "A", "B", "C")
    servicer = SecurityServicer(services_of(unit_of_work))
    request = pb.ListSecurityEventsRequest(page_size=2)

    with acting_as(Caller("default", "test")):
        first = await servicer.ListSecurityEvents(request, None)  # type: ignore[arg-type]  # no server
        request.page_token = first.next_page_token
        second = await servicer.ListSecurityEvents(request, None)  # type: ignore[arg-type]  # no server

    assert [event.request.type for event in first.security_events] == ["C", "B"]
    assert [event.request.type for event in second.security_events] == ["A"]
    assert first.security_events[0].create_time == stamp()
    assert second.next_page_token == ""


async def test_events_of_one_station_and_one_tenant(unit_of_work: UnitOfWorkFactory) -> None:
    await store(unit_of_work, "A")
    await store(unit_of_work, "B", station_id="CS-2")
    servicer = SecurityServicer(services_of(unit_of_work))
    request = pb.ListSecurityEventsRequest(station_id="CS-2")

    with acting_as(Caller("default", "test")):
        own = await servicer.ListSecurityEvents(request, None)  # type: ignore[arg-type]  # no server
    with acting_as(Caller("other", "test")):
        others = await servicer.ListSecurityEvents(request, None)  # type: ignore[arg-type]  # no server

    assert [event.request.type for event in own.security_events] == ["B"]
    assert len(others.security_events) == 0
