"""How many statements the handling of one message takes, where it is alone in its batch."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.message import Message
from sqlalchemy import event, select

from citrine.api.v1 import tariffs_pb2 as tariffs
from citrine.api.v1.tariffs_pb2_grpc import TariffsServiceStub
from citrine.api.v1.tokens_pb2 import TOKEN_STATUS_ACCEPTED, CreateTokenRequest, Token
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.edge.v1.link_pb2 import Supplement
from citrine.ocpp.v2.authorization_pb2 import AuthorizeRequest
from citrine.ocpp.v2.availability_pb2 import ConnectorStatusEnum, HeartbeatRequest, StatusNotificationRequest
from citrine.ocpp.v2.diagnostics_pb2 import EventData, EventNotificationEnum, EventTriggerEnum, NotifyEventRequest
from citrine.ocpp.v2.meter_values_pb2 import MeterValuesRequest
from citrine.ocpp.v2.provisioning_pb2 import BootNotificationRequest, BootReasonEnum, ChargingStation
from citrine.ocpp.v2.types_pb2 import EVSE, Component, IdToken, Variable
from citrine_core.blocks.smart_charging.capacity import watching
from citrine_core.blocks.tariff_and_cost.transaction_costs import cache
from citrine_core.blocks.transactions.models import TransactionEvent
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.support.charging import ended, meter_value, started, updated
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.fake_edge import FakeSession, timestamp
from tests.support.unnumbered import UNNUMBERED, UnnumberedStation

TOKEN = "AABBCCDD"

PER_KWH = tariff(element(component("ENERGY", "0.30", "19")), tariff_id="KWH")


def boot() -> Message:
    station = ChargingStation(vendor_name="V", model="M")
    return BootNotificationRequest(charging_station=station, reason=BootReasonEnum.BOOT_REASON_ENUM_POWER_UP)


def status(name: str, connector_id: int = 1) -> Message:
    return StatusNotificationRequest(
        timestamp=timestamp(),
        connector_status=ConnectorStatusEnum.Value(f"CONNECTOR_STATUS_ENUM_{name}"),
        evse_id=1,
        connector_id=connector_id,
    )


def notify_event() -> Message:
    data = EventData(
        event_id=1,
        timestamp=timestamp(),
        trigger=EventTriggerEnum.EVENT_TRIGGER_ENUM_ALERTING,
        actual_value="Occupied",
        component=Component(name="Connector", evse=EVSE(id=1, connector_id=1)),
        variable=Variable(name="AvailabilityState"),
        event_notification_type=EventNotificationEnum.EVENT_NOTIFICATION_ENUM_HARD_WIRED_NOTIFICATION,
    )
    return NotifyEventRequest(generated_at=timestamp(), seq_no=0, event_data=[data])


async def begun(core: RunningCore, session: FakeSession) -> None:
    """Have what is read seldom read, and a transaction charge."""
    tokens: Any = core.stub(TokensServiceStub)
    await tokens.CreateToken(
        CreateTokenRequest(token=Token(id_token=TOKEN, type="ISO14443", status=TOKEN_STATUS_ACCEPTED))
    )
    await session.call(boot())
    # The first report on an EVSE puts it at the location of the station.
    await session.call(status("AVAILABLE", connector_id=2))
    await session.call(started(0, 0, evse=(1, 1), id_token=TOKEN))
    await session.call(updated(1, 100))


async def number_of(
    core: RunningCore, session: FakeSession, message: Message, supplement: Supplement | None = None
) -> int:
    """Return how many statements a lane executes for a message."""
    seen: list[str] = []

    def on_execute(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        task = asyncio.current_task()
        if task is not None and task.get_name().startswith("lane "):
            seen.append(statement)

    event.listen(core.core.engine.sync_engine, "before_cursor_execute", on_execute)
    try:
        await session.call(message, supplement=supplement)
    finally:
        event.remove(core.core.engine.sync_engine, "before_cursor_execute", on_execute)
    return len(seen)


@pytest.fixture
def remembering(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what is asked once in two seconds asked once in a test."""
    monkeypatch.setattr(watching, "REMEMBERED", 1000.0)
    monkeypatch.setattr(cache, "REMEMBERED", 1000.0)


MESSAGES: list[tuple[str, Callable[[], Message], int, int]] = [
    ("Heartbeat", HeartbeatRequest, 0, 0),
    ("TransactionEvent Updated", lambda: updated(2, 200), 5, 7),
    ("TransactionEvent Updated with a token", lambda: updated(2, 200, id_token=TOKEN), 7, 10),
    # One adds the charge record that is due, one asks for a first tariff, since the transaction began a moment ago.
    ("TransactionEvent Ended", lambda: ended(2, 200), 7, 8),
    ("TransactionEvent Started", lambda: started(0, 0, transaction_id="T-2", evse=(2, 1)), 7, 13),
    (
        "TransactionEvent Started with a token",
        lambda: started(0, 0, transaction_id="T-2", evse=(2, 1), id_token=TOKEN),
        9,
        17,
    ),
    ("MeterValues", lambda: MeterValuesRequest(evse_id=1, meter_value=[meter_value(5, 1000)]), 4, 4),
    ("StatusNotification", lambda: status("OCCUPIED"), 7, 7),
    # It proves that a transaction is over, whose event says what it costs: its cost, and the currency of its tariff.
    ("StatusNotification of an end", lambda: status("AVAILABLE"), 10, 11),
    ("NotifyEvent", notify_event, 9, 9),
    ("Authorize", lambda: AuthorizeRequest(id_token=IdToken(id_token=TOKEN, type="ISO14443")), 6, 7),
]
"""Messages, with their statements without and with a tariff."""


def more_by_server(core: RunningCore, make: Callable[[], Message]) -> int:
    """Return how many more a server is asked: the time of a change of an alert is by its clock (docs/adr/0041)."""
    return int(make is notify_event and core.core.engine.dialect.name == "postgresql")


@pytest.mark.usefixtures("remembering")
@pytest.mark.parametrize(("make", "number"), [pytest.param(make, n, id=name) for name, make, n, _ in MESSAGES])
async def test_a_message_takes_few_statements(core: RunningCore, make: Callable[[], Message], number: int) -> None:
    async with core.edge() as edge:
        await core.add_station("CS-1", registration=1)
        session = await edge.connect("CS-1", PASSWORD)
        await begun(core, session)
        await session.call(HeartbeatRequest())

        assert await number_of(core, session, make()) == number + more_by_server(core, make)


@pytest.mark.usefixtures("remembering")
async def test_a_reading_without_a_number_takes_no_more_statements_than_one_with(core: RunningCore) -> None:
    """Neither its order nor that it is no repetition needs a query (docs/adr/0037)."""
    async with core.edge() as edge:
        await core.add_station("CS-1", registration=1)
        session = await edge.connect("CS-1", PASSWORD)
        await begun(core, session)
        station = UnnumberedStation(session)
        number = await station.start(evse_id=2)
        await station.update(number, 1, 2000, evse=(2, 1))

        message = updated(1, 3000, minutes=2, transaction_id=str(number), evse=(2, 1))
        with_number = await number_of(core, session, updated(2, 200))
        assert await number_of(core, session, message, UNNUMBERED) == with_number == 5


@pytest.mark.usefixtures("remembering")
@pytest.mark.parametrize(("make", "number"), [pytest.param(make, n, id=name) for name, make, _, n in MESSAGES])
async def test_a_message_takes_few_more_statements_where_charging_costs_something(
    core: RunningCore, make: Callable[[], Message], number: int
) -> None:
    api: Any = core.stub(TariffsServiceStub)
    await api.CreateTariff(tariffs.CreateTariffRequest(tariff=PER_KWH))
    await api.AssignTariff(
        tariffs.AssignTariffRequest(assignment=tariffs.TariffAssignment(tariff_id=PER_KWH.tariff_id))
    )
    async with core.edge() as edge:
        await core.add_station("CS-1", registration=1)
        session = await edge.connect("CS-1", PASSWORD)
        await begun(core, session)
        await session.call(HeartbeatRequest())

        assert await number_of(core, session, make()) == number + more_by_server(core, make)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: updated(2, 200), id="TransactionEvent"),
        pytest.param(lambda: MeterValuesRequest(evse_id=1, meter_value=[meter_value(5, 1000)]), id="MeterValues"),
    ],
)
async def test_what_an_old_session_says_is_not_stored_whichever_core_granted_the_newer_one(
    database_url: str, tmp_path: Path, make: Callable[[], Message]
) -> None:
    (tmp_path / "other").mkdir()
    async with running_core(database_url, tmp_path) as one, running_core(database_url, tmp_path / "other") as other:
        await one.add_station("CS-1", registration=1)
        async with one.edge() as edge, other.edge("edge-2") as other_edge:
            old = await edge.connect("CS-1", PASSWORD)
            await begun(one, old)
            new = await other_edge.connect("CS-1", PASSWORD)
            await new.call(HeartbeatRequest())
            edge.put_call(old.ref, make())
            assert (await edge.next("disconnect")).session == old.ref

            async with one.core.unit_of_work(read_only=True) as work:
                table = TransactionEvent.__table__.c
                assert list(await work.session.scalars(select(table.seq_no).order_by(table.seq_no))) == [0, 1]
            assert await new.call(make()) is not None
