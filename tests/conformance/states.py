"""The reusable states of OCPP 2.0.1 part 6, section 3.18: what a station does to get there."""

from typing import Any

from citrine.api.v1.availability_pb2 import ChangeAvailabilityRequest
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.ocpp.v2 import availability_pb2 as availability
from citrine.ocpp.v2.types_pb2 import EVSE
from citrine_sdk import Citrine
from tests.conformance.station import ConformanceStation, now

__all__ = [
    "authorized",
    "booted",
    "connector_status",
    "energy_transfer_started",
    "energy_transfer_suspended",
    "ev_connected_post_session",
    "ev_connected_pre_session",
    "ev_disconnected",
    "stop_authorized",
    "transaction_event",
    "unavailable",
]

BOOT = {"reason": "PowerUp", "chargingStation": {"model": "One", "vendorName": "Example"}}
"""What the station says of itself: <Configured model> and <Configured vendorName>."""


async def booted(station: ConformanceStation, **boot: Any) -> dict[str, Any]:
    """Be powered on: boot, and tell the state of the connector. Returns the answer to the BootNotification."""
    answer = await station.call("BootNotification", {**BOOT, **boot})
    assert answer["status"] == "Accepted"
    await connector_status(station, "Available")
    return answer


async def connector_status(
    station: ConformanceStation, status: str, *, component: str = "Connector", evse_id: int | None = None
) -> None:
    """Tell the state of a connector, in both ways that there are."""
    evse = evse_id or station.evse_id
    await station.call(
        "StatusNotification",
        {"timestamp": now(), "connectorStatus": status, "evseId": evse, "connectorId": station.connector_id},
    )
    where = {
        "Connector": {"evse": {"id": evse, "connectorId": station.connector_id}},
        "EVSE": {"evse": {"id": evse}},
        "ChargingStation": {},
    }[component]
    event = {
        "eventId": next(station.numbers),
        "timestamp": now(),
        "trigger": "Delta",
        "actualValue": status,
        "component": {"name": component, **where},
        "variable": {"name": "AvailabilityState"},
        "eventNotificationType": "HardWiredNotification",
    }
    await station.call("NotifyEvent", {"generatedAt": now(), "seqNo": 0, "eventData": [event]})


async def transaction_event(
    station: ConformanceStation, event_type: str, trigger_reason: str, *, with_evse: bool = False, **more: Any
) -> dict[str, Any]:
    """Send a TransactionEvent of the transaction under way; Started begins a new one.

    Members of transactionInfo (chargingState, stoppedReason, remoteStartId, timeSpentCharging) may be given with
    those of the request.
    """
    if event_type == "Started":
        station.transaction_id = f"{station.station_id}-{next(station.numbers)}"[:36]
        station.seq_no = 0
    of_info = {"chargingState", "stoppedReason", "remoteStartId", "timeSpentCharging"}
    info = {name: more.pop(name) for name in of_info & more.keys()}
    payload = {
        "eventType": event_type,
        "timestamp": now(),
        "triggerReason": trigger_reason,
        "seqNo": station.seq_no,
        "transactionInfo": {"transactionId": station.transaction_id, **info},
        **more,
    }
    if with_evse:
        payload["evse"] = {"id": station.evse_id, "connectorId": station.connector_id}
    station.seq_no += 1
    if event_type == "Ended":
        station.states.clear()
    return await station.call("TransactionEvent", payload)


async def ev_connected_pre_session(station: ConformanceStation, **more: Any) -> None:
    """Plug an EV in; the transaction begins with it unless a driver was authorized before.

    The event about it may be given more members, e.g. meterValue.
    """
    await connector_status(station, "Occupied")
    event_type = "Updated" if "Authorized" in station.states else "Started"
    await transaction_event(station, event_type, "CablePluggedIn", with_evse=True, chargingState="EVConnected", **more)
    station.states |= {"EVConnectedPreSession", "EVConnected"}


async def authorized(station: ConformanceStation) -> None:
    """Have a driver authorized at the station; the transaction begins with it unless the EV was plugged in before."""
    answer = await station.call("Authorize", {"idToken": station.id_token})
    assert answer["idTokenInfo"]["status"] == "Accepted"
    event_type = "Updated" if "EVConnectedPreSession" in station.states else "Started"
    result = await transaction_event(station, event_type, "Authorized", idToken=station.id_token)
    assert result["idTokenInfo"]["status"] == "Accepted"
    station.states.add("Authorized")


async def energy_transfer_started(station: ConformanceStation) -> None:
    """Charge: authorized, plugged in, and energy flows."""
    if "Authorized" not in station.states:
        await authorized(station)
    if "EVConnected" not in station.states:
        await connector_status(station, "Occupied")
        await transaction_event(station, "Updated", "CablePluggedIn", with_evse=True, chargingState="EVConnected")
    await transaction_event(station, "Updated", "ChargingStateChanged", chargingState="Charging")
    station.states |= {"EnergyTransferStarted", "EVConnected"}


async def energy_transfer_suspended(station: ConformanceStation) -> None:
    """Have the EV suspend the energy transfer."""
    if "EnergyTransferStarted" not in station.states:
        await energy_transfer_started(station)
    await transaction_event(station, "Updated", "ChargingStateChanged", chargingState="SuspendedEV")
    station.states.add("EnergyTransferSuspended")


async def stop_authorized(station: ConformanceStation) -> None:
    """Have the driver authorized to stop."""
    if "EnergyTransferStarted" not in station.states:
        await energy_transfer_started(station)
    result = await transaction_event(station, "Updated", "StopAuthorized", idToken=station.id_token)
    assert result["idTokenInfo"]["status"] == "Accepted"
    station.states.add("StopAuthorized")


async def ev_connected_post_session(station: ConformanceStation) -> None:
    """Have the energy transfer ended for good, with the EV still plugged in."""
    if "StopAuthorized" not in station.states:
        await stop_authorized(station)
    await transaction_event(station, "Updated", "ChargingStateChanged", chargingState="EVConnected")
    station.states.add("EVConnectedPostSession")


async def ev_disconnected(station: ConformanceStation, **more: Any) -> dict[str, Any]:
    """Unplug the EV, which ends the transaction. Returns the answer to its last event.

    That may be given more members, e.g. meterValue.
    """
    if "EVConnectedPostSession" not in station.states:
        await ev_connected_post_session(station)
    await connector_status(station, "Available")
    return await transaction_event(
        station, "Ended", "EVCommunicationLost", chargingState="Idle", stoppedReason="EVDisconnected", **more
    )


async def unavailable(station: ConformanceStation, api: Citrine) -> None:
    """Have the EVSE taken out of service by an operator."""
    rpc = api.availability.ChangeAvailability(
        ChangeAvailabilityRequest(
            target=CommandTarget(station_id=station.station_id),
            request=availability.ChangeAvailabilityRequest(
                operational_status=availability.OPERATIONAL_STATUS_ENUM_INOPERATIVE, evse=EVSE(id=station.evse_id)
            ),
        )
    )
    asked, _ = await station.asked_by(rpc, "ChangeAvailability", {"status": "Accepted"})
    assert asked == {"operationalStatus": "Inoperative", "evse": {"id": station.evse_id}}
    await connector_status(station, "Unavailable")
