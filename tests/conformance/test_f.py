"""Block F, Remote control: start and unlock from afar, and messages that stations are asked for."""

from typing import Any

import pytest

from citrine.api.v1.availability_pb2 import ListConnectorsRequest
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.remote_control_pb2 import (
    REMOTE_START_STATE_ACCEPTED,
    REMOTE_START_STATE_STARTED,
    GetRemoteStartRequest,
    RemoteStart,
    RequestStartTransactionRequest,
    TriggerMessageRequest,
    TriggerMessageResponse,
    UnlockConnectorRequest,
)
from citrine.ocpp.spellings import number_of
from citrine.ocpp.v2 import remote_control_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import ConnectorStatusEnum
from citrine.ocpp.v2.types_pb2 import EVSE, IdToken
from citrine_sdk import Citrine
from tests.conformance import states
from tests.conformance.station import ConformanceStation
from tests.conformance.transactions import contexts_of, meter_value, samples_of, state_of, transaction_of, triggers_of


@pytest.fixture
async def station(station: ConformanceStation) -> ConformanceStation:
    """The station of the case, booted."""
    await states.booted(station)
    return station


async def start(station: ConformanceStation, api: Citrine, **answer: Any) -> int:
    """Have the station asked to start, check what it is asked, and return the remoteStartId that the core chose."""
    token = IdToken(id_token=station.id_token["idToken"], type=station.id_token["type"])
    rpc = api.remote_control.RequestStartTransaction(
        RequestStartTransactionRequest(
            target=CommandTarget(station_id=station.station_id),
            request=ocpp.RequestStartTransactionRequest(id_token=token, evse_id=station.evse_id),
        )
    )
    asked, _ = await station.asked_by(rpc, "RequestStartTransaction", {"status": "Accepted", **answer})
    assert asked["idToken"] == station.id_token
    assert asked["evseId"] == station.evse_id
    remote_start_id: int = asked["remoteStartId"]
    assert remote_start_id > 0
    return remote_start_id


async def remote_start(station: ConformanceStation, api: Citrine, remote_start_id: int) -> RemoteStart:
    """Return what became of a request to start."""
    return await api.remote_control.GetRemoteStart(
        GetRemoteStartRequest(station_id=station.station_id, remote_start_id=remote_start_id)
    )


async def assert_started(station: ConformanceStation, api: Citrine, remote_start_id: int) -> None:
    """Check that the request is known to have begun the transaction, and whose it is."""
    found = await remote_start(station, api, remote_start_id)
    assert (found.state, found.transaction_id) == (REMOTE_START_STATE_STARTED, station.transaction_id)
    transaction = await transaction_of(station, api)
    assert (transaction.remote_start_id, transaction.id_token.id_token) == (
        remote_start_id,
        station.id_token["idToken"],
    )


async def trigger(
    station: ConformanceStation, api: Citrine, message: str, *, status: str = "Accepted", evse: EVSE | None = None
) -> TriggerMessageResponse:
    """Have the station asked for a message, and check what it is asked."""
    kind = number_of(ocpp.MessageTriggerEnum, message)
    assert kind is not None
    request = ocpp.TriggerMessageRequest(requested_message=ocpp.MessageTriggerEnum.ValueType(kind), evse=evse)
    rpc = api.remote_control.TriggerMessage(
        TriggerMessageRequest(target=CommandTarget(station_id=station.station_id), request=request)
    )
    asked, response = await station.asked_by(rpc, "TriggerMessage", {"status": status})
    assert asked["requestedMessage"] == message
    if evse is None:
        assert "evse" not in asked
    else:
        assert asked["evse"]["id"] == evse.id
    return response


async def test_TC_F_01_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A driver plugs in, and the transaction is started from afar."""
    await states.ev_connected_pre_session(station)

    remote_start_id = await start(station, api, transactionId=station.transaction_id)
    named = await remote_start(station, api, remote_start_id)
    await states.transaction_event(station, "Updated", "RemoteStart", remoteStartId=remote_start_id)
    station.states.add("Authorized")
    await states.energy_transfer_started(station)

    assert named.transaction_id == station.transaction_id
    await assert_started(station, api, remote_start_id)
    assert state_of(await transaction_of(station, api)) == "Charging"


async def test_TC_F_02_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A transaction is started from afar, the station asks about the token, and the driver plugs in."""
    remote_start_id = await start(station, api)
    answer = await station.call("Authorize", {"idToken": station.id_token})
    await states.transaction_event(station, "Started", "RemoteStart", remoteStartId=remote_start_id)
    station.states.add("Authorized")
    await states.energy_transfer_started(station)

    assert answer["idTokenInfo"]["status"] == "Accepted"
    await assert_started(station, api, remote_start_id)


async def test_TC_F_03_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A transaction is started from afar without asking about the token, and the driver plugs in."""
    remote_start_id = await start(station, api)
    accepted = await remote_start(station, api, remote_start_id)
    answer = await states.transaction_event(
        station, "Started", "RemoteStart", remoteStartId=remote_start_id, idToken=station.id_token
    )
    station.states.add("Authorized")
    await states.energy_transfer_started(station)

    assert accepted.state == REMOTE_START_STATE_ACCEPTED
    assert answer["idTokenInfo"]["status"] == "Accepted"
    await assert_started(station, api, remote_start_id)


async def test_TC_F_04_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A transaction is started from afar, and nobody plugs in."""
    remote_start_id = await start(station, api)
    await states.transaction_event(station, "Started", "RemoteStart", remoteStartId=remote_start_id)
    await states.transaction_event(station, "Updated", "EVConnectTimeout")

    await assert_started(station, api, remote_start_id)
    assert await triggers_of(station, api) == ["RemoteStart", "EVConnectTimeout"]


async def test_TC_F_06_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A connector without a transaction is unlocked."""
    request = ocpp.UnlockConnectorRequest(evse_id=station.evse_id, connector_id=station.connector_id)
    rpc = api.remote_control.UnlockConnector(
        UnlockConnectorRequest(target=CommandTarget(station_id=station.station_id), request=request)
    )
    asked, response = await station.asked_by(rpc, "UnlockConnector", {"status": "Unlocked"})

    assert asked == {"evseId": station.evse_id, "connectorId": station.connector_id}
    assert response.response.status == ocpp.UnlockStatusEnum.UNLOCK_STATUS_ENUM_UNLOCKED


async def test_TC_F_11_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Meter values of one EVSE are asked for."""
    await trigger(station, api, "MeterValues", evse=EVSE(id=station.evse_id))
    values = [meter_value(1000.0, "Trigger")]
    answer = await station.call("MeterValues", {"evseId": station.evse_id, "meterValue": values})

    assert answer == {}
    samples = await samples_of(station, api, evse_id=station.evse_id)
    assert contexts_of(samples) == ["Trigger"]


async def test_TC_F_12_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Meter values of all EVSEs are asked for."""
    await trigger(station, api, "MeterValues")
    for evse_id in (1, 2):
        values = [meter_value(1000.0, "Trigger")]
        assert await station.call("MeterValues", {"evseId": evse_id, "meterValue": values}) == {}

    samples = await samples_of(station, api)
    assert sorted(sample.evse_id for sample in samples) == [1, 2]
    assert contexts_of(samples) == ["Trigger", "Trigger"]


async def test_TC_F_13_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """The state of the transaction at one EVSE is asked for."""
    await states.energy_transfer_started(station)

    await trigger(station, api, "TransactionEvent", evse=EVSE(id=station.evse_id))
    values = [meter_value(1000.0, "Trigger")]
    await states.transaction_event(
        station, "Updated", "Trigger", with_evse=True, chargingState="Charging", meterValue=values
    )

    assert (await triggers_of(station, api))[-1] == "Trigger"
    assert contexts_of(await samples_of(station, api, transaction_id=station.transaction_id)) == ["Trigger"]


async def test_TC_F_14_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """The state of all transactions is asked for."""
    await states.energy_transfer_started(station)

    await trigger(station, api, "TransactionEvent")
    values = [meter_value(1000.0, "Trigger")]
    await states.transaction_event(station, "Updated", "Trigger", chargingState="Charging", meterValue=values)

    assert (await triggers_of(station, api))[-1] == "Trigger"
    found = await transaction_of(station, api)
    assert (state_of(found), found.meter_last_wh) == ("Charging", 1000.0)


async def test_TC_F_15_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """The state of a log upload is asked for, and there is none."""
    await trigger(station, api, "LogStatusNotification")

    assert await station.call("LogStatusNotification", {"status": "Idle"}) == {}


async def test_TC_F_18_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """The state of a firmware update is asked for, and there is none."""
    await trigger(station, api, "FirmwareStatusNotification")

    assert await station.call("FirmwareStatusNotification", {"status": "Idle"}) == {}


async def test_TC_F_20_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A heartbeat is asked for."""
    await trigger(station, api, "Heartbeat")

    assert "currentTime" in await station.call("Heartbeat", {})


async def assert_connector(station: ConformanceStation, api: Citrine, status: ConnectorStatusEnum.ValueType) -> None:
    listed = await api.availability.ListConnectors(ListConnectorsRequest(station_id=station.station_id))
    assert [connector.status for connector in listed.connectors] == [status]


async def test_TC_F_23_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """The status of a connector that is available is asked for."""
    await trigger(station, api, "StatusNotification", evse=EVSE(id=station.evse_id, connector_id=station.connector_id))
    await states.connector_status(station, "Available")

    await assert_connector(station, api, ConnectorStatusEnum.CONNECTOR_STATUS_ENUM_AVAILABLE)


async def test_TC_F_24_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """The status of a connector that is occupied is asked for."""
    await states.connector_status(station, "Occupied")
    await trigger(station, api, "StatusNotification", evse=EVSE(id=station.evse_id, connector_id=station.connector_id))
    await states.connector_status(station, "Occupied")

    await assert_connector(station, api, ConnectorStatusEnum.CONNECTOR_STATUS_ENUM_OCCUPIED)


async def test_TC_F_27_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A message is asked for that the station does not have."""
    response = await trigger(station, api, "SignV2GCertificate", status="NotImplemented")

    assert response.response.status == ocpp.TriggerMessageStatusEnum.TRIGGER_MESSAGE_STATUS_ENUM_NOT_IMPLEMENTED
