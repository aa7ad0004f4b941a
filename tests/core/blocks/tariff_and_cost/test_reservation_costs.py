"""What reservations cost that no transaction used, on a whole core."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import grpc
import pytest
from sqlalchemy import update

from citrine.api.v1 import reservation_costs_pb2 as pb
from citrine.api.v1 import tariffs_pb2
from citrine.api.v1.reservation_costs_pb2_grpc import ReservationCostsServiceStub
from citrine.api.v1.reservation_pb2 import ReservationState
from citrine.ocpp.v2 import reservation_pb2 as ocpp
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_core.blocks.reservation import Reservation, ReservationExpiry
from citrine_core.blocks.tariff_and_cost.reservation_costs import ReservationCosts
from citrine_core.clock import utc_now
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.core.blocks.tariff_and_cost.test_servicer import code_of
from tests.core.blocks.tariff_and_cost.test_transaction_costs import Costs
from tests.support.blocks import events
from tests.support.charging import started
from tests.support.core import PASSWORD, RunningCore
from tests.support.event_words import name_in
from tests.support.reservations import Desk

RESERVED = tariffs_pb2.RESERVATION_RESTRICTION_RESERVATION
EXPIRES = tariffs_pb2.RESERVATION_RESTRICTION_RESERVATION_EXPIRES
CANCELLED = tariffs_pb2.RESERVATION_RESTRICTION_RESERVATION_CANCELLED

PRICES = tariff(
    element(component("FLAT", "4"), reservation=EXPIRES),
    element(component("FLAT", "1", "20"), component("CHARGING_TIME", "6", step=1800), reservation=CANCELLED),
    element(component("CHARGING_TIME", "2", step=600), reservation=RESERVED),
    element(component("ENERGY", "0.25")),
    min_price=tariffs_pb2.Amount(after_tax="50"),
)


@pytest.fixture
async def desk(core: RunningCore) -> AsyncIterator[Desk]:
    await core.add_station("CS-1", registration=1)
    async with core.edge() as edge:
        session = await edge.connect("CS-1", PASSWORD)
        await session.call(HeartbeatRequest())
        yield Desk(core, session)


async def alter(desk: Desk, **values: datetime) -> None:
    """Have the reservation been made at another time than it was."""
    async with desk.core.core.unit_of_work() as work:
        await work.session.execute(update(Reservation).values(**values))
        await work.commit()


async def bill(desk: Desk) -> list[pb.ReservationCost]:
    """Have what ended billed, and return all costs of reservations."""
    services = desk.core.core.services
    await ReservationExpiry(services).run()
    await ReservationCosts(services).run()
    stub: Any = desk.core.stub(ReservationCostsServiceStub)
    listed = await stub.ListReservationCosts(pb.ListReservationCostsRequest())
    return list(listed.costs)


async def told(desk: Desk) -> list[tuple[str, str, bool]]:
    """Return what events said: state, total, and whether it is withdrawn."""
    bodies = [one.reservation_cost_changed for one in await events(desk.core.core.unit_of_work)]
    return [(name_in(one, "state"), one.after_tax, one.withdrawn) for one in bodies if one.state]


async def test_a_reservation_that_expired_is_billed_by_its_own_elements(desk: Desk) -> None:
    """From the station's Accepted to its end, and no minimum of a transaction."""
    await Costs(desk.core).assign(PRICES)
    await desk.reserve(evse_id=1)
    accepted = utc_now() - timedelta(hours=1)
    await alter(desk, accept_time=accepted, expire_time=accepted + timedelta(minutes=30))

    (cost,) = await bill(desk)
    again = await bill(desk)

    # Four for that it expired, half an hour at two.
    assert (cost.cost.total.after_tax, cost.state) == ("5.00", ReservationState.RESERVATION_STATE_EXPIRED)
    assert cost.end_time.ToDatetime() - cost.start_time.ToDatetime() == timedelta(minutes=30)
    assert (cost.station_id, cost.reservation_id, cost.id_token.id_token, cost.tariff_id) == ("CS-1", 1, "AA", "T")
    assert again == [cost]
    assert await told(desk) == [("EXPIRED", "5.00", False)]


async def test_a_reservation_that_was_cancelled_is_billed_by_its_own_elements(desk: Desk) -> None:
    await Costs(desk.core).assign(PRICES)
    await desk.reserve(evse_id=1)
    await alter(desk, accept_time=utc_now() - timedelta(minutes=29))
    await desk.cancel(1)

    (cost,) = await bill(desk)

    assert (cost.cost.total.before_tax, cost.cost.total.after_tax) == ("4.00", "4.20")
    assert cost.state == ReservationState.RESERVATION_STATE_CANCELLED
    stub: Any = desk.core.stub(ReservationCostsServiceStub)
    assert await stub.GetReservationCost(pb.GetReservationCostRequest(station_id="CS-1", reservation_id=1)) == cost
    missing = stub.GetReservationCost(pb.GetReservationCostRequest(station_id="CS-1", reservation_id=2))
    assert await code_of(missing) is grpc.StatusCode.NOT_FOUND


@pytest.mark.in_turn
@pytest.mark.parametrize("end", ["refused", "given up", "cancelled, for which there is no price", "used"])
async def test_what_is_free_is_not_billed(desk: Desk, end: str) -> None:
    free = tariff(element(component("CHARGING_TIME", "2"), reservation=RESERVED))
    await Costs(desk.core).assign(free if end.startswith("cancelled") else PRICES)
    if end == "refused":
        desk.status = ocpp.RESERVE_NOW_STATUS_ENUM_OCCUPIED
    await desk.reserve(evse_id=1)
    if end == "given up":
        await desk.update(1, "REMOVED")
    elif end == "used":
        await desk.session.call(started(reservation_id=1))
    elif end != "refused":
        await desk.cancel(1)

    assert await bill(desk) == []
    assert await told(desk) == []


async def test_a_transaction_that_is_reported_late_takes_the_cost_of_its_reservation_back(desk: Desk) -> None:
    await Costs(desk.core).assign(PRICES)
    await desk.reserve(evse_id=1)
    await desk.update(1, "EXPIRED")
    before = await bill(desk)

    await desk.session.call(started(reservation_id=1, offline=True))
    after = await bill(desk)

    assert [one.withdrawn for one in before] == [False]
    assert [(one.withdrawn, one.state) for one in after] == [(True, ReservationState.RESERVATION_STATE_USED)]
    assert [one[0] for one in await told(desk)] == ["EXPIRED", "USED"]
    assert [one[2] for one in await told(desk)] == [False, True]


async def test_a_reservation_costs_what_applied_when_it_was_asked_for(desk: Desk) -> None:
    """The price of its driver, though it is another now."""
    api = Costs(desk.core)
    own = tariff(element(component("FLAT", "3"), reservation=EXPIRES), tariff_id="OWN")
    made = await api.assign(own, id_token=IdToken(id_token="AA"))
    await desk.reserve(evse_id=1)
    await api.tariffs.UnassignTariff(tariffs_pb2.UnassignTariffRequest(assignment_id=made.assignment_id))
    await api.assign(PRICES)
    await desk.update(1, "NO_TRANSACTION")

    (cost,) = await bill(desk)

    assert (cost.cost.total.after_tax, cost.tariff_id) == ("3.00", "OWN")


async def test_a_reservation_shows_when_its_station_accepted_it(desk: Desk) -> None:
    before = utc_now()
    accepted = await desk.reserve(evse_id=1)
    desk.status = ocpp.RESERVE_NOW_STATUS_ENUM_OCCUPIED
    refused = await desk.reserve(evse_id=2)

    assert before - timedelta(minutes=1) < accepted.accept_time.ToDatetime(before.tzinfo) <= utc_now()
    assert not refused.HasField("accept_time")
