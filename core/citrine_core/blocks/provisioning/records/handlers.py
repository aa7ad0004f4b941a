"""What stations answer to resets and network profiles, and what follows."""

from collections.abc import Collection
from datetime import datetime

from citrine.events.v1.events_pb2 import Event, NetworkProfileAnswered, StationReset
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine_core.blocks.provisioning.records.models import Reset
from citrine_core.blocks.provisioning.records.repository import NetworkProfileRepository, ResetRepository
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, Failed, handles_answer, handles_failure
from citrine_core.status_info import problem_of

__all__ = ["RecordHandlers", "record_boots"]


class RecordHandlers:
    """Keeps what became of resets (B11, B12) and network profiles (B09), whoever asked for them."""

    @handles_answer(ocpp.ResetResponse)
    async def reset_answered(self, work: UnitOfWork, answered: Answered[ocpp.ResetRequest, ocpp.ResetResponse]) -> None:
        """Keep whether a station restarts now, later (B11.FR.07, B12.FR.01) or never."""
        refused = answered.response.status == ocpp.RESET_STATUS_ENUM_REJECTED
        row = Reset(
            tenant_id=answered.tenant_id,
            station_id=answered.station_id,
            evse_id=answered.request.evse_id,
            type=answered.request.type,
            status=answered.response.status,
            problem=problem_of("Rejected", answered.response.status_info) if refused else "",
            command_id=answered.command_id,
            answer_time=answered.receive_time,
        )
        ResetRepository(work.session).add(row)
        work.emit(_event(row))

    @handles_failure(ocpp.ResetRequest)
    async def reset_failed(self, work: UnitOfWork, failed: Failed[ocpp.ResetRequest]) -> None:
        """Keep that a station did not answer; some restart at once and lose the answer."""
        row = Reset(
            tenant_id=failed.tenant_id,
            station_id=failed.station_id,
            evse_id=failed.request.evse_id,
            type=failed.request.type,
            problem=problem_of(failed.problem),
            command_id=failed.command_id,
            answer_time=failed.time,
        )
        ResetRepository(work.session).add(row)

    @handles_answer(ocpp.SetNetworkProfileResponse)
    async def network_profile_answered(
        self, work: UnitOfWork, answered: Answered[ocpp.SetNetworkProfileRequest, ocpp.SetNetworkProfileResponse]
    ) -> None:
        """Keep what a station has in a slot, and what it made of the profile that it was given (B09)."""
        slot, status = answered.request.configuration_slot, answered.response.status
        accepted = status == ocpp.SET_NETWORK_PROFILE_STATUS_ENUM_ACCEPTED
        profile = answered.request.connection_data.SerializeToString()
        word = "Failed" if status == ocpp.SET_NETWORK_PROFILE_STATUS_ENUM_FAILED else "Rejected"
        row = {
            "tenant_id": answered.tenant_id,
            "station_id": answered.station_id,
            "slot": slot,
            "asked_profile": profile,
            "status": status,
            "problem": "" if accepted else problem_of(word, answered.response.status_info),
            "answer_time": answered.receive_time,
            **({"profile": profile, "set_time": answered.receive_time} if accepted else {}),
        }
        await NetworkProfileRepository(work.session).put(row)
        body = NetworkProfileAnswered(configuration_slot=slot, status=status)
        work.emit(Event(tenant_id=answered.tenant_id, station_id=answered.station_id, network_profile_answered=body))


async def record_boots(work: UnitOfWork, tenant_id: str, station_ids: Collection[str], now: datetime) -> None:
    """Keep that stations restarted, where they were asked to."""
    for row in await ResetRepository(work.session).record_boots(tenant_id, station_ids, now):
        work.emit(_event(row))


def _event(row: Reset) -> Event:
    body = StationReset(
        evse_id=row.evse_id,
        type=ocpp.ResetEnum.ValueType(row.type),
        status=ocpp.ResetStatusEnum.ValueType(row.status or 0),
        booted=row.boot_time is not None,
    )
    return Event(tenant_id=row.tenant_id, station_id=row.station_id, station_reset=body)
