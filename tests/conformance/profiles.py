"""Charging profiles of conformance cases, and what the record says of them."""

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2 import types_pb2 as types
from citrine_sdk import Citrine
from tests.conformance.station import ConformanceStation, check

__all__ = [
    "DURATION",
    "STACK_LEVEL",
    "absolute",
    "at",
    "check_absolute",
    "given_profile",
    "profile_of",
    "record_of",
    "refused_by",
    "relative",
    "set_profile",
    "target",
]

STACK_LEVEL = 2
"""<Configured stackLevel>"""

DURATION = 300
"""<Configured duration>, in seconds."""

UNIT = types.CHARGING_RATE_UNIT_ENUM_A
"""<Configured chargingRateUnit>"""

PHASES = 3
"""<Configured numberPhases>"""


def at(seconds: float) -> Timestamp:
    """Return a time so many seconds from now, in whole seconds."""
    time = Timestamp()
    time.FromDatetime((datetime.now(UTC) + timedelta(seconds=seconds)).replace(microsecond=0))
    return time


def target(station: ConformanceStation) -> CommandTarget:
    """Return the station as the target of a command."""
    return CommandTarget(station_id=station.station_id)


def _schedule(limit: float, **fields: Any) -> types.ChargingSchedule:
    period = types.ChargingSchedulePeriod(start_period=0, limit=limit, number_phases=PHASES)
    return types.ChargingSchedule(id=1, charging_rate_unit=UNIT, charging_schedule_period=[period], **fields)


def absolute(purpose: str, limit: float, *, profile_id: int = 0, **fields: Any) -> types.ChargingProfile:
    """Return a profile that starts now, e.g. of purpose "TX_DEFAULT_PROFILE"."""
    begin = at(0)
    values: dict[str, Any] = {
        "id": profile_id,
        "stack_level": STACK_LEVEL,
        "charging_profile_purpose": f"CHARGING_PROFILE_PURPOSE_ENUM_{purpose}",
        "charging_profile_kind": types.CHARGING_PROFILE_KIND_ENUM_ABSOLUTE,
        "charging_schedule": [_schedule(limit, start_schedule=begin, duration=DURATION)],
        "valid_from": begin,
        "valid_to": at(DURATION),
        **fields,
    }
    return types.ChargingProfile(**values)


def relative(limit: float, *, profile_id: int = 0, transaction_id: str | None = None) -> types.ChargingProfile:
    """Return a TxProfile that starts with its transaction."""
    return types.ChargingProfile(
        id=profile_id,
        stack_level=STACK_LEVEL,
        charging_profile_purpose=types.CHARGING_PROFILE_PURPOSE_ENUM_TX_PROFILE,
        charging_profile_kind=types.CHARGING_PROFILE_KIND_ENUM_RELATIVE,
        charging_schedule=[_schedule(limit)],
        transaction_id=transaction_id,
    )


async def set_profile(
    api: Citrine,
    station: ConformanceStation,
    evse_id: int,
    profile: types.ChargingProfile,
    status: str = "Accepted",
) -> tuple[dict[str, Any], pb.SetChargingProfileResponse]:
    """Have a profile set, answered with the status. Returns what the station was sent, and what the caller is told."""
    request = pb.SetChargingProfileRequest(
        target=target(station), request=ocpp.SetChargingProfileRequest(evse_id=evse_id, charging_profile=profile)
    )
    rpc = api.smart_charging.SetChargingProfile(request)
    sent, response = await station.asked_by(rpc, "SetChargingProfile", {"status": status})
    assert sent["chargingProfile"]["id"] == response.charging_profile_id > 0
    return sent, response


async def given_profile(api: Citrine, station: ConformanceStation, limit: float = 6.0, **fields: Any) -> int:
    """Have a TxDefaultProfile on the EVSE of the case, and return its id."""
    profile = absolute("TX_DEFAULT_PROFILE", limit, **fields)
    _, response = await set_profile(api, station, station.evse_id, profile)
    return response.charging_profile_id


async def refused_by(
    station: ConformanceStation, rpc: Awaitable[Any], action: str, code: str
) -> tuple[dict[str, Any], grpc.StatusCode]:
    """Have a command answered CALLERROR. Returns what the station was sent, and the status of the call of the API."""
    running = asyncio.ensure_future(rpc)
    frame = await station.raw.receive()
    assert frame[2] == action, frame
    check(f"{action}Request", frame[3])
    await station.raw.send([4, frame[1], code, "", {}])
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await running
    return frame[3], refused.value.code()


def check_absolute(sent: dict[str, Any], evse_id: int, purpose: str, limit: float) -> None:
    """Check what the cases check of an absolute profile that was sent."""
    profile = sent["chargingProfile"]
    schedule = profile["chargingSchedule"][0]
    period = schedule["chargingSchedulePeriod"][0]
    assert sent["evseId"] == evse_id
    assert (profile["stackLevel"], profile["chargingProfilePurpose"]) == (STACK_LEVEL, purpose)
    assert profile["chargingProfileKind"] == "Absolute"
    assert (schedule["chargingRateUnit"], schedule["duration"]) == ("A", DURATION)
    assert (period["startPeriod"], period["limit"], period["numberPhases"]) == (0, limit, PHASES)
    assert profile["validFrom"] == schedule["startSchedule"]
    valid = _time(profile["validTo"]) - _time(profile["validFrom"])
    assert abs(valid.total_seconds() - DURATION) <= 1
    assert abs((_time(profile["validFrom"]) - datetime.now(UTC)).total_seconds()) < 30


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def profile_of(sent: dict[str, Any]) -> dict[str, Any]:
    """Return the profile of a SetChargingProfile."""
    found: dict[str, Any] = sent["chargingProfile"]
    return found


async def record_of(api: Citrine, station: ConformanceStation, *profile_ids: int) -> list[str]:
    """Return the states of the profiles of the station, in the order in which they were set; of some ids only."""
    found = await api.smart_charging.ListChargingProfiles(pb.ListChargingProfilesRequest(station_id=station.station_id))
    return [
        pb.ChargingProfileState.Name(record.state).removeprefix("CHARGING_PROFILE_STATE_")
        for record in reversed(found.profiles)
        if not profile_ids or record.profile.id in profile_ids
    ]
