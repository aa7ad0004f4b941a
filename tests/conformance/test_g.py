"""Block G, Availability: stations, EVSEs and connectors in and out of service."""

import pytest

from citrine.api.v1.availability_pb2 import (
    AVAILABILITY_STATE_REACHED,
    AVAILABILITY_STATE_SCHEDULED,
    Availability,
    ChangeAvailabilityRequest,
    ListAvailabilitiesRequest,
)
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.diagnostics_pb2 import ListStationEventsRequest
from citrine.ocpp.v2 import availability_pb2 as ocpp
from citrine_sdk import Citrine
from tests.conformance import states
from tests.conformance.station import ConformanceStation, now

OPERATIVE, INOPERATIVE = ocpp.OPERATIONAL_STATUS_ENUM_OPERATIVE, ocpp.OPERATIONAL_STATUS_ENUM_INOPERATIVE

STATUSES = {OPERATIVE: "Available", INOPERATIVE: "Unavailable"}
"""What a connector that is not in use says of itself."""


@pytest.fixture
async def station(station: ConformanceStation) -> ConformanceStation:
    """The station of the case, booted."""
    await states.booted(station)
    return station


async def change(
    station: ConformanceStation,
    api: Citrine,
    wanted: ocpp.OperationalStatusEnum.ValueType,
    evse_id: int | None = None,
    connector_id: int | None = None,
    answer: str = "Accepted",
) -> None:
    """Ask for a change by the API, answer it, and check what is sent."""
    request = ocpp.ChangeAvailabilityRequest(operational_status=wanted)
    evse = {}
    if evse_id is not None:
        request.evse.id = evse["id"] = evse_id
    if connector_id is not None:
        request.evse.connector_id = evse["connectorId"] = connector_id
    rpc = api.availability.ChangeAvailability(
        ChangeAvailabilityRequest(target=CommandTarget(station_id=station.station_id), request=request)
    )
    asked, _ = await station.asked_by(rpc, "ChangeAvailability", {"status": answer})
    status = "Operative" if wanted == OPERATIVE else "Inoperative"
    assert asked == {"operationalStatus": status, **({"evse": evse} if evse else {})}


async def kept(
    station: ConformanceStation, api: Citrine, evse_id: int | None = None, connector_id: int | None = None
) -> Availability:
    """Return what is kept of a change, and how it is."""
    request = ListAvailabilitiesRequest(station_id=station.station_id)
    listed = (await api.availability.ListAvailabilities(request)).availabilities
    [found] = [row for row in listed if (row.evse_id, row.connector_id) == (evse_id or 0, connector_id or 0)]
    return found


async def reach(
    station: ConformanceStation,
    api: Citrine,
    wanted: ocpp.OperationalStatusEnum.ValueType,
    evse_id: int | None = None,
    connector_id: int | None = None,
    *,
    component: str = "Connector",
) -> None:
    """Ask for a change; the station does it, and says so."""
    await change(station, api, wanted, evse_id, connector_id)
    await states.connector_status(station, STATUSES[wanted], component=component)
    row = await kept(station, api, evse_id, connector_id)
    assert (row.wanted, row.actual, row.state) == (wanted, wanted, AVAILABILITY_STATE_REACHED)


async def schedule(
    station: ConformanceStation, api: Citrine, evse_id: int | None = None, connector_id: int | None = None
) -> None:
    """Ask for what a station does once its transaction has ended, and see it done."""
    await states.energy_transfer_started(station)
    await change(station, api, INOPERATIVE, evse_id, connector_id, answer="Scheduled")
    row = await kept(station, api, evse_id, connector_id)
    assert (row.actual, row.state) == (OPERATIVE, AVAILABILITY_STATE_SCHEDULED)

    if evse_id is None:
        await states.connector_status(station, "Unavailable", evse_id=2)
    await states.stop_authorized(station)
    await states.ev_connected_post_session(station)
    await states.ev_disconnected(station)
    await states.connector_status(station, "Unavailable")

    row = await kept(station, api, evse_id, connector_id)
    assert (row.actual, row.state) == (INOPERATIVE, AVAILABILITY_STATE_REACHED)


async def test_TC_G_03_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """An EVSE is taken out of service."""
    await states.unavailable(station, api)

    row = await kept(station, api, station.evse_id)
    assert (row.wanted, row.actual, row.state) == (INOPERATIVE, INOPERATIVE, AVAILABILITY_STATE_REACHED)


async def test_TC_G_04_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """An EVSE is put back into service."""
    await states.unavailable(station, api)

    await reach(station, api, OPERATIVE, station.evse_id, component="EVSE")


async def test_TC_G_05_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station is taken out of service."""
    await reach(station, api, INOPERATIVE)


async def test_TC_G_06_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station is put back into service."""
    await reach(station, api, INOPERATIVE, component="ChargingStation")

    await reach(station, api, OPERATIVE)


async def test_TC_G_07_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A connector is taken out of service."""
    await reach(station, api, INOPERATIVE, station.evse_id, station.connector_id)


async def test_TC_G_08_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A connector is put back into service."""
    await reach(station, api, INOPERATIVE, station.evse_id, station.connector_id)

    await reach(station, api, OPERATIVE, station.evse_id, station.connector_id)


async def test_TC_G_11_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """An EVSE that charges goes out of service once its transaction has ended."""
    await schedule(station, api, station.evse_id)


async def test_TC_G_14_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station that charges goes out of service once its transaction has ended."""
    await schedule(station, api)


async def test_TC_G_17_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A connector that charges goes out of service once its transaction has ended."""
    await schedule(station, api, station.evse_id, station.connector_id)


async def test_TC_G_20_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station says that it can't lock a connector, and is answered."""
    event = {
        "eventId": 1,
        "timestamp": now(),
        "trigger": "Delta",
        "actualValue": "true",
        "component": {"name": "ConnectorPlugRetentionLock", "evse": {"id": station.evse_id, "connectorId": 1}},
        "variable": {"name": "Problem"},
        "eventNotificationType": "HardWiredNotification",
    }

    assert await station.call("NotifyEvent", {"generatedAt": now(), "seqNo": 0, "eventData": [event]}) == {}

    request = ListStationEventsRequest(station_id=station.station_id, component="ConnectorPlugRetentionLock")
    [stored] = (await api.diagnostics.ListStationEvents(request)).station_events
    assert stored.event.actual_value == "true"
