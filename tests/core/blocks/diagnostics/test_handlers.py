"""Events of stations are stored once, and tell the status of connectors."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from citrine.ocpp.v2.availability_pb2 import ConnectorStatusEnum
from citrine.ocpp.v2.diagnostics_pb2 import (
    EVENT_NOTIFICATION_ENUM_HARD_WIRED_NOTIFICATION,
    EVENT_TRIGGER_ENUM_ALERTING,
    EVENT_TRIGGER_ENUM_DELTA,
    EventData,
    NotifyEventRequest,
)
from citrine.ocpp.v2.types_pb2 import EVSE, Component, Variable
from citrine_core.blocks.availability import ConnectorState
from citrine_core.blocks.diagnostics import DiagnosticsHandlers, StationEvent, StationEventRepository
from citrine_core.db import Page, UnitOfWorkFactory
from tests.support.blocks import NOW, add_station, call_of, events, handle, services_of, stamp
from tests.support.statements import statements


def event_data(
    event_id: int, component: Component, variable: str = "AvailabilityState", value: str = "Occupied"
) -> EventData:
    return EventData(
        event_id=event_id,
        timestamp=stamp(),
        trigger=EVENT_TRIGGER_ENUM_DELTA,
        event_notification_type=EVENT_NOTIFICATION_ENUM_HARD_WIRED_NOTIFICATION,
        component=component,
        variable=Variable(name=variable),
        actual_value=value,
    )


CONNECTOR = Component(name="Connector", evse=EVSE(id=2, connector_id=1))


async def notify(unit_of_work: UnitOfWorkFactory, *data: EventData) -> None:
    handlers = DiagnosticsHandlers(services_of(unit_of_work))
    request = NotifyEventRequest(generated_at=stamp(), seq_no=0, event_data=data)
    await handle(unit_of_work, handlers.notify_events, [call_of(request)])


async def test_N07_FR_03_events_are_stored_and_told(unit_of_work: UnitOfWorkFactory) -> None:
    data = [event_data(1, Component(name="Fan"), "Speed", "900"), event_data(2, Component(name="Lid"), "Open", "true")]

    await notify(unit_of_work, *data)

    async with unit_of_work(read_only=True) as work:
        rows = (await work.session.scalars(select(StationEvent).order_by(StationEvent.id))).all()
    assert [EventData.FromString(row.event) for row in rows] == data
    assert [(row.component, row.variable, row.event_time) for row in rows] == [
        ("Fan", "Speed", NOW),
        ("Lid", "Open", NOW),
    ]
    [event] = await events(unit_of_work)
    assert list(event.station_events_received.events) == data


async def test_G01_FR_03_state_of_a_connector_is_its_status(unit_of_work: UnitOfWorkFactory) -> None:
    """OCPP 2.1 prefers it to StatusNotification."""
    await notify(unit_of_work, event_data(1, CONNECTOR))

    async with unit_of_work(read_only=True) as work:
        connector = await work.session.get_one(ConnectorState, ("default", "CS-1", 2, 1))
    assert connector.status == ConnectorStatusEnum.CONNECTOR_STATUS_ENUM_OCCUPIED
    kinds = [event.WhichOneof("body") for event in await events(unit_of_work)]
    assert kinds == ["connector_status_changed", "station_events_received"]


@pytest.mark.in_turn
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(event_data(1, Component(name="Other", evse=EVSE(id=2, connector_id=1))), id="other-component"),
        pytest.param(event_data(1, Component(name="Connector", evse=EVSE(id=2))), id="no-connector-id"),
        pytest.param(event_data(1, Component(name="Connector")), id="no-evse"),
        pytest.param(event_data(1, CONNECTOR, "Problem"), id="other-variable"),
        pytest.param(event_data(1, CONNECTOR, value="Charging"), id="no-status"),
        pytest.param(event_data(1, CONNECTOR, value=""), id="empty"),
    ],
)
async def test_what_is_no_status_of_a_connector_is_only_an_event(
    unit_of_work: UnitOfWorkFactory, data: EventData
) -> None:
    await notify(unit_of_work, data)

    kinds = [event.WhichOneof("body") for event in await events(unit_of_work)]
    assert kinds == ["station_events_received"]


def alert(event_id: int, minute: int, *, cleared: bool = False, monitor: int = 7) -> EventData:
    return EventData(
        event_id=event_id,
        # Some time ago: what claims to be of the future counts as of now.
        timestamp=stamp(NOW + timedelta(minutes=minute - 1000)),
        trigger=EVENT_TRIGGER_ENUM_ALERTING,
        event_notification_type=EVENT_NOTIFICATION_ENUM_HARD_WIRED_NOTIFICATION,
        component=Component(name="Fan"),
        variable=Variable(name="Speed"),
        actual_value="900",
        cleared=cleared,
        variable_monitoring_id=monitor,
    )


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("batches", "open_alerts"),
    [
        pytest.param([[alert(1, 0)]], [1], id="raised"),
        pytest.param([[alert(1, 0)], [alert(2, 5)]], [2], id="raised again"),
        pytest.param([[alert(1, 0), alert(2, 5, cleared=True)]], [], id="cleared at once"),
        pytest.param([[alert(1, 0)], [alert(2, 5, cleared=True)]], [], id="cleared"),
        # N07: what was queued offline may come after what was not.
        pytest.param([[alert(2, 5, cleared=True)], [alert(1, 0)]], [], id="late"),
        pytest.param([[alert(1, 0), alert(2, 5, cleared=True, monitor=8)]], [1], id="of two monitors"),
    ],
)
async def test_N07_FR_02_an_alert_is_open_until_it_is_cleared(
    unit_of_work: UnitOfWorkFactory, batches: list[list[EventData]], open_alerts: list[int]
) -> None:
    for batch in batches:
        await notify(unit_of_work, *batch)

    async with unit_of_work(read_only=True) as work:
        rows, _ = await StationEventRepository(work.session).list_alerts("default", Page(9), station_id="")
    assert [EventData.FromString(row.event).event_id for row in rows] == open_alerts


async def test_a_thousand_events_are_a_handful_of_statements(
    unit_of_work: UnitOfWorkFactory, engine: AsyncEngine
) -> None:
    data = [alert(n, n, monitor=n) for n in range(500)]
    data += [event_data(n, Component(name="Connector", evse=EVSE(id=n, connector_id=1))) for n in range(500, 1000)]

    with statements(engine) as seen:
        await notify(unit_of_work, *data)

    # A bulk statement of any number of rows is two: for steps of rows, and for the rest.
    assert len(seen) < 15, [statement for statement, _ in seen]


async def open_alerts(unit_of_work: UnitOfWorkFactory) -> list[int]:
    async with unit_of_work(read_only=True) as work:
        rows, _ = await StationEventRepository(work.session).list_alerts("default", Page(9), station_id="")
    return [EventData.FromString(row.event).event_id for row in rows]


async def test_an_event_after_a_boot_is_newer_than_what_was_before(unit_of_work: UnitOfWorkFactory) -> None:
    """Its station's clock may say 1970 until it is set."""
    await notify(unit_of_work, alert(1, 0))
    await add_station(unit_of_work, boot_time=NOW - timedelta(minutes=1))

    await notify(unit_of_work, alert(2, -29_000_000, cleared=True))

    assert await open_alerts(unit_of_work) == []


async def test_names_of_alerts_are_compared_without_case(unit_of_work: UnitOfWorkFactory) -> None:
    await notify(unit_of_work, alert(1, 0))
    cleared = alert(2, 1, cleared=True)
    cleared.component.name, cleared.variable.name = "FAN", "speed"

    await notify(unit_of_work, cleared)

    assert await open_alerts(unit_of_work) == []
