"""Which tariff a transaction has: the one that held when it was heard of, whatever becomes known later."""

from datetime import datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import select, text, update

from citrine.api.v1 import tariffs_pb2 as pb
from citrine.api.v1.locations_pb2 import CreateLocationRequest
from citrine.api.v1.locations_pb2_grpc import LocationsServiceStub
from citrine.api.v1.tokens_pb2 import TOKEN_STATUS_BLOCKED, CreateTokenRequest, Token
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_core.blocks.provisioning import ReportedVariable
from citrine_core.blocks.provisioning.repository import name_key
from citrine_core.blocks.tariff_and_cost import repository
from citrine_core.blocks.tariff_and_cost.assignments import Subject, find_tariffs
from citrine_core.blocks.tariff_and_cost.jobs import UnstampedTariffs
from citrine_core.blocks.tariff_and_cost.models import StoredTariff
from citrine_core.clock import utc_now
from citrine_core.resources.stations.tags import StationTags
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.core.blocks.tariff_and_cost.test_servicer import code_of
from tests.core.blocks.tariff_and_cost.test_transaction_costs import OWN, Costs, connect
from tests.core.resources.locations.test_servicer import place
from tests.support.charging import ended, started, updated
from tests.support.core import RunningCore

OLD = tariff(element(component("ENERGY", "1")), tariff_id="OLD")
NEW = tariff(element(component("ENERGY", "5")), tariff_id="NEW")
HOUR = timedelta(hours=1)


def stamp(time: datetime) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(time)
    return found


async def add_token(core: RunningCore, id_token: str = OWN, **fields: Any) -> None:
    tokens: Any = core.stub(TokensServiceStub)
    await tokens.CreateToken(CreateTokenRequest(token=Token(id_token=id_token, type="ISO14443", **fields)))


async def unassign(api: Costs, made: pb.TariffAssignment, **fields: Any) -> None:
    await api.tariffs.UnassignTariff(pb.UnassignTariffRequest(assignment_id=made.assignment_id, **fields))


async def tariff_of(core: RunningCore, time: datetime) -> str | None:
    """Return the tariff of somebody whom the core hears of at a time."""
    async with core.core.unit_of_work(read_only=True) as work:
        (found,) = await find_tariffs(work, "default", [Subject("CS-1", 1, None, None, None, time)])
    return found[0] if found is not None else None


async def test_an_assignment_swapped_between_plug_in_and_authorisation_costs_nobody_his_tariff(
    core: RunningCore,
) -> None:
    api = Costs(core)
    await add_token(core)
    old = await api.assign(OLD)
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.call(started(0, 0))
        await unassign(api, old)
        await api.assign(NEW)
        known = await station.call(updated(1, 1000, id_token=OWN, evse=(1, 1)))
        end = await station.call(ended(2, 10000))
        late = await station.call_all([started(0, 0, transaction_id="T-2"), ended(1, 1000, transaction_id="T-2")])

    assert (known.total_cost, end.total_cost) == (1.0, 10.0)
    assert (await api.of()).tariff.tariff_id == "OLD"
    assert late[1].total_cost == 5.0


async def test_an_own_assignment_that_ended_in_between_still_counts(core: RunningCore) -> None:
    """The subject is decided when it is known; the time is that of the first message."""
    api = Costs(core)
    await add_token(core)
    await api.assign(NEW)
    own = await api.assign(OLD, id_token=IdToken(id_token=OWN))
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.call(started(0, 0))
        await unassign(api, own)
        end = await station.call_all([updated(1, 1000, id_token=OWN), ended(2, 10000)])

    assert end[1].total_cost == 10.0


async def test_a_late_started_costs_nobody_his_tariff(core: RunningCore) -> None:
    """Though the tariff was not valid yet when the transaction began, as is known only now."""
    api = Costs(core)
    now = utc_now()
    since = tariff(element(component("ENERGY", "1")), tariff_id="SINCE", valid_from=stamp(now - timedelta(minutes=5)))
    await api.assign(since)
    first, begin = updated(1, 1000), started(0, 0, offline=True)
    for event, time in ((first, now), (begin, now - HOUR)):
        event.timestamp.FromDatetime(time)
        event.meter_value[0].timestamp.FromDatetime(time)
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.call(first)
        await station.call(begin)

    cost = await api.of()
    assert (cost.tariff.tariff_id, cost.cost.total.after_tax) == ("SINCE", "1.00")


async def test_a_changed_token_costs_nobody_his_tariff(core: RunningCore) -> None:
    """The one who was refused had a tariff, the one who may charge has none of its own."""
    api = Costs(core)
    await add_token(core, "AA00BB01", status=TOKEN_STATUS_BLOCKED)
    await add_token(core, "AA00BB02")
    await api.assign(OLD, id_token=IdToken(id_token="AA00BB01"))
    async with core.edge() as edge:
        station = await connect(core, edge)
        await station.call(started(0, 0, id_token="AA00BB01"))
        await station.call(updated(1, 0, id_token="AA00BB02"))
        end = await station.call(ended(2, 10000))

    assert end.total_cost == 10.0


async def test_prices_change_at_a_date_without_anybody_doing_anything(core: RunningCore) -> None:
    api, now = Costs(core), utc_now()
    await core.add_station("CS-1", registration=1)
    await api.assign(OLD)
    await api.assign(NEW, valid_from=stamp(now + HOUR), valid_to=stamp(now + 2 * HOUR))

    found = [await tariff_of(core, now + hours * HOUR) for hours in (0.5, 1, 1.5, 2)]

    assert found == ["OLD", "NEW", "NEW", "OLD"]
    assert await tariff_of(core, now - HOUR) is None


async def test_an_assignment_ends_at_a_date_and_is_listed_until_then(core: RunningCore) -> None:
    api, now = Costs(core), utc_now()
    made, gone = await api.assign(OLD), await api.assign(NEW)

    await unassign(api, made, valid_to=stamp(now + HOUR))
    await unassign(api, gone)

    listed = await api.tariffs.ListTariffAssignments(pb.ListTariffAssignmentsRequest())
    whole = await api.tariffs.ListTariffAssignments(pb.ListTariffAssignmentsRequest(include_ended=True))
    assert [(one.tariff_id, one.valid_to) for one in listed.assignments] == [("OLD", stamp(now + HOUR))]
    assert [one.tariff_id for one in whole.assignments] == ["OLD", "NEW"]
    for one in whole.assignments:
        named = pb.ListTariffAssignmentsRequest(include_ended=True, assignment_id_prefix=one.assignment_id[:30])
        assert list((await api.tariffs.ListTariffAssignments(named)).assignments) == [one]
    assert await code_of(unassign(api, gone)) is grpc.StatusCode.NOT_FOUND
    assert await code_of(unassign(api, made, valid_to=stamp(now))) is grpc.StatusCode.INVALID_ARGUMENT
    assert await code_of(api.tariffs.DeleteTariff(pb.DeleteTariffRequest(tariff_id="OLD"))) is (
        grpc.StatusCode.FAILED_PRECONDITION
    )
    assert [await tariff_of(core, now + hours * HOUR) for hours in (0.5, 1.5)] == ["OLD", None]


@pytest.mark.in_turn
@pytest.mark.parametrize("hours", [-1, 0.5], ids=["in the past", "before its beginning"])
async def test_an_assignment_can_not_end_before_it_begins(core: RunningCore, hours: float) -> None:
    api, now = Costs(core), utc_now()
    wrong = {"valid_from": stamp(now + HOUR), "valid_to": stamp(now + hours * HOUR)}

    assert await code_of(api.assign(OLD, **wrong)) is grpc.StatusCode.INVALID_ARGUMENT


async def report_currency(core: RunningCore, currency: str) -> None:
    """Have the device model of CS-1 name the currency of the station."""
    async with core.core.unit_of_work() as work:
        work.session.add(
            ReportedVariable(
                tenant_id="default",
                station_id="CS-1",
                name_key=name_key("tariffCostCtrlr", "", "currency", ""),
                component="tariffCostCtrlr",
                component_instance="",
                evse_id=-1,
                connector_id=-1,
                variable="currency",
                variable_instance="",
                attribute=1,
                value=currency,
                update_time=utc_now(),
            )
        )
        await work.commit()


async def test_a_tariff_in_another_currency_is_not_assigned_to_a_station(core: RunningCore) -> None:
    api = Costs(core)
    await core.add_station("CS-1", registration=1)
    await report_currency(core, "SEK")

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await api.assign(OLD, station_id="CS-1")

    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "EUR" in str(refused.value.details())
    assert "SEK" in str(refused.value.details())


@pytest.mark.in_turn
@pytest.mark.parametrize(("currency", "told"), [("SEK", False), ("eur", True)])
async def test_a_station_is_told_no_cost_in_another_currency(core: RunningCore, currency: str, told: bool) -> None:
    api = Costs(core)
    await api.assign(OLD)
    async with core.edge() as edge:
        station = await connect(core, edge)
        await report_currency(core, currency)
        answers = await station.call_all([started(0, 0), updated(1, 1000), ended(2, 2000)])

    assert [one.HasField("total_cost") for one in answers[1:]] == [told, told]
    cost = await api.of()
    assert (cost.cost.currency, cost.cost.total.after_tax) == ("EUR", "2.00")
    assert cost.station_currency == ("" if told else "SEK")
    assert cost.HasField("told_total") is told


OF_BEFORE_LABELS = """
SELECT tariff_id FROM tariff_assignments
WHERE tenant_id = 'default' AND id_token_lookup IN ('') AND group_id IN ('') AND station_id IN ('', 'CS-1')
    AND location_id IN ('') AND station_group IN ('') AND to_time IS NULL
"""
"""Query of a core of before assignments had labels."""


async def test_a_core_of_before_labels_finds_no_assignment_by_labels(core: RunningCore) -> None:
    """It would take it as one for every station."""
    api = Costs(core)
    await core.add_station("CS-1", registration=1)
    async with core.core.unit_of_work() as work:
        await StationTags(work.session).replace_labels("default", "CS-1", {"site": "north"})
        await work.commit()
    made = await api.assign(NEW, station_labels={"site": "north"})
    again = await api.tariffs.AssignTariff(pb.AssignTariffRequest(assignment=made))

    async with core.core.unit_of_work(read_only=True) as work:
        found = (await work.session.execute(text(OF_BEFORE_LABELS))).all()
    assert found == []
    assert await tariff_of(core, utc_now()) == "NEW"
    assert (made.station_id, again.assignment_id) == ("", made.assignment_id)


async def test_what_a_core_of_before_changes_of_tariffs_is_listed_by_its_change(core: RunningCore) -> None:
    """It leaves `update_time` as it is; of a tariff that it creates, the default."""
    api = Costs(core)
    for wanted in (OLD, NEW):
        await api.tariffs.CreateTariff(pb.CreateTariffRequest(tariff=wanted))
    since = core.core.services.clock()
    async with core.core.unit_of_work() as work:
        table = StoredTariff.metadata.tables["tariffs"]
        of_default = datetime(1970, 1, 1, tzinfo=since.tzinfo)
        await work.session.execute(update(table).where(table.c.tariff_id == "OLD").values(update_time=of_default))
        await work.commit()

    await UnstampedTariffs(core.core.services).run()

    async with core.core.unit_of_work(read_only=True) as work:
        changed = list(await work.session.scalars(select(table.c.tariff_id).where(table.c.update_time >= since)))
    assert changed == ["OLD"]


async def test_assignments_are_listed_by_what_they_are_for(core: RunningCore) -> None:
    api = Costs(core)
    await core.add_station("CS-1", registration=1)
    locations: Any = core.stub(LocationsServiceStub)
    await locations.CreateLocation(CreateLocationRequest(location=place(location_id="L-1")))
    labels = {"site": "north", "kind": "fast"}
    wanted: dict[str, dict[str, Any]] = {
        "ALL": {},
        "STATION": {"station_id": "CS-1"},
        "LOCATION": {"location_id": "L-1"},
        "STATIONS": {"station_group": "depot"},
        "LABELS": {"station_labels": labels},
        "LABEL": {"station_labels": {"site": "north"}},
        "GROUP": {"group_id": "FLEET", "location_id": "L-1"},
        "TOKEN": {"id_token": IdToken(id_token="aa:bb:cc:dd", type="ISO14443")},
    }
    made = {
        name: await api.assign(tariff(element(component("FLAT", "1")), tariff_id=name), **fields)
        for name, fields in wanted.items()
    }

    async def listed(**fields: Any) -> list[str]:
        request = pb.ListTariffAssignmentsRequest(**fields)
        return [one.tariff_id for one in (await api.tariffs.ListTariffAssignments(request)).assignments]

    assert await listed() == list(wanted)
    assert await listed(tariff_id="LABEL") == ["LABEL"]
    assert await listed(station_id="CS-1") == ["STATION"]
    assert await listed(location_id="L-1") == ["LOCATION", "GROUP"]
    assert await listed(location_id="L-1", group_id="FLEET") == ["GROUP"]
    assert await listed(station_group="depot") == ["STATIONS"]
    assert await listed(station_labels=labels) == ["LABELS"]
    assert await listed(station_labels={"site": "north"}) == ["LABELS", "LABEL"]
    assert await listed(station_labels={"kind": "fast"}) == ["LABELS"]
    assert await listed(station_labels={"kind": "Fast"}) == await listed(station_labels={"ind": "fast"}) == []
    assert await listed(id_token="AABBCCDD") == ["TOKEN"]
    assert made["TOKEN"].id_token == IdToken(id_token="aa:bb:cc:dd", type="ISO14443")
    assert not made["ALL"].HasField("id_token")


async def test_a_page_of_assignments_by_label_looks_at_some_of_those_with_labels(
    core: RunningCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "MOST_LABELLED", 2)
    api = Costs(core)
    await api.tariffs.CreateTariff(pb.CreateTariffRequest(tariff=OLD))
    for row, site in enumerate(("north", "north", "south", "south", "north")):
        made = pb.TariffAssignment(tariff_id="OLD", station_labels={"site": site, "row": str(row)})
        await api.tariffs.AssignTariff(pb.AssignTariffRequest(assignment=made))
    request = pb.ListTariffAssignmentsRequest(station_labels={"site": "north"})

    pages = [await api.tariffs.ListTariffAssignments(request)]
    while request.page_token != pages[-1].next_page_token:
        request.page_token = pages[-1].next_page_token
        if request.page_token:
            pages.append(await api.tariffs.ListTariffAssignments(request))

    rows = [[one.station_labels["row"] for one in page.assignments] for page in pages]
    assert rows == [["0", "1"], [], ["4"]]
