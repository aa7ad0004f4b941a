"""TariffsService on a whole core."""

import asyncio
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1 import tariffs_pb2 as pb
from citrine.api.v1.common_pb2 import TimeRange
from citrine.api.v1.tariffs_pb2_grpc import TariffsServiceStub
from citrine.api.v1.tenants_pb2 import DeleteTenantRequest
from citrine.api.v1.tenants_pb2_grpc import TenantsServiceStub
from citrine.events.v1.events_pb2 import TariffChanged
from citrine.events.v1.events_service_pb2 import SubscribeRequest
from citrine.events.v1.events_service_pb2_grpc import EventsServiceStub
from citrine_core.blocks.tariff_and_cost.definitions import check_tariff
from citrine_core.errors import InvalidArgument
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.support.api import field_violations
from tests.support.core import RunningCore
from tests.support.event_words import name_in

PER_KWH = tariff(element(component("ENERGY", "0.30", "19")), tariff_id="KWH")


@pytest.fixture
def tariffs(core: RunningCore) -> Any:
    # Any: the types of stubs are those of synchronous channels.
    return core.stub(TariffsServiceStub)


async def code_of(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    return refused.value.code()


async def test_a_tariff_is_kept_in_versions(tariffs: Any) -> None:
    created = await tariffs.CreateTariff(pb.CreateTariffRequest(tariff=PER_KWH))
    again = await code_of(tariffs.CreateTariff(pb.CreateTariffRequest(tariff=PER_KWH)))
    change = pb.Tariff(tariff_id="KWH", description="dearer", elements=[element(component("ENERGY", "0.40"))])
    await tariffs.UpdateTariff(pb.UpdateTariffRequest(tariff=change, update_mask=FieldMask(paths=["elements"])))
    same = await tariffs.UpdateTariff(pb.UpdateTariffRequest(tariff=change, update_mask=FieldMask(paths=["elements"])))
    change.etag = created.etag
    stale = await code_of(tariffs.UpdateTariff(pb.UpdateTariffRequest(tariff=change)))
    versions = await tariffs.ListTariffVersions(pb.ListTariffVersionsRequest(tariff_id="KWH"))
    first = await tariffs.GetTariff(pb.GetTariffRequest(tariff_id="KWH", version=1))

    assert again is grpc.StatusCode.ALREADY_EXISTS
    assert stale is grpc.StatusCode.ABORTED
    assert (same.version, same.description) == (2, "")
    assert [one.version for one in versions.tariffs] == [2, 1]
    assert first.elements == PER_KWH.elements


async def test_subscribers_are_told_of_each_change_of_a_tariff(core: RunningCore, tariffs: Any) -> None:
    created = await tariffs.CreateTariff(pb.CreateTariffRequest(tariff=PER_KWH))
    change = pb.Tariff(tariff_id="KWH", elements=[element(component("ENERGY", "0.40"))])
    changing = pb.UpdateTariffRequest(tariff=change, update_mask=FieldMask(paths=["elements"]))
    updated = await tariffs.UpdateTariff(changing)
    wanted = pb.TariffAssignment(tariff_id="KWH", station_group="depot", station_labels={"row": "1"})
    made = await tariffs.AssignTariff(pb.AssignTariffRequest(assignment=wanted))
    await tariffs.UnassignTariff(pb.UnassignTariffRequest(assignment_id=made.assignment_id))
    await tariffs.DeleteTariff(pb.DeleteTariffRequest(tariff_id="KWH"))

    request = SubscribeRequest(from_token="0", kinds=["tariff_changed"])
    stream = core.stub(EventsServiceStub).Subscribe(request, timeout=20)
    told: list[TariffChanged] = []
    async for response in stream:
        told += [response.event.tariff_changed] if response.event.HasField("tariff_changed") else []
        if len(told) == 5:
            break
    stream.cancel()

    assert [(name_in(one, "kind"), one.HasField("tariff"), one.HasField("assignment")) for one in told] == [
        ("CREATED", True, False),
        ("UPDATED", True, False),
        ("ASSIGNED", False, True),
        ("UNASSIGNED", False, True),
        ("DELETED", False, False),
    ]
    assert [told[0].tariff, told[1].tariff, told[2].assignment] == [created, updated, made]
    assert told[3].assignment.HasField("valid_to")


async def test_a_tariff_is_removed_but_for_its_versions(tariffs: Any) -> None:
    await tariffs.CreateTariff(pb.CreateTariffRequest(tariff=PER_KWH))
    assignment = pb.AssignTariffRequest(assignment=pb.TariffAssignment(tariff_id="KWH"))
    made = await tariffs.AssignTariff(assignment)
    twice = await tariffs.AssignTariff(assignment)
    in_use = await code_of(tariffs.DeleteTariff(pb.DeleteTariffRequest(tariff_id="KWH")))
    await tariffs.UnassignTariff(pb.UnassignTariffRequest(assignment_id=made.assignment_id))
    await tariffs.DeleteTariff(pb.DeleteTariffRequest(tariff_id="KWH"))
    gone = await code_of(tariffs.GetTariff(pb.GetTariffRequest(tariff_id="KWH")))
    listed = await tariffs.ListTariffs(pb.ListTariffsRequest())
    await tariffs.CreateTariff(pb.CreateTariffRequest(tariff=tariff(*PER_KWH.elements, tariff_id="OTHER")))
    changes = pb.ListTariffsRequest(update_time=TimeRange(), include_deleted=True)
    changed = (await tariffs.ListTariffs(changes)).tariffs
    changes.update_time.start.CopyFrom(changed[-1].update_time)
    later = await tariffs.ListTariffs(changes)
    kept = await tariffs.GetTariff(pb.GetTariffRequest(tariff_id="KWH", version=1))
    back = await tariffs.CreateTariff(pb.CreateTariffRequest(tariff=PER_KWH))

    assert twice.assignment_id == made.assignment_id
    assert in_use is grpc.StatusCode.FAILED_PRECONDITION
    assert gone is grpc.StatusCode.NOT_FOUND
    assert not listed.tariffs
    assert [(one.tariff_id, one.HasField("delete_time")) for one in changed] == [("KWH", True), ("OTHER", False)]
    assert [one.tariff_id for one in later.tariffs] == ["OTHER"]
    assert (kept.version, back.version) == (1, 2)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        pytest.param({"currency": "euro"}, "tariff.currency", id="currency"),
        pytest.param({"time_zone": "Mars/Base"}, "tariff.time_zone", id="time zone"),
        pytest.param({"elements": []}, "tariff.elements", id="no elements"),
        pytest.param(
            {"elements": [element(component("ENERGY", "1e3"))]},
            "tariff.elements[0].price_components[0].price",
            id="price",
        ),
        pytest.param(
            {"elements": [element(component("ENERGY", "1", "101"))]},
            "tariff.elements[0].price_components[0].vat",
            id="vat",
        ),
        pytest.param(
            {"elements": [element(component("ENERGY", "1"), start_time="24:00")]},
            "tariff.elements[0].restrictions.start_time",
            id="time of day",
        ),
        pytest.param(
            {"elements": [element(component("ENERGY", "1"), reservation=pb.RESERVATION_RESTRICTION_RESERVATION)]},
            "tariff.elements[0].price_components[0].dimension",
            id="energy of a reservation",
        ),
        pytest.param(
            {"min_price": pb.Amount(after_tax="2"), "max_price": pb.Amount(after_tax="1")},
            "tariff.max_price",
            id="limits",
        ),
        pytest.param({"running_cost_interval": Duration(seconds=1)}, "tariff.running_cost_interval", id="interval"),
    ],
)
def test_what_is_no_tariff_is_refused_by_its_field(wrong: dict[str, Any], field: str) -> None:
    given = pb.Tariff()
    given.CopyFrom(PER_KWH)
    for name, value in wrong.items():
        given.ClearField(name)  # type: ignore[arg-type]
        given.MergeFrom(pb.Tariff(**{name: value}))

    with pytest.raises(InvalidArgument) as refused:
        check_tariff(given)

    assert refused.value.field == field


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("usage", "total"),
    [
        pytest.param(pb.Usage(energy_kwh="20", charging_time=Duration(seconds=3600)), "7.14", id="in sum"),
        pytest.param(
            pb.Usage(points=[pb.UsagePoint(energy_kwh="0"), pb.UsagePoint(energy_kwh="10")]), "3.57", id="in points"
        ),
    ],
)
async def test_what_charging_would_cost(core: RunningCore, tariffs: Any, usage: pb.Usage, total: str) -> None:
    await core.add_station("CS-1")
    await tariffs.CreateTariff(pb.CreateTariffRequest(tariff=PER_KWH))
    nobody = await code_of(tariffs.PreviewCost(pb.PreviewCostRequest(usage=usage)))
    await tariffs.AssignTariff(pb.AssignTariffRequest(assignment=pb.TariffAssignment(tariff_id="KWH")))

    by_id = await tariffs.PreviewCost(pb.PreviewCostRequest(tariff_id="KWH", usage=usage))
    for_all = await tariffs.PreviewCost(pb.PreviewCostRequest(station_id="CS-1", usage=usage))
    unstored = await tariffs.PreviewCost(pb.PreviewCostRequest(tariff=PER_KWH, usage=usage))
    nowhere = await code_of(tariffs.PreviewCost(pb.PreviewCostRequest(station_id="CS-2", usage=usage)))

    assert nobody is grpc.StatusCode.FAILED_PRECONDITION
    assert nowhere is grpc.StatusCode.NOT_FOUND
    assert {one.cost.total.after_tax for one in (by_id, for_all, unstored)} == {total}
    assert (for_all.tariff_id, for_all.version, for_all.text) == ("KWH", 1, "energy 0.357 EUR/kWh")


def text(number: int, value: str) -> bytes:
    """Return a field with a short text as a client of another contract sends it."""
    return bytes([number << 3 | 2, len(value)]) + value.encode()


async def test_a_token_that_a_client_of_before_says_by_texts_is_refused(tariffs: Any) -> None:
    """It is not passed over, which would make the price of one driver that of all."""
    await tariffs.CreateTariff(pb.CreateTariffRequest(tariff=PER_KWH))
    assignment, previewed = pb.TariffAssignment(tariff_id="KWH"), pb.PreviewCostRequest(tariff_id="KWH")
    assignment.MergeFromString(text(7, "1250") + text(8, "KeyCode"))
    previewed.MergeFromString(text(6, "1250"))

    with pytest.raises(grpc.aio.AioRpcError) as assigning:
        await tariffs.AssignTariff(pb.AssignTariffRequest(assignment=assignment))
    with pytest.raises(grpc.aio.AioRpcError) as previewing:
        await tariffs.PreviewCost(previewed)

    assert field_violations(assigning.value) == ["assignment.id_token"]
    assert field_violations(previewing.value) == ["id_token"]
    assert not (await tariffs.ListTariffAssignments(pb.ListTariffAssignmentsRequest())).assignments


async def test_a_station_that_is_removed_leaves_no_assignment(core: RunningCore, tariffs: Any) -> None:
    await tariffs.CreateTariff(pb.CreateTariffRequest(tariff=PER_KWH))
    assignment = pb.TariffAssignment(tariff_id="KWH", station_id="CS-1")
    unknown = await code_of(tariffs.AssignTariff(pb.AssignTariffRequest(assignment=assignment)))
    await core.add_station("CS-1")
    await tariffs.AssignTariff(pb.AssignTariffRequest(assignment=assignment))
    async with core.core.unit_of_work() as work:
        await core.core.services.forget_station(work, "default", "CS-1")
        await work.commit()

    listed = await tariffs.ListTariffAssignments(pb.ListTariffAssignmentsRequest())
    assert unknown is grpc.StatusCode.NOT_FOUND
    assert not listed.assignments


async def test_settings_have_defaults_and_change_one_by_one(tariffs: Any) -> None:
    before = await tariffs.GetCostSettings(pb.GetCostSettingsRequest())
    wanted = pb.CostSettings(price_messages=pb.PRICE_MESSAGES_NEVER)
    after = await tariffs.UpdateCostSettings(pb.UpdateCostSettingsRequest(settings=wanted))

    assert (before.running_cost, before.running_cost_interval.seconds) == (pb.RUNNING_COST_ANSWER, 60)
    assert (after.running_cost, after.price_messages) == (pb.RUNNING_COST_ANSWER, pb.PRICE_MESSAGES_NEVER)


async def test_of_two_updates_of_the_same_settings_one_is_aborted(tariffs: Any) -> None:
    """Also of those that are not stored yet."""
    defaults = await tariffs.GetCostSettings(pb.GetCostSettingsRequest())
    wanted = [
        pb.CostSettings(etag=defaults.etag, price_messages=messages)
        for messages in (pb.PRICE_MESSAGES_NEVER, pb.PRICE_MESSAGES_ALWAYS)
    ]

    calls = [tariffs.UpdateCostSettings(pb.UpdateCostSettingsRequest(settings=one)) for one in wanted]
    ends = await asyncio.gather(*calls, return_exceptions=True)

    [refused] = [one for one in ends if isinstance(one, grpc.aio.AioRpcError)]
    [stored] = [one for one in ends if isinstance(one, pb.CostSettings)]
    assert refused.code() is grpc.StatusCode.ABORTED
    assert await tariffs.GetCostSettings(pb.GetCostSettingsRequest()) == stored


async def test_a_tenant_that_comes_back_has_no_tariffs_and_old_versions_stay_what_they_are(
    core: RunningCore, tariffs: Any
) -> None:
    await core.add_tenant("acme")
    acme = {"metadata": core.metadata("acme")}
    await tariffs.CreateTariff(pb.CreateTariffRequest(tariff=PER_KWH), **acme)
    tenants: Any = core.stub(TenantsServiceStub)
    await tenants.DeleteTenant(DeleteTenantRequest(tenant_id="acme"))
    await core.add_tenant("acme")

    listed = await tariffs.ListTariffs(pb.ListTariffsRequest(), **acme)
    again = await tariffs.CreateTariff(pb.CreateTariffRequest(tariff=PER_KWH), **acme)

    assert not listed.tariffs
    assert again.version == 2
