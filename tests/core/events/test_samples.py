"""Events with the meter values of their messages, for those who ask for them."""

from collections.abc import Sequence

import grpc
import pytest
from sqlalchemy import func, select

from citrine.api.v1.keys_pb2 import CreateKeyRequest
from citrine.api.v1.keys_pb2_grpc import KeysServiceStub
from citrine.events.v1.events_pb2 import Event
from citrine.events.v1.events_service_pb2 import SubscribeRequest
from citrine.events.v1.events_service_pb2_grpc import EventsServiceStub
from citrine.ocpp.v2.meter_values_pb2 import MeterValuesRequest
from citrine.ocpp.v2.types_pb2 import MeasurandEnum, MeterValue, SampledValue
from citrine_core.events import OutboxEvent, samples
from tests.support.charging import started, updated
from tests.support.core import PASSWORD, RunningCore
from tests.support.statements import statements
from tests.support.waiting import WAIT

KINDS = ["transaction_started", "transaction_updated", "meter_values_received"]

CURRENT = MeasurandEnum.MEASURAND_ENUM_CURRENT_IMPORT


async def key(core: RunningCore, *scopes: str) -> str:
    """Return a key of the default tenant."""
    made = await core.stub(KeysServiceStub).CreateKey(CreateKeyRequest(display_name="test", scopes=scopes))
    return made.secret


async def first_token(core: RunningCore, secret: str, *, include_samples: bool) -> str:
    """Return the token of the first message of a subscription with a key."""
    request = SubscribeRequest(include_samples=include_samples)
    stream = core.stub(EventsServiceStub).Subscribe(
        request, metadata=[("authorization", f"Bearer {secret}")], timeout=WAIT
    )
    async for response in stream:
        stream.cancel()
        return response.event.token
    raise AssertionError("the stream ended")


async def told(
    core: RunningCore, *, include_samples: bool, kinds: Sequence[str] = KINDS, count: int = len(KINDS)
) -> list[Event]:
    request = SubscribeRequest(from_token="0", kinds=kinds, include_samples=include_samples)
    found: list[Event] = []
    stream = core.stub(EventsServiceStub).Subscribe(request, timeout=30)
    async for response in stream:
        if response.event.WhichOneof("body"):
            found.append(response.event)
        if len(found) == count:
            break
    stream.cancel()
    return found


def values(kind: str, event: Event) -> list[tuple[int, list[float]]]:
    """Return the times and values of an event."""
    return [
        (one.timestamp.seconds, [sampled.value for sampled in one.sampled_value])
        for one in getattr(event, kind).meter_value
    ]


async def test_samples_come_with_their_events_if_asked_for(core: RunningCore) -> None:
    await core.add_station("CS-1", registration=1)
    outside = MeterValuesRequest(evse_id=1)
    for second, value in ((1_790_000_000, 6.0), (1_790_000_900, 7.5)):
        sampled = [SampledValue(value=value, measurand=CURRENT), SampledValue(value=value * 100)]
        outside.meter_value.append(MeterValue(sampled_value=sampled))
        outside.meter_value[-1].timestamp.seconds = second
    async with core.edge() as edge:
        station = await edge.connect("CS-1", PASSWORD)
        await station.call_all([started(0, 1000.0), updated(1, 2000.0)])
        await station.call(outside)

    with_samples = await told(core, include_samples=True)
    without = await told(core, include_samples=False)

    by_kind = {event.WhichOneof("body") or "": event for event in with_samples}
    assert [one for _, one in values("transaction_updated", by_kind["transaction_updated"])] == [[2000.0]]
    assert [one for _, one in values("transaction_started", by_kind["transaction_started"])] == [[1000.0]]
    assert values("meter_values_received", by_kind["meter_values_received"]) == [
        (1_790_000_000, [6.0, 600.0]),
        (1_790_000_900, [7.5, 750.0]),
    ]
    assert all(values(event.WhichOneof("body") or "", event) == [] for event in without)
    async with core.core.unit_of_work(read_only=True) as work:
        longest = await work.session.scalar(
            select(func.max(func.length(OutboxEvent.payload))).where(OutboxEvent.kind.in_(KINDS))
        )
    assert longest is not None
    assert longest < 150


def message(start: int, *values: float) -> MeterValuesRequest:
    """Return meter values outside of transactions, taken second by second."""
    request = MeterValuesRequest(evse_id=1)
    for second, value in enumerate(values):
        request.meter_value.add(sampled_value=[SampledValue(value=value)]).timestamp.seconds = start + second
    return request


async def test_all_samples_of_many_messages_come_by_few_statements(
    core: RunningCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is cut: where the samples of a page are too many, it ends before them."""
    monkeypatch.setattr(samples, "MOST_SAMPLES", 20)
    sent = {
        # The times of both stations, and of the messages of one, overlap.
        station_id: [
            message(1_790_000_000 + place, *(float(number + place) for number in range(size)))
            for place, size in enumerate((7, 6, 50, 3, 4))
        ]
        for station_id in ("CS-1", "CS-2")
    }
    async with core.edge() as edge:
        for station_id, messages in sent.items():
            await core.add_station(station_id, registration=1)
            await (await edge.connect(station_id, PASSWORD)).call_all(messages)

    with statements(core.core.engine) as seen:
        found = await told(core, include_samples=True, kinds=["meter_values_received"], count=10)

    for station_id, messages in sent.items():
        mine = [event for event in found if event.station_id == station_id]
        assert [values("meter_values_received", event) for event in mine] == [
            [(one.timestamp.seconds, [one.sampled_value[0].value]) for one in request.meter_value]
            for request in messages
        ]
    # 7 and 6; 50, which is more than are read at once; 3, 4, 7 and 6; 50; 3 and 4.
    assert len([statement for statement, _ in seen if "FROM samples" in statement and "digest =" in statement]) == 5


async def test_samples_need_the_scope_of_meter_values_besides_that_of_events(core: RunningCore) -> None:
    for_events = await key(core, "events:read")

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await first_token(core, for_events, include_samples=True)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert "metervalues:read" in str(refused.value.details())
    assert await first_token(core, for_events, include_samples=False)
    assert await first_token(core, await key(core, "events:read", "metervalues:read"), include_samples=True)
