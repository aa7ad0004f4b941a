"""The calls of the core that charging profiles become, and what their outcome means to a partner."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration

from citrine.api.v1 import smart_charging_pb2 as smart_charging
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import GenericStatusEnum
from citrine_ocpi.models import OcpiModel, v2_2_1
from citrine_ocpi.models.v2_2_1 import ChargingProfileResultType as Result
from citrine_ocpi.modules.charging_profiles.mapping import active_profile, profile_id_of, tx_profile
from citrine_ocpi.modules.commands.executor import STATION_TIMEOUT
from citrine_ocpi.modules.commands.tables import Target
from citrine_sdk import Citrine, idempotency_key

__all__ = ["CHANGES", "CLEAR", "GET", "SET", "ProfileCalls"]

SET, GET, CLEAR = "SET_CHARGING_PROFILE", "GET_CHARGING_PROFILE", "CLEAR_CHARGING_PROFILE"
"""What requests are stored as."""

CHANGES = (SET, CLEAR)
"""Those that change something."""

_Options = dict[str, Any]


class ProfileCalls:
    """What charging profiles of partners have stations do."""

    module = "chargingprofiles"

    @property
    def commands(self) -> Collection[str]:
        """What requests are stored as."""
        return _CALLS.keys()

    async def call(self, citrine: Citrine, command: str, target: Target, key: str) -> OcpiModel:
        """Have a station do something, and return what it says."""
        whom = CommandTarget(
            station_id=target["station_id"],
            timeout=Duration(seconds=STATION_TIMEOUT),
            reason="a partner's charging profile (OCPI)",
        )
        options: _Options = {"metadata": idempotency_key(key), "timeout": STATION_TIMEOUT + 15}
        return await _CALLS[command](citrine, whom, target, options)

    def failed(self, command: str, code: grpc.StatusCode, text: str) -> OcpiModel:
        """Return what it means to a partner that a station did not answer: OCPI has no other word for it."""
        return _RESULTS[command].model_validate({"result": Result.REJECTED})


async def _set(citrine: Citrine, whom: CommandTarget, target: Target, options: _Options) -> OcpiModel:
    wanted = v2_2_1.ChargingProfile.model_validate(target["profile"])
    profile = tx_profile(wanted, target["station_id"], target["transaction_id"])
    answer = await citrine.smart_charging.SetChargingProfile(
        smart_charging.SetChargingProfileRequest(
            target=whom,
            request=ocpp.SetChargingProfileRequest(evse_id=target["evse_id"], charging_profile=profile),
        ),
        **options,
    )
    accepted = answer.response.status == ocpp.CHARGING_PROFILE_STATUS_ENUM_ACCEPTED
    return v2_2_1.ChargingProfileResult(result=Result.ACCEPTED if accepted else Result.REJECTED)


async def _get(citrine: Citrine, whom: CommandTarget, target: Target, options: _Options) -> OcpiModel:
    request = ocpp.GetCompositeScheduleRequest(evse_id=target["evse_id"], duration=target["duration"])
    answer = await citrine.smart_charging.GetCompositeSchedule(
        smart_charging.GetCompositeScheduleRequest(target=whom, request=request), **options
    )
    if answer.response.status != GenericStatusEnum.GENERIC_STATUS_ENUM_ACCEPTED:
        return v2_2_1.ActiveChargingProfileResult(result=Result.REJECTED)
    profile = active_profile(answer.response.schedule) if answer.response.HasField("schedule") else None
    return v2_2_1.ActiveChargingProfileResult(
        result=Result.UNKNOWN if profile is None else Result.ACCEPTED, profile=profile
    )


async def _clear(citrine: Citrine, whom: CommandTarget, target: Target, options: _Options) -> OcpiModel:
    profile_id = profile_id_of(target["station_id"], target["transaction_id"])
    request = ocpp.ClearChargingProfileRequest(charging_profile_id=profile_id)
    answer = await citrine.smart_charging.ClearChargingProfile(
        smart_charging.ClearChargingProfileRequest(target=whom, request=request), **options
    )
    cleared = answer.response.status == ocpp.CLEAR_CHARGING_PROFILE_STATUS_ENUM_ACCEPTED
    return v2_2_1.ClearProfileResult(result=Result.ACCEPTED if cleared else Result.UNKNOWN)


_CALLS: Mapping[str, Callable[[Citrine, CommandTarget, Target, _Options], Awaitable[OcpiModel]]] = {
    SET: _set,
    GET: _get,
    CLEAR: _clear,
}

_RESULTS: Mapping[str, type[OcpiModel]] = {
    SET: v2_2_1.ChargingProfileResult,
    GET: v2_2_1.ActiveChargingProfileResult,
    CLEAR: v2_2_1.ClearProfileResult,
}
