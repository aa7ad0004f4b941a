"""RefusalsService, called on a running core; edges are told what is tolerated."""

import grpc
import pytest

from citrine.api.v1 import refusals_pb2 as pb
from citrine.api.v1.refusals_pb2_grpc import RefusalsServiceStub
from citrine.api.v1.stations_pb2 import GetStationRequest, Station
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.v2.provisioning_pb2 import ChargingStation
from tests.support.core import PASSWORD, RunningCore
from tests.support.fake_edge import FakeEdge, timestamp

EXTRA = pb.TOLERANCE_KIND_EXTRA_FIELDS


def set_rule(core: RunningCore, **fields: object) -> "grpc.aio.UnaryUnaryCall[object, pb.ToleranceRule]":
    values = {"rule_id": "acme", "kinds": [EXTRA], **fields}
    rule = pb.ToleranceRule(**values)  # type: ignore[arg-type]
    return core.stub(RefusalsServiceStub).SetToleranceRule(pb.SetToleranceRuleRequest(rule=rule))  # type: ignore[return-value]


async def rules_of(edge: FakeEdge) -> list[link.ToleranceRule]:
    told: link.ToleranceRules = await edge.next("tolerance_rules")
    return list(told.rules)


async def test_edges_are_told_the_rules_when_they_link_and_when_they_change(core: RunningCore) -> None:
    async with core.edge() as edge:
        first = await rules_of(edge)
        stored = await set_rule(core, vendor_name="Acme", model="One", firmware_version="1.*")
        (rule,) = await rules_of(edge)
        await core.stub(RefusalsServiceStub).DeleteToleranceRule(pb.DeleteToleranceRuleRequest(rule_id="acme"))
        last = await rules_of(edge)

    assert (first, last) == ([], [])
    assert list(stored.actions) == ["MeterValues", "StartTransaction", "StopTransaction", "TransactionEvent"]
    assert (rule.tenant_id, rule.rule_id, rule.vendor_name, rule.model) == ("default", "acme", "Acme", "One")
    assert rule.firmware_version == stored.firmware_version == "1.*"
    assert list(rule.kinds) == [link.ToleranceRule.KIND_EXTRA_FIELDS]


async def test_a_station_is_admitted_with_what_it_is(core: RunningCore) -> None:
    hardware = ChargingStation(vendor_name="Acme", model="One", firmware_version="1.2").SerializeToString()
    await core.add_station("CS-1", hardware=hardware)
    async with core.edge() as edge:
        admitted = await edge.admit("CS-1", PASSWORD)

    assert isinstance(admitted, link.Admitted)
    assert (admitted.vendor_name, admitted.model, admitted.firmware_version) == ("Acme", "One", "1.2")


async def test_refusals_are_listed_by_pages_and_forgotten(core: RunningCore) -> None:
    await core.add_station("CS-1")
    stub = core.stub(RefusalsServiceStub)
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        refusals = [
            link.Refusal(
                outcome=link.Refusal.OUTCOME_REFUSED, action=action, code="FormatViolation", count=1,
                first_time=timestamp(), last_time=timestamp(), remedies=[link.ToleranceRule.KIND_TIMES],
            )
            for action in ("A", "B", "C")
        ]  # fmt: skip
        edge.put(link.Upstream(refusals=link.Refusals(session=session.ref, refusals=refusals)))
        await core.core.lanes.drained()
        found: list[str] = []
        remedies: set[tuple[int, ...]] = set()
        while len(found) < 3:
            token, found, remedies = "", [], set()
            while True:
                page = await stub.ListRefusals(pb.ListRefusalsRequest(page_size=2, page_token=token, station_id="CS-1"))
                found += [one.action for one in page.refusals]
                remedies |= {tuple(one.remedies) for one in page.refusals}
                if not (token := page.next_page_token):
                    break
    await stub.ForgetRefusals(pb.ForgetRefusalsRequest(station_id="CS-1"))

    assert found == ["C", "B", "A"]
    assert remedies == {(pb.TOLERANCE_KIND_TIMES,)}
    assert not (await stub.ListRefusals(pb.ListRefusalsRequest())).refusals


async def test_boots_that_are_refused_for_four_reasons_are_four_boots(core: RunningCore) -> None:
    await core.add_station("CS-1")
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        refusals = [
            link.Refusal(
                outcome=link.Refusal.OUTCOME_REFUSED, action=action, code=code, count=1,
                first_time=timestamp(), last_time=timestamp(),
            )
            for action in ("BootNotification", "MeterValues")
            for code in ("FormatViolation", "TypeConstraintViolation", "PropertyConstraintViolation", "InternalError")
        ]  # fmt: skip
        edge.put(link.Upstream(refusals=link.Refusals(session=session.ref, refusals=refusals)))
        # The edge does not hear when a report of refusals is stored.
        shown = Station()
        while not shown.HasField("refused"):
            shown = await core.stub(StationsServiceStub).GetStation(GetStationRequest(station_id="CS-1"))

    assert (shown.refused.count, shown.refused.gravest_count) == (8, 4)
    assert (shown.refused.gravest.action, shown.refused.gravest.count) == ("BootNotification", 1)


async def test_a_rule_that_was_changed_in_between_is_not_replaced(core: RunningCore) -> None:
    first = await set_rule(core)
    second = await set_rule(core, model="One", etag=first.etag)
    with pytest.raises(grpc.aio.AioRpcError) as changed:
        await set_rule(core, model="Two", etag=first.etag)
    with pytest.raises(grpc.aio.AioRpcError) as removed:
        await set_rule(core, rule_id="other", etag=first.etag)
    stub = core.stub(RefusalsServiceStub)
    read: pb.ToleranceRule = await stub.GetToleranceRule(pb.GetToleranceRuleRequest(rule_id="acme"))

    assert [one.value.code() for one in (changed, removed)] == [grpc.StatusCode.ABORTED] * 2
    assert (read.model, read.etag) == ("One", second.etag)


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"rule_id": ""}, "rule.rule_id"),
        ({"rule_id": "a b"}, "rule.rule_id"),
        ({"kinds": []}, "rule.kinds"),
        ({"kinds": [pb.TOLERANCE_KIND_UNSPECIFIED]}, "rule.kinds"),
        ({"actions": ["Reset"]}, "rule.actions"),
        ({"model": "x" * 21}, "rule.model"),
        ({"firmware_version": "x" * 51}, "rule.firmware_version"),
    ],
)
async def test_a_rule_that_can_not_be_right_is_refused(
    core: RunningCore, fields: dict[str, object], named: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await set_rule(core, **fields)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert named in str(refused.value.details())


async def test_what_is_not_there_is_not_found(core: RunningCore) -> None:
    stub = core.stub(RefusalsServiceStub)
    for call in (
        stub.DeleteToleranceRule(pb.DeleteToleranceRuleRequest(rule_id="none")),
        stub.ForgetRefusals(pb.ForgetRefusalsRequest(station_id="CS-9")),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as missing:
            await call
        assert missing.value.code() is grpc.StatusCode.NOT_FOUND
