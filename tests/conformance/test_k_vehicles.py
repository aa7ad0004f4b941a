"""Block K, Smart charging: limits of others, profiles of transactions, and vehicles that say what they need."""

from typing import Any

import pytest

from citrine.api.v1 import remote_control_pb2 as remote
from citrine.api.v1 import reports_pb2
from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2 import types_pb2 as types
from citrine.ocpp.v2.remote_control_pb2 import RequestStartTransactionRequest
from citrine_sdk import Citrine
from tests.conformance import profiles, states
from tests.conformance.station import ConformanceStation, now

ACCEPTED = {"status": "Accepted"}

NEEDS = {
    "requestedEnergyTransfer": "AC_three_phase",
    "acChargingParameters": {"energyAmount": 20000, "evMinCurrent": 6, "evMaxCurrent": 16, "evMaxVoltage": 230},
}
"""<Configured values from mock EV>"""


@pytest.fixture(autouse=True)
async def _booted(station: ConformanceStation) -> None:
    await states.booted(station)


async def test_TC_K_37_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A transaction is started from afar together with its profile."""
    request = RequestStartTransactionRequest(
        id_token=types.IdToken(id_token=station.id_token["idToken"], type=station.id_token["type"]),
        evse_id=station.evse_id,
        remote_start_id=37,
        charging_profile=profiles.relative(7.0, profile_id=137),
    )
    rpc = api.remote_control.RequestStartTransaction(
        remote.RequestStartTransactionRequest(target=profiles.target(station), request=request)
    )

    sent, _ = await station.asked_by(rpc, "RequestStartTransaction", ACCEPTED)

    assert (sent["idToken"]["idToken"], sent["idToken"]["type"]) == tuple(station.id_token.values())
    assert sent["evseId"] == station.evse_id
    told = sent["chargingProfile"]
    assert (told["chargingProfilePurpose"], told["chargingProfileKind"]) == ("TxProfile", "Relative")
    assert "transactionId" not in told
    assert "startSchedule" not in told["chargingSchedule"][0]
    answer = await states.transaction_event(
        station,
        "Started",
        "RemoteStart",
        with_evse=True,
        remoteStartId=sent["remoteStartId"],
        idToken=station.id_token,
    )
    assert answer["idTokenInfo"]["status"] == "Accepted"
    assert await profiles.record_of(api, station) == ["ACCEPTED"]


async def _composite(station: ConformanceStation, api: Citrine, evse_id: int) -> None:
    request = ocpp.GetCompositeScheduleRequest(
        evse_id=evse_id, duration=profiles.DURATION, charging_rate_unit=types.CHARGING_RATE_UNIT_ENUM_W
    )
    rpc = api.smart_charging.GetCompositeSchedule(
        pb.GetCompositeScheduleRequest(target=profiles.target(station), request=request)
    )
    schedule = {
        "evseId": evse_id,
        "duration": profiles.DURATION,
        "scheduleStart": now(),
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10000.0}],
    }

    sent, response = await station.asked_by(rpc, "GetCompositeSchedule", {**ACCEPTED, "schedule": schedule})

    assert sent == {"evseId": evse_id, "duration": profiles.DURATION, "chargingRateUnit": "W"}
    assert response.response.schedule.charging_schedule_period[0].limit == 10000.0


async def test_TC_K_43_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A composite schedule of one EVSE is asked for."""
    await _composite(station, api, 1)


async def test_TC_K_44_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A composite schedule of the whole station is asked for."""
    await _composite(station, api, 0)


async def _limits(api: Citrine, station: ConformanceStation) -> list[tuple[str, bool]]:
    """Return the limits of others, each with whether it is in force."""
    found = await api.smart_charging.ListChargingLimits(pb.ListChargingLimitsRequest(station_id=station.station_id))
    return [
        (limit.request.charging_limit.charging_limit_source, not limit.HasField("clear_time")) for limit in found.limits
    ]


EMS = {"chargingLimit": {"chargingLimitSource": "EMS"}}


async def test_TC_K_48_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """An energy management system limits a station that does not charge."""
    assert await station.call("NotifyChargingLimit", EMS) == {}

    assert await _limits(api, station) == [("EMS", True)]


async def test_TC_K_50_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """An energy management system lifts its limit from a station that does not charge."""
    await station.call("NotifyChargingLimit", EMS)

    assert await station.call("ClearedChargingLimit", {"chargingLimitSource": "EMS"}) == {}

    assert await _limits(api, station) == [("EMS", False)]


async def test_TC_K_51_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """An energy management system lifts its limit from a station that charges, and the rate changes."""
    await states.energy_transfer_started(station)

    assert await station.call("ClearedChargingLimit", {"chargingLimitSource": "EMS"}) == {}
    answer = await states.transaction_event(station, "Updated", "ChargingRateChanged")

    assert answer == {}
    assert await _limits(api, station) == []


async def test_TC_K_52_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A profile that stands for a limit of somebody else is reported."""
    purpose = types.CHARGING_PROFILE_PURPOSE_ENUM_CHARGING_STATION_EXTERNAL_CONSTRAINTS
    request = ocpp.GetChargingProfilesRequest(
        charging_profile=ocpp.ChargingProfileCriterion(charging_profile_purpose=purpose)
    )
    rpc = api.smart_charging.GetChargingProfiles(
        pb.GetChargingProfilesRequest(target=profiles.target(station), request=request)
    )
    sent, _ = await station.asked_by(rpc, "GetChargingProfiles", ACCEPTED)
    external = {
        "id": -1,
        "stackLevel": 0,
        "chargingProfilePurpose": "ChargingStationExternalConstraints",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [
            {
                "id": 1,
                "startSchedule": now(),
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0}],
            }
        ],
    }
    report = {"requestId": sent["requestId"], "chargingLimitSource": "EMS", "evseId": 0, "chargingProfile": [external]}

    assert await station.call("ReportChargingProfiles", report) == {}

    found = await api.smart_charging.ListChargingProfiles(pb.ListChargingProfilesRequest(station_id=station.station_id))
    [record] = found.profiles
    assert (record.found, record.charging_limit_source, record.profile.id) == (True, "EMS", -1)
    assert record.profile.charging_profile_purpose == purpose
    parts = await api.reports.ListReportParts(
        reports_pb2.ListReportPartsRequest(
            station_id=station.station_id,
            kind=reports_pb2.REPORT_KIND_CHARGING_PROFILES,
            request_id=sent["requestId"],
        )
    )
    assert [part.last for part in parts.parts] == [True]


async def _needs(station: ConformanceStation, *statuses: str) -> dict[str, Any]:
    """Say what the vehicle needs, and take the schedule that follows; return what was sent."""
    payload = {"evseId": station.evse_id, "maxScheduleTuples": 3, "chargingNeeds": NEEDS}
    answer = await station.call("NotifyEVChargingNeeds", payload)
    assert answer["status"] in (statuses or ("Accepted", "Processing"))
    return await _scheduled(station)


async def _scheduled(station: ConformanceStation) -> dict[str, Any]:
    sent = await station.asked("SetChargingProfile", ACCEPTED)
    told = sent["chargingProfile"]
    assert sent["evseId"] == station.evse_id
    assert (told["chargingProfilePurpose"], told["transactionId"]) == ("TxProfile", station.transaction_id)
    assert len(told["chargingSchedule"]) == 1
    assert len(told["chargingSchedule"][0]["chargingSchedulePeriod"]) <= 3
    return sent


async def _chosen(station: ConformanceStation, schedule: dict[str, Any]) -> str:
    """Say which schedule the vehicle chose, and return the status that it is answered."""
    payload = {"timeBase": now(), "evseId": station.evse_id, "chargingSchedule": schedule}
    status: str = (await station.call("NotifyEVChargingSchedule", payload))["status"]
    return status


def _schedule_of(sent: dict[str, Any]) -> dict[str, Any]:
    schedule: dict[str, Any] = sent["chargingProfile"]["chargingSchedule"][0]
    return schedule


async def _charging(station: ConformanceStation) -> None:
    await states.transaction_event(station, "Updated", "ChargingStateChanged", chargingState="Charging")


async def _plugged_in(station: ConformanceStation) -> None:
    await states.authorized(station)
    await states.ev_connected_pre_session(station)


async def _iso15118_smart_charging(station: ConformanceStation) -> dict[str, Any]:
    """Be in the reusable state ISO15118SmartCharging; return the profile that was sent."""
    sent = await _needs(station)
    assert await _chosen(station, _schedule_of(sent)) == "Accepted"
    await _charging(station)
    return sent


async def _negotiations(api: Citrine, station: ConformanceStation) -> list[tuple[str, str]]:
    """Return cause and state of the negotiations of the transaction, in their order."""
    found = await api.smart_charging.ListChargingNegotiations(
        pb.ListChargingNegotiationsRequest(station_id=station.station_id, transaction_id=station.transaction_id)
    )
    return [
        (
            pb.ChargingNegotiationCause.Name(one.cause).removeprefix("CHARGING_NEGOTIATION_CAUSE_"),
            pb.ChargingNegotiationState.Name(one.state).removeprefix("CHARGING_NEGOTIATION_STATE_"),
        )
        for one in reversed(found.negotiations)
    ]


async def test_TC_K_53_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A vehicle that says what it needs gets a schedule, and keeps it."""
    await _plugged_in(station)

    await _iso15118_smart_charging(station)

    await station.silent()
    assert await _negotiations(api, station) == [("NEEDS", "ACCEPTED")]
    assert await profiles.record_of(api, station) == ["ACCEPTED"]


async def test_TC_K_55_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A vehicle that chose a schedule beyond its limits is sent another one."""
    await _plugged_in(station)
    first = await _needs(station, "Accepted")
    beyond = _schedule_of(first) | {"chargingSchedulePeriod": [{"startPeriod": 0, "limit": 64.0}]}

    assert await _chosen(station, beyond) == "Rejected"
    await _charging(station)
    second = await _scheduled(station)

    assert await _chosen(station, _schedule_of(second)) == "Accepted"
    assert await _negotiations(api, station) == [("NEEDS", "ACCEPTED"), ("EXCEEDED", "ACCEPTED")]
    assert await profiles.record_of(api, station) == ["REPLACED", "ACCEPTED"]


async def test_TC_K_57_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A vehicle that says anew what it needs gets another schedule."""
    await _plugged_in(station)
    await _iso15118_smart_charging(station)

    sent = await _needs(station)

    assert await _chosen(station, _schedule_of(sent)) == "Accepted"
    assert await _negotiations(api, station) == [("NEEDS", "ACCEPTED")] * 2


async def _renegotiated_by_operator(station: ConformanceStation, api: Citrine, profile_id: int) -> dict[str, Any]:
    profile = profiles.relative(8.0, profile_id=profile_id, transaction_id=station.transaction_id)
    sent, _ = await profiles.set_profile(api, station, station.evse_id, profile)
    assert sent["evseId"] == station.evse_id
    told = sent["chargingProfile"]
    assert (told["chargingProfilePurpose"], told["transactionId"]) == ("TxProfile", station.transaction_id)
    return sent


async def test_TC_K_58_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """An operator gives a vehicle that charges another schedule."""
    await _plugged_in(station)
    before = await _iso15118_smart_charging(station)

    sent = await _renegotiated_by_operator(station, api, before["chargingProfile"]["id"])

    assert await _chosen(station, _schedule_of(sent)) == "Accepted"
    assert await profiles.record_of(api, station) == ["REPLACED", "ACCEPTED"]


async def test_TC_K_59_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A vehicle that was given another schedule says again what it needs, and gets one."""
    await _plugged_in(station)
    before = await _iso15118_smart_charging(station)
    await _renegotiated_by_operator(station, api, before["chargingProfile"]["id"])

    sent = await _needs(station)

    assert await _chosen(station, _schedule_of(sent)) == "Accepted"
    # The plan respects what the operator had set.
    assert {period["limit"] for period in _schedule_of(sent)["chargingSchedulePeriod"]} == {8.0}


async def test_TC_K_60_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A profile is set for a transaction that is under way."""
    await states.energy_transfer_started(station)

    sent, _ = await profiles.set_profile(
        api, station, station.evse_id, profiles.relative(7.0, transaction_id=station.transaction_id)
    )

    told = sent["chargingProfile"]
    assert sent["evseId"] == station.evse_id
    assert (told["chargingProfilePurpose"], told["transactionId"]) == ("TxProfile", station.transaction_id)
    assert told["chargingProfileKind"] == "Relative"
    assert "startSchedule" not in told["chargingSchedule"][0]
    assert await profiles.record_of(api, station) == ["ACCEPTED"]


async def test_TC_K_70_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Profiles of two purposes are set one after the other."""
    await states.energy_transfer_started(station)

    first, _ = await profiles.set_profile(api, station, station.evse_id, profiles.absolute("TX_DEFAULT_PROFILE", 6.0))
    second, _ = await profiles.set_profile(api, station, 0, profiles.absolute("CHARGING_STATION_MAX_PROFILE", 8.0))

    profiles.check_absolute(first, station.evse_id, "TxDefaultProfile", 6.0)
    profiles.check_absolute(second, 0, "ChargingStationMaxProfile", 8.0)
    assert first["chargingProfile"]["id"] != second["chargingProfile"]["id"]
    assert await profiles.record_of(api, station) == ["ACCEPTED", "ACCEPTED"]
