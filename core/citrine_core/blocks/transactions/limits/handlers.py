"""Handlers of answers to requests to stop transactions."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from citrine.api.v1 import transaction_limits_pb2 as pb
from citrine.ocpp.v2.remote_control_pb2 import (
    RequestStartStopStatusEnum,
    RequestStopTransactionRequest,
    RequestStopTransactionResponse,
)
from citrine_core.blocks.transactions.limits.events import publish_changes
from citrine_core.blocks.transactions.limits.repository import UNSTOPPED, LimitRepository
from citrine_core.blocks.transactions.limits.throttling import ThrottleRepository
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, Failed, handles_answer, handles_failure
from citrine_core.services import Services

__all__ = ["LimitHandlers"]

_ACCEPTED = RequestStartStopStatusEnum.REQUEST_START_STOP_STATUS_ENUM_ACCEPTED

UNREACHED_TIME = timedelta(seconds=10)
"""Time until a station that was disconnected or busy is asked again."""


END_TIME = timedelta(minutes=1)
"""Time that a station has to end a transaction after it agreed to stop it; then it is asked again."""


class LimitHandlers:
    """Updates limits by answers to requests to stop, whoever sent them.

    Args:
        services: The clock.
        wake_throttles: Called after the commit if a transaction must be throttled.
    """

    def __init__(self, services: Services, wake_throttles: Callable[[], None]) -> None:
        self._clock = services.clock
        self._wake_throttles = wake_throttles

    @handles_answer(RequestStopTransactionResponse)
    async def stop_answered(
        self, work: UnitOfWork, answered: Answered[RequestStopTransactionRequest, RequestStopTransactionResponse]
    ) -> None:
        """Store that the station stops the transaction, or refuses to and must be asked again (F03.FR.01).

        After a refusal, the transaction is throttled until it stops (K01).
        """
        response = answered.response
        if response.status == _ACCEPTED:
            due_time = self._clock() + END_TIME
            await self._change(work, answered, state=pb.LIMIT_STATE_STOPPED, due_time=due_time, problem="")
            return
        info = response.status_info
        parts = ("the station refused to stop", info.reason_code, info.additional_info)
        await self._change(work, answered, throttled=True, problem=": ".join(part for part in parts if part))

    @handles_failure(RequestStopTransactionRequest)
    async def stop_failed(self, work: UnitOfWork, failed: Failed[RequestStopTransactionRequest]) -> None:
        """Store why there is no answer. A station that does not support the request is not asked again."""
        if failed.for_good:
            state = pb.LIMIT_STATE_FAILED
            await self._change(work, failed, throttled=True, state=state, due_time=None, problem=failed.problem)
        elif failed.never_sent:
            await self._change(
                work, failed, due_time=self._clock() + UNREACHED_TIME, problem=failed.problem, unsent=True
            )
        else:
            await self._change(work, failed, throttled=True, problem=failed.problem)

    async def _change(
        self,
        work: UnitOfWork,
        end: Answered[RequestStopTransactionRequest, Any] | Failed[RequestStopTransactionRequest],
        *,
        unsent: bool = False,
        throttled: bool = False,
        **values: Any,
    ) -> None:
        limits = LimitRepository(work.session)
        row = await limits.find_for_update(end.tenant_id, (end.station_id, end.request.transaction_id))
        if row is None or row.state not in UNSTOPPED:
            return
        throttles, key = ThrottleRepository(work.session), (row.station_id, row.transaction_id)
        if throttled:
            await throttles.want(row.tenant_id, [key], self._clock())
            work.after_commit(self._wake_throttles)
        change = dict(row._mapping) | values | {"update_time": self._clock()}
        change["problem"] = change["problem"][:255]
        if unsent:
            change["attempts"] = max(0, row.attempts - 1)
        await limits.change_all([change])
        if change["state"] != row.state:
            throttle = await throttles.find(row.tenant_id, key)
            state = throttle.state if throttle is not None else pb.THROTTLE_STATE_UNSPECIFIED
            await publish_changes(work, row.tenant_id, [(change, state)])
