"""OCPP 1.6, core profile and remote trigger: what operators have stations do."""

from typing import Any

from citrine.api.v1 import authorization_pb2, provisioning_pb2, reports_pb2
from citrine.api.v1 import remote_control_pb2 as pb
from citrine.api.v1.transactions_pb2 import ListTransactionsRequest
from citrine.ocpp.spellings import number_of, spelling_of
from citrine.ocpp.v2 import provisioning_pb2 as provisioning
from citrine.ocpp.v2 import remote_control_pb2 as ocpp
from citrine.ocpp.v2.authorization_pb2 import ClearCacheStatusEnum
from citrine.ocpp.v2.remote_control_pb2 import RequestStartStopStatusEnum, TriggerMessageStatusEnum, UnlockStatusEnum
from citrine.ocpp.v2.types_pb2 import EVSE, Component, Variable
from citrine_sdk import Citrine
from tests.conformance.ocpp16 import states
from tests.conformance.station import ConformanceStation
from tests.support.waiting import WAIT

ACCEPTED = {"status": "Accepted"}

REMOTE_START_ID = 1600


async def remote_start(station: ConformanceStation, api: Citrine, answer: str = "Accepted") -> None:
    """Have the station asked to start on its connector: the request is known by an id that 1.6 does not send."""
    request = ocpp.RequestStartTransactionRequest(
        id_token=states.token(station), evse_id=station.connector_id, remote_start_id=REMOTE_START_ID
    )
    rpc = api.remote_control.RequestStartTransaction(
        pb.RequestStartTransactionRequest(target=states.target(station), request=request)
    )
    asked, response = await station.asked_by(rpc, "RemoteStartTransaction", {"status": answer})
    assert asked == {"idTag": station.id_token["idToken"], "connectorId": station.connector_id}
    assert spelling_of(RequestStartStopStatusEnum, response.response.status) == answer


async def start_of(station: ConformanceStation, api: Citrine) -> pb.RemoteStart:
    """Return what became of the request to start."""
    request = pb.GetRemoteStartRequest(station_id=station.station_id, remote_start_id=REMOTE_START_ID)
    return await api.remote_control.GetRemoteStart(request)


async def remote_stop(station: ConformanceStation, api: Citrine, answer: str = "Accepted") -> None:
    """Have the station asked to stop the transaction begun last."""
    request = ocpp.RequestStopTransactionRequest(transaction_id=station.transaction_id)
    rpc = api.remote_control.RequestStopTransaction(
        pb.RequestStopTransactionRequest(target=states.target(station), request=request)
    )
    asked, response = await station.asked_by(rpc, "RemoteStopTransaction", {"status": answer})
    assert asked == {"transactionId": states.number_of(station)}
    assert spelling_of(RequestStartStopStatusEnum, response.response.status) == answer


async def reset(station: ConformanceStation, api: Citrine, kind: "provisioning.ResetEnum.ValueType") -> str:
    """Have the station reset, which boots; return how."""
    rpc = api.provisioning.Reset(
        provisioning_pb2.ResetRequest(target=states.target(station), request=provisioning.ResetRequest(type=kind))
    )
    asked, _ = await station.asked_by(rpc, "Reset", ACCEPTED)
    await station.connect()
    await states.booted(station)
    return str(asked["type"])


async def unlock(station: ConformanceStation, api: Citrine, answer: str) -> tuple[str, str]:
    """Have the connector unlocked; return what the caller is told, and why."""
    request = ocpp.UnlockConnectorRequest(evse_id=station.connector_id, connector_id=1)
    rpc = api.remote_control.UnlockConnector(pb.UnlockConnectorRequest(target=states.target(station), request=request))
    asked, response = await station.asked_by(rpc, "UnlockConnector", {"status": answer})
    assert asked == {"connectorId": station.connector_id}
    told = response.response
    return spelling_of(UnlockStatusEnum, told.status), told.status_info.reason_code


async def set_variable(
    station: ConformanceStation, api: Citrine, names: tuple[str, str], value: str, answer: str
) -> tuple[dict[str, Any], str]:
    """Have a variable set; return what the station is asked, and what the caller is told."""
    component, name = names
    data = provisioning.SetVariableData(
        component=Component(name=component), variable=Variable(name=name), attribute_value=value
    )
    rpc = api.provisioning.SetVariables(
        provisioning_pb2.SetVariablesRequest(
            target=states.target(station), request=provisioning.SetVariablesRequest(set_variable_data=[data])
        )
    )
    asked, response = await station.asked_by(rpc, "ChangeConfiguration", {"status": answer})
    (result,) = response.response.set_variable_result
    return asked, spelling_of(provisioning.SetVariableStatusEnum, result.attribute_status)


async def trigger(
    station: ConformanceStation, api: Citrine, message: str, answer: str = "Accepted", *, on_connector: bool = False
) -> dict[str, Any]:
    """Have the station asked for a message; return what it is asked."""
    kind = number_of(ocpp.MessageTriggerEnum, message)
    assert kind is not None
    request = ocpp.TriggerMessageRequest(
        requested_message=ocpp.MessageTriggerEnum.ValueType(kind),
        evse=EVSE(id=station.connector_id, connector_id=1) if on_connector else None,
    )
    rpc = api.remote_control.TriggerMessage(pb.TriggerMessageRequest(target=states.target(station), request=request))
    asked, response = await station.asked_by(rpc, "TriggerMessage", {"status": answer})
    assert spelling_of(TriggerMessageStatusEnum, response.response.status) == answer
    return asked


async def test_TC_010_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A driver plugs in, and the transaction is started from afar."""
    await states.booted(station)
    await states.status(station, "Preparing")

    await remote_start(station, api)
    await states.authorized(station)
    await states.started(station)
    await states.status(station, "Charging")

    found = await start_of(station, api)
    assert (found.state, found.transaction_id) == (pb.REMOTE_START_STATE_STARTED, station.transaction_id)


async def test_TC_011_1_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A transaction is started from afar, and the driver plugs in."""
    await states.booted(station)

    await remote_start(station, api)
    await states.authorized(station)
    await states.status(station, "Preparing")
    await states.started(station)
    await states.status(station, "Charging")

    found = await start_of(station, api)
    assert (found.state, found.transaction_id) == (pb.REMOTE_START_STATE_STARTED, station.transaction_id)


async def test_TC_011_2_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A transaction is started from afar, and the driver does not plug in: none begins."""
    await states.booted(station)

    await remote_start(station, api)
    await states.authorized(station)
    await states.status(station, "Preparing")
    await states.status(station, "Available")

    found = await start_of(station, api)
    assert (found.state, found.transaction_id) == (pb.REMOTE_START_STATE_ACCEPTED, "")
    listed = await api.transactions.ListTransactions(ListTransactionsRequest(station_id=station.station_id))
    assert not listed.transactions


async def test_TC_012_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A transaction is stopped from afar."""
    await states.booted(station)
    await states.charging(station)

    await remote_stop(station, api)
    await states.stopped(station, "Remote")
    await states.finished(station)

    assert states.reason_of(await states.transaction(station, api)) == "Remote"


async def test_TC_013_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station is reset at once: a hard reset."""
    await states.booted(station)

    assert await reset(station, api, provisioning.RESET_ENUM_IMMEDIATE) == "Hard"


async def test_TC_014_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station is reset once it is idle: a soft reset."""
    await states.booted(station)

    assert await reset(station, api, provisioning.RESET_ENUM_ON_IDLE) == "Soft"


async def test_TC_017_1_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A connector without a transaction is unlocked."""
    await states.booted(station)

    assert await unlock(station, api, "Unlocked") == ("Unlocked", "")


async def test_TC_017_2_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A connector with a fixed cable has nothing to unlock."""
    await states.booted(station)

    assert await unlock(station, api, "NotSupported") == ("UnlockFailed", "NotSupported")


async def test_TC_018_1_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A connector that charges is unlocked, which ends the transaction."""
    await states.booted(station)
    await states.charging(station)

    assert await unlock(station, api, "Unlocked") == ("Unlocked", "")
    await states.stopped(station, "UnlockCommand")
    await states.finished(station)

    assert (await states.transaction(station, api)).HasField("end_time")


async def test_TC_019_1_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """All configuration keys are read."""
    await states.booted(station)
    keys = [
        {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
        {"key": "NumberOfConnectors", "readonly": True, "value": "1"},
        {"key": "VendorKey", "readonly": False, "value": "x"},
    ]
    request = provisioning.GetBaseReportRequest(request_id=1, report_base=provisioning.REPORT_BASE_ENUM_FULL_INVENTORY)
    rpc = api.provisioning.GetBaseReport(
        provisioning_pb2.GetBaseReportRequest(target=states.target(station), request=request)
    )

    asked, _ = await station.asked_by(rpc, "GetConfiguration", {"configurationKey": keys})

    assert not asked.get("key")
    watch = reports_pb2.WatchReportRunRequest(
        station_id=station.station_id, kind=reports_pb2.REPORT_KIND_DEVICE_MODEL, request_id=1
    )
    async for run in api.reports.WatchReportRun(watch, timeout=WAIT):
        if run.state == reports_pb2.REPORT_STATE_COMPLETE:
            break
    listed = await api.provisioning.ListVariables(provisioning_pb2.ListVariablesRequest(station_id=station.station_id))
    values = {one.value for one in listed.variables}
    assert {"300", "1", "x"} <= values


async def test_TC_019_2_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """One configuration key is read."""
    await states.booted(station)
    data = provisioning.GetVariableData(
        component=Component(name="OCPPCommCtrlr"), variable=Variable(name="HeartbeatInterval")
    )
    rpc = api.provisioning.GetVariables(
        provisioning_pb2.GetVariablesRequest(
            target=states.target(station), request=provisioning.GetVariablesRequest(get_variable_data=[data])
        )
    )
    key = {"key": "HeartbeatInterval", "readonly": False, "value": "300"}

    asked, response = await station.asked_by(rpc, "GetConfiguration", {"configurationKey": [key]})

    assert asked == {"key": ["HeartbeatInterval"]}
    (result,) = response.response.get_variable_result
    assert (spelling_of(provisioning.GetVariableStatusEnum, result.attribute_status), result.attribute_value) == (
        "Accepted",
        "300",
    )


async def test_TC_021_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A configuration key is set."""
    await states.booted(station)

    asked, told = await set_variable(station, api, ("SampledDataCtrlr", "TxUpdatedInterval"), "60", "Accepted")

    assert asked == {"key": "MeterValueSampleInterval", "value": "60"}
    assert told == "Accepted"


async def test_TC_026_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station refuses to start a transaction."""
    await states.booted(station)

    await remote_start(station, api, "Rejected")

    found = await start_of(station, api)
    assert found.state == pb.REMOTE_START_STATE_REJECTED


async def test_TC_028_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station refuses to stop a transaction, which goes on."""
    await states.booted(station)
    await states.charging(station)

    await remote_stop(station, api, "Rejected")

    assert not (await states.transaction(station, api)).HasField("end_time")


async def test_TC_030_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A connector can't be unlocked."""
    await states.booted(station)

    assert await unlock(station, api, "UnlockFailed") == ("UnlockFailed", "")


async def test_TC_031_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A connector that the station does not have can't be unlocked."""
    await states.booted(station)
    station.connector_id = 9

    assert await unlock(station, api, "NotSupported") == ("UnlockFailed", "NotSupported")


async def test_TC_040_1_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A configuration key that the station does not know is an unknown variable."""
    await states.booted(station)

    asked, told = await set_variable(station, api, ("SampledDataCtrlr", "TxUpdatedInterval"), "60", "NotSupported")

    assert asked["key"] == "MeterValueSampleInterval"
    assert told in ("UnknownVariable", "NotSupportedAttributeType")


async def test_TC_040_2_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A value that the station does not take is rejected."""
    await states.booted(station)

    _, told = await set_variable(station, api, ("SampledDataCtrlr", "TxUpdatedInterval"), "-1", "Rejected")

    assert told == "Rejected"


async def test_TC_061_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """The cache of a station is cleared."""
    await states.booted(station)
    rpc = api.authorization.ClearCache(authorization_pb2.ClearCacheRequest(target=states.target(station)))

    asked, response = await station.asked_by(rpc, "ClearCache", ACCEPTED)

    assert asked == {}
    assert spelling_of(ClearCacheStatusEnum, response.response.status) == "Accepted"


async def test_TC_054_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station is asked for messages, which it sends."""
    await states.booted(station)

    assert await trigger(station, api, "MeterValues", on_connector=True) == {
        "requestedMessage": "MeterValues",
        "connectorId": station.connector_id,
    }
    sample = {"value": "1000", "context": "Trigger", "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
    values = {
        "connectorId": station.connector_id,
        "meterValue": [{"timestamp": states.ago(0), "sampledValue": [sample]}],
    }
    assert await station.call("MeterValues", values) == {}
    assert await trigger(station, api, "Heartbeat") == {"requestedMessage": "Heartbeat"}
    await station.call("Heartbeat", {})
    assert await trigger(station, api, "StatusNotification", on_connector=True) == {
        "requestedMessage": "StatusNotification",
        "connectorId": station.connector_id,
    }
    await states.status(station, "Available")
    # A station that knows the security whitepaper is asked by it, another one as it can be.
    log_status = ocpp.TriggerMessageRequest(requested_message=ocpp.MESSAGE_TRIGGER_ENUM_LOG_STATUS_NOTIFICATION)
    rpc = api.remote_control.TriggerMessage(pb.TriggerMessageRequest(target=states.target(station), request=log_status))
    asked = await station.asked_by_one_of(rpc, {"ExtendedTriggerMessage": None, "TriggerMessage": ACCEPTED})
    assert asked == {"requestedMessage": "DiagnosticsStatusNotification"}
    assert await station.call("DiagnosticsStatusNotification", {"status": "Idle"}) == {}
    assert await trigger(station, api, "FirmwareStatusNotification") == {
        "requestedMessage": "FirmwareStatusNotification"
    }
    assert await station.call("FirmwareStatusNotification", {"status": "Idle"}) == {}
    assert await trigger(station, api, "BootNotification") == {"requestedMessage": "BootNotification"}
    await states.booted(station)


async def test_TC_055_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station refuses to send a message."""
    await states.booted(station)

    await trigger(station, api, "MeterValues", "Rejected", on_connector=True)
