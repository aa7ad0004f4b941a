"""Handlers of the answers of stations to commands that set, request and clear profiles."""

from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2.remote_control_pb2 import (
    REQUEST_START_STOP_STATUS_ENUM_ACCEPTED,
    RequestStartTransactionRequest,
    RequestStartTransactionResponse,
)
from citrine.ocpp.v2.types_pb2 import ChargingProfile
from citrine_core.blocks.smart_charging.capacity import PlanTriggers
from citrine_core.blocks.smart_charging.checks import EXTERNAL
from citrine_core.blocks.smart_charging.jobs import ChargingPlans
from citrine_core.blocks.smart_charging.models import ProfileRecord
from citrine_core.blocks.smart_charging.reconcile import query_answered
from citrine_core.blocks.smart_charging.records import ACCEPTED, WANTED, move, new_record, said, same_profile, supersede
from citrine_core.blocks.smart_charging.repository import ProfileRepository
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, Failed, handles_answer, handles_failure
from citrine_core.resources.reports import ReportKind, report_answered, report_failed
from citrine_core.services import Services

__all__ = ["ProfileAnswers"]

_SET = Answered[ocpp.SetChargingProfileRequest, ocpp.SetChargingProfileResponse]
_CLEAR = Answered[ocpp.ClearChargingProfileRequest, ocpp.ClearChargingProfileResponse]
_GET = Answered[ocpp.GetChargingProfilesRequest, ocpp.GetChargingProfilesResponse]
_START = Answered[RequestStartTransactionRequest, RequestStartTransactionResponse]

_KIND = ReportKind.REPORT_KIND_CHARGING_PROFILES


class ProfileAnswers:
    """Handles answers of stations about profiles (functional block K)."""

    def __init__(self, services: Services, plans: ChargingPlans, triggers: PlanTriggers) -> None:
        self._clock = services.clock
        self._plans = plans
        self._triggers = triggers

    @handles_answer(ocpp.SetChargingProfileResponse)
    async def profile_set(self, work: UnitOfWork, answered: _SET) -> None:
        """Record whether a station accepted a profile, and which one it replaced (K01.FR.05)."""
        request, response, time = answered.request, answered.response, answered.receive_time
        rows = await _records(work, answered)
        row = _wanted(rows, request)
        if row is None:
            row = new_record(
                answered.tenant_id, answered.station_id, request.evse_id, request.charging_profile, WANTED, time
            )
            ProfileRepository(work.session).add(row)
            await work.session.flush()
        row.command_id, row.wanted_until = answered.command_id, None
        status = ocpp.ChargingProfileStatusEnum.Name(response.status).rpartition("_")[2].capitalize()
        if response.status == ocpp.CHARGING_PROFILE_STATUS_ENUM_ACCEPTED:
            supersede(work, row, rows, time)
        else:
            move(work, row, pb.CHARGING_PROFILE_STATE_REJECTED, time, said(status, response.status_info))
        await self._plans.schedule_answered(work, row)
        await self._plan_anew(work, row)

    @handles_failure(ocpp.SetChargingProfileRequest)
    async def profile_not_set(self, work: UnitOfWork, failed: Failed[ocpp.SetChargingProfileRequest]) -> None:
        """Record that a station did not answer whether it accepted a profile."""
        row = _wanted(await _records(work, failed), failed.request)
        if row is None:
            return
        row.command_id, row.wanted_until = failed.command_id, None
        row.uncertain = failed.may_have_arrived
        move(work, row, pb.CHARGING_PROFILE_STATE_FAILED, failed.time, failed.problem)
        await self._plans.schedule_failed(work, row, failed)
        await self._plan_anew(work, row)

    async def _plan_anew(self, work: UnitOfWork, row: ProfileRecord) -> None:
        """Trigger the station's next plan; if no plan sent the profile, the profile is the cause."""
        if row.planned:
            await self._triggers.answered(work, row.tenant_id, row.station_id)
            return
        text = f"transaction {row.transaction_id} is throttled" if row.throttles else ""
        cause, text = pb.CHARGING_PLAN_CAUSE_PROFILE, text or f"profile {row.profile_id} of an operator"
        await self._triggers.changed(work, row.tenant_id, row.station_id, cause, text)

    @handles_answer(ocpp.ClearChargingProfileResponse)
    async def profiles_cleared(self, work: UnitOfWork, answered: _CLEAR) -> None:
        """Record which profiles a station removed (K10.FR.03, K10.FR.04), or does not have (K10.FR.01)."""
        profiles = ProfileRepository(work.session)
        states = (ACCEPTED, pb.CHARGING_PROFILE_STATE_FAILED)
        rows = await profiles.find_for_update(answered.tenant_id, answered.station_id, states=states)
        cleared = answered.response.status == ocpp.CLEAR_CHARGING_PROFILE_STATUS_ENUM_ACCEPTED
        for row in rows:
            # Profiles that were set after the station had cleared are still installed.
            if not _meant(answered.request, row) or row.update_time > answered.receive_time:
                continue
            if row.state != ACCEPTED:
                row.uncertain = False
            elif cleared:
                move(work, row, pb.CHARGING_PROFILE_STATE_CLEARED, answered.receive_time)
            else:
                reason = "the station does not know it"
                move(work, row, pb.CHARGING_PROFILE_STATE_MISSING, answered.receive_time, reason)
        cause, text = pb.CHARGING_PLAN_CAUSE_PROFILE, "profiles were cleared"
        await self._triggers.changed(work, answered.tenant_id, answered.station_id, cause, text)

    @handles_answer(ocpp.GetChargingProfilesResponse)
    async def profiles_promised(self, work: UnitOfWork, answered: _GET) -> None:
        """Expect the report that a station accepted to send (K09.FR.02)."""
        request_id, response = answered.request.request_id, answered.response
        accepted = response.status == ocpp.GET_CHARGING_PROFILE_STATUS_ENUM_ACCEPTED
        status = "Accepted" if accepted else "NoProfiles"
        await report_answered(work, answered, _KIND, request_id, accepted, status)
        await query_answered(work, answered, accepted)
        cause, text = pb.CHARGING_PLAN_CAUSE_PROFILE, "the station reported its profiles"
        await self._triggers.changed(work, answered.tenant_id, answered.station_id, cause, text)

    @handles_failure(ocpp.GetChargingProfilesRequest)
    async def profiles_not_promised(self, work: UnitOfWork, failed: Failed[ocpp.GetChargingProfilesRequest]) -> None:
        """Record that a report will not arrive."""
        await report_failed(work, failed, _KIND, failed.request.request_id)

    @handles_answer(RequestStartTransactionResponse)
    async def started_with_profile(self, work: UnitOfWork, answered: _START) -> None:
        """Record the profile in the request to start a transaction (K05)."""
        request, response = answered.request, answered.response
        if not request.HasField("charging_profile") or response.status != REQUEST_START_STOP_STATUS_ENUM_ACCEPTED:
            return
        row = new_record(
            answered.tenant_id,
            answered.station_id,
            request.evse_id,
            request.charging_profile,
            WANTED,
            answered.receive_time,
            transaction_id=response.transaction_id,
        )
        row.command_id, row.remote_start_id = answered.command_id, request.remote_start_id
        ProfileRepository(work.session).add(row)
        await work.session.flush()
        others = await _records(work, answered, profile_id=row.profile_id)
        supersede(work, row, others, answered.receive_time)
        await self._plan_anew(work, row)


async def _records(
    work: UnitOfWork, ended: "_SET | _START | Failed[ocpp.SetChargingProfileRequest]", profile_id: int | None = None
) -> list[ProfileRecord]:
    wanted = ended.request.charging_profile.id if profile_id is None else profile_id
    profiles = ProfileRepository(work.session)
    states = (WANTED, ACCEPTED, pb.CHARGING_PROFILE_STATE_FAILED)
    return list(await profiles.find_for_update(ended.tenant_id, ended.station_id, profile_ids=[wanted], states=states))


def _wanted(rows: list[ProfileRecord], request: ocpp.SetChargingProfileRequest) -> ProfileRecord | None:
    """Return the WANTED profile of a command: of several with its id, the one with equivalent content."""
    waiting = [row for row in rows if row.state == WANTED and row.evse_id == request.evse_id]
    same = [row for row in waiting if same_profile(_profile(row), request.charging_profile)]
    return next(iter(same or waiting), None)


def _profile(row: ProfileRecord) -> ChargingProfile:
    return ChargingProfile.FromString(row.profile)


def _meant(request: ocpp.ClearChargingProfileRequest, row: ProfileRecord) -> bool:
    if row.purpose == EXTERNAL:
        return False
    if request.HasField("charging_profile_id"):
        return row.profile_id == request.charging_profile_id
    criteria = request.charging_profile_criteria
    wanted = [
        (criteria.HasField("evse_id"), criteria.evse_id, row.evse_id),
        (criteria.HasField("charging_profile_purpose"), criteria.charging_profile_purpose, row.purpose),
        (criteria.HasField("stack_level"), criteria.stack_level, row.stack_level),
    ]
    return all(value == found for said, value, found in wanted if said)
