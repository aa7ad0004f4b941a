"""Requests of callers for reservations: checks, ids and records. Whether an EVSE is free, the station decides."""

from datetime import UTC, datetime, timedelta

from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.reservation_pb2 import ReservationState
from citrine.ocpp.v2.reservation_pb2 import ReserveNowRequest
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_core.blocks.reservation.models import Reservation
from citrine_core.blocks.reservation.record import change, enter
from citrine_core.blocks.reservation.repository import ReservationRepository
from citrine_core.blocks.reservation.states import Says
from citrine_core.clock import Clock
from citrine_core.db import UnitOfWork, UnitOfWorkFactory
from citrine_core.errors import CoreError, InvalidArgument
from citrine_core.resources.tokens import TokenRepository, check_presented, lookup_of
from citrine_core.rpc import check_length

__all__ = ["ReservationRequests", "new_row"]

_GROUP_TYPE = "Central"
"""Type of groupIdToken: the CSMS made it."""

LONGEST_TOKEN = 255
"""Most characters of an idToken (OCPP 2.1; 36 in 2.0.1)."""

LONGEST_TIMEOUT = timedelta(minutes=10)
"""Longest time that a station may take to answer."""

LONGEST_WAIT = timedelta(days=3650)
"""Longest wait of a command for its station that the deadline of a reservation covers."""

MARGIN = timedelta(minutes=1)
"""Time to store the end of a command after that."""


class ReservationRequests:
    """Checks and records reservations that callers request, before they are sent.

    Args:
        unit_of_work: Opens transactions.
        clock: Returns the current time.
    """

    def __init__(self, unit_of_work: UnitOfWorkFactory, clock: Clock) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock

    async def record(self, tenant_id: str, target: CommandTarget, request: ReserveNowRequest) -> None:
        """Record a reservation as requested. Concurrent calls for one station are serialised by a lock.

        If the id of the request is 0, an id is chosen. If the command may wait for the station, its expiry is limited
        to that of the reservation.

        Raises:
            InvalidArgument: When the request is invalid for any station.
            NotFound: When there is no such station.
            FailedPrecondition: When the station is being asked for a reservation of this id.
        """
        now = self._clock()
        _check(request, now)
        if target.when_online and not (
            target.HasField("expire_time") and target.expire_time.ToNanoseconds() < _expiry(request)
        ):
            target.expire_time.CopyFrom(request.expiry_date_time)
        async with self._unit_of_work() as work:
            repository = ReservationRepository(work.session)
            request.id = await repository.claim_id(tenant_id, target.station_id, request.id)
            await _fill_in_group(work, tenant_id, request)
            until = target.expire_time.ToDatetime(UTC) if target.when_online else now
            deadline = min(until, now + LONGEST_WAIT) + LONGEST_TIMEOUT + MARGIN
            requested = ReservationState.RESERVATION_STATE_REQUESTED
            enter(work, new_row(tenant_id, target.station_id, request, requested, now, deadline))
            await work.commit()

    async def give_back(self, tenant_id: str, station_id: str, reservation_id: int, error: CoreError) -> None:
        """Record that a reservation was refused before it was sent, if its state is still REQUESTED."""
        now = self._clock()
        key = (station_id, reservation_id)
        async with self._unit_of_work() as work:
            rows = (await ReservationRepository(work.session).find_for_update(tenant_id, {key}))[key]
            for row in rows:
                if row.state == ReservationState.RESERVATION_STATE_REQUESTED:
                    failed = ReservationState.RESERVATION_STATE_FAILED
                    change(work, row, failed, Says.BELIEF, time=now, now=now, detail=str(error))
            await work.commit()


async def _fill_in_group(work: UnitOfWork, tenant_id: str, request: ReserveNowRequest) -> None:
    """Set the group of the token, whose other tokens may use the reservation (H03)."""
    if request.HasField("group_id_token"):
        return
    key = (request.id_token.id_token, request.id_token.type)
    token = (await TokenRepository(work.session).find_all(tenant_id, {key})).get(key)
    if token is not None and token.group_id:
        request.group_id_token.CopyFrom(IdToken(id_token=token.group_id, type=_GROUP_TYPE))


def new_row(
    tenant_id: str, station_id: str, request: ReserveNowRequest, state: int, now: datetime, deadline: datetime
) -> Reservation:
    """Return the row of a new reservation with its first state."""
    return Reservation(
        tenant_id=tenant_id,
        station_id=station_id,
        reservation_id=request.id,
        evse_id=request.evse_id if request.HasField("evse_id") else None,
        id_token_lookup=lookup_of(request.id_token.id_token, request.id_token.type),
        request=request.SerializeToString(),
        expire_time=request.expiry_date_time.ToDatetime(UTC),
        deadline_time=deadline,
        state=state,
        state_time=now,
        is_told=False,
        resends=0,
        detail="",
        transaction_id="",
        create_time=now,
        update_time=now,
    )


def _expiry(request: ReserveNowRequest) -> int:
    return request.expiry_date_time.ToNanoseconds()


def _check(request: ReserveNowRequest, now: datetime) -> None:
    if not request.HasField("id_token"):
        raise InvalidArgument("request.id_token", "must be set")
    check_presented("request.id_token", request.id_token)
    check_length("request.id_token.id_token", request.id_token.id_token, LONGEST_TOKEN)
    if request.id < 0:
        raise InvalidArgument("request.id", "must not be negative")
    if not request.HasField("expiry_date_time"):
        raise InvalidArgument("request.expiry_date_time", "must be set")
    if request.expiry_date_time.ToDatetime(UTC) <= now:
        raise InvalidArgument("request.expiry_date_time", "must be in the future")
    if request.HasField("evse_id") and request.evse_id < 1:
        raise InvalidArgument("request.evse_id", "must be the number of an EVSE, from 1 on, or unset for any")
