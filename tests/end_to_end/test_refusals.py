"""What is refused of a station's messages leaves a trace, and what an operator tolerates passes: real processes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from citrine.api.v1 import refusals_pb2 as pb
from citrine.api.v1.commands_pb2 import ListCommandsRequest
from citrine.api.v1.common_pb2 import CommandState, CommandTarget
from citrine.api.v1.diagnostics_pb2 import GetMonitoringReportRequest
from citrine.api.v1.provisioning_pb2 import ResetRequest
from citrine.api.v1.reports_pb2 import GetReportRunRequest, ReportKind, ReportState
from citrine.api.v1.stations_pb2 import CreateStationRequest, GetStationRequest, ListStationsRequest, Station
from citrine.api.v1.transactions_pb2 import GetTransactionRequest
from citrine.ocpp.v2 import diagnostics_pb2, provisioning_pb2, transactions_pb2
from citrine_sdk import Citrine
from tests.support.deployment import Deployment
from tests.support.event_words import name_in
from tests.support.raw_station import RawStation, raw_station
from tests.support.waiting import PAUSE, WAIT

pytestmark = pytest.mark.timeout(120)

PASSWORD = "correct-horse-battery"
ENDED = transactions_pb2.TransactionEventEnum.TRANSACTION_EVENT_ENUM_ENDED
TIME = "2026-03-01T10:00:00Z"


@contextlib.asynccontextmanager
async def station_of(
    deployment: Deployment, version: str = "2.0.1", station_id: str = "CS-1"
) -> AsyncIterator[tuple[RawStation, Citrine]]:
    async with deployment.client() as citrine:
        request = CreateStationRequest(station=Station(station_id=station_id), password=PASSWORD)
        await citrine.stations.CreateStation(request)
        async with raw_station(deployment.url(), station_id, PASSWORD, version, patient=True) as station:
            yield station, citrine


async def refused_event(citrine: Citrine, action: str) -> Any:
    """Return the event of a refusal of an action."""
    async with asyncio.timeout(WAIT):
        async for event in citrine.follow_events(from_token="0", kinds=["messages_refused"]):
            if event.messages_refused.action == action:
                return event.messages_refused
    raise AssertionError("the stream of events ended")


def event(kind: str, seq_no: int, **more: Any) -> dict[str, Any]:
    return {
        "eventType": kind,
        "timestamp": TIME,
        "triggerReason": "Authorized" if kind == "Started" else "Trigger",
        "seqNo": seq_no,
        "transactionInfo": {"transactionId": "T-1"},
        "evse": {"id": 1, "connectorId": 1},
        **more,
    }


def run_of(request_id: int) -> GetReportRunRequest:
    kind = ReportKind.REPORT_KIND_MONITORING
    return GetReportRunRequest(station_id="CS-1", kind=kind, request_id=request_id)


async def test_a_refused_boot_is_on_the_first_screen(shared: Deployment) -> None:
    async with station_of(shared) as (station, citrine):
        boot = {"reason": "PowerUp", "chargingStation": {"vendorName": "Example"}}
        for _ in range(3):
            assert (await station.ask("BootNotification", boot))[2] == "OccurrenceConstraintViolation"

        told = await refused_event(citrine, "BootNotification")
        shown = await citrine.stations.GetStation(GetStationRequest(station_id="CS-1"))
        listed = await citrine.stations.ListStations(ListStationsRequest())
        (refusal,) = (await citrine.refusals.ListRefusals(pb.ListRefusalsRequest(station_id="CS-1"))).refusals

    assert (name_in(told, "outcome"), told.code, told.path) == (
        "REFUSED",
        "OccurrenceConstraintViolation",
        "/chargingStation/model",
    )
    assert shown.refused.gravest == refusal
    assert listed.stations[0].refused == shown.refused
    assert shown.refused.count == refusal.count == 3
    assert refusal.description == "/chargingStation/model is required"
    assert '"vendorName":"Example"' in refusal.last_frame


async def test_a_tolerance_rule_accepts_what_was_refused_and_is_counted(shared: Deployment) -> None:
    empty = {"meterValue": [{"timestamp": TIME, "sampledValue": [{"value": ""}, {"value": 3000.0}]}]}
    async with station_of(shared) as (station, citrine):
        await station.boot()
        await station.result("TransactionEvent", event("Started", 0))
        refused = await station.ask("TransactionEvent", event("Ended", 1, **empty))
        rule = pb.ToleranceRule(
            rule_id="empty", vendor_name="EXAMPLE", model="one", kinds=[pb.TOLERANCE_KIND_EMPTY_VALUES]
        )
        await citrine.refusals.SetToleranceRule(pb.SetToleranceRuleRequest(rule=rule))
        async with asyncio.timeout(WAIT):
            while (await station.ask("TransactionEvent", event("Ended", 1, **empty)))[0] != 3:
                await asyncio.sleep(PAUSE)
        await refused_event(citrine, "TransactionEvent")
        async with asyncio.timeout(WAIT):
            while not (await citrine.refusals.ListToleranceRules(pb.ListToleranceRulesRequest())).rules[0].uses:
                await asyncio.sleep(PAUSE)
        transaction = await citrine.transactions.GetTransaction(
            GetTransactionRequest(station_id="CS-1", transaction_id="T-1")
        )
        outcomes = {
            (one.outcome, one.event_type, one.path)
            for one in (await citrine.refusals.ListRefusals(pb.ListRefusalsRequest())).refusals
        }
        shown = await citrine.stations.GetStation(GetStationRequest(station_id="CS-1"))
        await citrine.refusals.ForgetRefusals(pb.ForgetRefusalsRequest(station_id="CS-1"))
        forgotten = await citrine.stations.GetStation(GetStationRequest(station_id="CS-1"))

    path = "/meterValue/*/sampledValue/*/value"
    assert refused[0] == 4
    assert outcomes == {
        (pb.REFUSAL_OUTCOME_REFUSED, ENDED, path),
        (pb.REFUSAL_OUTCOME_TOLERATED, ENDED, path),
    }
    assert transaction.HasField("end_time")
    assert (shown.refused.gravest.action, shown.refused.gravest.event_type) == ("TransactionEvent", ENDED)
    assert not forgotten.HasField("refused")


async def test_an_accepted_with_an_extra_field_is_no_refusal(shared: Deployment) -> None:
    async with station_of(shared) as (station, citrine):
        await station.boot()
        request = ResetRequest(
            target=CommandTarget(station_id="CS-1"),
            request=provisioning_pb2.ResetRequest(type=provisioning_pb2.RESET_ENUM_IMMEDIATE),
        )
        asked = asyncio.ensure_future(citrine.provisioning.Reset(request))
        await station.answer({"status": "Accepted", "extra": 1})
        accepted = await asked

        asked = asyncio.ensure_future(citrine.provisioning.Reset(request))
        await station.answer({"status": "Perhaps"})
        with pytest.raises(grpc.aio.AioRpcError) as unusable:
            await asked
        commands = (await citrine.commands.ListCommands(ListCommandsRequest(station_id="CS-1"))).commands

    assert accepted.response.status == provisioning_pb2.RESET_STATUS_ENUM_ACCEPTED
    assert accepted.command.state == CommandState.COMMAND_STATE_ANSWER_REFUSED
    assert accepted.command.error_description == "/extra is not in the schema"
    assert dict(accepted.command.response) == {"status": "Accepted", "extra": 1}
    assert unusable.value.code() is grpc.StatusCode.ABORTED
    assert "the station's answer breaks the schema" in str(unusable.value.details())
    assert [each.state for each in commands if each.action == "Reset"] == [
        CommandState.COMMAND_STATE_ANSWER_REFUSED
    ] * 2
    assert dict(next(each for each in commands if each.action == "Reset").response) == {"status": "Perhaps"}


async def test_a_report_whose_part_is_refused_ends_with_the_reason(shared: Deployment) -> None:
    monitor = {"id": 1, "transaction": False, "value": 5, "type": "UpperThreshold", "severity": 5}
    item = {"component": {"name": "EVSE"}, "variable": {"name": "Power"}, "variableMonitoring": [monitor]}
    async with station_of(shared, "2.1") as (station, citrine):
        await station.boot()
        for request_id in (5, 6):
            asked = asyncio.ensure_future(
                citrine.diagnostics.GetMonitoringReport(
                    GetMonitoringReportRequest(
                        target=CommandTarget(station_id="CS-1"),
                        request=diagnostics_pb2.GetMonitoringReportRequest(request_id=request_id),
                    )
                )
            )
            await station.answer({"status": "Accepted"})
            await asked
        part = {"requestId": 5, "seqNo": 0, "generatedAt": TIME, "tbc": False, "monitor": [item]}
        mended = await station.ask("NotifyMonitoringReport", part)
        worse = {**item, "variableMonitoring": [{**monitor, "severity": "high"}]}
        refused = await station.ask("NotifyMonitoringReport", {**part, "requestId": 6, "monitor": [worse]})
        await refused_event(citrine, "NotifyMonitoringReport")
        async with asyncio.timeout(WAIT):
            while (failed := await citrine.reports.GetReportRun(run_of(6))).state == ReportState.REPORT_STATE_REQUESTED:
                await asyncio.sleep(PAUSE)
        complete = await citrine.reports.GetReportRun(run_of(5))
        found = (await citrine.refusals.ListRefusals(pb.ListRefusalsRequest(station_id="CS-1"))).refusals

    assert (mended[0], complete.state) == (3, ReportState.REPORT_STATE_COMPLETE)
    assert (refused[0], failed.state) == (4, ReportState.REPORT_STATE_FAILED)
    assert failed.problem == (
        "a part of it was refused: TypeConstraintViolation "
        "/monitor/0/variableMonitoring/0/severity is not of type integer"
    )
    assert {(one.outcome, one.path.rpartition("/")[2]) for one in found} == {
        (pb.REFUSAL_OUTCOME_MENDED, "eventNotificationType"),
        (pb.REFUSAL_OUTCOME_REFUSED, "severity"),
    }
