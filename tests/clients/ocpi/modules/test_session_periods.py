"""Charging periods of a session are appended while it goes on, add up to what the core measured, and are made anew."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1.tariffs_pb2 import CostPeriod, ListTariffAssignmentsRequest, UnassignTariffRequest
from citrine.api.v1.tariffs_pb2_grpc import TariffsServiceStub
from citrine_ocpi.models import v2_3_0
from citrine_ocpi.modules.sessions.periods import SessionPeriods, periods_of
from tests.clients.ocpi.modules import test_roaming
from tests.support.charging import ended, started

roaming = test_roaming.roaming


@pytest.fixture
def adapter_url() -> str:
    """The adapter's database, which is no matter of periods: a file."""
    return ""


BEGINNING = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return BEGINNING + timedelta(minutes=minutes)


def cost(begin: float, end: float, kwh: str, charging: float | None = None) -> CostPeriod:
    """Return a period of the core; charging all the time unless said otherwise."""
    start, stop = Timestamp(), Timestamp()
    start.FromDatetime(at(begin))
    stop.FromDatetime(at(end))
    minutes = end - begin if charging is None else charging
    charged = Duration(seconds=int(minutes * 60))
    idle = Duration(seconds=int((end - begin - minutes) * 60))
    return CostPeriod(start_time=start, end_time=stop, energy_kwh=kwh, charging_time=charged, idle_time=idle)


class Session:
    """A session as a partner gets it, step by step."""

    def __init__(self) -> None:
        self.known: list[Any] = []
        self.reached: datetime | None = None

    def goes_on(self, now: float, *costs: CostPeriod, is_over: bool = False) -> SessionPeriods:
        found = periods_of(self.known, self.reached, costs, "T", is_over=is_over, now=at(now))
        # As they are written and read again.
        self.known = [v2_3_0.ChargingPeriod.model_validate(one).wire() for one in found.bodies]
        self.reached = found.reached
        return found

    def starts(self) -> list[str]:
        return [one["start_date_time"][11:16] for one in self.known]

    def total(self, dimension: str) -> Decimal:
        volumes = (x for one in self.known for x in one["dimensions"] if x["type"] == dimension)
        return sum((Decimal(str(x["volume"])) for x in volumes), Decimal(0))


def test_a_period_is_appended_after_a_while_and_at_the_end() -> None:
    session = Session()

    session.goes_on(2, cost(0, 2, "0.3"))
    assert session.starts() == []
    session.goes_on(6, cost(0, 6, "1.1"))
    assert session.starts() == ["12:00"]
    session.goes_on(8, cost(0, 8, "1.5"))
    assert session.starts() == ["12:00"]
    last = session.goes_on(9, cost(0, 9, "1.7"), is_over=True)

    assert session.starts() == ["12:00", "12:06"]
    assert session.total("ENERGY") == Decimal("1.7")
    assert session.total("TIME") == Decimal("0.15")
    assert last.is_appended


def test_a_period_is_appended_where_the_price_changes() -> None:
    session = Session()

    session.goes_on(6, cost(0, 6, "1"))
    session.goes_on(12, cost(0, 10, "1.6"), cost(10, 12, "0.4"))
    assert session.starts() == ["12:00", "12:06"]
    session.goes_on(30, cost(0, 10, "1.6"), cost(10, 30, "4", charging=15), is_over=True)

    assert session.starts() == ["12:00", "12:06", "12:10"]
    assert session.total("ENERGY") == Decimal("5.6")
    assert session.total("PARKING_TIME") == Decimal("0.0833")


def test_periods_that_turn_out_to_be_wrong_are_made_anew() -> None:
    session = Session()
    session.goes_on(6, cost(0, 6, "9"))

    less = session.goes_on(12, cost(0, 12, "2"))

    assert not less.is_appended
    assert session.total("ENERGY") == 2
    assert session.starts() == ["12:00"]


async def test_where_no_tariff_applies_a_session_says_at_its_end_what_was_measured(roaming: Any) -> None:
    tariffs: Any = roaming.core.stub(TariffsServiceStub)
    for one in (await tariffs.ListTariffAssignments(ListTariffAssignmentsRequest())).assignments:
        await tariffs.UnassignTariff(UnassignTariffRequest(assignment_id=one.assignment_id))

    begun = started(0, 0.0, minutes=0, id_token="04A1B2C3", evse=(1, 1), info=test_roaming.CHARGING)
    await roaming.station.call(begun)
    await roaming.station.call(ended(1, 500.0, minutes=3))

    over = await roaming.tnm.wait_for(
        lambda one: next((x for x in one.objects.values() if x.get("status") == "COMPLETED"), None)
    )
    assert over["currency"] == "XXX"
    assert [one["dimensions"] for one in over["charging_periods"]] == [[{"type": "ENERGY", "volume": Decimal("0.5")}]]
