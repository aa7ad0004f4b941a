"""The job that ends, resends and cancels reservations of which the stations report nothing."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.reservation_pb2 import ReservationState
from citrine.ocpp.v2.reservation_pb2 import CancelReservationRequest, ReserveNowRequest
from citrine_core.background import Apart
from citrine_core.blocks.reservation.models import Reservation
from citrine_core.blocks.reservation.record import change
from citrine_core.blocks.reservation.repository import ReservationRepository
from citrine_core.blocks.reservation.states import Says
from citrine_core.errors import CoreError
from citrine_core.rpc import system_caller
from citrine_core.services import Services

__all__ = ["INTERVAL", "ReservationExpiry"]

logger = logging.getLogger(__name__)

INTERVAL = timedelta(seconds=10)
"""Interval between runs: how late, at most, the record shows that a reservation expired."""

SAY_TIME = timedelta(seconds=30)
"""How long a station may take to report the end of a reservation whose EVSE is out of order or free."""

RETRY_TIME = timedelta(minutes=15)
"""How long the claim of a core on a cancellation lasts; after that it is sent again."""

MAX_ROWS = 200
"""Most reservations that change in one transaction."""

Claim = Callable[[ReservationRepository], Awaitable[Sequence[Reservation]]]


class ReservationExpiry:
    """Infers the states of reservations that stations do not report. Several cores may run it concurrently."""

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._commands = services.commands
        self._apart: Apart[tuple[str, str]] = Apart("reservations")

    async def run(self) -> None:
        """Process all reservations that are due now."""
        now = self._clock()
        async with self._unit_of_work(read_only=True) as work:
            # Mostly there is none, so this read avoids a write transaction.
            any_live = await ReservationRepository(work.session).any_live()
        if any_live:
            await self._end_live(now)
        await self._clean_up(now)

    async def _end_live(self, now: datetime) -> None:
        """End or resend the reservations of which stations report nothing."""
        expired, failed = ReservationState.RESERVATION_STATE_EXPIRED, ReservationState.RESERVATION_STATE_FAILED
        removed = ReservationState.RESERVATION_STATE_REMOVED
        await self._end(lambda rows: rows.claim_expired(now, MAX_ROWS), expired, now, "its time passed")
        await self._end(
            lambda rows: rows.claim_unanswered(now, MAX_ROWS), failed, now, "the end of its command is not known"
        )
        await self._end(
            lambda rows: rows.claim_out_of_order(now - SAY_TIME, MAX_ROWS), removed, now, "its EVSE is out of order"
        )
        await self._ask_again(lambda rows: rows.claim_forgotten_at_boot(MAX_ROWS), now, "the station booted")
        await self._ask_again(
            lambda rows: rows.claim_forgotten_at_evse(now - SAY_TIME, MAX_ROWS),
            now,
            "the station reports that its EVSE is free",
        )

    async def _end(self, claim: Claim, state: int, now: datetime, detail: str) -> None:
        count = MAX_ROWS
        while count == MAX_ROWS:
            async with self._unit_of_work() as work:
                rows = await claim(ReservationRepository(work.session))
                for row in rows:
                    expired = state == ReservationState.RESERVATION_STATE_EXPIRED
                    time = row.expire_time if expired else now
                    change(work, row, state, Says.BELIEF, time=time, now=now, detail=detail)
                    if state == ReservationState.RESERVATION_STATE_FAILED:
                        row.clean_up_time = now
                await work.commit()
            count = len(rows)

    async def _ask_again(self, claim: Claim, now: datetime, detail: str) -> None:
        """Resend reservations that stations may have lost, under the same id, so that each remains one."""
        async with self._unit_of_work() as work:
            rows = await claim(ReservationRepository(work.session))
            for row in rows:
                requested = ReservationState.RESERVATION_STATE_REQUESTED
                change(work, row, requested, Says.BELIEF, time=now, now=now, detail=f"{detail}: it is asked again")
                row.status, row.resends = None, row.resends + 1
                row.deadline_time = row.expire_time + RETRY_TIME
            forgotten = [(row.tenant_id, row.station_id, ReserveNowRequest.FromString(row.request)) for row in rows]
            await work.commit()
        for tenant_id, station_id, request in forgotten:
            target = CommandTarget(
                station_id=station_id, when_online=True, expire_time=request.expiry_date_time, reason=detail
            )
            await self._apart.run((tenant_id, station_id), self._send, tenant_id, target, request)

    async def _clean_up(self, now: datetime) -> None:
        """Cancel reservations that stations may have accepted without an answer."""
        async with self._unit_of_work(read_only=True) as work:
            rows = await ReservationRepository(work.session).doubtful(now, MAX_ROWS)
        for row in rows:
            await self._apart.run((row.tenant_id, row.station_id), self._clean_up_one, row, now)

    async def _clean_up_one(self, row: Reservation, now: datetime) -> None:
        assert row.clean_up_time is not None
        again = now + RETRY_TIME if row.expire_time > now else None
        # Claimed before it is sent, so that no other core sends it, too.
        claimed = await self._set_clean_up(row.id, row.clean_up_time, again)
        if claimed and again is not None and await self._cancel(row):
            await self._set_clean_up(row.id, again, None)

    async def _set_clean_up(self, row_id: int, before: datetime, after: datetime | None) -> bool:
        async with self._unit_of_work() as work:
            done = await ReservationRepository(work.session).set_clean_up(row_id, before, after)
            await work.commit()
        return done

    async def _cancel(self, row: Reservation) -> bool:
        """Send a CancelReservation, which waits for the station if it is offline; return False if that failed."""
        expiry = Timestamp()
        expiry.FromDatetime(row.expire_time)
        target = CommandTarget(
            station_id=row.station_id,
            when_online=True,
            expire_time=expiry,
            reason="it may hold a reservation that it did not confirm",
        )
        return await self._send(row.tenant_id, target, CancelReservationRequest(reservation_id=row.reservation_id))

    async def _send(
        self, tenant_id: str, target: CommandTarget, request: ReserveNowRequest | CancelReservationRequest
    ) -> bool:
        """Send a command; return False if that failed. The handlers record the answer."""
        try:
            await self._commands.send(system_caller(tenant_id, "reservation"), target, request)
        except CoreError as error:
            logger.info(
                "a command about a reservation was not sent",
                extra={"station_id": target.station_id, "error": str(error)},
            )
            return False
        return True
