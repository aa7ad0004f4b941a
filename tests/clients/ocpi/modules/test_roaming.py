"""A partner's drivers charge at stations of a real core: what their platform sees of it, and what another one sees."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from citrine.api.v1 import locations_pb2 as locations
from citrine.api.v1 import tariffs_pb2
from citrine.api.v1.charge_records_pb2 import ChargeRecord, GetChargeRecordRequest
from citrine.api.v1.charge_records_pb2_grpc import ChargeRecordsServiceStub
from citrine.api.v1.locations_pb2_grpc import LocationsServiceStub
from citrine.api.v1.persons_pb2 import ErasePersonRequest
from citrine.api.v1.persons_pb2_grpc import PersonsServiceStub
from citrine.api.v1.stations_pb2 import Station, UpdateStationRequest
from citrine.api.v1.stations_pb2_grpc import StationsServiceStub
from citrine.api.v1.tariffs_pb2_grpc import TariffsServiceStub
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, DeleteTokenRequest, Token
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.api.v1.transactions_pb2 import CreditTransactionCostRequest
from citrine.api.v1.transactions_pb2_grpc import TransactionsServiceStub
from citrine.ocpp.v2.availability_pb2 import ConnectorStatusEnum, StatusNotificationRequest
from citrine.ocpp.v2.transactions_pb2 import ChargingStateEnum
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_ocpi.modules.sessions import find_session
from citrine_ocpi.modules.tokens.repository import TokenRepository
from citrine_ocpi.published import LocationFilters
from citrine_ocpi.transport import Party
from tests.clients.ocpi.test_personal_data import everything
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.support.charging import BEGINNING, ended, started, updated
from tests.support.core import PASSWORD, RunningCore, running_core
from tests.support.emsp import Emsp, emsp
from tests.support.emsp.validation import received_faults
from tests.support.fake_edge import FakeSession, timestamp
from tests.support.ocpi import RunningAdapter, running_adapter
from tests.support.recording import record_all
from tests.support.reservations import Desk
from tests.support.waiting import WAIT

LOCATION = "DE/CIT/L-1"
CHARGING = {"charging_state": ChargingStateEnum.CHARGING_STATE_ENUM_CHARGING}

# From 13:10 in Oslo (12:10 UTC) on energy is dearer; energy is billed by whole kWh, and nobody pays less than 5 EUR.
# A reservation costs 2 EUR, used or not.
TARIFF = tariff(
    element(component("FLAT", "2", "19"), reservation=tariffs_pb2.RESERVATION_RESTRICTION_RESERVATION),
    element(component("FLAT", "2", "19"), reservation=tariffs_pb2.RESERVATION_RESTRICTION_RESERVATION_EXPIRES),
    element(component("ENERGY", "0.40", "19", 1000), start_time="13:10", end_time="18:00"),
    element(component("ENERGY", "0.30", "19", 1000), component("FLAT", "1", "7")),
    tariff_id="DAY",
    time_zone="Europe/Oslo",
    min_price=tariffs_pb2.Amount(before_tax="5"),
)


@dataclass
class Roaming:
    """A core with one station, its adapter, and two partners: TNM speaks 2.2.1, XYZ speaks 2.3.0."""

    core: RunningCore
    adapter: RunningAdapter
    station: FakeSession
    tnm: Emsp
    xyz: Emsp

    async def list(self, partner: Emsp, module: str, query: str = "") -> Any:
        """Return what a partner reads of a module."""
        return await partner.get(f"{partner.endpoints[module, 'SENDER']}{query}")

    async def record(self) -> ChargeRecord:
        """Return the charge record of the transaction, once it is made."""
        await record_all(self.core)
        records: Any = self.core.stub(ChargeRecordsServiceStub)
        found: ChargeRecord = await records.GetChargeRecord(
            GetChargeRecordRequest(station_id="CS-1", transaction_id="T-1")
        )
        return found

    async def set_status(self, status: str) -> None:
        """Have the station say what its connector does."""
        value = ConnectorStatusEnum.Value(f"CONNECTOR_STATUS_ENUM_{status}")
        await self.station.call(
            StatusNotificationRequest(timestamp=timestamp(), connector_status=value, evse_id=1, connector_id=1)
        )


async def prepare(core: RunningCore) -> None:
    sites: Any = core.stub(LocationsServiceStub)
    site = locations.Location(
        location_id="L-1",
        publish=True,
        name="Harbour",
        address="Quay 1",
        city="Bergen",
        country="NOR",
        time_zone="Europe/Oslo",
        coordinates=locations.GeoLocation(latitude="60.392990", longitude="5.324150"),
        facilities=[locations.FACILITY_WIFI],
        tariff_ids=["DAY"],
        parking_places=[
            locations.ParkingPlace(parking_id="P1", vehicle_types=[locations.VEHICLE_TYPE_PERSONAL_VEHICLE])
        ],
    )
    await sites.CreateLocation(locations.CreateLocationRequest(location=site))
    stations: Any = core.stub(StationsServiceStub)
    placed = UpdateStationRequest(station=Station(station_id="CS-1", location_id="L-1"))
    placed.update_mask.paths.append("location_id")
    await stations.UpdateStation(placed)
    connector = locations.LocationConnector(
        connector_id=1,
        standard=locations.CONNECTOR_STANDARD_IEC_62196_T2,
        format=locations.CONNECTOR_FORMAT_SOCKET,
        power_type=locations.POWER_TYPE_AC_3_PHASE,
        max_voltage=230,
        max_amperage=32,
    )
    evse = locations.LocationEvse(
        uid="E-1",
        location_id="L-1",
        station_id="CS-1",
        evse_id=1,
        public_id="DE*CIT*E1",
        connectors=[connector],
        parking_restrictions=[locations.PARKING_RESTRICTION_EMPLOYEES, locations.PARKING_RESTRICTION_EV_ONLY],
    )
    await sites.CreateLocationEvse(locations.CreateLocationEvseRequest(evse=evse))
    tokens: Any = core.stub(TokensServiceStub)
    for uid, country, party in (("04A1B2C3", "NL", "TNM"), ("04D4E5F6", "BE", "XYZ"), ("04000001", "", "")):
        token = Token(id_token=uid, type="ISO14443", country_code=country, party_id=party)
        token.contract_id = f"{country}-{party}-1" if party else ""
        await tokens.CreateToken(CreateTokenRequest(token=token))
    tariffs: Any = core.stub(TariffsServiceStub)
    await tariffs.CreateTariff(tariffs_pb2.CreateTariffRequest(tariff=TARIFF))
    assignment = tariffs_pb2.TariffAssignment(tariff_id="DAY")
    await tariffs.AssignTariff(tariffs_pb2.AssignTariffRequest(assignment=assignment))


@pytest.fixture
async def roaming(database_url: str, adapter_url: str, tmp_path: Path) -> AsyncIterator[Roaming]:
    """A core with a station at a published location, an adapter, and two registered partners."""
    async with AsyncExitStack() as stack:
        core = await stack.enter_async_context(running_core(database_url, tmp_path, station_clock_tolerance=None))
        await core.add_station("CS-1", registration=1)
        edge = await stack.enter_async_context(core.edge())
        station = await edge.connect("CS-1", PASSWORD)
        await prepare(core)
        adapter = await stack.enter_async_context(
            running_adapter(tmp_path, database=adapter_url, core=core.address, key=core.key)
        )
        tnm = await stack.enter_async_context(emsp(validate=received_faults))
        xyz = await stack.enter_async_context(emsp(country_code="BE", party_id="XYZ", validate=received_faults))
        await tnm.register(adapter.versions_url, await adapter.invite("tnm"), "2.2.1")
        await xyz.register(adapter.versions_url, await adapter.invite("xyz"), "2.3.0")
        made = Roaming(core, adapter, station, tnm, xyz)
        await made.set_status("AVAILABLE")
        # Each gets the whole of it by the first change.
        for one in (tnm, xyz):
            await one.wait_for(lambda x: x.objects.get(("locations", LOCATION)))
        yield made


async def test_partners_see_a_location_as_it_is_and_what_changes_of_it_at_once(roaming: Roaming) -> None:
    (seen,) = await roaming.list(roaming.tnm, "locations")
    (later,) = await roaming.list(roaming.xyz, "locations")

    assert received_faults("2.2.1", "locations", LOCATION, seen) == []
    assert received_faults("2.3.0", "locations", LOCATION, later) == []
    (evse,) = seen["evses"]
    assert (seen["country_code"], seen["party_id"], seen["id"], seen["publish"]) == ("DE", "CIT", "L-1", True)
    assert (evse["uid"], evse["evse_id"], evse["status"]) == ("E-1", "DE*CIT*E1", "AVAILABLE")
    assert evse["connectors"][0]["tariff_ids"] == ["DAY"]
    # What only 2.3.0 can say is left out of 2.2.1.
    assert evse["parking_restrictions"] == ["EV_ONLY"]
    assert "parking_places" not in seen
    assert later["evses"][0]["parking_restrictions"] == ["EMPLOYEES", "EV_ONLY"]
    assert later["parking_places"][0]["id"] == "P1"

    async with asyncio.timeout(WAIT):
        await roaming.set_status("FAULTED")
        patch = await roaming.tnm.wait_for(
            lambda one: next((x for x in one.received if x.method == "PATCH" and "OUTOFORDER" in str(x.body)), None)
        )

    assert (patch.path, patch.body.keys(), patch.body["status"]) == (
        f"{LOCATION}/E-1",
        {"status", "last_updated"},
        "OUTOFORDER",
    )
    # The time of an EVSE is one of its location, and not of its connectors.
    (changed,) = await roaming.list(roaming.tnm, "locations", f"?date_from={patch.body['last_updated']}")
    (evse,) = changed["evses"]
    assert evse == await roaming.list(roaming.tnm, "locations", "/l-1/e-1")
    assert changed["last_updated"] == evse["last_updated"] > evse["connectors"][0]["last_updated"]
    assert await roaming.list(roaming.tnm, "locations", f"?date_to={patch.body['last_updated']}") == []
    missing = await roaming.tnm.call("GET", f"{roaming.tnm.endpoints['locations', 'SENDER']}/L-2")
    assert (missing.status_code, missing.json()["status_code"]) == (404, 2003)


async def test_an_evse_that_is_gone_is_removed_and_a_location_that_is_hidden_is_seen_no_more(roaming: Roaming) -> None:
    sites: Any = roaming.core.stub(LocationsServiceStub)
    await sites.DeleteLocationEvse(locations.DeleteLocationEvseRequest(uid="E-1"))

    await roaming.tnm.wait_for(lambda one: _status(one) == "REMOVED")
    (seen,) = await roaming.list(roaming.tnm, "locations")
    assert seen["evses"][0]["status"] == "REMOVED"

    hidden = locations.UpdateLocationRequest(location=locations.Location(location_id="L-1", publish=False))
    hidden.location.publish_allowed_to.add(uid="04D4E5F6", type="RFID")
    hidden.update_mask.paths.extend(["publish", "publish_allowed_to"])
    await sites.UpdateLocation(hidden)

    await roaming.xyz.wait_for(lambda one: one.objects["locations", LOCATION]["publish"] is False)
    assert await roaming.list(roaming.tnm, "locations") == []
    assert len(await roaming.list(roaming.xyz, "locations")) == 1

    # Each reads of its own drivers alone.
    hidden.location.publish_allowed_to.add(uid="04A1B2C3", type="RFID")
    hidden.location.publish_allowed_to.add(visual_number="NL-7", issuer="Somebody")
    await sites.UpdateLocation(hidden)
    own = [(roaming.tnm, "04A1B2C3"), (roaming.xyz, "04D4E5F6")]
    await roaming.tnm.wait_for(lambda one: one.objects["locations", LOCATION].get("publish_allowed_to"))
    for partner, uid in own:
        (listed,) = await roaming.list(partner, "locations")
        single = await roaming.list(partner, "locations", "/L-1")
        for seen in (partner.objects["locations", LOCATION], listed, single):
            assert [one["uid"] for one in seen["publish_allowed_to"]] == [uid]

    # An operator may name what a partner sees: that alone, published or not.
    async with roaming.adapter.office.database.writing() as session:
        await LocationFilters(session).set("tnm", ["L-1"])
        await LocationFilters(session).set("xyz", ["L-9"])
    assert [one["id"] for one in await roaming.list(roaming.tnm, "locations")] == ["L-1"]
    assert await roaming.list(roaming.xyz, "locations") == []
    assert (await roaming.xyz.call("GET", f"{roaming.xyz.endpoints['locations', 'SENDER']}/L-1")).status_code == 404


def _status(partner: Emsp) -> str | None:
    whole = partner.objects.get(("locations", f"{LOCATION}/E-1"))
    evses = [whole] if whole else partner.objects["locations", LOCATION]["evses"]
    status: str | None = evses[0]["status"]
    return status


@pytest.mark.in_turn
@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
async def test_a_partner_sees_the_session_of_its_token_and_gets_its_cdr_with_the_right_price(
    roaming: Roaming, version: str
) -> None:
    """The other one sees nothing of it, by push or pull."""
    payer, other = (roaming.tnm, roaming.xyz) if version == "2.2.1" else (roaming.xyz, roaming.tnm)
    token = "04A1B2C3" if version == "2.2.1" else "04D4E5F6"

    def session(one: Emsp) -> Any:
        return next((value for (module, _), value in one.objects.items() if module == "sessions"), None)

    database = roaming.adapter.office.database
    async with database.writing() as opened:
        # As the owner's platform called its authorization when it was asked, and another one that was asked after it.
        owner, stranger = ("tnm", "xyz") if payer is roaming.tnm else ("xyz", "tnm")
        tokens, day = TokenRepository(opened), timedelta(days=1)
        await tokens.add_authorization(owner, token, "CS-1", "auth-1", BEGINNING, day)
        await tokens.add_authorization(stranger, token, "CS-1", "auth-2", BEGINNING + timedelta(seconds=1), day)
    await roaming.station.call(started(0, 1000.0, minutes=0, id_token=token, evse=(1, 1), info=CHARGING))
    begun = await payer.wait_for(session)
    assert (begun["auth_method"], begun["authorization_reference"]) == ("AUTH_REQUEST", "auth-1")
    assert (begun["status"], begun["kwh"], begun["location_id"]) == ("ACTIVE", 0, "L-1")
    assert (begun["evse_uid"], begun["connector_id"]) == ("E-1", "1")
    assert begun["cdr_token"]["uid"] == token

    await roaming.station.call(updated(1, 3000.0, minutes=6, info=CHARGING))
    going = await payer.wait_for(lambda one: session(one)["kwh"] == 2 and session(one))
    assert [one["start_date_time"] for one in going["charging_periods"]] == ["2025-03-01T12:00:00Z"]

    await roaming.station.call(updated(2, 7000.0, minutes=20, info=CHARGING))
    await roaming.station.call(ended(3, 10_200.0, minutes=30))
    record = await roaming.record()
    cdr = await payer.wait_for(lambda one: next((x for (m, _), x in one.objects.items() if m == "cdrs"), None))

    over = await payer.wait_for(
        lambda one: (
            (found := session(one))["status"] == "COMPLETED"
            and _sum(found["total_cost"]) == _sum(cdr["total_cost"])
            and found
        )
    )
    assert {"PUT", "PATCH"} == {one.method for one in payer.received if one.module == "sessions"}
    assert _volume(over["charging_periods"], "ENERGY") == Decimal("9.2")
    assert over["charging_periods"][0]["start_date_time"] == begun["start_date_time"]
    # 9.2 kWh are billed as 10, those that are added at the price after 12:10.
    assert _sum(cdr["total_cost"]) == (Decimal(record.total.before_tax), Decimal(record.total.after_tax))
    assert Decimal(str(cdr["total_energy"])) == Decimal("9.2")
    assert _volume(cdr["charging_periods"], "ENERGY") == Decimal("9.2")
    assert (cdr["session_id"], cdr["authorization_reference"]) == (over["id"], "auth-1")
    assert cdr["cdr_token"] == over["cdr_token"]
    assert cdr["tariffs"][0]["id"] == "DAY"
    assert [one["start_date_time"][11:16] for one in cdr["charging_periods"]] == ["12:00", "12:10"]
    assert await roaming.list(payer, "cdrs") == [cdr]
    assert [one["id"] for one in await roaming.list(payer, "sessions", "?date_from=2020-01-01T00:00:00Z")] == [
        over["id"]
    ]
    found = await find_session(database, over["id"].upper(), [Party(payer.country_code, payer.party_id)])
    assert found is not None
    assert (found.station_id, found.transaction_id, found.is_over) == ("CS-1", "T-1", True)
    assert await find_session(database, over["id"], [Party(other.country_code, other.party_id)]) is None
    for module in ("sessions", "cdrs"):
        assert await roaming.list(other, module, "?date_from=2020-01-01T00:00:00Z") == []
        assert [one for one in other.received if one.module == module] == []


async def test_a_correction_is_a_credit_of_the_cdr_and_a_new_one(roaming: Roaming) -> None:
    await roaming.station.call(started(0, 0.0, minutes=0, id_token="04A1B2C3", evse=(1, 1), info=CHARGING))
    await roaming.station.call(ended(1, 30_000.0, minutes=30))
    record = await roaming.record()
    transactions: Any = roaming.core.stub(TransactionsServiceStub)
    await transactions.CreditTransactionCost(
        CreditTransactionCostRequest(station_id="CS-1", transaction_id="T-1", reason="slow", amount="2")
    )
    corrected = await roaming.record()

    posted = await roaming.tnm.wait_for(
        lambda one: (found := [x.body for x in one.received if x.module == "cdrs"]) and len(found) == 3 and found
    )

    first, credit, second = posted
    assert (first["id"], credit["credit"], credit["credit_reference_id"]) == (record.record_id, True, first["id"])
    assert _sum(credit["total_cost"]) == tuple(-one for one in _sum(first["total_cost"]))
    assert "credit" not in second
    assert _sum(second["total_cost"])[1] == _sum(first["total_cost"])[1] - 2
    assert _sum(second["total_cost"])[0] == Decimal(corrected.total.before_tax)
    assert await roaming.list(roaming.tnm, "cdrs") == posted


async def test_a_driver_who_is_erased_is_nowhere_in_the_adapter_and_the_partner_is_billed(roaming: Roaming) -> None:
    """One CDR is there before, and corrected afterwards: the partner gets that, too, and nobody reads the id later."""
    uid, database = "04A1B2C3", roaming.adapter.office.database
    async with database.writing() as opened:
        tokens = TokenRepository(opened)
        await tokens.add_authorization("tnm", uid, "CS-1", "auth-1", BEGINNING, timedelta(days=9999))
        await tokens.store({("NL", "TNM", uid.lower(), "RFID"): (BEGINNING, {"uid": uid})})
    sites: Any = roaming.core.stub(LocationsServiceStub)
    hidden = locations.UpdateLocationRequest(location=locations.Location(location_id="L-1", publish=False))
    hidden.location.publish_allowed_to.add(uid=uid, type="RFID")
    hidden.update_mask.paths.extend(["publish", "publish_allowed_to"])
    await sites.UpdateLocation(hidden)
    await roaming.tnm.wait_for(lambda one: one.objects["locations", LOCATION].get("publish_allowed_to"))
    await roaming.station.call(started(0, 0.0, minutes=0, id_token=uid, evse=(1, 1), info=CHARGING))
    await roaming.station.call(ended(1, 30_000.0, minutes=30))
    await roaming.record()

    def posted(one: Emsp) -> list[Any]:
        return [x.body for x in one.received if x.module == "cdrs"]

    await roaming.tnm.wait_for(posted)
    persons: Any = roaming.core.stub(PersonsServiceStub)
    await persons.ErasePerson(ErasePersonRequest(id_token=IdToken(id_token=uid, type="ISO14443")))

    async with asyncio.timeout(WAIT):
        while not (listed := await roaming.list(roaming.tnm, "cdrs"))[0]["cdr_token"]["uid"].startswith("erased-"):
            await asyncio.sleep(0.05)
    transactions: Any = roaming.core.stub(TransactionsServiceStub)
    await transactions.CreditTransactionCost(
        CreditTransactionCostRequest(station_id="CS-1", transaction_id="T-1", reason="slow", amount="2")
    )
    await roaming.record()
    # One may come twice, where its answer was not there in time: it is known by its id.
    await roaming.tnm.wait_for(lambda one: len({cdr["id"] for cdr in posted(one)}) == 3)
    assert all(one["cdr_token"]["uid"].startswith("erased-") for one in await roaming.list(roaming.tnm, "cdrs"))
    (session,) = await roaming.list(roaming.tnm, "sessions", "?date_from=2020-01-01T00:00:00Z")
    assert session["cdr_token"] == listed[0]["cdr_token"]
    assert listed[0]["cdr_token"]["contract_id"] == listed[0]["cdr_token"]["uid"]
    assert not {"authorization_reference"} & {*session, *listed[0]}
    for version, module, one in (("2.2.1", "cdrs", listed[0]), ("2.2.1", "sessions", session)):
        assert received_faults(version, module, f"DE/CIT/{one['id']}", one) == []
    async with asyncio.timeout(WAIT):
        while uid in await everything(roaming.adapter) or "auth-1" in await everything(roaming.adapter):
            await asyncio.sleep(0.05)


async def test_a_token_that_is_deleted_while_it_charges_is_billed_to_who_owned_it(roaming: Roaming) -> None:
    def sessions(one: Emsp) -> list[Any]:
        return [value for (module, _), value in one.objects.items() if module == "sessions"]

    await roaming.station.call(started(0, 0.0, minutes=0, id_token="04A1B2C3", evse=(1, 1), info=CHARGING))
    await roaming.tnm.wait_for(sessions)
    tokens: Any = roaming.core.stub(TokensServiceStub)
    await tokens.DeleteToken(DeleteTokenRequest(id_token="04A1B2C3", type="ISO14443"))

    await roaming.station.call(ended(1, 30_000.0, minutes=30))
    record = await roaming.record()

    (session,) = await roaming.tnm.wait_for(lambda one: [x for x in sessions(one) if x["status"] == "COMPLETED"])
    cdr = await roaming.tnm.wait_for(lambda one: next((x.body for x in one.received if x.module == "cdrs"), None))
    assert (session["cdr_token"]["uid"], session["kwh"]) == ("04A1B2C3", 30)
    assert (cdr["cdr_token"]["uid"], cdr["cdr_token"]["contract_id"]) == ("04A1B2C3", "NL-TNM-1")
    assert _sum(cdr["total_cost"])[1] == Decimal(record.total.after_tax)
    assert sessions(roaming.xyz) == []


async def test_a_reservation_is_a_session_that_goes_on_as_charging_or_ends_with_a_cdr_without_connector(
    roaming: Roaming,
) -> None:
    desk = Desk(roaming.core, roaming.station)
    token = IdToken(id_token="04A1B2C3", type="ISO14443")

    def sessions(one: Emsp) -> list[Any]:
        return [value for (module, _), value in one.objects.items() if module == "sessions"]

    await desk.reserve(id=7, evse_id=1, id_token=token)
    (reserved,) = await roaming.tnm.wait_for(sessions)
    assert (reserved["status"], reserved["evse_uid"], reserved["connector_id"]) == ("RESERVATION", "E-1", "#NA")

    now = (datetime.now(UTC) - BEGINNING).total_seconds() / 60
    begun = started(0, 0.0, minutes=now, id_token="04A1B2C3", evse=(1, 1), info=CHARGING, reservation_id=7)
    await roaming.station.call(begun)
    (charging,) = await roaming.tnm.wait_for(lambda one: (found := sessions(one))[0]["status"] == "ACTIVE" and found)
    await roaming.station.call(ended(1, 30_000.0, minutes=now + 30))
    record = await roaming.record()
    cdr = await roaming.tnm.wait_for(lambda one: next((x.body for x in one.received if x.module == "cdrs"), None))
    assert charging["id"] == cdr["session_id"] == reserved["id"]
    assert _sum(cdr["total_cost"])[1] == Decimal(record.total.after_tax)
    assert _sum(cdr["total_reservation_cost"]) == (Decimal(2), Decimal("2.38"))

    await desk.reserve(id=8, evse_id=1, id_token=token)
    await roaming.tnm.wait_for(lambda one: [x["status"] for x in sessions(one)] == ["COMPLETED", "RESERVATION"])
    await desk.update(8, "EXPIRED")

    await roaming.tnm.wait_for(lambda one: [x["status"] for x in sessions(one)] == ["COMPLETED", "COMPLETED"])
    unused = await roaming.tnm.wait_for(
        lambda one: (found := [x.body for x in one.received if x.module == "cdrs"])[1:] and found[1]
    )
    assert _sum(unused["total_cost"]) == (Decimal(2), Decimal("2.38"))
    assert (unused["total_energy"], unused["session_id"]) == (0, sessions(roaming.tnm)[1]["id"])
    place = unused["cdr_location"]
    assert (place["evse_uid"], place["evse_id"], place["connector_id"]) == ("E-1", "#NA", "#NA")
    assert sessions(roaming.xyz) == []


async def test_charging_preferences_are_refused_where_the_evse_knows_none(roaming: Roaming) -> None:
    await roaming.station.call(started(0, 0.0, minutes=0, id_token="04A1B2C3", evse=(1, 1), info=CHARGING))
    put = await roaming.tnm.wait_for(lambda one: next((x for x in one.received if x.module == "sessions"), None))
    url = f"{roaming.tnm.endpoints['sessions', 'SENDER']}/{put.body['id']}/charging_preferences"

    own = await roaming.tnm.call("PUT", url, {"profile_type": "FAST"})
    foreign = await roaming.xyz.call("PUT", url.replace("2.2.1", "2.3.0"), {"profile_type": "FAST"})

    assert (own.status_code, own.json()["status_code"]) == (404, 2001)
    assert (foreign.status_code, foreign.json()["status_code"]) == (404, 2000)


def _sum(price: dict[str, Any]) -> tuple[Decimal, Decimal]:
    """Return a price of either version without and with tax."""
    if "excl_vat" in price:
        return Decimal(str(price["excl_vat"])), Decimal(str(price["incl_vat"]))
    before = Decimal(str(price["before_taxes"]))
    return before, before + sum(Decimal(str(one["amount"])) for one in price.get("taxes", []))


def _volume(periods: list[dict[str, Any]], dimension: str) -> Decimal:
    return sum(
        (Decimal(str(x["volume"])) for one in periods for x in one["dimensions"] if x["type"] == dimension), Decimal(0)
    )
