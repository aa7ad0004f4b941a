"""DiagnosticsService on a whole core, with stations played by the test."""

from citrine.api.v1 import diagnostics_pb2 as pb
from citrine.api.v1.diagnostics_pb2_grpc import DiagnosticsServiceStub
from citrine.ocpp.v2.diagnostics_pb2 import EventData, NotifyEventRequest
from citrine.ocpp.v2.types_pb2 import Component, Variable
from tests.support.blocks import stamp
from tests.support.core import PASSWORD, RunningCore


def notify(*event_ids: int, seq_no: int = 0) -> NotifyEventRequest:
    data = [
        EventData(event_id=n, timestamp=stamp(), component=Component(name="Fan"), variable=Variable(name="Speed"))
        for n in event_ids
    ]
    return NotifyEventRequest(generated_at=stamp(), seq_no=seq_no, event_data=data)


async def test_events_are_listed_once_page_by_page(core: RunningCore) -> None:
    """A station repeats a NotifyEvent that was not answered."""
    api = core.stub(DiagnosticsServiceStub)
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        station = await edge.connect("CS-1", PASSWORD)
        for notification in (notify(1, 2), notify(1, 2), notify(3, seq_no=1)):
            await station.call(notification)
    request = pb.ListStationEventsRequest(station_id="CS-1", page_size=2)

    first = await api.ListStationEvents(request)
    request.page_token = first.next_page_token
    second = await api.ListStationEvents(request)

    assert [shown.event.event_id for shown in first.station_events] == [3, 2]
    assert [shown.event.event_id for shown in second.station_events] == [1]
    assert second.next_page_token == ""
    assert second.station_events[0].HasField("create_time")


async def test_another_tenant_sees_no_event(core: RunningCore) -> None:
    api = core.stub(DiagnosticsServiceStub)
    await core.add_tenant("other")
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        await (await edge.connect("CS-1", PASSWORD)).call(notify(1))

    page = await api.ListStationEvents(pb.ListStationEventsRequest(), metadata=core.metadata("other"))

    assert len(page.station_events) == 0
