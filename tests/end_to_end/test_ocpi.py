"""Drivers of a partner charge at simulated stations: what the partner has of it is what the core bills."""

import asyncio
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import charge_records_pb2 as records
from citrine.api.v1 import tariffs_pb2 as tariffs
from citrine.api.v1.reservation_costs_pb2 import ListReservationCostsRequest
from citrine_simulator.config import Version
from tests.core.blocks.tariff_and_cost.tariffs import component, element
from tests.support.databases import copy_template
from tests.support.deployment import Deployment
from tests.support.postgres import PostgresServer
from tests.support.roaming import Site, roaming_site
from tests.support.shared_processes import SharedProcesses, of_own_tenant

UID = "04A1B2C3"
OTHER_UID = "04A1B2C4"

RESERVED = (
    element(component("FLAT", "2", "19"), reservation=tariffs.RESERVATION_RESTRICTION_RESERVATION),
    element(component("FLAT", "3", "19"), reservation=tariffs.RESERVATION_RESTRICTION_RESERVATION_EXPIRES),
)
"""A reservation costs 2 EUR, and 3 where nobody came."""

PLAIN = element(component("ENERGY", "0.30", "19", 1000), component("FLAT", "1", "7"))


@pytest.fixture(scope="module")
def on_sqlite(
    sqlite_template: Path, sqlite_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SharedProcesses]:
    """Processes that bill by the clocks of stations."""

    def new_database(name: str) -> str:
        return f"sqlite+aiosqlite:///{shutil.copy(sqlite_template, sqlite_folder / f'{name}.db')}"

    shared = SharedProcesses(tmp_path_factory.mktemp("ocpi"), new_database, station_clock_tolerance="none")
    yield shared
    shared.stop()


@pytest.fixture(scope="module")
def on_postgresql(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedProcesses]:
    """The same on PostgreSQL."""

    def new_database(name: str) -> str:
        asyncio.run(copy_template(postgres, name))
        return postgres.url(name)

    shared = SharedProcesses(tmp_path_factory.mktemp("ocpi"), new_database, station_clock_tolerance="none")
    yield shared
    shared.stop()


@pytest.fixture
def running(request: pytest.FixtureRequest) -> Deployment:
    """One core and one edge, on SQLite if a test does not say otherwise."""
    shared: SharedProcesses = request.getfixturevalue(f"on_{getattr(request, 'param', 'sqlite')}")
    return shared.get("ocpi")


@pytest.fixture
async def tenant(running: Deployment) -> Deployment:
    """The same in a tenant of the test's own."""
    return await of_own_tenant(running)


@pytest.mark.parametrize(
    ("running", "ocpp", "ocpi"),
    [
        ("sqlite", "1.6", "2.2.1"),
        ("sqlite", "2.0.1", "2.3.0"),
        ("sqlite", "2.1", "2.2.1"),
        ("postgresql", "2.1", "2.3.0"),
    ],
    indirect=["running"],
)
async def test_who_roams_is_authorized_in_real_time_and_the_partner_is_billed_what_the_core_reckons(
    tenant: Deployment, tmp_path: Path, ocpp: Version, ocpi: str
) -> None:
    """By steps, at another price from a time of day on, with two rates of VAT; and at least the minimum price."""
    async with roaming_site(tenant, tmp_path, ocpp, ocpi) as site:
        dear = element(
            component("ENERGY", "0.40", "19", 1000),
            component("CHARGING_TIME", "1.20", "19", 300),
            start_time=site.local_time(minutes=11),
            end_time=site.local_time(hours=5),
        )
        await site.price(*RESERVED, dear, PLAIN, min_price=tariffs.Amount(before_tax="5"))
        await site.issue(OTHER_UID, "ALLOWED")
        await site.issue(UID, "NEVER")
        site.decide(OTHER_UID, "ALLOWED", "auth-1")
        await charge(site, OTHER_UID)
        await stop_after(site, minutes=1)
        minimal = await site.wait_for("cdrs")

        site.decide(UID, "BLOCKED")
        assert (await site.station.authorize(UID))["status"] == "Blocked"
        site.decide(UID, "ALLOWED", "auth-2")
        session = await charge(site, UID, begun=1)
        await meter_after(site, minutes=6)
        going = await site.wait_for("sessions", 2, kwh=6)
        await meter_after(site, minutes=14)
        await stop_after(site, minutes=10, seconds=12)
        short, record = await site.records(2)
        cdr = await site.wait_for("cdrs", 2)
        over = await site.wait_for("sessions", 2, status="COMPLETED", total_cost=cdr["total_cost"])

    asked = [one for one in site.partner.received if one.module == "tokens"]
    assert [one.path for one in asked] == [f"{OTHER_UID}/authorize", *[f"{UID}/authorize"] * 2]
    assert all(one.body == {"location_id": "L-1", "evse_uids": ["E-1"]} for one in asked)
    check_bill(minimal, short, OTHER_UID, "auth-1")
    # 1.30 EUR with 0.127 of VAT, and the minimum in the same proportion.
    assert amounts(minimal["total_cost"]) == (Decimal(5), cents(5 + 5 * Decimal("0.127") / Decimal("1.3")))
    assert [amounts(minimal[name])[0] for name in ("total_energy_cost", "total_fixed_cost")] == [Decimal("0.3"), 1]

    assert (session["auth_method"], session["authorization_reference"]) == ("AUTH_REQUEST", "auth-2")
    assert (session["location_id"], session["evse_uid"], session["connector_id"]) == ("L-1", "E-1", "1")
    assert [volumes(one)["ENERGY"] for one in going["charging_periods"]] == [6]
    assert (over["kwh"], over["end_date_time"]) == (30.2, cdr["end_date_time"])

    check_bill(cdr, record, UID, "auth-2")
    assert (cdr["auth_method"], cdr["session_id"]) == ("AUTH_REQUEST", over["id"])
    assert cdr["cdr_token"] == over["cdr_token"]
    # 10 kWh before, and 20.2 after: billed as 21; there are 20 minutes and 12 seconds of these: billed as 25.
    energy, fee, time = Decimal("11.4"), Decimal(1), Decimal("0.5")
    tax = (energy + time) * Decimal("0.19") + fee * Decimal("0.07")
    assert amounts(cdr["total_cost"]) == (Decimal("12.9"), cents(Decimal("12.9") + tax))
    assert [amounts(cdr[name])[0] for name in ("total_energy_cost", "total_fixed_cost", "total_time_cost")] == [
        energy, fee, time,
    ]  # fmt: skip
    assert [volumes(one)["ENERGY"] for one in cdr["charging_periods"]] == [10, Decimal("20.2")]


@pytest.mark.parametrize(("ocpp", "ocpi"), [("1.6", "2.3.0"), ("2.1", "2.2.1")])
async def test_a_partner_starts_and_stops_a_session_at_a_station(
    tenant: Deployment, tmp_path: Path, ocpp: Version, ocpi: str
) -> None:
    async with roaming_site(tenant, tmp_path, ocpp, ocpi) as site:
        await site.price(PLAIN)
        place = {"location_id": "L-1", "evse_uid": "E-1", "connector_id": "1", "authorization_reference": "ref-1"}

        token = site.token(UID, whitelist="NEVER")
        assert await site.command("START_SESSION", token=token, **place) == "ACCEPTED"
        begun = await site.wait_for("sessions", status="ACTIVE")
        await site.spend(minutes=5)
        await site.station.meter(open_transaction(site))
        await site.wait_for("sessions", kwh=5)
        assert await site.command("STOP_SESSION", session_id=begun["id"]) == "ACCEPTED"
        cdr = await site.wait_for("cdrs")
        (record,) = await site.records(1)
        await site.wait_for("sessions", status="COMPLETED", total_cost=cdr["total_cost"])
        again = await site.partner.call(
            "POST",
            f"{site.partner.endpoints['commands', 'RECEIVER']}/STOP_SESSION",
            {"session_id": begun["id"], "response_url": f"{site.partner.url}/{ocpi}/receiver/commands/STOP_SESSION/9"},
        )

    assert questions(site) == []
    assert (begun["auth_method"], begun["authorization_reference"]) == ("COMMAND", "ref-1")
    check_bill(cdr, record, UID, "ref-1")
    assert (cdr["auth_method"], cdr["session_id"]) == ("COMMAND", begun["id"])
    assert amounts(cdr["total_cost"]) == (Decimal("2.5"), cents(Decimal("1.5") * Decimal("1.19") + Decimal("1.07")))
    assert again.json()["data"]["result"] == "REJECTED"


@pytest.mark.parametrize(("ocpp", "ocpi"), [("1.6", "2.2.1"), ("2.0.1", "2.3.0")])
async def test_a_reservation_of_a_partner_becomes_a_session_that_costs_both(
    tenant: Deployment, tmp_path: Path, ocpp: Version, ocpi: str
) -> None:
    async with roaming_site(tenant, tmp_path, ocpp, ocpi) as site:
        hourly = component("CHARGING_TIME", "6", "19", 300)
        timed = element(hourly, reservation=tariffs.RESERVATION_RESTRICTION_RESERVATION)
        await site.price(*RESERVED, timed, PLAIN)
        assert await reserve(site, authorization_reference="ref-1") == "ACCEPTED"
        reserved = await site.wait_for("sessions", status="RESERVATION")
        assert site.station.parts.charging.evse(1).reservation is not None

        site.decide(UID, "ALLOWED", "auth-1")
        begun = await charge(site, UID)
        await stop_after(site, minutes=5)
        cdr = await site.wait_for("cdrs")
        (record,) = await site.records(1)
        over = await site.wait_for("sessions", status="COMPLETED", total_cost=cdr["total_cost"])

    assert (reserved["evse_uid"], reserved["connector_id"], reserved["kwh"]) == ("E-1", "#NA", 0)
    # Who let the driver charge by the reservation is not asked.
    assert questions(site) == []
    assert (reserved["authorization_reference"], reserved["auth_method"]) == ("ref-1", "COMMAND")
    assert (begun["authorization_reference"], begun["auth_method"]) == ("ref-1", "COMMAND")
    assert over["id"] == cdr["session_id"] == reserved["id"]
    check_bill(cdr, record, UID, "ref-1")
    assert (cdr["auth_method"], cdr["start_date_time"]) == ("COMMAND", reserved["start_date_time"])
    assert [volumes(one) for one in over["charging_periods"]] == [volumes(one) for one in cdr["charging_periods"]]
    # The station's clock shows some two minutes more than that of the core: they are billed as five.
    assert 0 < volumes(cdr["charging_periods"][0])["RESERVATION_TIME"] < Decimal(5) / 60
    assert amounts(cdr["total_reservation_cost"]) == (Decimal("2.5"), Decimal("2.975"))
    assert amounts(cdr["total_cost"])[0] == Decimal(5)


async def test_a_reservation_of_a_partner_that_nobody_used_is_billed(tenant: Deployment, tmp_path: Path) -> None:
    """One that was cancelled, too, where that has a price, which OCPI has no words for."""
    async with roaming_site(tenant, tmp_path, "2.1", "2.3.0") as site:
        fee = component("FLAT", "1", "19")
        cancelled = element(fee, reservation=tariffs.RESERVATION_RESTRICTION_RESERVATION_CANCELLED)
        await site.price(*RESERVED, cancelled, PLAIN)
        assert await reserve(site, authorization_reference="ref-1") == "ACCEPTED"
        first = await site.wait_for("sessions", status="RESERVATION")
        assert await site.command("CANCEL_RESERVATION", reservation_id="R-1") == "ACCEPTED"
        early = await site.wait_for("cdrs")
        known, number = await reserved_cost(site)
        await site.wait_for("sessions", status="COMPLETED", total_cost=early["total_cost"])
        await site.said_all()

        assert await reserve(site, authorization_reference="ref-2") == "ACCEPTED"
        second = await site.wait_for("sessions", 2, status="RESERVATION")
        # As a station says that the time is over.
        update = {"reservationId": number, "reservationUpdateStatus": "Expired"}
        await site.station.call("ReservationStatusUpdate", update)
        late = await site.wait_for("cdrs", 2)
        cost, _ = await reserved_cost(site)
        over = await site.wait_for("sessions", 2, status="COMPLETED", total_cost=late["total_cost"])

    assert questions(site) == []
    assert over["charging_periods"] == late["charging_periods"]
    check_reservation(early, known, first, "ref-1", Decimal(1))
    check_reservation(late, cost, second, "ref-2", Decimal(3))


async def reserved_cost(site: Site) -> tuple[Any, int]:
    """Return what the core reckons for the latest reservation that is over, and its number."""
    request = ListReservationCostsRequest()
    cost = (await site.citrine.reservation_costs.ListReservationCosts(request)).costs[0]
    return cost, cost.reservation_id


def check_reservation(cdr: dict[str, Any], cost: Any, session: dict[str, Any], reference: str, price: Decimal) -> None:
    """Compare the CDR of a reservation that nobody used with what the core reckons, field by field."""
    total = (price, cents(price * Decimal("1.19")))
    assert amounts(cdr["total_cost"]) == amounts(cdr["total_reservation_cost"]) == money(cost.cost.total) == total
    assert (cdr["start_date_time"], cdr["end_date_time"]) == (written(cost.start_time), written(cost.end_time))
    assert cdr["start_date_time"] == session["start_date_time"]
    assert (cdr["session_id"], cdr["authorization_reference"]) == (session["id"], reference)
    time = cost.end_time.ToDatetime() - cost.start_time.ToDatetime()
    reserved = {"RESERVATION_TIME": rounded(Decimal(str(time.total_seconds())) / 3600)}
    (period,) = cdr["charging_periods"]
    assert (volumes(period), period["tariff_id"]) == (reserved, cost.tariff_id)
    assert (cdr["total_energy"], cdr["total_time"], cdr["auth_method"]) == (0, 0, "COMMAND")
    place = cdr["cdr_location"]
    assert (place["evse_uid"], place["evse_id"], place["connector_id"]) == ("E-1", "#NA", "#NA")
    assert (cdr["cdr_token"]["uid"], cdr["currency"]) == (UID, cost.cost.currency)
    assert not {"total_energy_cost", "total_time_cost", "total_fixed_cost", "tariffs"} & {*cdr}


async def charge(site: Site, uid: str, *, begun: int = 0) -> Any:
    """Have a driver charge, and return the session of the partner, who has so many of before."""
    assert (await site.station.authorize(uid))["status"] == "Accepted"
    await site.station.plug_in()
    await site.station.start_transaction(token=uid)
    await site.said_all()
    return await site.wait_for("sessions", begun + 1, status="ACTIVE")


async def meter_after(site: Site, **time: float) -> None:
    """Have the station send what its meter shows after a time."""
    await site.spend(**time)
    await site.station.meter(open_transaction(site))


async def stop_after(site: Site, **time: float) -> None:
    """Have the driver stop after a time, and leave."""
    await site.spend(**time)
    await site.station.stop_transaction(open_transaction(site))
    await site.station.unplug()
    await site.said_all()


def open_transaction(site: Site) -> str:
    """Return the id of the transaction that goes on."""
    (transaction,) = site.station.parts.charging.transactions
    return transaction.transaction_id


def questions(site: Site) -> list[str]:
    """Return the tokens that the partner was asked about."""
    return [one.path for one in site.partner.received if one.module == "tokens"]


async def reserve(site: Site, **fields: Any) -> str:
    """Have the partner reserve the EVSE, and return the result."""
    expiry = datetime.now(UTC) + timedelta(hours=1)
    return await site.command(
        "RESERVE_NOW",
        token=site.token(UID, whitelist="NEVER"),
        expiry_date=expiry.strftime("%Y-%m-%dT%H:%M:%SZ"),
        reservation_id="R-1",
        location_id="L-1",
        evse_uid="E-1",
        **fields,
    )


TOTALS = {
    "total_energy_cost": (records.CHARGE_DIMENSION_ENERGY,),
    "total_time_cost": (records.CHARGE_DIMENSION_CHARGING_TIME,),
    "total_parking_cost": (records.CHARGE_DIMENSION_IDLE_TIME,),
    "total_fixed_cost": (records.CHARGE_DIMENSION_FLAT,),
    "total_reservation_cost": (records.CHARGE_DIMENSION_RESERVATION_TIME, records.CHARGE_DIMENSION_RESERVATION_FLAT),
}
"""Fields of a CDR, and what of a charge record is in them."""


def check_bill(cdr: dict[str, Any], record: records.ChargeRecord, uid: str, reference: str) -> None:
    """Compare a CDR with the charge record, wherever there is money in it or money depends on it."""
    assert (cdr["id"], cdr["currency"]) == (record.record_id, record.currency)
    assert amounts(cdr["total_cost"]) == money(record.total)
    for name, dimensions in TOTALS.items():
        own = [money(one.amount) for one in record.totals if one.dimension in dimensions]
        assert (amounts(cdr[name]) if name in cdr else None) == (added(own) if own else None), name
    assert Decimal(str(cdr["total_energy"])) == rounded(Decimal(record.energy_kwh))
    assert Decimal(str(cdr["total_time"])) == hours(record.total_time)
    assert Decimal(str(cdr["total_parking_time"])) == hours(record.idle_time)
    is_reserved = record.HasField("reservation_start_time")
    begin = record.reservation_start_time if is_reserved else record.start_time
    assert (cdr["start_date_time"], cdr["end_date_time"]) == (written(begin), written(record.end_time))
    if is_reserved:
        time = record.reservation_end_time.ToDatetime() - begin.ToDatetime()
        reserved = {"RESERVATION_TIME": rounded(Decimal(str(time.total_seconds())) / 3600)}
        assert volumes(cdr["charging_periods"][0]) == reserved
        assert cdr["charging_periods"][0]["start_date_time"] == written(begin)
    charged = cdr["charging_periods"][is_reserved:]
    assert [one["start_date_time"] for one in charged] == [written(one.start_time) for one in record.periods]
    for said, known in zip(charged, record.periods, strict=True):
        measured = {"ENERGY": rounded(Decimal(known.energy_kwh or 0)), "TIME": hours(known.charging_time)}
        measured["PARKING_TIME"] = hours(known.idle_time)
        assert {name: value for name, value in volumes(said).items() if value} == {
            name: value for name, value in measured.items() if value
        }
    assert {one["tariff_id"] for one in cdr["charging_periods"]} == {record.tariff_id}
    assert [one["id"] for one in cdr["tariffs"]] == [record.tariff_id]
    token, place = cdr["cdr_token"], cdr["cdr_location"]
    assert (token["uid"], token["party_id"], token["type"], token["contract_id"]) == (
        uid, record.token.party_id, "RFID", record.token.contract_id,
    )  # fmt: skip
    assert (place["id"], place["evse_uid"], place["evse_id"], place["connector_id"]) == (
        record.location.location_id, record.location.evse_uid, "DE*CIT*E1", str(record.connector_id),
    )  # fmt: skip
    assert cdr["authorization_reference"] == reference


def amounts(price: dict[str, Any]) -> tuple[Decimal, Decimal]:
    """Return a price of either version without and with tax."""
    if "excl_vat" in price:
        return Decimal(str(price["excl_vat"])), Decimal(str(price["incl_vat"]))
    before = Decimal(str(price["before_taxes"]))
    return before, before + sum(Decimal(str(one["amount"])) for one in price.get("taxes", []))


def money(amount: tariffs.Amount) -> tuple[Decimal, Decimal]:
    """Return an amount of the core without and with tax."""
    return rounded(Decimal(amount.before_tax)), rounded(Decimal(amount.after_tax))


def added(prices: Sequence[tuple[Decimal, Decimal]]) -> tuple[Decimal, Decimal]:
    """Return the sum of prices."""
    return sum((one for one, _ in prices), Decimal(0)), sum((one for _, one in prices), Decimal(0))


def volumes(period: dict[str, Any]) -> dict[str, Decimal]:
    """Return the volumes of a charging period by dimension."""
    return {one["type"]: Decimal(str(one["volume"])) for one in period["dimensions"]}


def hours(time: Duration) -> Decimal:
    """Return a time in hours, as OCPI writes it."""
    return rounded(Decimal(str(time.ToTimedelta().total_seconds())) / 3600)


def written(time: Timestamp) -> str:
    """Return a time as OCPI writes it."""
    return time.ToDatetime().isoformat(timespec="milliseconds").removesuffix(".000") + "Z"


def rounded(number: Decimal) -> Decimal:
    """Return a number with the decimals of OCPI."""
    return number.quantize(Decimal("0.0001"), ROUND_HALF_UP)


def cents(number: Decimal) -> Decimal:
    """Return a sum of money in cents."""
    return number.quantize(Decimal("0.01"), ROUND_HALF_UP)
