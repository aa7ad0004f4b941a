"""What a hub is sent of locations and tariffs: once, to be broadcast, or for each party behind it that may see it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from citrine.api.v1 import locations_pb2 as locations
from citrine.api.v1 import tariffs_pb2 as tariffs
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine_ocpi.modules.hub_client_info import HubClientInfoModule
from citrine_ocpi.modules.locations import LocationsModule
from citrine_ocpi.modules.tariffs import TariffsModule, push
from citrine_ocpi.services import Module, Services
from citrine_ocpi.transport import Party
from citrine_sdk import Citrine
from tests.clients.ocpi.modules.test_hub_client_info import info, put, registered
from tests.support.core import running_core
from tests.support.emsp import Emsp, emsp
from tests.support.emsp.validation import received_faults
from tests.support.ocpi import RunningAdapter, running_adapter

MODULES: list[Callable[[Services], Module]] = [partial(HubClientInfoModule, look=0.1), LocationsModule, TariffsModule]

BEHIND = {"DE-ONE": "CONNECTED", "DE-TWO": "CONNECTED", "DE-OFF": "OFFLINE"}


class Site:
    """A core whose adapter has a hub as partner, with three parties behind it, of which one is not there."""

    def __init__(self, citrine: Citrine, adapter: RunningAdapter, hub: Emsp) -> None:
        self.citrine, self.adapter, self.hub = citrine, adapter, hub

    async def locate(self, location_id: str, *uids: str) -> None:
        """Create a location, published or shown to the owners of tokens."""
        location = locations.Location(
            location_id=location_id,
            publish=not uids,
            address="Quay 1",
            city="Bergen",
            country="NOR",
            time_zone="Europe/Oslo",
            coordinates=locations.GeoLocation(latitude="60.392990", longitude="5.324150"),
        )
        for uid in uids:
            location.publish_allowed_to.add(uid=uid, type="RFID")
        await self.citrine.locations.CreateLocation(locations.CreateLocationRequest(location=location))

    async def allow(self, location_id: str, uid: str) -> None:
        """Have a location shown to the owner of another token."""
        location = locations.Location(location_id=location_id)
        location.publish_allowed_to.add(uid=uid, type="RFID")
        request = locations.UpdateLocationRequest(location=location)
        request.update_mask.paths.append("publish_allowed_to")
        await self.citrine.locations.UpdateLocation(request)

    async def price(self, tariff_id: str, **assigned: Any) -> None:
        """Create a tariff, and assign it."""
        component = tariffs.PriceComponent(dimension=tariffs.TARIFF_DIMENSION_ENERGY, price="0.39", step_size=1)
        tariff = tariffs.Tariff(
            tariff_id=tariff_id, currency="EUR", elements=[tariffs.TariffElement(price_components=[component])]
        )
        await self.citrine.tariffs.CreateTariff(tariffs.CreateTariffRequest(tariff=tariff))
        assignment = tariffs.TariffAssignment(tariff_id=tariff_id, **assigned)
        await self.citrine.tariffs.AssignTariff(tariffs.AssignTariffRequest(assignment=assignment))

    async def sent(self, path: str, *receivers: str) -> None:
        """Wait until an object was sent for these parties, and for no others."""
        await self.hub.wait_for(lambda one: self.receivers(path) >= {*receivers})
        assert self.receivers(path) == {*receivers}

    def receivers(self, path: str) -> set[str]:
        """Return for whom an object was sent."""
        names = ("ocpi-to-country-code", "ocpi-to-party-id")
        return {"-".join(one.headers[name] for name in names) for one in self.hub.received if one.path == path}


@pytest.fixture
async def site(sqlite_url: str, adapter_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        core = await stack.enter_async_context(running_core(sqlite_url, tmp_path))
        citrine = await stack.enter_async_context(Citrine(core.address, key=core.key))
        adapter = await stack.enter_async_context(
            running_adapter(tmp_path, database=adapter_url, core=core.address, key=core.key, modules=MODULES)
        )
        hub = await stack.enter_async_context(emsp(party_id="HUB", role="HUB", validate=received_faults))
        yield Site(citrine, adapter, hub)


async def _behind(site: Site) -> None:
    """Have the hub say who is behind it; each has a token."""
    for party, status in BEHIND.items():
        await put(site.hub, info(party, status))
        token = Token(id_token=f"TOKEN-{party}", type="Central", group_id=party)
        token.country_code, token.party_id = party.split("-")
        await site.citrine.tokens.CreateToken(CreateTokenRequest(token=token))


async def test_each_party_behind_a_hub_is_sent_what_it_may_see(site: Site) -> None:
    await registered(site.adapter, site.hub)
    await _behind(site)
    await site.locate("ALL")
    await site.sent("DE/CIT/ALL", "DE-ONE", "DE-TWO")
    await site.locate("SOME", "TOKEN-DE-ONE")
    await site.sent("DE/CIT/SOME", "DE-ONE")
    await site.price("DAY")
    await site.sent("DE/CIT/DAY", "DE-ONE", "DE-TWO")
    await site.price("FLEET", group_id="DE-TWO")
    await site.sent("DE/CIT/FLEET", "DE-TWO")

    # Another one may see it, and the first one no more; each reads its own token alone.
    await site.allow("SOME", "TOKEN-DE-TWO")
    await site.hub.wait_for(lambda one: site.receivers("DE/CIT/SOME") == {"DE-ONE", "DE-TWO"})
    tokens = {
        one.headers["ocpi-to-party-id"]: [token["uid"] for token in one.body.get("publish_allowed_to", [])]
        for one in site.hub.received
        if one.path == "DE/CIT/SOME"
    }
    assert tokens["TWO"] == ["TOKEN-DE-TWO"]
    assert "TOKEN-DE-TWO" not in tokens["ONE"]

    # What they list is theirs, too.
    for party, shown in (("ONE", {"DAY"}), ("TWO", {"DAY", "FLEET"})):
        headers = {
            "OCPI-from-country-code": "DE",
            "OCPI-from-party-id": party,
            "OCPI-to-country-code": "DE",
            "OCPI-to-party-id": "CIT",
        }
        listed = await site.hub.get(site.hub.endpoints["tariffs", "SENDER"], headers=headers)
        assert {one["id"] for one in listed} == shown


async def test_a_party_that_left_is_sent_locations_through_its_hub_once_the_operator_accepts_it(site: Site) -> None:
    await registered(site.adapter, site.hub)
    async with emsp(party_id="TNM") as direct:
        await registered(site.adapter, direct)
        await put(site.hub, info("NL-TNM"))
        assert (await direct.call("DELETE", direct.endpoints["credentials", "SENDER"])).status_code == 200
    await _behind(site)
    await site.locate("ALL")
    await site.sent("DE/CIT/ALL", "DE-ONE", "DE-TWO")

    await site.adapter.office.administration.accept("HUB", {Party("NL", "TNM")})

    await site.sent("DE/CIT/ALL", "DE-ONE", "DE-TWO", "NL-TNM")


async def test_a_hub_that_broadcasts_is_sent_once_what_all_may_see(site: Site) -> None:
    token = await site.adapter.office.administration.add("HUB", is_hub=True, is_broadcast=True)
    await site.hub.register(site.adapter.versions_url, token)
    await site.hub.fetch_endpoints("2.2.1")
    await _behind(site)

    await site.locate("ALL")
    await site.price("DAY")
    await site.locate("SOME", "TOKEN-DE-ONE")
    await site.price("FLEET", group_id="DE-TWO")

    await site.sent("DE/CIT/ALL", "NL-HUB")
    await site.sent("DE/CIT/DAY", "NL-HUB")
    # What is for some of them is sent to these alone.
    await site.sent("DE/CIT/SOME", "DE-ONE")
    await site.sent("DE/CIT/FLEET", "DE-TWO")


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have adapters that start compare tariffs with what partners were sent several times a second."""
    monkeypatch.setattr(push, "REFRESH", 0.2)


@pytest.mark.usefixtures("often")
async def test_a_party_that_is_there_again_is_sent_tariffs_and_one_that_left_none(site: Site) -> None:
    await registered(site.adapter, site.hub)
    await _behind(site)
    await site.price("DAY")
    await site.sent("DE/CIT/DAY", "DE-ONE", "DE-TWO")

    def later(one: Emsp) -> set[tuple[str, str]]:
        return {(x.method, x.headers["ocpi-to-party-id"]) for x in one.received[before:] if x.module == "tariffs"}

    # Nobody else is sent again what they have.
    before = len(site.hub.received)
    await put(site.hub, info("DE-OFF", "CONNECTED", "2026-11-30T09:00:00Z"))
    await site.hub.wait_for(later)
    assert later(site.hub) == {("PUT", "OFF")}

    await put(site.hub, info("DE-ONE", "SUSPENDED", "2026-11-30T09:00:00Z"))
    before = len(site.hub.received)
    changed = tariffs.Tariff(tariff_id="DAY", texts=[tariffs.TariffText(language="en", text="By day")])
    await site.citrine.tariffs.UpdateTariff(tariffs.UpdateTariffRequest(tariff=changed))

    await site.hub.wait_for(lambda one: later(one) >= {("PUT", "TWO"), ("PUT", "OFF")})
    assert later(site.hub) == {("PUT", "TWO"), ("PUT", "OFF")}
