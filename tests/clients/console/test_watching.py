"""What operators see at once: the newest events, stations in an order, and how costs and plans went on."""

import asyncio
import json
import re
import urllib.request

import pytest
from playwright.async_api import Page, expect

from citrine.api.v1.configurations_pb2 import Configuration, ConfigurationSelector, CreateConfigurationRequest
from citrine.api.v1.keys_pb2 import CreateKeyRequest
from citrine.api.v1.remote_control_pb2 import RequestStartTransactionRequest
from citrine.api.v1.smart_charging_pb2 import ChargingCapacity, SetChargingCapacityRequest
from citrine.api.v1.stations_pb2 import CreateStationRequest, Station
from citrine.api.v1.tariffs_pb2 import (
    TARIFF_DIMENSION_ENERGY,
    AssignTariffRequest,
    CreateTariffRequest,
    PriceComponent,
    Tariff,
    TariffAssignment,
    TariffElement,
)
from citrine.api.v1.tenants_pb2 import Tenant, UpdateTenantRequest
from citrine.ocpp.v2 import remote_control_pb2 as remote_control
from citrine.ocpp.v2.types_pb2 import Component, IdToken, Variable
from citrine_sdk import Citrine
from tests.support.documents_runner import Demo

pytestmark = pytest.mark.asyncio(loop_scope="module")

FLAT = TariffElement(price_components=[PriceComponent(dimension=TARIFF_DIMENSION_ENERGY, price="40")])


async def calls_of(running: Demo, rpc: str) -> int:
    """Return how often an rpc was called, as the core counts it."""
    address = json.loads((running.directory / ".citrine/core.ready.json").read_text())["http"]

    def read() -> str:
        with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
            return str(answer.read(), "utf-8")

    counts = re.findall(
        rf'^citrine_core_rpc_seconds_count{{[^}}]*/{rpc}"[^}}]*}} (\S+)$', await asyncio.to_thread(read), re.MULTILINE
    )
    return int(sum(map(float, counts)))


async def test_events_are_shown_that_happened_when_nobody_looked(page: Page, url: str, citrine: Citrine) -> None:
    await page.goto(f"{url}/login")
    await citrine.stations.CreateStation(CreateStationRequest(station=Station(station_id="A-0")))

    await page.goto(f"{url}/stations/A-0")
    await expect(page.locator("#events")).to_contain_text("station created")
    await page.goto(url)
    await expect(page.locator("#events")).to_contain_text("A-0")
    await expect(page.locator("#series")).to_contain_text(re.compile(r"Energy today: \d+\.\d kWh"))


async def test_the_heads_of_the_table_sort_the_stations(page: Page, url: str, citrine: Citrine) -> None:
    await citrine.stations.CreateStation(CreateStationRequest(station=Station(station_id="0-NEW")))
    await page.goto(f"{url}/stations")
    first = page.locator("#stations tbody tr").first
    await expect(first).to_contain_text("0-NEW")
    head = page.get_by_role("columnheader", name="Station")
    await expect(head).to_have_attribute("aria-sort", "ascending")

    await head.get_by_role("link").click()
    await expect(head).to_have_attribute("aria-sort", "descending")
    await expect(first).to_contain_text("DEMO-4")
    await page.get_by_role("columnheader", name="State").get_by_role("link").click()
    await expect(first).to_contain_text("0-NEW")
    await page.get_by_role("columnheader", name="Last seen").get_by_role("link").click()
    await page.get_by_label("State", exact=True).select_option("connected")

    await expect(page.get_by_role("row", name="0-NEW")).to_have_count(0)
    await expect(page.get_by_role("columnheader", name="Last seen")).to_have_attribute("aria-sort", "ascending")


async def test_a_page_and_who_follows_it_read_a_region_once(
    page: Page, url: str, citrine: Citrine, running: Demo
) -> None:
    before = await calls_of(running, "ListTariffs")
    await page.goto(f"{url}/tariffs")
    await expect(page.locator("[data-live-state]")).to_have_text("live")

    await citrine.tariffs.CreateTariff(
        CreateTariffRequest(tariff=Tariff(tariff_id="dear", currency="EUR", elements=[FLAT]))
    )
    await expect(page.locator("#tariffs")).to_contain_text("dear")

    # One for the page, and one for what changed.
    assert await calls_of(running, "ListTariffs") - before == 2


async def test_what_no_event_tells_of_is_shown_without_reload(page: Page, url: str, citrine: Citrine) -> None:
    await page.goto(f"{url}/configurations")
    configuration = Configuration(configuration_id="seen", selectors=[ConfigurationSelector(vendor_name="Nobody")])
    configuration.variables.add(component=Component(name="A"), variable=Variable(name="B"), attribute_value="1")
    await citrine.configurations.CreateConfiguration(CreateConfigurationRequest(configuration=configuration))
    await expect(page.locator("#configurations")).to_contain_text("seen")
    await page.goto(f"{url}/keys")
    await citrine.keys.CreateKey(CreateKeyRequest(display_name="seen as well", roles=["viewer"]))
    await expect(page.locator("#keys")).to_contain_text("seen as well")
    await page.goto(f"{url}/audit")
    await citrine.tenants.UpdateTenant(UpdateTenantRequest(tenant=Tenant(tenant_id="demo", display_name="Seen")))
    await expect(page.locator("#records")).to_contain_text("UpdateTenant")


async def test_what_a_transaction_costs_is_plotted_as_it_goes_on(page: Page, url: str, citrine: Citrine) -> None:
    tariff = Tariff(tariff_id="running", currency="EUR", elements=[FLAT])
    await citrine.tariffs.CreateTariff(CreateTariffRequest(tariff=tariff))
    await citrine.tariffs.AssignTariff(AssignTariffRequest(assignment=TariffAssignment(tariff_id="running")))
    start = RequestStartTransactionRequest(
        request=remote_control.RequestStartTransactionRequest(
            evse_id=2, id_token=IdToken(id_token="CAFEBABE", type="ISO14443")
        )
    )
    start.target.station_id = "DEMO-2"
    await citrine.remote_control.RequestStartTransaction(start)
    await page.goto(f"{url}/stations/DEMO-2")
    started = page.locator("#running tbody tr", has_text="CAFEBABE")
    await expect(page.locator("#running figure", has_text="cost (0 to")).to_have_count(1, timeout=60_000)

    await started.get_by_role("link").first.click()

    plot = page.locator("#plots figure").first
    await expect(plot).to_contain_text("Cost and energy")
    await expect(plot).to_contain_text("EUR)")


async def test_the_plans_of_a_station_are_plotted_over_time(page: Page, url: str, citrine: Citrine) -> None:
    await page.goto(f"{url}/stations/DEMO-1/charging")
    capacity = ChargingCapacity(station_id="DEMO-1", max_current_a=20)
    await citrine.smart_charging.SetChargingCapacity(SetChargingCapacityRequest(capacity=capacity))

    plot = page.locator("#plan figure")

    await expect(plot).to_contain_text("may draw", timeout=60_000)
    await expect(plot).to_contain_text("20.0 A")
