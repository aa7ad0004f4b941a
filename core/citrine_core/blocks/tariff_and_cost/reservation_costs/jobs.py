"""Bills reservations that ended without a transaction."""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from citrine.api.v1 import tariffs_pb2 as pb
from citrine.api.v1.reservation_pb2 import ReservationState
from citrine.events.v1.events_pb2 import Event, ReservationCostChanged
from citrine.ocpp.v2.reservation_pb2 import ReserveNowRequest
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_core.blocks.reservation import Reservation, ReservationRepository
from citrine_core.blocks.tariff_and_cost.assignments import Subject, find_tariffs
from citrine_core.blocks.tariff_and_cost.calculation import Reserved, cost_of
from citrine_core.blocks.tariff_and_cost.models import ReservationCost
from citrine_core.blocks.tariff_and_cost.repository import VersionKey
from citrine_core.blocks.tariff_and_cost.reservation_costs.repository import ReservationCostRepository
from citrine_core.blocks.tariff_and_cost.rules import Rules
from citrine_core.blocks.tariff_and_cost.transaction_costs import Tariffs
from citrine_core.db import UnitOfWork
from citrine_core.rpc import to_timestamp
from citrine_core.services import Services

__all__ = ["INTERVAL", "ReservationCosts"]

logger = logging.getLogger(__name__)

INTERVAL = timedelta(seconds=10)
"""How soon a reservation is billed at the latest."""

MANY = 200
"""Reservations that are billed in one transaction."""

RETRY_TIME = timedelta(hours=1)
"""When a reservation is looked at again whose cost could not be computed."""

_EXPIRED = ReservationState.RESERVATION_STATE_EXPIRED
_CANCELLED = ReservationState.RESERVATION_STATE_CANCELLED
_NO_TRANSACTION = ReservationState.RESERVATION_STATE_NO_TRANSACTION

_BILLED = (_EXPIRED, _CANCELLED, _NO_TRANSACTION)
"""Ends of reservations that cost something. The station's giving up costs nothing."""


class ReservationCosts:
    """Bills each reservation that the station accepted and no transaction used, by one core, once for each end.

    Where a station knows better later how a reservation ended, or a transaction is reported late that used it, its
    cost is another, or withdrawn.
    """

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._tariffs = Tariffs()

    async def run(self) -> None:
        """Bill what is due."""
        count = MANY
        while count == MANY:
            now = self._clock()
            async with self._unit_of_work(read_only=True) as work:
                # Mostly there is nothing, and then nobody has to wait for a turn to write.
                if not await ReservationRepository(work.session).has_unbilled(now):
                    return
            async with self._unit_of_work() as work:
                rows = await ReservationRepository(work.session).claim_unbilled(now, MANY)
                for tenant_id in sorted({row.tenant_id for row in rows}):
                    await self._bill(work, tenant_id, [row for row in rows if row.tenant_id == tenant_id], now)
                await work.commit()
            count = len(rows)

    async def _bill(self, work: UnitOfWork, tenant_id: str, rows: Sequence[Reservation], now: datetime) -> None:
        subjects = [_subject(row) for row in rows]
        chosen = await find_tariffs(work, tenant_id, subjects)
        tariffs = await self._tariffs.find(work, tenant_id, [key for key in chosen if key is not None])
        repository = ReservationCostRepository(work.session)
        stored = await repository.find_all(tenant_id, {(row.station_id, row.reservation_id) for row in rows})
        failed = []
        for row, version in zip(rows, chosen, strict=True):
            assert row.accept_time is not None
            try:
                cost = _cost(row, tariffs, version)
            except Exception as error:
                # A bug of ours must not keep the others from being billed.
                logger.error("the cost could not be computed", exc_info=error, extra={"reservation": row.id})
                failed.append(row)
                continue
            before = stored.get((row.station_id, row.reservation_id, row.accept_time))
            if before is None and cost is not None and version is not None:
                made = _new(row, cost, version, now)
                repository.add(made)
                work.emit(_changed(made))
            elif before is not None and _change(before, row, cost, version, now):
                work.emit(_changed(before))
        reservations = ReservationRepository(work.session)
        await reservations.set_bill_time(rows, None)
        await reservations.set_bill_time(failed, now + RETRY_TIME)


def _subject(row: Reservation) -> Subject:
    token = ReserveNowRequest.FromString(row.request).id_token
    return Subject(row.station_id, row.evse_id, token.id_token, token.type, None, row.create_time)


def _end(row: Reservation) -> datetime:
    assert row.accept_time is not None
    return max(row.accept_time, min(row.state_time, row.expire_time))


def _cost(
    row: Reservation, tariffs: Mapping[VersionKey, tuple[pb.Tariff, Rules]], version: VersionKey | None
) -> pb.Cost | None:
    """Return what a reservation costs; None where that is nothing that anybody has a price of."""
    if version not in tariffs or version is None or row.state not in _BILLED or row.accept_time is None:
        return None
    is_cancelled = row.state == _CANCELLED
    reserved = Reserved(row.accept_time, _end(row), expired=not is_cancelled, cancelled=is_cancelled)
    cost = cost_of(tariffs[version][1], None, reserved)
    return cost if cost.lines else None


def _new(row: Reservation, cost: pb.Cost, version: VersionKey, now: datetime) -> ReservationCost:
    token = ReserveNowRequest.FromString(row.request).id_token
    return ReservationCost(
        tenant_id=row.tenant_id,
        station_id=row.station_id,
        reservation_id=row.reservation_id,
        start_time=row.accept_time,
        end_time=_end(row),
        state=row.state,
        evse_id=row.evse_id,
        id_token=token.id_token,
        id_token_type=token.type,
        id_token_lookup=row.id_token_lookup,
        tariff_id=version[0],
        tariff_version=version[1],
        breakdown=cost.SerializeToString(),
        is_withdrawn=False,
        create_time=now,
        update_time=now,
    )


def _change(
    stored: ReservationCost, row: Reservation, cost: pb.Cost | None, version: VersionKey | None, now: datetime
) -> bool:
    """Bring a cost up to date, and return whether it is another now."""
    if cost is None or version is None:
        if stored.is_withdrawn:
            return False
        stored.state, stored.is_withdrawn, stored.update_time = row.state, True, now
        return True
    content = cost.SerializeToString()
    said = (stored.state, stored.is_withdrawn, stored.breakdown)
    if said == (row.state, False, content):
        return False
    stored.state, stored.is_withdrawn, stored.breakdown = row.state, False, content
    stored.end_time, stored.update_time = _end(row), now
    stored.tariff_id, stored.tariff_version = version[:2]
    return True


def _changed(row: ReservationCost) -> Event:
    cost = pb.Cost.FromString(row.breakdown)
    changed = ReservationCostChanged(
        reservation_id=row.reservation_id,
        state=ReservationState.ValueType(row.state),
        id_token=IdToken(id_token=row.id_token, type=row.id_token_type),
        start_time=to_timestamp(row.start_time),
        end_time=to_timestamp(row.end_time),
        tariff_id=row.tariff_id,
        tariff_version=row.tariff_version,
        currency=cost.currency,
        before_tax=cost.total.before_tax,
        after_tax=cost.total.after_tax,
        withdrawn=row.is_withdrawn,
    )
    return Event(tenant_id=row.tenant_id, station_id=row.station_id, reservation_cost_changed=changed)
