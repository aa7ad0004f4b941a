"""Smart charging in OCPP 1.6: charging profiles, their removal, and composite schedules."""

import math
from collections.abc import Mapping

from citrine_edge.dialects.v16 import values
from citrine_edge.dialects.v16.commands.dialogue import Dialogue, Json, Outcome, Step, status_info
from citrine_edge.dialects.v16.commands.fields import Fields
from citrine_edge.ocppj import Code, RpcError

__all__ = ["charging_profile", "clear_charging_profile", "get_composite_schedule", "set_charging_profile"]

PURPOSES: Mapping[str, str] = {
    "ChargingStationMaxProfile": "ChargePointMaxProfile",
    "TxDefaultProfile": "TxDefaultProfile",
    "TxProfile": "TxProfile",
}
"""Purposes of charging profiles in 2.x and 1.6."""

MOST_PHASES = 3

KINDS = frozenset({"Absolute", "Recurring", "Relative"})

_WHOLE = 1e15
"""Above it a float has no tenths worth the name, and ten times it may be infinite."""


def set_charging_profile(said: Fields) -> Dialogue:
    """Translate SetChargingProfile. A station without smart charging answers NotSupported."""
    connector_id, profile = said.pop("evseId"), said.pop_fields("chargingProfile")
    assert profile is not None, "the schema requires it"
    said.end()
    payload = {"connectorId": connector_id, "csChargingProfiles": charging_profile(profile)}
    answer = yield Step("SetChargingProfile", payload)
    if answer["status"] == "NotSupported":
        return Outcome({"status": "Rejected", **status_info("NotSupported", "the station has no smart charging")})
    return Outcome({"status": answer["status"]})


def clear_charging_profile(said: Fields) -> Dialogue:
    """Translate ClearChargingProfile."""
    payload = said.copy({"chargingProfileId": "id"})
    criteria = said.pop_fields("chargingProfileCriteria")
    said.end()
    if criteria is not None:
        payload |= criteria.copy({"evseId": "connectorId", "stackLevel": "stackLevel"})
        if "chargingProfilePurpose" in criteria:
            payload["chargingProfilePurpose"] = _purpose(criteria)
        criteria.end()
    answer = yield Step("ClearChargingProfile", payload)
    return Outcome({"status": answer["status"]})


def get_composite_schedule(said: Fields) -> Dialogue:
    """Translate GetCompositeSchedule."""
    payload = said.copy({"evseId": "connectorId", "duration": "duration", "chargingRateUnit": "chargingRateUnit"})
    said.end()
    answer = yield Step("GetCompositeSchedule", payload)
    response: Json = {"status": answer["status"]}
    # Stations that reject also send a schedule without periods, which says nothing.
    if answer.get("chargingSchedule", {}).get("chargingSchedulePeriod"):
        response["schedule"] = _composite(payload, answer)
    return Outcome(response)


def charging_profile(said: Fields) -> Json:
    """Return a charging profile in the JSON of OCPP 1.6.

    Raises:
        UnsupportedAction: When something in it has no counterpart, by its name.
        RpcError: When its transaction has no number.
    """
    kind = said.pop("chargingProfileKind")
    if kind not in KINDS:
        raise said.refuse("chargingProfileKind", f"OCPP 1.6 has no profiles of kind {kind}")
    profile = said.copy(
        {
            "id": "chargingProfileId",
            "stackLevel": "stackLevel",
            "recurrencyKind": "recurrencyKind",
            "validFrom": "validFrom",
            "validTo": "validTo",
        }
    )
    profile["chargingProfileKind"] = kind
    profile["chargingProfilePurpose"] = _purpose(said)
    if "transactionId" in said:
        profile["transactionId"] = said.pop_number("transactionId")
    schedules = said.pop_list("chargingSchedule")
    if len(schedules) != 1:
        raise said.refuse("chargingSchedule", "a profile of OCPP 1.6 has one schedule")
    profile["chargingSchedule"] = _schedule(schedules[0])
    said.end()
    return profile


def _purpose(said: Fields) -> str:
    purpose = said.pop("chargingProfilePurpose")
    if purpose not in PURPOSES:
        raise said.refuse("chargingProfilePurpose", f"OCPP 1.6 has no purpose {purpose}")
    return PURPOSES[purpose]


def _schedule(said: Fields) -> Json:
    # Schedules of OCPP 1.6 have no id: the profile's names them.
    said.ignore("id")
    schedule = said.copy(
        {"duration": "duration", "startSchedule": "startSchedule", "chargingRateUnit": "chargingRateUnit"}
    )
    if "minChargingRate" in said:
        schedule["minChargingRate"] = _tenths(said.pop("minChargingRate"))
    schedule["chargingSchedulePeriod"] = [_period(each) for each in said.pop_list("chargingSchedulePeriod")]
    said.end()
    return schedule


def _period(said: Fields) -> Json:
    period = said.copy({"startPeriod": "startPeriod", "numberPhases": "numberPhases"})
    if "limit" not in said:
        path = f"{said.path}/limit"
        raise RpcError(Code.OCCURRENCE_CONSTRAINT_VIOLATION, f"{path} is required in OCPP 1.6", path=path)
    period["limit"] = _tenths(said.pop("limit"))
    said.end()
    return period


def _tenths(value: float) -> float:
    """Return a decimal with one digit behind the point, and not more than it was: a limit is not exceeded."""
    return value if abs(value) >= _WHOLE else math.floor(round(value * 10, 6)) / 10


def _composite(asked: Json, answer: Json) -> Json:
    schedule = answer["chargingSchedule"]
    start = answer.get("scheduleStart", schedule.get("startSchedule"))
    if start is None:
        raise RpcError(Code.OCCURRENCE_CONSTRAINT_VIOLATION, "/scheduleStart is missing", path="/scheduleStart")
    connector = answer["connectorId"] if "connectorId" in answer else asked["connectorId"]
    periods = schedule["chargingSchedulePeriod"]
    for place, period in enumerate(periods):
        if not 0 <= period.get("numberPhases", MOST_PHASES) <= MOST_PHASES:
            path = f"/chargingSchedule/chargingSchedulePeriod/{place}/numberPhases"
            raise RpcError(Code.PROPERTY_CONSTRAINT_VIOLATION, f"{path} is not from 0 to {MOST_PHASES}", path=path)
    return {
        "evseId": values.connector_id(connector),
        "duration": schedule.get("duration", asked["duration"]),
        "scheduleStart": start,
        "chargingRateUnit": schedule["chargingRateUnit"],
        "chargingSchedulePeriod": periods,
    }
