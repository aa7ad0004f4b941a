"""Updates of the record of profiles by the reports of stations (K09)."""

from citrine.api.v1 import smart_charging_pb2 as pb
from citrine.ocpp.v2 import smart_charging_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import ChargingProfile
from citrine_core.blocks.smart_charging.models import ProfileQuery, ProfileRecord
from citrine_core.blocks.smart_charging.records import ACCEPTED, WANTED, move, new_record, same_profile
from citrine_core.blocks.smart_charging.repository import ProfileRepository
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, Call
from citrine_core.resources.reports import Part, ReportKind, store_parts

__all__ = ["query_answered", "store_report"]

FAILED = pb.CHARGING_PROFILE_STATE_FAILED


async def store_report(work: UnitOfWork, call: Call[ocpp.ReportChargingProfilesRequest]) -> None:
    """Store a part of a report, and compare after the last one. A part that is resent has no effect."""
    message = call.message
    part = Part(
        call.tenant_id,
        call.station_id,
        message.request_id,
        None,
        not message.tbc,
        len(message.charging_profile),
        message,
        call.receive_time,
    )
    [fresh] = await store_parts(work, ReportKind.REPORT_KIND_CHARGING_PROFILES, [part])
    if not fresh:
        return
    await _note_reported(work, call)
    if message.tbc:
        return
    profiles = ProfileRepository(work.session)
    query = await profiles.find_query(call.tenant_id, call.station_id, message.request_id)
    if query is None:
        query = ProfileQuery(
            tenant_id=call.tenant_id,
            station_id=call.station_id,
            request_id=message.request_id,
            create_time=call.receive_time,
        )
        profiles.add(query)
    query.complete = True
    await _compare(work, query)


async def query_answered(
    work: UnitOfWork,
    answered: Answered[ocpp.GetChargingProfilesRequest, ocpp.GetChargingProfilesResponse],
    accepted: bool,
) -> None:
    """Record which profiles were requested, and compare if all parts were received or there are none (NoProfiles).

    Within a batch, reports are handled before answers, so that all parts may precede the answer.
    """
    profiles, request = ProfileRepository(work.session), answered.request
    query = await profiles.find_query(answered.tenant_id, answered.station_id, request.request_id)
    if query is None:
        query = ProfileQuery(
            tenant_id=answered.tenant_id,
            station_id=answered.station_id,
            request_id=request.request_id,
            complete=False,
            create_time=answered.receive_time,
        )
        profiles.add(query)
    query.request = request.SerializeToString()
    query.ask_time = answered.receive_time
    query.complete = query.complete or not accepted
    await _compare(work, query)


async def _note_reported(work: UnitOfWork, call: Call[ocpp.ReportChargingProfilesRequest]) -> None:
    message, profiles = call.message, ProfileRepository(work.session)
    rows = await profiles.find_for_update(
        call.tenant_id,
        call.station_id,
        profile_ids={profile.id for profile in message.charging_profile},
        states=(WANTED, ACCEPTED, FAILED),
    )
    found: list[ProfileRecord] = []
    for profile in message.charging_profile:
        of_id = [row for row in rows if row.profile_id == profile.id]
        row = _recognised(work, call, profile, of_id)
        if row is None:
            row = new_record(call.tenant_id, call.station_id, message.evse_id, profile, ACCEPTED, call.receive_time)
            row.found, row.source = True, message.charging_limit_source
            move(work, row, ACCEPTED, call.receive_time, "reported by the station")
            found.append(row)
        row.report_time, row.report_id = call.receive_time, message.request_id
    await profiles.add_all(found)


def _recognised(
    work: UnitOfWork,
    call: Call[ocpp.ReportChargingProfilesRequest],
    profile: ChargingProfile,
    rows: list[ProfileRecord],
) -> ProfileRecord | None:
    """Return the row of a reported profile; None if no row has equivalent content. Other rows are replaced."""
    same = [
        row
        for row in reversed(rows)
        if row.evse_id == call.message.evse_id and same_profile(ChargingProfile.FromString(row.profile), profile)
    ]
    chosen = next((row for row in same if row.state == ACCEPTED), None) or next(iter(same), None)
    for row in rows:
        if row is not chosen and row.state == ACCEPTED:
            reason = "the station reports another profile of this id"
            move(work, row, pb.CHARGING_PROFILE_STATE_REPLACED, call.receive_time, reason)
    if chosen is not None and chosen.state == FAILED:
        # Its command was not answered, but the station installed it.
        chosen.uncertain = False
        move(work, chosen, ACCEPTED, call.receive_time, "reported by the station")
    return chosen


async def _compare(work: UnitOfWork, query: ProfileQuery) -> None:
    """Mark the profiles that are missing in a report, once the request and the last part are known."""
    if not query.complete or query.request is None or query.ask_time is None:
        return
    request, profiles = ocpp.GetChargingProfilesRequest.FromString(query.request), ProfileRepository(work.session)
    rows = await profiles.find_for_update(query.tenant_id, query.station_id, states=(ACCEPTED, FAILED))
    for row in rows:
        if row.state == FAILED:
            gone = row.uncertain and _asked_for(request, row) and row.update_time <= query.ask_time
            row.uncertain = row.uncertain and not gone
        elif row.report_id == query.request_id:
            # A later report may have the same id.
            row.report_id = None
        elif _asked_for(request, row) and row.update_time <= query.ask_time:
            state = pb.CHARGING_PROFILE_STATE_CLEARED if row.found else pb.CHARGING_PROFILE_STATE_MISSING
            move(work, row, state, query.ask_time, "the station does not report it")
    await profiles.remove(query)


def _asked_for(request: ocpp.GetChargingProfilesRequest, row: ProfileRecord) -> bool:
    criterion = request.charging_profile
    if request.HasField("evse_id") and row.evse_id != request.evse_id:
        return False
    if criterion.charging_profile_id:
        return row.profile_id in criterion.charging_profile_id
    wanted = [
        (criterion.HasField("charging_profile_purpose"), criterion.charging_profile_purpose == row.purpose),
        (criterion.HasField("stack_level"), criterion.stack_level == row.stack_level),
        (bool(criterion.charging_limit_source), row.source in criterion.charging_limit_source),
    ]
    return all(fits for said, fits in wanted if said)
