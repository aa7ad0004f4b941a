"""Handlers of the answers of stations to SendLocalList, GetLocalListVersion and CustomerInformation."""

from collections.abc import Callable

from citrine.api.v1.local_auth_list_pb2 import (
    LOCAL_LIST_STATE_FAILED,
    LOCAL_LIST_STATE_IN_STEP,
    LOCAL_LIST_STATE_MISMATCH,
    LOCAL_LIST_STATE_PENDING,
    LocalListState,
)
from citrine.events.v1.events_pb2 import Event, LocalListChanged
from citrine.ocpp.v2 import local_auth_list_pb2 as ocpp
from citrine.ocpp.v2.diagnostics_pb2 import (
    CUSTOMER_INFORMATION_STATUS_ENUM_ACCEPTED,
    CustomerInformationRequest,
    CustomerInformationResponse,
)
from citrine_core.blocks.local_auth_list.jobs import later
from citrine_core.blocks.local_auth_list.messages import FULL, entries_of
from citrine_core.blocks.local_auth_list.models import LocalList
from citrine_core.blocks.local_auth_list.repository import LocalListRepository
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Answered, Failed, handles_answer, handles_failure
from citrine_core.resources.tokens import lookup_of, type_of
from citrine_core.services import Services

__all__ = ["LocalAuthListHandlers"]

_STATUSES = {
    ocpp.SEND_LOCAL_LIST_STATUS_ENUM_FAILED: "Failed",
    ocpp.SEND_LOCAL_LIST_STATUS_ENUM_VERSION_MISMATCH: "VersionMismatch",
}


class LocalAuthListHandlers:
    """Stores the entries that stations confirmed, and schedules the repair of lists (functional block D).

    Args:
        services: Clock and settings.
        wake: Makes the job send due lists now.
    """

    def __init__(self, services: Services, wake: Callable[[], None]) -> None:
        self._clock = services.clock
        self._wake = wake

    @handles_answer(ocpp.SendLocalListResponse)
    async def list_sent(
        self, work: UnitOfWork, answered: Answered[ocpp.SendLocalListRequest, ocpp.SendLocalListResponse]
    ) -> None:
        """Record the entries that a station confirmed; if it refused a change, send the whole list (D01.FR.03)."""
        lists, request = LocalListRepository(work.session), answered.request
        row = await lists.lock(answered.tenant_id, answered.station_id)
        # The wanted entries of messages that the core sends by itself are stored already.
        is_planned = row.claim_id is not None and request.version_number >= row.claim_version
        full, entries = request.update_type == FULL, entries_of(request)
        if answered.response.status == ocpp.SEND_LOCAL_LIST_STATUS_ENUM_ACCEPTED:
            await lists.confirm(row, entries, full=full, wanted=not is_planned)
            row.version, row.confirm_time = request.version_number, answered.receive_time
            row.sent_version = max(row.sent_version, request.version_number)
            row.check_time = row.check_time or answered.receive_time
            row.attempts, row.problem = 0, ""
            differs = await lists.differs(answered.tenant_id, answered.station_id)
            self._become(work, row, LOCAL_LIST_STATE_PENDING if differs else LOCAL_LIST_STATE_IN_STEP)
            if not is_planned and row.keep_in_step:
                # Another list was sent, e.g. by a native command. The list must follow the tokens.
                self._repair(work, row)
            return
        if not is_planned:
            await lists.want(row, entries, only=full)
        row.version, row.attempts = None, row.attempts + 1
        row.problem = _problem(answered.response)
        if full:
            self._become(work, row, LOCAL_LIST_STATE_FAILED)
            row.next_time = later(self._clock(), row.attempts) if row.keep_in_step else None
        else:
            self._become(work, row, LOCAL_LIST_STATE_MISMATCH)
            self._repair(work, row)

    @handles_failure(ocpp.SendLocalListRequest)
    async def list_not_sent(self, work: UnitOfWork, failed: Failed[ocpp.SendLocalListRequest]) -> None:
        """Forget the version of a station's list if the station may have stored this one unconfirmed."""
        lists = LocalListRepository(work.session)
        row = await lists.lock(failed.tenant_id, failed.station_id)
        row.attempts, row.problem = row.attempts + 1, failed.problem[:255]
        # A station that answers CALLERROR may have stored a part of the list.
        if not failed.never_sent:
            row.version = None
            self._become(work, row, LOCAL_LIST_STATE_MISMATCH)
        if row.keep_in_step:
            row.next_time = later(self._clock(), row.attempts)

    @handles_answer(ocpp.GetLocalListVersionResponse)
    async def version_reported(
        self, work: UnitOfWork, answered: Answered[ocpp.GetLocalListVersionRequest, ocpp.GetLocalListVersionResponse]
    ) -> None:
        """Compare the version of a station's list with the version that it confirmed."""
        row = await LocalListRepository(work.session).lock(answered.tenant_id, answered.station_id)
        reported = answered.response.version_number
        is_other = row.confirm_time is not None and row.version != reported
        row.version, row.check_time = reported, answered.receive_time
        if is_other:
            row.problem = f"the station has version {reported}"
            self._become(work, row, LOCAL_LIST_STATE_MISMATCH)
            if row.keep_in_step:
                self._repair(work, row)

    @handles_answer(CustomerInformationResponse)
    async def customer_cleared(
        self, work: UnitOfWork, answered: Answered[CustomerInformationRequest, CustomerInformationResponse]
    ) -> None:
        """Remove a token from the list of a station that clears its customer's information (N10.FR.02).

        A station must not remove it by itself: its list would not match its version. A list that is kept in step gets
        the token again when the token changes.
        """
        request, accepted = answered.request, answered.response.status == CUSTOMER_INFORMATION_STATUS_ENUM_ACCEPTED
        if not (accepted and request.clear and request.HasField("id_token")):
            return
        lists = LocalListRepository(work.session)
        row = await lists.lock(answered.tenant_id, answered.station_id)
        token = request.id_token
        if await lists.unwant(row, lookup_of(token.id_token, token.type), type_of(token.type)):
            if row.state == LOCAL_LIST_STATE_IN_STEP:
                self._become(work, row, LOCAL_LIST_STATE_PENDING)
            row.next_time = self._clock()
            work.after_commit(self._wake)

    def _repair(self, work: UnitOfWork, row: LocalList) -> None:
        row.refresh = row.refresh or row.keep_in_step
        row.next_time = self._clock() if row.attempts <= 1 else later(self._clock(), row.attempts)
        work.after_commit(self._wake)

    def _become(self, work: UnitOfWork, row: LocalList, state: "LocalListState.ValueType") -> None:
        if row.state == state:
            return
        row.state = state
        changed = LocalListChanged(
            state=LocalListState.ValueType(state),
            version=row.version,
            problem=row.problem,
        )
        work.emit(Event(tenant_id=row.tenant_id, station_id=row.station_id, local_list_changed=changed))


def _problem(response: ocpp.SendLocalListResponse) -> str:
    reason = response.status_info.reason_code if response.HasField("status_info") else ""
    text = _STATUSES.get(response.status, "refused")
    return f"{text}: {reason}" if reason else text
