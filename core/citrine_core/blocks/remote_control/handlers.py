"""Handlers of the answers of stations to RequestStartTransaction."""

from typing import Any

from citrine.api.v1.remote_control_pb2 import RemoteStartState
from citrine.ocpp.v2 import remote_control_pb2 as ocpp
from citrine_core.blocks.remote_control.repository import RemoteStartRepository
from citrine_core.blocks.remote_control.starts import change, new_row
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, Failed, handles_answer, handles_failure
from citrine_core.services import Services

__all__ = ["RemoteControlHandlers"]

_ACCEPTED = ocpp.RequestStartStopStatusEnum.REQUEST_START_STOP_STATUS_ENUM_ACCEPTED


class RemoteControlHandlers:
    """Handles answers of stations to RequestStartTransaction (F01, F02), whoever sent it."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock

    @handles_answer(ocpp.RequestStartTransactionResponse)
    async def start_answered(
        self,
        work: UnitOfWork,
        answered: Answered[ocpp.RequestStartTransactionRequest, ocpp.RequestStartTransactionResponse],
    ) -> None:
        """Record the answer, with the transaction if the station names one (F01.FR.13)."""
        response = answered.response
        if response.status != _ACCEPTED:
            state, transaction_id = RemoteStartState.REMOTE_START_STATE_REJECTED, ""
        elif response.transaction_id:
            state, transaction_id = RemoteStartState.REMOTE_START_STATE_STARTED, response.transaction_id
        else:
            state, transaction_id = RemoteStartState.REMOTE_START_STATE_ACCEPTED, ""
        info = response.status_info
        problem = ": ".join(part for part in (info.reason_code, info.additional_info) if part)
        values = {"problem": problem, **({"transaction_id": transaction_id} if transaction_id else {})}
        await self._change(work, answered, state, **values)

    @handles_failure(ocpp.RequestStartTransactionRequest)
    async def start_failed(self, work: UnitOfWork, failed: Failed[ocpp.RequestStartTransactionRequest]) -> None:
        """Record why there is no answer. After a timeout the station may start nevertheless, which is recorded then."""
        await self._change(work, failed, RemoteStartState.REMOTE_START_STATE_FAILED, problem=failed.problem)

    async def _change(
        self,
        work: UnitOfWork,
        end: Answered[ocpp.RequestStartTransactionRequest, Any] | Failed[ocpp.RequestStartTransactionRequest],
        state: int,
        **values: Any,
    ) -> None:
        now, repository = self._clock(), RemoteStartRepository(work.session)
        key = (end.station_id, end.request.remote_start_id)
        row = (await repository.find_for_update(end.tenant_id, [key])).get(key)
        if row is None:
            row = new_row(end.tenant_id, end.station_id, end.request, now)
        change(work, row, state, now, command_id=end.command_id, **values)
        await repository.put_all([row])
