"""OCPP 1.6, smart charging."""

from typing import Any

from citrine.api.v1 import remote_control_pb2
from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.ocpp.spellings import spelling_of
from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2.remote_control_pb2 import RequestStartTransactionRequest
from citrine.ocpp.v2.types_pb2 import CHARGING_RATE_UNIT_ENUM_A
from citrine_sdk import Citrine
from tests.conformance import profiles
from tests.conformance.ocpp16 import states
from tests.conformance.station import ConformanceStation

ACCEPTED = {"status": "Accepted"}


async def set_profile(station: ConformanceStation, api: Citrine, profile: Any) -> dict[str, Any]:
    """Have a profile set on the connector of the case; return what the station is sent of it."""
    request = ocpp.SetChargingProfileRequest(evse_id=station.connector_id, charging_profile=profile)
    rpc = api.smart_charging.SetChargingProfile(
        pb.SetChargingProfileRequest(target=states.target(station), request=request)
    )
    asked, response = await station.asked_by(rpc, "SetChargingProfile", ACCEPTED)
    assert asked["connectorId"] == station.connector_id
    assert spelling_of(ocpp.ChargingProfileStatusEnum, response.response.status) == "Accepted"
    sent: dict[str, Any] = asked["csChargingProfiles"]
    assert sent["chargingProfileId"] == response.charging_profile_id
    return sent


def check_schedule(sent: dict[str, Any], limit: float) -> None:
    """Check the one period of a profile."""
    schedule = sent["chargingSchedule"]
    (period,) = schedule["chargingSchedulePeriod"]
    assert schedule["chargingRateUnit"] == "A"
    assert (period["startPeriod"], period["limit"], period["numberPhases"]) == (0, limit, profiles.PHASES)


async def test_TC_056_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A default profile for the transactions of a connector is set."""
    await states.booted(station)

    sent = await set_profile(station, api, profiles.absolute("TX_DEFAULT_PROFILE", 6.0))

    check_schedule(sent, 6.0)
    assert (sent["chargingProfilePurpose"], sent["chargingProfileKind"]) == ("TxDefaultProfile", "Absolute")
    assert sent["stackLevel"] == profiles.STACK_LEVEL
    assert {"validFrom", "validTo"} <= sent.keys()
    assert sent["chargingSchedule"]["duration"] == profiles.DURATION
    assert "startSchedule" in sent["chargingSchedule"]
    assert "transactionId" not in sent


async def test_TC_057_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A profile for a transaction is set."""
    await states.booted(station)
    await states.charging(station)

    sent = await set_profile(station, api, profiles.relative(7.5, transaction_id=station.transaction_id))

    check_schedule(sent, 7.5)
    assert (sent["chargingProfilePurpose"], sent["chargingProfileKind"]) == ("TxProfile", "Relative")
    assert sent["transactionId"] == states.number_of(station)


async def test_TC_059_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A transaction is started from afar with a profile."""
    await states.booted(station)
    request = RequestStartTransactionRequest(
        id_token=states.token(station), evse_id=station.connector_id, charging_profile=profiles.relative(8.0)
    )
    rpc = api.remote_control.RequestStartTransaction(
        remote_control_pb2.RequestStartTransactionRequest(target=states.target(station), request=request)
    )

    asked, _ = await station.asked_by(rpc, "RemoteStartTransaction", ACCEPTED)
    await states.charging(station)

    check_schedule(asked["chargingProfile"], 8.0)
    assert asked["chargingProfile"]["chargingProfilePurpose"] == "TxProfile"
    assert "transactionId" not in asked["chargingProfile"]


async def test_TC_066_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station is asked for the schedule that follows from its profiles."""
    await states.booted(station)
    await set_profile(station, api, profiles.absolute("TX_DEFAULT_PROFILE", 6.0))
    request = ocpp.GetCompositeScheduleRequest(
        evse_id=station.connector_id, duration=profiles.DURATION, charging_rate_unit=CHARGING_RATE_UNIT_ENUM_A
    )
    rpc = api.smart_charging.GetCompositeSchedule(
        pb.GetCompositeScheduleRequest(target=states.target(station), request=request)
    )
    answer = {
        "status": "Accepted",
        "connectorId": station.connector_id,
        "scheduleStart": states.ago(0),
        "chargingSchedule": {
            "duration": profiles.DURATION,
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0, "numberPhases": 3}],
        },
    }

    asked, response = await station.asked_by(rpc, "GetCompositeSchedule", answer)

    assert asked == {
        "connectorId": station.connector_id,
        "duration": profiles.DURATION,
        "chargingRateUnit": "A",
    }
    schedule = response.response.schedule
    assert (schedule.evse_id, schedule.duration) == (station.connector_id, profiles.DURATION)
    assert [(one.start_period, one.limit) for one in schedule.charging_schedule_period] == [(0, 6.0)]


async def test_TC_067_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A profile is cleared by its id."""
    await states.booted(station)
    sent = await set_profile(station, api, profiles.absolute("TX_DEFAULT_PROFILE", 6.0))
    request = ocpp.ClearChargingProfileRequest(charging_profile_id=sent["chargingProfileId"])
    rpc = api.smart_charging.ClearChargingProfile(
        pb.ClearChargingProfileRequest(target=states.target(station), request=request)
    )

    asked, response = await station.asked_by(rpc, "ClearChargingProfile", ACCEPTED)

    assert asked == {"id": sent["chargingProfileId"]}
    assert spelling_of(ocpp.ClearChargingProfileStatusEnum, response.response.status) == "Accepted"
