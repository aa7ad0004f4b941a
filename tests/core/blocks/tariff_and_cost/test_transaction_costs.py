"""What transactions cost, on a whole core, with stations played by the test."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from citrine.api.v1 import tariff_and_cost_pb2 as cost_pb
from citrine.api.v1 import tariffs_pb2 as pb
from citrine.api.v1 import transactions_pb2
from citrine.api.v1.locations_pb2 import CreateLocationRequest
from citrine.api.v1.locations_pb2_grpc import LocationsServiceStub
from citrine.api.v1.stations_pb2 import Station, UpdateStationRequest
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.api.v1.tariff_and_cost_pb2_grpc import TariffAndCostServiceStub
from citrine.api.v1.tariffs_pb2_grpc import TariffsServiceStub
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from citrine.edge.v1.link_pb2 import Command
from citrine.ocpp.actions import unwrap
from citrine.ocpp.v2.authorization_pb2 import AuthorizeRequest
from citrine.ocpp.v2.availability_pb2 import ConnectorStatusEnum, HeartbeatRequest, StatusNotificationRequest
from citrine.ocpp.v2.tariff_and_cost_pb2 import CostUpdatedResponse
from citrine.ocpp.v2.transactions_pb2 import ChargingStateEnum
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_core.blocks.reservation.models import Reservation
from citrine_core.blocks.tariff_and_cost.models import TariffVersion
from citrine_core.blocks.tariff_and_cost.transaction_costs import RunningCosts, cache
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.core.resources.locations.test_servicer import place
from tests.support.charging import ended, started, updated
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeEdge, FakeSession, timestamp
from tests.support.statements import statements

PER_KWH = tariff(element(component("ENERGY", "0.30", "19"), component("FLAT", "0.50", "19")), tariff_id="KWH")
SUSPENDED = {"charging_state": ChargingStateEnum.CHARGING_STATE_ENUM_SUSPENDED_EV}
CHARGING = {"charging_state": ChargingStateEnum.CHARGING_STATE_ENUM_CHARGING}


OWN, MEMBER = "AA00BB11", "AA00BB22"


def _tokens(core: RunningCore) -> Any:
    return core.stub(TokensServiceStub)


class Costs:
    """The API as these tests need it."""

    def __init__(self, core: RunningCore) -> None:
        # Any: the types of stubs are those of synchronous channels.
        self.tariffs: Any = core.stub(TariffsServiceStub)
        self.costs: Any = core.stub(TariffAndCostServiceStub)

    async def assign(self, wanted: pb.Tariff, **assignment: Any) -> pb.TariffAssignment:
        await self.tariffs.CreateTariff(pb.CreateTariffRequest(tariff=wanted))
        made = pb.TariffAssignment(tariff_id=wanted.tariff_id, **assignment)
        found: pb.TariffAssignment = await self.tariffs.AssignTariff(pb.AssignTariffRequest(assignment=made))
        return found

    async def of(self, transaction_id: str = "T-1") -> cost_pb.TransactionCost:
        request = cost_pb.GetTransactionCostRequest(transaction_id=transaction_id)
        found: cost_pb.TransactionCost = await self.costs.GetTransactionCost(request)
        return found

    async def settings(self, **settings: Any) -> None:
        await self.tariffs.UpdateCostSettings(pb.UpdateCostSettingsRequest(settings=pb.CostSettings(**settings)))


async def connect(core: RunningCore, edge: FakeEdge, station_id: str = "CS-1") -> FakeSession:
    await core.add_station(station_id, registration=1)
    return await edge.connect(station_id, PASSWORD)


async def test_I03_FR_02_the_end_is_answered_with_the_total(core: RunningCore) -> None:
    api = Costs(core)
    await api.assign(PER_KWH)
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.call(started(0, 1000))
        running = await station.call(updated(1, 6000))
        end = await station.call(ended(2, 11000))

    assert running.total_cost == 2.38
    assert end.total_cost == 4.17
    cost = await api.of()
    assert cost.state == cost_pb.COST_STATE_FINAL
    assert (cost.cost.total.before_tax, cost.cost.total.after_tax) == ("3.50", "4.17")
    assert (cost.tariff.tariff_id, cost.tariff.version, cost.told_total) == ("KWH", 1, "4.17")
    transactions: Any = core.stub(TransactionsServiceStub)
    found = await transactions.GetTransaction(transactions_pb2.GetTransactionRequest(transaction_id="T-1"))
    assert found.total_cost == 4.17


async def test_I03_FR_04_what_is_not_known_is_omitted_and_what_is_free_costs_nothing(core: RunningCore) -> None:
    api = Costs(core)
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.call(started(0, 1000, transaction_id="T-1"))
        unknown = await station.call(ended(1, 2000, transaction_id="T-1"))
        await api.assign(tariff(element(component("FLAT", "0.00"))))
        await station.call(started(0, 2000, transaction_id="T-2"))
        free = await station.call(ended(1, 3000, transaction_id="T-2"))

    assert not unknown.HasField("total_cost")
    assert free.HasField("total_cost")
    assert free.total_cost == 0.0
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await api.of("T-1")
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_tariff_that_changes_later_changes_no_transaction(core: RunningCore) -> None:
    api = Costs(core)
    await api.assign(PER_KWH)
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.call(started(0, 0))
        dearer = tariff(element(component("ENERGY", "3.00")), tariff_id="KWH")
        await api.tariffs.UpdateTariff(pb.UpdateTariffRequest(tariff=dearer))
        await station.call(updated(1, 5000))
        end = await station.call(ended(2, 10000))

    assert end.total_cost == 4.17
    assert (await api.of()).tariff.version == 1
    current = await api.tariffs.GetTariff(pb.GetTariffRequest(tariff_id="KWH"))
    assert (current.version, len(current.elements[0].price_components)) == (2, 1)


async def test_times_of_day_without_a_zone_are_those_of_the_location_at_the_start(core: RunningCore) -> None:
    """At noon by UTC it is night in Tokyo, and it stays so for a transaction whose station moves meanwhile."""
    api = Costs(core)
    noon = element(component("ENERGY", "1.00"), start_time="11:00", end_time="13:00")
    await api.assign(tariff(noon, element(component("ENERGY", "0.10"))))
    places: Any = core.stub(LocationsServiceStub)
    for location_id, zone in (("tokyo", "Asia/Tokyo"), ("accra", "Africa/Accra")):
        await places.CreateLocation(CreateLocationRequest(location=place(location_id, time_zone=zone)))
    await core.add_station("CS-1", registration=1, location_id="tokyo")
    await core.add_station("CS-2", registration=1)
    async with core.edge() as edge:
        night, day = await edge.connect("CS-1", PASSWORD), await edge.connect("CS-2", PASSWORD)
        await night.call(started(0, 0, transaction_id="T-1"))
        await day.call(started(0, 0, transaction_id="T-2"))
        stations: Any = core.stub(StationsServiceStub)
        moved = Station(station_id="CS-1", location_id="accra")
        await stations.UpdateStation(UpdateStationRequest(station=moved))
        await night.call(updated(1, 5000, transaction_id="T-1"))
        ends = [await night.call(ended(2, 10000, transaction_id="T-1"))]
        ends.append(await day.call(ended(1, 10000, transaction_id="T-2")))

    assert [end.total_cost for end in ends] == [1.0, 10.0]
    assert ((await api.of("T-1")).cost.total.after_tax, (await api.of("T-2")).cost.total.after_tax) == ("1.00", "10.00")


async def test_a_tariff_of_a_location_goes_before_those_of_labels_and_of_a_group(core: RunningCore) -> None:
    """More labels go before fewer, these before a group, and that before all; where it stood at first counts."""
    api = Costs(core)
    places: Any = core.stub(LocationsServiceStub)
    await places.CreateLocation(CreateLocationRequest(location=place("north")))
    for name, price, where in (
        ("ALL", "1", {}),
        ("GROUP", "2", {"station_group": "fast"}),
        ("SITE", "3", {"location_id": "north"}),
        ("LABEL", "4", {"station_labels": {"city": "Bonn"}}),
        ("LABELS", "5", {"station_labels": {"city": "Bonn", "row": "ä"}}),
        ("ELSEWHERE", "6", {"station_labels": {"city": "Bonn", "row": "2"}}),
        ("BOTH", "7", {"station_labels": {"area": "x", "city": "Bonn"}, "station_group": "fast"}),
    ):
        await api.assign(tariff(element(component("FLAT", price)), tariff_id=name), **where)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await api.assign(tariff(element(component("FLAT", "4")), tariff_id="NOWHERE"), location_id="south")
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND
    stations: Any = core.stub(StationsServiceStub)
    async with core.edge() as edge:
        totals = []
        for station_id, placed in (
            ("CS-1", Station(location_id="north", groups=["fast"])),
            ("CS-2", Station(groups=["fast", "depot"])),
            ("CS-3", Station(groups=["depot"])),
            ("CS-4", Station(groups=["fast"], labels={"city": "Bonn"})),
            ("CS-5", Station(location_id="north", labels={"city": "Bonn"})),
            ("CS-6", Station(groups=["depot", "other"], labels={"city": "Bonn", "row": "ä", "z": "z"})),
            ("CS-7", Station(groups=["depot", "fast"], labels={"area": "x", "city": "Bonn", "row": "ä"})),
        ):
            session = await connect(core, edge, station_id)
            placed.station_id = station_id
            await stations.UpdateStation(UpdateStationRequest(station=placed))
            await session.call(started(0, 0, transaction_id=f"T-{station_id}"))
            totals.append((await session.call(ended(1, 1000, transaction_id=f"T-{station_id}"))).total_cost)

    assert totals == [3.0, 2.0, 1.0, 4.0, 3.0, 5.0, 7.0]
    listed = await api.tariffs.ListTariffAssignments(pb.ListTariffAssignmentsRequest(tariff_id="LABELS"))
    assert dict(listed.assignments[0].station_labels) == {"city": "Bonn", "row": "ä"}


async def test_a_transaction_that_is_priced_again_keeps_the_location_where_it_began(core: RunningCore) -> None:
    """Its station moves, and then it becomes known who charges; the next transaction has the price of the other one."""
    api = Costs(core)
    places: Any = core.stub(LocationsServiceStub)
    for price, location_id in (("1", "north"), ("2", "south")):
        await places.CreateLocation(CreateLocationRequest(location=place(location_id)))
        await api.assign(tariff(element(component("FLAT", price)), tariff_id=location_id), location_id=location_id)
    await _tokens(core).CreateToken(CreateTokenRequest(token=Token(id_token=OWN, type="ISO14443")))
    await core.add_station("CS-1", registration=1, location_id="north")
    stations: Any = core.stub(StationsServiceStub)
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        occupied = ConnectorStatusEnum.CONNECTOR_STATUS_ENUM_OCCUPIED
        status = StatusNotificationRequest(evse_id=1, connector_id=1, connector_status=occupied, timestamp=timestamp())
        await session.call(status)
        await session.call(started(0, 0, evse=(1, 1)))
        await stations.UpdateStation(UpdateStationRequest(station=Station(station_id="CS-1", location_id="south")))
        await session.call(updated(1, 500, id_token=OWN))
        first = await session.call(ended(2, 1000))
        await session.call(started(0, 0, transaction_id="T-2", evse=(1, 1)))
        second = await session.call(ended(1, 1000, transaction_id="T-2"))

    assert (first.total_cost, second.total_cost) == (1.0, 2.0)


async def test_late_events_make_the_cost_final(core: RunningCore) -> None:
    """The end comes first; what the station queued shows that half of the time was idle."""
    api = Costs(core)
    await api.assign(tariff(element(component("CHARGING_TIME", "6"), component("IDLE_TIME", "60"))))
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.call(started(0, 0, minutes=0, info=CHARGING))
        end = await station.call(ended(2, 5000, minutes=20))
        before = await api.of()
        await station.call(updated(1, 5000, minutes=10, info=SUSPENDED, offline=True))

    assert end.total_cost == 2.0
    assert before.state == cost_pb.COST_STATE_PROVISIONAL
    after = await api.of()
    assert (after.state, after.cost.total.after_tax) == (cost_pb.COST_STATE_FINAL, "11.00")
    assert after.cost.idle_time.ToTimedelta() == timedelta(minutes=10)


async def test_the_most_specific_tariff_applies(core: RunningCore) -> None:
    api, tokens = Costs(core), _tokens(core)
    for name in (OWN, MEMBER):
        one = Token(id_token=name, type="ISO14443", group_id="FLEET")
        await tokens.CreateToken(CreateTokenRequest(token=one))
    async with core.edge() as edge:
        station, other = await connect(core, edge), await connect(core, edge, "CS-2")
        for price, assignment in (
            ("1", {}),
            ("2", {"station_id": "CS-1"}),
            ("3", {"station_id": "CS-1", "evse_id": 2}),
            ("4", {"group_id": "FLEET"}),
            ("5", {"id_token": IdToken(id_token=OWN.lower(), type="ISO14443")}),
        ):
            await api.assign(tariff(element(component("FLAT", price)), tariff_id=f"T{price}"), **assignment)
        ends = [
            [started(0, transaction_id=name, **fields), ended(1, transaction_id=name)]
            for name, fields in (
                ("A", {"evse": (1, 1)}),
                ("B", {"evse": (2, 1)}),
                ("C", {"evse": (2, 1), "id_token": MEMBER}),
                ("D", {"evse": (2, 1), "id_token": OWN}),
            )
        ]
        totals = [(await station.call_all(pair))[1].total_cost for pair in ends]
        elsewhere = (await other.call_all(ends[0]))[1].total_cost

    assert totals == [2, 3, 4, 5]
    assert elsewhere == 1


async def test_a_driver_who_is_known_later_gets_the_own_tariff_from_the_beginning(core: RunningCore) -> None:
    api = Costs(core)
    await _tokens(core).CreateToken(CreateTokenRequest(token=Token(id_token=OWN, type="ISO14443")))
    await api.assign(tariff(element(component("ENERGY", "1")), tariff_id="ALL"))
    await api.assign(tariff(element(component("ENERGY", "0.10")), tariff_id="OWN"), id_token=IdToken(id_token=OWN))
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.call(started(0, 0))
        before = await station.call(updated(1, 10000))
        after = await station.call(updated(2, 10000, id_token=OWN))

    assert (before.total_cost, after.total_cost) == (10.0, 1.0)


async def test_I01_drivers_are_told_their_price_where_the_station_shows_it(core: RunningCore) -> None:
    api, tokens = Costs(core), _tokens(core)
    await tokens.CreateToken(CreateTokenRequest(token=Token(id_token=OWN, type="ISO14443", language="de")))
    texts = [pb.TariffText(language="en", text="30 cents"), pb.TariffText(language="de", text="30 Cent")]
    await api.assign(tariff(element(component("ENERGY", "0.30")), texts=texts))
    request = AuthorizeRequest(id_token=IdToken(id_token=OWN, type="ISO14443"))
    async with core.edge() as edge:
        station = await connect(core, edge)
        silent = await station.call(request)
        await api.settings(price_messages=pb.PRICE_MESSAGES_ALWAYS)
        told = await station.call(request)

    assert not silent.id_token_info.HasField("personal_message")
    message = told.id_token_info.personal_message
    assert (message.content, message.language) == ("30 Cent", "de")


async def test_I06_FR_02_a_driver_is_told_when_another_tariff_applies(core: RunningCore) -> None:
    api = Costs(core)
    await api.settings(price_messages=pb.PRICE_MESSAGES_ALWAYS)
    await api.assign(tariff(element(component("ENERGY", "1")), tariff_id="ALL"))
    texts = [pb.TariffText(language="en", text="fast")]
    async with core.edge() as edge:
        station = await connect(core, edge)
        fast = tariff(element(component("ENERGY", "2")), tariff_id="FAST", texts=texts)
        await api.assign(fast, station_id="CS-1", evse_id=2)
        await station.call(started(0, 0))
        same = await station.call(updated(1, 1000))
        other = await station.call(updated(2, 1000, evse=(2, 1)))

    assert not same.HasField("updated_personal_message")
    assert (other.updated_personal_message.content, other.total_cost) == ("fast", 2.0)


async def test_I02_FR_01_stations_are_sent_the_running_cost_at_a_rate(core: RunningCore) -> None:
    api = Costs(core)
    await api.settings(running_cost=pb.RUNNING_COST_COST_UPDATED, running_cost_interval=Duration(seconds=3600))
    await api.assign(PER_KWH)
    asked = asyncio.Event()

    def answer_command(command: Command) -> CostUpdatedResponse:
        asked.set()
        return CostUpdatedResponse()

    async with core.edge() as edge:
        edge.on_command = answer_command
        station = await connect(core, edge)
        await station.call(started(0, 0))
        answer = await station.call(updated(1, 10000))
        await RunningCosts(core.core.services).run()
        early = len(edge.commands)
        # Due at once, by settings that hold for what is under way.
        await api.settings(running_cost_interval=Duration(seconds=3600))
        await asyncio.wait_for(asked.wait(), 10)
        # What a station says is handled in order: its answer before this.
        await station.call(HeartbeatRequest())
        sent: list[Any] = [unwrap(command.request) for command in edge.commands]

    assert not answer.HasField("total_cost")
    assert early == 0
    assert [(one.transaction_id, one.total_cost) for one in sent] == [("T-1", 4.17)]
    assert (await api.of()).told_total == "4.17"


async def test_a_batch_takes_a_handful_of_statements_whatever_its_size(
    core: RunningCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However slow the machine is, what is known of a tenant is read once.
    monkeypatch.setattr(cache, "REMEMBERED", 1000.0)
    api = Costs(core)
    async with core.edge() as edge:
        stations = [await connect(core, edge, f"CS-{number}") for number in range(30)]

        async def count(seq_no: int) -> float:
            """Return the statements about tariffs and costs for each batch that stored events."""
            ids = []
            with statements(core.core.engine) as seen:
                for station in stations:
                    event = started(0, 0) if seq_no == 0 else updated(seq_no, 1000 * seq_no)
                    ids.append(edge.put_call(station.ref, event))
                for call_id in ids:
                    await edge.answer_to(call_id)
            batches = sum("INSERT INTO transaction_events" in text for text, _ in seen)
            return sum("tariff_" in text or "transaction_costs" in text for text, _ in seen) / batches

        without = await count(0)
        await api.assign(PER_KWH)
        first, next_one = await count(1), await count(2)

    assert without <= 1
    assert first <= 7
    assert next_one <= 4


async def test_costs_are_listed_by_their_state(core: RunningCore) -> None:
    api = Costs(core)
    await api.assign(PER_KWH)
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.call_all([started(0, 0), ended(1, 10000)])

    listed = await api.costs.ListTransactionCosts(cost_pb.ListTransactionCostsRequest(state=cost_pb.COST_STATE_FINAL))
    assert [(one.transaction_id, one.cost.total.after_tax) for one in listed.costs] == [("T-1", "4.17")]


async def test_a_reservation_that_is_used_is_billed_with_the_transaction(core: RunningCore) -> None:
    """From the station's Accepted on, not since it was asked for."""
    api = Costs(core)
    used = pb.RESERVATION_RESTRICTION_RESERVATION
    await api.assign(
        tariff(
            element(component("FLAT", "2"), component("CHARGING_TIME", "6"), reservation=used),
            element(component("ENERGY", "1")),
        )
    )
    start = datetime.now(UTC)
    async with core.edge() as edge:
        station = await connect(core, edge)
        async with core.core.unit_of_work() as work:
            work.session.add(reservation("CS-1", 7, start - timedelta(minutes=20), start - timedelta(minutes=10)))
            await work.commit()
        event = started(0, 0, reservation_id=7)
        event.timestamp.FromDatetime(start)
        event.meter_value[0].timestamp.FromDatetime(start)
        await station.call(event)
        end = ended(1, 10000)
        end.timestamp.FromDatetime(start + timedelta(minutes=1))
        end.meter_value[0].timestamp.FromDatetime(start + timedelta(minutes=1))
        answer = await station.call(end)

    assert answer.total_cost == 13.0
    kinds = {line.kind: line.amount.after_tax for line in (await api.of()).cost.lines}
    assert kinds[pb.CostLine.KIND_RESERVATION_TIME] == "1.00"


def reservation(station_id: str, reservation_id: int, made: datetime, expires: datetime) -> Reservation:
    return Reservation(
        tenant_id="default",
        station_id=station_id,
        reservation_id=reservation_id,
        id_token_lookup="",
        request=b"",
        expire_time=expires,
        deadline_time=made,
        state=2,
        state_time=made,
        accept_time=made,
        create_time=made - timedelta(hours=1),
        update_time=made,
    )


async def test_a_tariff_that_can_not_be_read_costs_no_message(core: RunningCore) -> None:
    """As where the system lost a time zone: the transaction is stored, and its cost is not known."""
    api = Costs(core)
    await api.assign(PER_KWH)
    broken = tariff(element(component("ENERGY", "1")), time_zone="Gone/Away").SerializeToString()
    async with core.core.unit_of_work() as work:
        version = await work.session.get(TariffVersion, ("default", "KWH", 1))
        assert version is not None
        version.definition = broken
        await work.commit()
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.call(started(0, 0))
        end = await station.call(ended(1, 10000))

    assert not end.HasField("total_cost")
    transactions: Any = core.stub(TransactionsServiceStub)
    found = await transactions.GetTransaction(transactions_pb2.GetTransactionRequest(transaction_id="T-1"))
    assert found.energy_wh == 10000
