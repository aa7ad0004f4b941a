"""Locations of who was not there when they changed: nothing stale remains at a partner."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from citrine.api.v1 import locations_pb2 as pb
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine_ocpi.modules.locations import stale
from citrine_ocpi.published import PublishedRepository
from citrine_ocpi.transport import Party
from tests.clients.ocpi.modules import test_hubs
from tests.clients.ocpi.modules.test_hub_client_info import info, put, registered
from tests.support.emsp import Emsp, emsp
from tests.support.emsp.validation import received_faults
from tests.support.waiting import WAIT

Site = test_hubs.Site


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have adapters that start look several times a second at what is stale."""
    monkeypatch.setattr(stale, "LOOK", 0.05)


@pytest.fixture
def place(often: None, site: Site) -> Site:
    """A site whose adapter looks often."""
    return site


site = test_hubs.site


async def equip(site: Site, *location_ids: str, uid: str = "") -> None:
    """Create locations with an EVSE each, and wait until the adapter has them."""
    for location_id in location_ids:
        await site.locate(location_id, *([uid] if uid else []))
        connector = pb.LocationConnector(
            connector_id=1,
            standard=pb.CONNECTOR_STANDARD_IEC_62196_T2,
            format=pb.CONNECTOR_FORMAT_SOCKET,
            power_type=pb.POWER_TYPE_AC_3_PHASE,
            max_voltage=230,
            max_amperage=32,
        )
        evse = pb.LocationEvse(uid=f"E-{location_id}", location_id=location_id, connectors=[connector])
        await site.citrine.locations.CreateLocationEvse(pb.CreateLocationEvseRequest(evse=evse))
        await seen(site, location_id, lambda body: body.get("evses"))


async def change(site: Site, location_id: str, **fields: Any) -> None:
    """Change a location, and wait until the adapter has it so."""
    request = pb.UpdateLocationRequest(location=pb.Location(location_id=location_id, **fields))
    request.update_mask.paths.extend(fields)
    before = await stamp(site, location_id)
    await site.citrine.locations.UpdateLocation(request)
    async with asyncio.timeout(WAIT):
        while await stamp(site, location_id) == before:
            await asyncio.sleep(0.02)


async def stamp(site: Site, location_id: str) -> Any:
    """Return when the adapter stored a location."""
    async with site.adapter.office.database.reading() as session:
        row = await PublishedRepository(session).find_exact("locations", location_id)
        return None if row is None else row.last_updated


async def seen(site: Site, location_id: str, what: Callable[[dict[str, Any]], Any]) -> None:
    """Wait until the adapter has a location as a test wants it."""
    async with asyncio.timeout(WAIT):
        while True:
            async with site.adapter.office.database.reading() as session:
                row = await PublishedRepository(session).find_exact("locations", location_id)
                if row is not None and what(row.bodies["2.2.1"]):
                    return
            await asyncio.sleep(0.02)


def statuses(partner: Emsp) -> dict[str, list[str]]:
    """Return the statuses of the EVSEs of the locations that a partner has, by what it got last of each."""
    found: dict[str, list[str]] = {}
    for (module, path), body in partner.objects.items():
        if module == "locations" and path.count("/") == 2:
            location_id = path.rpartition("/")[2]
            alone = partner.objects.get(("locations", f"{path}/E-{location_id}"))
            found[location_id] = [(alone or one)["status"] for one in body.get("evses", ())]
    return found


@pytest.fixture
async def tnm(place: Site) -> AsyncIterator[Emsp]:
    """An eMSP that is not registered yet."""
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(emsp(validate=received_faults))


async def test_who_registers_gets_all_locations_and_who_is_resumed_what_changed(place: Site, tnm: Emsp) -> None:
    await equip(place, "SAME", "NEW-NAME", "HIDDEN", "DELETED")
    administration = place.adapter.office.administration
    await tnm.register(place.adapter.versions_url, await place.adapter.invite("tnm"))
    everything = {one: ["PLANNED"] for one in ("SAME", "NEW-NAME", "HIDDEN", "DELETED")}
    await tnm.wait_for(lambda one: statuses(one) == everything)

    await administration.suspend("tnm", is_suspended=True)
    await change(place, "NEW-NAME", name="Harbour")
    await change(place, "HIDDEN", publish=False)
    await equip(place, "ADDED")
    await place.citrine.locations.DeleteLocationEvse(pb.DeleteLocationEvseRequest(uid="E-DELETED"))
    await place.citrine.locations.DeleteLocation(pb.DeleteLocationRequest(location_id="DELETED"))
    await seen(place, "DELETED", lambda body: body["evses"][0]["status"] == "REMOVED")
    tnm.received.clear()
    await administration.suspend("tnm", is_suspended=False)

    wanted = {**everything, "HIDDEN": ["REMOVED"], "DELETED": ["REMOVED"], "ADDED": ["PLANNED"]}
    await tnm.wait_for(lambda one: statuses(one) == wanted and one.objects["locations", "DE/CIT/NEW-NAME"].get("name"))
    assert "DE/CIT/SAME" not in {one.path for one in tnm.received}
    assert len(tnm.received) == 4

    # Who registers anew may have lost all.
    listed = await tnm.get(tnm.endpoints["locations", "SENDER"])
    assert (await tnm.call("DELETE", tnm.endpoints["credentials", "SENDER"])).status_code == 200
    tnm.objects.clear()
    await tnm.register(place.adapter.versions_url, await administration.invite("tnm"))
    await tnm.wait_for(lambda one: {*statuses(one)} == {one["id"] for one in listed})


async def test_who_has_an_endpoint_for_locations_since_gets_all(place: Site, tnm: Emsp) -> None:
    tnm.receivers = tuple(one for one in tnm.receivers if one != "locations")
    await tnm.register(place.adapter.versions_url, await place.adapter.invite("tnm"))
    # What changes while it has none counts as sent.
    await equip(place, "QUAY")
    async with asyncio.timeout(WAIT):
        while await place.adapter.office.letters.count() != (0, 0):
            await asyncio.sleep(0.02)

    tnm.receivers = (*tnm.receivers, "locations")
    assert (await tnm.exchange("PUT")).status_code == 200

    await tnm.wait_for(lambda one: statuses(one) == {"QUAY": ["PLANNED"]})


async def test_a_party_that_a_hub_reaches_again_gets_what_changed_meanwhile(place: Site) -> None:
    hub = place.hub
    await registered(place.adapter, hub)
    await equip(place, "SAME", "NEW-NAME")
    for party in ("DE-ONE", "DE-TWO"):
        await put(hub, info(party))
    await place.sent("DE/CIT/SAME", "DE-ONE", "DE-TWO")
    await place.sent("DE/CIT/NEW-NAME", "DE-ONE", "DE-TWO")

    await put(hub, info("DE-TWO", "OFFLINE", "2026-11-30T09:00:00Z"))
    hub.received.clear()
    await change(place, "NEW-NAME", name="Harbour")
    await place.sent("DE/CIT/NEW-NAME", "DE-ONE")
    hub.received.clear()
    await put(hub, info("DE-TWO", "CONNECTED", "2026-11-30T10:00:00Z"))
    await place.sent("DE/CIT/NEW-NAME", "DE-TWO")

    assert [(one.method, one.body["name"]) for one in hub.received if one.module == "locations"] == [("PUT", "Harbour")]


async def test_parties_that_a_hub_names_and_sends_nothing_delay_no_other(
    place: Site, tnm: Emsp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stale, "AT_A_TIME", 1)
    hub = place.hub
    await tnm.register(place.adapter.versions_url, await place.adapter.invite("tnm"))
    await registered(place.adapter, hub)
    await equip(place, "FIRST", "SECOND")
    # One is an operator, the other one connected without the hub.
    await put(hub, {**info("DE-OPR"), "role": "CPO"})
    await put(hub, info(f"{tnm.country_code}-{tnm.party_id}"))

    await put(hub, info("DE-ONE"))
    await place.sent("DE/CIT/FIRST", "DE-ONE")
    await place.sent("DE/CIT/SECOND", "DE-ONE")


async def test_a_party_that_a_partner_is_since_or_no_more_changes_what_it_has(place: Site, tnm: Emsp) -> None:
    token = Token(id_token="TOKEN-BE-XYZ", type="Central", country_code="BE", party_id="XYZ", contract_id="BE-XYZ-1")
    await place.citrine.tokens.CreateToken(CreateTokenRequest(token=token))
    await equip(place, "ALL")
    await equip(place, "SOME", uid="TOKEN-BE-XYZ")
    await tnm.register(place.adapter.versions_url, await place.adapter.invite("tnm"))
    await tnm.wait_for(lambda one: statuses(one) == {"ALL": ["PLANNED"]})

    tnm.other_parties = ("BE-XYZ",)
    assert (await tnm.exchange("PUT")).status_code == 200
    await place.adapter.office.administration.accept("tnm", {Party("BE", "XYZ")})
    await tnm.wait_for(lambda one: statuses(one) == {"ALL": ["PLANNED"], "SOME": ["PLANNED"]})

    tnm.other_parties = ()
    assert (await tnm.exchange("PUT")).status_code == 200
    await tnm.wait_for(lambda one: statuses(one) == {"ALL": ["PLANNED"], "SOME": ["REMOVED"]})
