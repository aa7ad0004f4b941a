"""Smart charging on OCPP 1.6: profiles, their removal, composite schedules."""

from typing import Any

import pytest

from citrine_edge.dialects import UnsupportedAction
from citrine_edge.ocppj import RpcError
from tests.support.dialogues import play

PERIODS = [{"startPeriod": 0, "limit": 16.0}, {"startPeriod": 60, "limit": 8.0, "numberPhases": 1}]

SCHEDULE = {
    "id": 4,
    "chargingRateUnit": "A",
    "duration": 3600,
    "startSchedule": "2025-01-31T12:00:00Z",
    "minChargingRate": 6.0,
    "chargingSchedulePeriod": PERIODS,
}

PROFILE = {
    "id": 9,
    "stackLevel": 2,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Recurring",
    "recurrencyKind": "Daily",
    "validFrom": "2025-01-31T12:00:00Z",
    "validTo": "2025-02-28T12:00:00Z",
    "transactionId": "17",
    "chargingSchedule": [SCHEDULE],
}


def profile(**values: Any) -> dict[str, Any]:
    return {"evseId": 1, "chargingProfile": {**PROFILE, **values}}


def schedule(**values: Any) -> dict[str, Any]:
    return profile(chargingSchedule=[{**SCHEDULE, **values}])


def test_profile_is_sent_in_the_words_of_1_6() -> None:
    played = play("SetChargingProfile", profile(), {"status": "Accepted"})

    assert played.response == {"status": "Accepted"}
    assert played.calls == [
        (
            "SetChargingProfile",
            {
                "connectorId": 1,
                "csChargingProfiles": {
                    "chargingProfileId": 9,
                    "stackLevel": 2,
                    "chargingProfilePurpose": "TxProfile",
                    "chargingProfileKind": "Recurring",
                    "recurrencyKind": "Daily",
                    "validFrom": "2025-01-31T12:00:00Z",
                    "validTo": "2025-02-28T12:00:00Z",
                    "transactionId": 17,
                    "chargingSchedule": {
                        "chargingRateUnit": "A",
                        "duration": 3600,
                        "startSchedule": "2025-01-31T12:00:00Z",
                        "minChargingRate": 6.0,
                        "chargingSchedulePeriod": PERIODS,
                    },
                },
            },
        )
    ]


@pytest.mark.parametrize(
    ("limit", "sent"),
    [
        (16.0, 16.0),
        (16.1, 16.1),
        (16.19, 16.1),
        (16.999999, 16.9),
        (0.0, 0.0),
        (0.3, 0.3),
        (22000.05, 22000.0),
        (1.7e307, 1.7e307),
        (1.7e308, 1.7e308),
    ],
)
def test_limit_has_one_decimal_and_is_never_higher_than_it_was(limit: float, sent: float) -> None:
    [(_, payload)] = play(
        "SetChargingProfile",
        schedule(chargingSchedulePeriod=[{"startPeriod": 0, "limit": limit}]),
        {"status": "Accepted"},
    ).calls

    assert payload["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == sent


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("ChargingStationMaxProfile", "ChargePointMaxProfile"), ("TxDefaultProfile", "TxDefaultProfile")],
)
def test_purpose_is_spelled_as_in_1_6(ours: str, theirs: str) -> None:
    payload = profile(chargingProfilePurpose=ours)
    del payload["chargingProfile"]["transactionId"]

    [(_, sent)] = play("SetChargingProfile", payload, {"status": "Accepted"}).calls

    assert sent["csChargingProfiles"]["chargingProfilePurpose"] == theirs


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        (profile(chargingProfilePurpose="ChargingStationExternalConstraints"), "/chargingProfilePurpose"),
        (profile(chargingProfilePurpose="PriorityCharging"), "/chargingProfilePurpose"),
        (profile(chargingProfileKind="Dynamic"), "/chargingProfileKind"),
        (profile(chargingSchedule=[SCHEDULE, SCHEDULE]), "/chargingSchedule"),
        (profile(maxOfflineDuration=5), "/chargingProfile/maxOfflineDuration"),
        (
            schedule(chargingSchedulePeriod=[{"startPeriod": 0, "limit": 1.0, "numberPhases": 1, "phaseToUse": 2}]),
            "/chargingProfile/chargingSchedule/0/chargingSchedulePeriod/0/phaseToUse",
        ),
        (schedule(useLocalTime=True), "/useLocalTime"),
    ],
)
def test_what_1_6_can_not_say_is_refused_by_name(payload: dict[str, Any], problem: str) -> None:
    with pytest.raises(UnsupportedAction, match=problem):
        play("SetChargingProfile", payload)


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        (profile(transactionId="TX-1"), "/chargingProfile/transactionId is not the number"),
        (schedule(chargingSchedulePeriod=[{"startPeriod": 0}]), "/limit is required"),
    ],
)
def test_what_is_wrong_is_refused(payload: dict[str, Any], problem: str) -> None:
    with pytest.raises(RpcError, match=problem):
        play("SetChargingProfile", payload)


def test_station_without_smart_charging_rejects() -> None:
    response = play("SetChargingProfile", profile(), {"status": "NotSupported"}).response

    assert response is not None
    assert (response["status"], response["statusInfo"]["reasonCode"]) == ("Rejected", "NotSupported")


@pytest.mark.parametrize(
    ("payload", "sent"),
    [
        ({"chargingProfileId": 9}, {"id": 9}),
        (
            {
                "chargingProfileCriteria": {
                    "evseId": 0,
                    "stackLevel": 1,
                    "chargingProfilePurpose": "ChargingStationMaxProfile",
                }
            },
            {"connectorId": 0, "stackLevel": 1, "chargingProfilePurpose": "ChargePointMaxProfile"},
        ),
        ({}, {}),
    ],
)
@pytest.mark.parametrize("status", ["Accepted", "Unknown"])
def test_profiles_are_cleared(payload: dict[str, Any], sent: dict[str, Any], status: str) -> None:
    played = play("ClearChargingProfile", payload, {"status": status})

    assert played.calls == [("ClearChargingProfile", sent)]
    assert played.response == {"status": status}


def test_composite_schedule_is_read() -> None:
    answer = {
        "status": "Accepted",
        "connectorId": 1,
        "scheduleStart": "2025-01-31T12:00:00Z",
        "chargingSchedule": {"chargingRateUnit": "W", "duration": 600, "chargingSchedulePeriod": PERIODS},
    }
    payload = {"evseId": 1, "duration": 900, "chargingRateUnit": "W"}

    played = play("GetCompositeSchedule", payload, answer)

    assert played.calls == [("GetCompositeSchedule", {"connectorId": 1, "duration": 900, "chargingRateUnit": "W"})]
    assert played.response == {
        "status": "Accepted",
        "schedule": {
            "evseId": 1,
            "duration": 600,
            "scheduleStart": "2025-01-31T12:00:00Z",
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": PERIODS,
        },
    }


def test_start_of_a_composite_schedule_may_be_that_of_the_schedule() -> None:
    schedule_of_1_6 = {
        "chargingRateUnit": "A",
        "startSchedule": "2025-01-31T12:00:00Z",
        "chargingSchedulePeriod": PERIODS,
    }

    response = play(
        "GetCompositeSchedule",
        {"evseId": 0, "duration": 900},
        {"status": "Accepted", "chargingSchedule": schedule_of_1_6},
    ).response

    assert response is not None
    assert (response["schedule"]["evseId"], response["schedule"]["duration"]) == (0, 900)


def test_composite_schedule_without_a_start_is_none() -> None:
    answer = {"status": "Accepted", "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": PERIODS}}

    with pytest.raises(RpcError, match="/scheduleStart is missing"):
        play("GetCompositeSchedule", {"evseId": 0, "duration": 900}, answer)


def test_rejected_composite_schedule_has_none() -> None:
    played = play("GetCompositeSchedule", {"evseId": 0, "duration": 900}, {"status": "Rejected"})

    assert played.response == {"status": "Rejected"}
