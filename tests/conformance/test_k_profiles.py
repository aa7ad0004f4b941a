"""Block K, Smart charging: profiles that are set, asked for and cleared, and composite schedules."""

from typing import Any

import grpc
import pytest
from google.protobuf.struct_pb2 import Struct

from citrine.api.v1 import reports_pb2
from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.api.v1.commands_pb2 import CallStationRequest
from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2 import types_pb2 as types
from citrine_sdk import Citrine
from tests.conformance import profiles, states
from tests.conformance.station import ConformanceStation, now

TX_DEFAULT = types.CHARGING_PROFILE_PURPOSE_ENUM_TX_DEFAULT_PROFILE
ACCEPTED = {"status": "Accepted"}


@pytest.fixture(autouse=True)
async def _booted(station: ConformanceStation) -> None:
    await states.booted(station)


async def test_TC_K_01_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A default profile is set on one EVSE."""
    profile = profiles.absolute("TX_DEFAULT_PROFILE", 6.0, profile_id=101)

    sent, response = await profiles.set_profile(api, station, station.evse_id, profile)

    assert sent["chargingProfile"]["id"] == 101
    profiles.check_absolute(sent, station.evse_id, "TxDefaultProfile", 6.0)
    assert response.response.status == ocpp.CHARGING_PROFILE_STATUS_ENUM_ACCEPTED
    assert await profiles.record_of(api, station) == ["ACCEPTED"]


async def test_TC_K_02_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A profile for a transaction is refused while there is none on the EVSE."""
    profile = profiles.relative(7.0, profile_id=102, transaction_id="none")
    request = ocpp.SetChargingProfileRequest(evse_id=station.evse_id, charging_profile=profile)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await api.smart_charging.SetChargingProfile(
            pb.SetChargingProfileRequest(target=profiles.target(station), request=request)
        )
    # Citrine does not send what can only be refused; who insists sends it as a plain message.
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert await profiles.record_of(api, station) == []
    payload = Struct()
    schedule: dict[str, Any] = {
        "id": 1,
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 7.0}],
    }
    payload.update(
        {
            "evseId": station.evse_id,
            "chargingProfile": {
                "id": 102,
                "stackLevel": profiles.STACK_LEVEL,
                "chargingProfilePurpose": "TxProfile",
                "chargingProfileKind": "Relative",
                "transactionId": "none",
                "chargingSchedule": [schedule],
            },
        }
    )
    rpc = api.commands.CallStation(
        CallStationRequest(target=profiles.target(station), action="SetChargingProfile", payload=payload, native=True)
    )
    answer = {"status": "Rejected", "statusInfo": {"reasonCode": "TxNotFound"}}

    sent, _ = await station.asked_by(rpc, "SetChargingProfile", answer)

    told = sent["chargingProfile"]
    assert sent["evseId"] == station.evse_id
    assert (told["chargingProfilePurpose"], told["chargingProfileKind"]) == ("TxProfile", "Relative")
    assert told["stackLevel"] == profiles.STACK_LEVEL
    assert told["chargingSchedule"] == [schedule]
    assert await profiles.record_of(api, station) == ["REJECTED"]


async def test_TC_K_03_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A maximum for the whole station is set."""
    profile = profiles.absolute("CHARGING_STATION_MAX_PROFILE", 8.0)

    sent, _ = await profiles.set_profile(api, station, 0, profile)

    profiles.check_absolute(sent, 0, "ChargingStationMaxProfile", 8.0)
    assert await profiles.record_of(api, station) == ["ACCEPTED"]


async def test_TC_K_04_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A profile is replaced by one of the same id."""
    profile = profiles.absolute("TX_DEFAULT_PROFILE", 8.0)
    first, response = await profiles.set_profile(api, station, station.evse_id, profile)
    profile.id = response.charging_profile_id
    profile.charging_schedule[0].charging_schedule_period[0].limit = 6.0

    second, _ = await profiles.set_profile(api, station, station.evse_id, profile)

    profiles.check_absolute(first, station.evse_id, "TxDefaultProfile", 8.0)
    profiles.check_absolute(second, station.evse_id, "TxDefaultProfile", 6.0)
    for sent in (first, second):
        assert len(sent["chargingProfile"]["chargingSchedule"][0]["chargingSchedulePeriod"]) == 1
        assert "recurrencyKind" not in sent["chargingProfile"]
    assert first["chargingProfile"]["id"] == second["chargingProfile"]["id"]
    assert await profiles.record_of(api, station) == ["REPLACED", "ACCEPTED"]


async def _report(
    station: ConformanceStation, request_id: int, *reported: dict[str, Any], tbc: bool = False, **fields: Any
) -> None:
    payload = {
        "requestId": request_id,
        "chargingLimitSource": "CSO",
        "evseId": station.evse_id,
        "chargingProfile": list(reported),
        **fields,
    }
    assert await station.call("ReportChargingProfiles", {**payload, **({"tbc": True} if tbc else {})}) == {}


async def _asked_for(
    api: Citrine, station: ConformanceStation, *, evse_id: int | None = None, **criterion: Any
) -> dict[str, Any]:
    """Have profiles asked for, which the station agrees to report; return what it was sent."""
    request = ocpp.GetChargingProfilesRequest(
        evse_id=evse_id, charging_profile=ocpp.ChargingProfileCriterion(**criterion)
    )
    rpc = api.smart_charging.GetChargingProfiles(
        pb.GetChargingProfilesRequest(target=profiles.target(station), request=request)
    )
    sent, _ = await station.asked_by(rpc, "GetChargingProfiles", ACCEPTED)
    assert sent["requestId"] > 0
    return sent


async def _complete(api: Citrine, station: ConformanceStation, request_id: int, parts: int = 1) -> None:
    """Check that the report of a request is there, whole."""
    run = await api.reports.GetReportRun(
        reports_pb2.GetReportRunRequest(
            station_id=station.station_id,
            kind=reports_pb2.REPORT_KIND_CHARGING_PROFILES,
            request_id=request_id,
        )
    )
    assert (run.state, run.parts, run.items) == (reports_pb2.REPORT_STATE_COMPLETE, parts, parts)


async def test_TC_K_05_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A profile that the station reported is cleared by its id."""
    profile = profiles.absolute("TX_DEFAULT_PROFILE", 6.0)
    set_there, _ = await profiles.set_profile(api, station, station.evse_id, profile)
    asked = await _asked_for(api, station, charging_profile_purpose=TX_DEFAULT)
    await _report(station, asked["requestId"], set_there["chargingProfile"])
    profile_id = set_there["chargingProfile"]["id"]

    sent = await _cleared(api, station, ocpp.ClearChargingProfileRequest(charging_profile_id=profile_id), "Accepted")

    assert sent == {"chargingProfileId": profile_id}
    assert await profiles.record_of(api, station) == ["CLEARED"]


async def _cleared(
    api: Citrine, station: ConformanceStation, request: ocpp.ClearChargingProfileRequest, status: str
) -> dict[str, Any]:
    rpc = api.smart_charging.ClearChargingProfile(
        pb.ClearChargingProfileRequest(target=profiles.target(station), request=request)
    )
    sent, response = await station.asked_by(rpc, "ClearChargingProfile", {"status": status})
    assert ocpp.ClearChargingProfileStatusEnum.Name(response.response.status).endswith(status.upper())
    return sent


def _criteria(station: ConformanceStation) -> ocpp.ClearChargingProfileRequest:
    criteria = ocpp.ClearChargingProfile(
        evse_id=station.evse_id, charging_profile_purpose=TX_DEFAULT, stack_level=profiles.STACK_LEVEL
    )
    return ocpp.ClearChargingProfileRequest(charging_profile_criteria=criteria)


async def test_TC_K_06_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A profile is cleared by its purpose, stack level and EVSE."""
    await profiles.given_profile(api, station)

    sent = await _cleared(api, station, _criteria(station), "Accepted")

    assert sent == {
        "chargingProfileCriteria": {
            "evseId": station.evse_id,
            "chargingProfilePurpose": "TxDefaultProfile",
            "stackLevel": profiles.STACK_LEVEL,
        }
    }
    assert await profiles.record_of(api, station) == ["CLEARED"]


async def test_TC_K_08_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Clearing profiles of which the station has none is answered Unknown."""
    sent = await _cleared(api, station, _criteria(station), "Unknown")

    assert sent == {
        "chargingProfileCriteria": {
            "evseId": station.evse_id,
            "chargingProfilePurpose": "TxDefaultProfile",
            "stackLevel": profiles.STACK_LEVEL,
        }
    }


async def test_TC_K_10_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A default profile is set for all EVSEs."""
    sent, _ = await profiles.set_profile(api, station, 0, profiles.absolute("TX_DEFAULT_PROFILE", 6.0))

    profiles.check_absolute(sent, 0, "TxDefaultProfile", 6.0)
    assert await profiles.record_of(api, station) == ["ACCEPTED"]


async def test_TC_K_15_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station that knows no smart charging answers a profile by an error."""
    request = ocpp.SetChargingProfileRequest(
        evse_id=station.evse_id, charging_profile=profiles.absolute("TX_DEFAULT_PROFILE", 6.0)
    )
    rpc = api.smart_charging.SetChargingProfile(
        pb.SetChargingProfileRequest(target=profiles.target(station), request=request)
    )

    sent, code = await profiles.refused_by(station, rpc, "SetChargingProfile", "NotSupported")

    profiles.check_absolute(sent, station.evse_id, "TxDefaultProfile", 6.0)
    assert code == grpc.StatusCode.ABORTED
    assert await profiles.record_of(api, station) == ["FAILED"]


async def test_TC_K_19_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A profile that recurs every day is set."""
    profile = profiles.absolute(
        "TX_DEFAULT_PROFILE",
        6.0,
        charging_profile_kind=types.CHARGING_PROFILE_KIND_ENUM_RECURRING,
        recurrency_kind=types.RECURRENCY_KIND_ENUM_DAILY,
    )

    sent, _ = await profiles.set_profile(api, station, station.evse_id, profile)

    told = profiles.profile_of(sent)
    assert (sent["evseId"], told["stackLevel"]) == (station.evse_id, profiles.STACK_LEVEL)
    assert told["chargingProfilePurpose"] == "TxDefaultProfile"
    assert (told["chargingProfileKind"], told["recurrencyKind"]) == ("Recurring", "Daily")
    assert told["chargingSchedule"][0]["chargingSchedulePeriod"][0]["startPeriod"] == 0
    assert await profiles.record_of(api, station) == ["ACCEPTED"]


async def test_TC_K_29_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Profiles of the station itself are asked for and reported."""
    await states.energy_transfer_started(station)
    set_there, _ = await profiles.set_profile(api, station, 0, profiles.absolute("TX_DEFAULT_PROFILE", 6.0))

    sent = await _asked_for(api, station, evse_id=0, charging_profile_purpose=TX_DEFAULT)

    wanted = {"chargingProfilePurpose": "TxDefaultProfile"}
    assert sent == {"requestId": sent["requestId"], "evseId": 0, "chargingProfile": wanted}
    await _report(station, sent["requestId"], set_there["chargingProfile"], evseId=0)
    await _complete(api, station, sent["requestId"])
    assert await profiles.record_of(api, station) == ["ACCEPTED"]


async def test_TC_K_30_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """Profiles of one EVSE are asked for and reported."""
    sent = await _asked_for(api, station, evse_id=station.evse_id, charging_profile_purpose=TX_DEFAULT)

    wanted = {"chargingProfilePurpose": "TxDefaultProfile"}
    assert sent == {"requestId": sent["requestId"], "evseId": station.evse_id, "chargingProfile": wanted}
    await _report(station, sent["requestId"], FOUND)
    await _complete(api, station, sent["requestId"])
    assert await profiles.record_of(api, station) == ["ACCEPTED"]


FOUND = {
    "id": 77,
    "stackLevel": profiles.STACK_LEVEL,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Absolute",
    "chargingSchedule": [
        {
            "id": 1,
            "startSchedule": now(),
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0}],
        }
    ],
}
"""A profile that was not set by Citrine."""


async def test_TC_K_31_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """All profiles of a purpose are asked for, and reported in one part for each EVSE."""
    gone = await profiles.given_profile(api, station)
    sent = await _asked_for(api, station, charging_profile_purpose=TX_DEFAULT)

    assert sent == {
        "requestId": sent["requestId"],
        "chargingProfile": {"chargingProfilePurpose": "TxDefaultProfile"},
    }
    await _report(station, sent["requestId"], FOUND, tbc=True, evseId=1)
    await _report(station, sent["requestId"], {**FOUND, "id": 78}, evseId=2)
    await _complete(api, station, sent["requestId"], parts=2)
    # What the station did not report it does not have.
    assert await profiles.record_of(api, station, gone) == ["MISSING"]
    assert await profiles.record_of(api, station, 77, 78) == ["ACCEPTED", "ACCEPTED"]


@pytest.fixture
async def known(station: ConformanceStation, api: Citrine) -> dict[str, Any]:
    """A profile that is on the station, as it reports it."""
    sent, _ = await profiles.set_profile(api, station, station.evse_id, profiles.absolute("TX_DEFAULT_PROFILE", 6.0))
    return profiles.profile_of(sent)


async def _is_asked_and_reported(
    station: ConformanceStation, api: Citrine, known: dict[str, Any], wanted: dict[str, Any], **request: Any
) -> None:
    sent = await _asked_for(api, station, **request)
    expected = {"requestId": sent["requestId"], "chargingProfile": wanted}
    assert sent == (expected | {"evseId": request["evse_id"]} if "evse_id" in request else expected)
    await _report(station, sent["requestId"], known)
    await _complete(api, station, sent["requestId"])
    assert await profiles.record_of(api, station) == ["ACCEPTED"]


async def test_TC_K_32_CSMS(station: ConformanceStation, api: Citrine, known: dict[str, Any]) -> None:
    """A profile is asked for by its id and reported."""
    wanted = {"chargingProfileId": [known["id"]]}
    await _is_asked_and_reported(station, api, known, wanted, charging_profile_id=[known["id"]])


async def test_TC_K_33_CSMS(station: ConformanceStation, api: Citrine, known: dict[str, Any]) -> None:
    """Profiles of an EVSE and a stack level are asked for and reported."""
    wanted = {"stackLevel": profiles.STACK_LEVEL}
    await _is_asked_and_reported(station, api, known, wanted, evse_id=station.evse_id, stack_level=profiles.STACK_LEVEL)


async def test_TC_K_34_CSMS(station: ConformanceStation, api: Citrine, known: dict[str, Any]) -> None:
    """Profiles of an EVSE that one kind of actor set are asked for and reported."""
    wanted = {"chargingLimitSource": ["CSO"]}
    await _is_asked_and_reported(station, api, known, wanted, evse_id=station.evse_id, charging_limit_source=["CSO"])


async def test_TC_K_35_CSMS(station: ConformanceStation, api: Citrine, known: dict[str, Any]) -> None:
    """Profiles of an EVSE and a purpose are asked for and reported."""
    wanted = {"chargingProfilePurpose": "TxDefaultProfile"}
    await _is_asked_and_reported(
        station, api, known, wanted, evse_id=station.evse_id, charging_profile_purpose=TX_DEFAULT
    )


async def test_TC_K_36_CSMS(station: ConformanceStation, api: Citrine, known: dict[str, Any]) -> None:
    """Profiles of an EVSE, a purpose and a stack level are asked for and reported."""
    wanted = {"chargingProfilePurpose": "TxDefaultProfile", "stackLevel": profiles.STACK_LEVEL}
    await _is_asked_and_reported(
        station,
        api,
        known,
        wanted,
        evse_id=station.evse_id,
        charging_profile_purpose=TX_DEFAULT,
        stack_level=profiles.STACK_LEVEL,
    )
