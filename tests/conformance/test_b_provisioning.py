"""Block B, Provisioning: boot, reset and network profiles."""

from typing import Any

from citrine.api.v1.availability_pb2 import ListConnectorsRequest
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.configurations_pb2 import (
    PROVISIONING_STATE_DONE,
    Configuration,
    CreateConfigurationRequest,
    GetDriftReportRequest,
    GetProvisioningRequest,
)
from citrine.api.v1.provisioning_pb2 import (
    ListNetworkProfilesRequest,
    ListResetsRequest,
    NetworkProfile,
    ResetRequest,
    SetNetworkProfileRequest,
    StationReset,
)
from citrine.api.v1.stations_pb2 import (
    BOOT_POLICY_ACCEPTED,
    BOOT_POLICY_CONFIGURED,
    BOOT_POLICY_PENDING,
    BOOT_POLICY_REJECTED,
    GetStationRequest,
    Station,
    UpdateStationRequest,
)
from citrine.api.v1.transactions_pb2 import GetTransactionRequest
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import ConnectorStatusEnum
from citrine.ocpp.v2.types_pb2 import Component, Variable
from citrine_sdk import Citrine
from tests.conformance import states
from tests.conformance.conftest import AddStation
from tests.conformance.station import ConformanceStation, now

SLOT = 1
"""<Configured configurationSlot>"""

PROFILE = ocpp.NetworkConnectionProfile(
    ocpp_version=ocpp.OCPP_VERSION_ENUM_OCPP20,
    ocpp_transport=ocpp.OCPP_TRANSPORT_ENUM_JSON,
    ocpp_csms_url="wss://csms.example/ocpp",
    message_timeout=30,
    security_profile=2,
    ocpp_interface=ocpp.OCPP_INTERFACE_ENUM_WIRED0,
)
"""What the cases call <Configured ocppCsmsUrl> and the like."""


async def boot(station: ConformanceStation, reason: str) -> str:
    """Boot for a reason, and return the status of the answer."""
    answer = await station.call("BootNotification", {**states.BOOT, "reason": reason})
    if answer["status"] != "Accepted":
        assert answer["interval"] > 0
    return str(answer["status"])


async def shown(station: ConformanceStation, api: Citrine) -> Station:
    """Return the station as the API shows it."""
    return await api.stations.GetStation(GetStationRequest(station_id=station.station_id))


async def assert_connectors(station: ConformanceStation, api: Citrine, *statuses: str) -> None:
    """Check the status of the connectors, by EVSE."""
    listed = await api.availability.ListConnectors(ListConnectorsRequest(station_id=station.station_id))
    wanted = [ConnectorStatusEnum.Value(f"CONNECTOR_STATUS_ENUM_{status.upper()}") for status in statuses]
    assert [row.status for row in listed.connectors if row.connector_id] == wanted


async def reset(station: ConformanceStation, api: Citrine, kind: str, answer: str, evse_id: int | None = None) -> None:
    """Ask for a reset by the API, answer it, and check what is sent and what is kept of it."""
    number = ocpp.RESET_ENUM_IMMEDIATE if kind == "Immediate" else ocpp.RESET_ENUM_ON_IDLE
    rpc = api.provisioning.Reset(
        ResetRequest(
            target=CommandTarget(station_id=station.station_id),
            request=ocpp.ResetRequest(type=number, evse_id=evse_id),
        )
    )
    asked, returned = await station.asked_by(rpc, "Reset", {"status": answer})
    assert asked == {"type": kind, **({} if evse_id is None else {"evseId": evse_id})}
    kept = await last_reset(station, api)
    assert (kept.type, kept.evse_id, kept.status) == (number, evse_id or 0, returned.response.status)
    assert not kept.HasField("boot_time")


async def last_reset(station: ConformanceStation, api: Citrine) -> StationReset:
    """Return what is kept of the last reset."""
    listed = await api.provisioning.ListResets(ListResetsRequest(station_id=station.station_id))
    return listed.resets[0]


async def set_profile(station: ConformanceStation, api: Citrine, answer: str) -> tuple[dict[str, Any], NetworkProfile]:
    """Give the station a network profile by the API; return what is sent and what is kept of it."""
    rpc = api.provisioning.SetNetworkProfile(
        SetNetworkProfileRequest(
            target=CommandTarget(station_id=station.station_id),
            request=ocpp.SetNetworkProfileRequest(configuration_slot=SLOT, connection_data=PROFILE),
        )
    )
    asked, _ = await station.asked_by(rpc, "SetNetworkProfile", {"status": answer})
    request = ListNetworkProfilesRequest(station_id=station.station_id)
    [kept] = (await api.provisioning.ListNetworkProfiles(request)).network_profiles
    return asked, kept


async def accept(station: ConformanceStation, api: Citrine) -> None:
    """Have an operator accept the station from now on."""
    policy = Station(station_id=station.station_id, boot_policy=BOOT_POLICY_ACCEPTED)
    await api.stations.UpdateStation(UpdateStationRequest(station=policy))


async def test_TC_B_01_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station boots and is accepted."""
    answer = await states.booted(station)

    assert answer["status"] == "Accepted"
    assert answer["interval"] > 0
    assert (await shown(station, api)).registration == ocpp.REGISTRATION_STATUS_ENUM_ACCEPTED
    await assert_connectors(station, api, "Available")


async def test_TC_B_02_CSMS(add_station: AddStation, api: Citrine, case: str) -> None:
    """A station boots, is configured while it is pending, and is accepted at its next boot."""
    wanted = ocpp.SetVariableData(
        component=Component(name="OCPPCommCtrlr"),
        variable=Variable(name="HeartbeatInterval"),
        attribute_value="600",
    )
    configuration = Configuration(
        configuration_id=case, variables=[wanted], base_report=ocpp.REPORT_BASE_ENUM_FULL_INVENTORY
    )
    await api.configurations.CreateConfiguration(CreateConfigurationRequest(configuration=configuration))
    async with add_station(boot_policy=BOOT_POLICY_CONFIGURED, configuration_id=case) as station:
        assert await boot(station, "PowerUp") == "Pending"

        asked = await station.asked("GetBaseReport", {"status": "Accepted"})
        assert asked["reportBase"] == "FullInventory"
        await station.call("NotifyReport", report(asked["requestId"], "300"))
        asked = await station.asked("SetVariables", accept_all)
        [given] = asked["setVariableData"]
        assert (given["variable"], given["attributeValue"]) == ({"name": "HeartbeatInterval"}, "600")
        asked = await station.asked("TriggerMessage", {"status": "Accepted"})
        assert asked == {"requestedMessage": "BootNotification"}

        assert await boot(station, "PowerUp") == "Accepted"
        await states.connector_status(station, "Available")

        found = await api.configurations.GetProvisioning(GetProvisioningRequest(station_id=station.station_id))
        assert (found.state, found.problem) == (PROVISIONING_STATE_DONE, "")
        drift = await api.configurations.GetDriftReport(GetDriftReportRequest(station_id=station.station_id))
        assert not drift.drifted
        await assert_connectors(station, api, "Available")


def report(request_id: int, heartbeat_interval: str) -> dict[str, Any]:
    """Return a base report of one variable."""
    data = {
        "component": {"name": "OCPPCommCtrlr"},
        "variable": {"name": "HeartbeatInterval"},
        "variableAttribute": [{"value": heartbeat_interval}],
    }
    return {"requestId": request_id, "generatedAt": now(), "seqNo": 0, "tbc": False, "reportData": [data]}


def accept_all(asked: dict[str, Any]) -> dict[str, Any]:
    """Return the answer of a station that takes all values."""
    results = [
        {"component": data["component"], "variable": data["variable"], "attributeStatus": "Accepted"}
        for data in asked["setVariableData"]
    ]
    return {"setVariableResult": results}


async def test_TC_B_30_CSMS(add_station: AddStation) -> None:
    """Whatever a station that is pending or rejected sends but a boot is answered SecurityError."""
    for policy, status in ((BOOT_POLICY_PENDING, "Pending"), (BOOT_POLICY_REJECTED, "Rejected")):
        async with add_station(f"-{status}", boot_policy=policy) as station:
            assert await boot(station, "PowerUp") == status

            status_notification = {
                "timestamp": now(),
                "connectorStatus": "Available",
                "evseId": station.evse_id,
                "connectorId": station.connector_id,
            }
            event = {
                "eventId": 1,
                "timestamp": now(),
                "trigger": "Delta",
                "actualValue": "Available",
                "component": {"name": "Connector", "evse": {"id": station.evse_id, "connectorId": 1}},
                "variable": {"name": "AvailabilityState"},
                "eventNotificationType": "HardWiredNotification",
            }
            assert await station.refused("StatusNotification", status_notification) == "SecurityError"
            notify = {"generatedAt": now(), "seqNo": 0, "eventData": [event]}
            assert await station.refused("NotifyEvent", notify) == "SecurityError"


async def test_TC_B_31_CSMS(add_station: AddStation, api: Citrine) -> None:
    """A station that is pending is asked to boot again once an operator accepts it, and is accepted."""
    async with add_station(boot_policy=BOOT_POLICY_PENDING) as station:
        assert await boot(station, "PowerUp") == "Pending"

        asked, _ = await station.asked_by(accept(station, api), "TriggerMessage", {"status": "Accepted"})
        assert asked["requestedMessage"] == "BootNotification"

        assert await boot(station, "Triggered") == "Accepted"
        await states.connector_status(station, "Available")
        assert (await shown(station, api)).registration == ocpp.REGISTRATION_STATUS_ENUM_ACCEPTED


async def test_TC_B_20_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station without a transaction is reset when idle, and boots."""
    await states.booted(station)

    await reset(station, api, "OnIdle", "Accepted")

    assert await boot(station, "RemoteReset") == "Accepted"
    await states.connector_status(station, "Available")
    assert (await last_reset(station, api)).HasField("boot_time")


async def test_TC_B_21_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station that charges schedules its reset, and boots once the transaction has ended."""
    await states.booted(station)
    await states.energy_transfer_started(station)

    await reset(station, api, "OnIdle", "Scheduled")
    await states.transaction_event(
        station, "Updated", "StopAuthorized", chargingState="EVConnected", idToken=station.id_token
    )
    await ended(station, "EVCommunicationLost", chargingState="Idle", stoppedReason="EVDisconnected")

    assert await boot(station, "ScheduledReset") == "Accepted"
    await states.connector_status(station, "Available")
    assert (await last_reset(station, api)).HasField("boot_time")


async def test_TC_B_22_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station that charges is reset at once: it ends the transaction and boots."""
    await states.booted(station)
    await states.energy_transfer_started(station)

    await reset(station, api, "Immediate", "Accepted")
    await ended(station, "ResetCommand", chargingState="EVConnected", stoppedReason="ImmediateReset")

    assert await boot(station, "RemoteReset") == "Accepted"
    await states.connector_status(station, "Occupied")
    await states.connector_status(station, "Available", evse_id=2)
    await assert_connectors(station, api, "Occupied", "Available")
    request = GetTransactionRequest(station_id=station.station_id, transaction_id=station.transaction_id)
    assert (await api.transactions.GetTransaction(request)).HasField("end_time")
    assert (await last_reset(station, api)).HasField("boot_time")


async def test_TC_B_25_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """An EVSE without a transaction is reset."""
    await states.booted(station)

    await reset(station, api, "OnIdle", "Accepted", station.evse_id)


async def test_TC_B_26_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """An EVSE that charges schedules its reset until the transaction has ended."""
    await states.booted(station)
    await states.energy_transfer_started(station)

    await reset(station, api, "OnIdle", "Scheduled", station.evse_id)
    await states.transaction_event(
        station, "Updated", "StopAuthorized", chargingState="EVConnected", idToken=station.id_token
    )
    await ended(station, "EVCommunicationLost", chargingState="Idle", stoppedReason="EVDisconnected")


async def test_TC_B_27_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """An EVSE that charges is reset at once, which ends the transaction."""
    await states.booted(station)
    await states.energy_transfer_started(station)

    await reset(station, api, "Immediate", "Accepted", station.evse_id)
    await ended(station, "ResetCommand", chargingState="EVConnected", stoppedReason="ImmediateReset")


async def ended(station: ConformanceStation, trigger_reason: str, **info: Any) -> None:
    """End the transaction under way."""
    await states.transaction_event(station, "Ended", trigger_reason, **info)


async def test_TC_B_42_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station takes a network profile into a slot."""
    await states.booted(station)

    asked, kept = await set_profile(station, api, "Accepted")

    assert asked == {
        "configurationSlot": SLOT,
        "connectionData": {
            "messageTimeout": 30,
            "ocppCsmsUrl": "wss://csms.example/ocpp",
            "ocppInterface": "Wired0",
            "ocppTransport": "JSON",
            "ocppVersion": "OCPP20",
            "securityProfile": 2,
        },
    }
    assert kept.status == ocpp.SET_NETWORK_PROFILE_STATUS_ENUM_ACCEPTED
    assert kept.connection_data == PROFILE


async def test_TC_B_44_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station fails to set a network profile, which is kept as such."""
    await states.booted(station)

    _, kept = await set_profile(station, api, "Failed")

    assert kept.status == ocpp.SET_NETWORK_PROFILE_STATUS_ENUM_FAILED
    assert not kept.HasField("connection_data")
