"""The console in a browser: what changes on the server changes on the screen, and what is done there happens."""

import json
import os
import signal

import pytest
from playwright.async_api import Page, expect

from citrine.api.v1.stations_pb2 import CreateStationRequest, DeleteStationRequest, Station, UpdateStationRequest
from citrine_sdk import Citrine
from tests.support.documents_runner import Demo

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_demo_charges_live(page: Page, url: str) -> None:
    await page.goto(f"{url}/stations/DEMO-1")
    running = page.locator("#running tbody tr").first
    await expect(running).to_contain_text("Charging")
    energy = running.locator("td").nth(5)
    before = await energy.inner_text()

    await expect(energy).not_to_have_text(before, timeout=60_000)

    await expect(page.locator("[data-live-state]")).to_have_text("live")


async def test_a_transaction_is_started_and_stopped_from_the_screen(page: Page, url: str) -> None:
    await page.goto(f"{url}/stations/DEMO-2")
    await page.get_by_role("link", name="Start").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Token").fill("CAFEBABE")
    await dialog.get_by_label("EVSE").select_option("2")
    await dialog.get_by_role("button", name="Start").click()
    await expect(dialog).to_contain_text("Accepted")
    await dialog.get_by_role("button", name="Close").click()
    started = page.locator("#running tbody tr", has_text="CAFEBABE")
    await expect(started).to_contain_text("Charging")

    await page.get_by_role("link", name="Stop").click()
    of_evse = await dialog.locator("option", has_text="EVSE 2").get_attribute("value")
    await dialog.get_by_label("Transaction").select_option(of_evse)
    await dialog.get_by_role("button", name="Stop").click()
    await expect(dialog).to_contain_text("Accepted")
    await dialog.get_by_role("button", name="Close").click()

    await expect(started).to_have_count(0)


async def test_a_station_that_is_created_elsewhere_appears_without_reload(
    page: Page, url: str, citrine: Citrine
) -> None:
    await page.goto(f"{url}/stations?id=NEW")
    await expect(page.locator("#stations")).to_contain_text("No station is like this.")

    await citrine.stations.CreateStation(
        CreateStationRequest(station=Station(station_id="NEW-1", description="<b>new</b>"))
    )

    row = page.get_by_role("row", name="NEW-1")
    await expect(row).to_contain_text("<b>new</b>")
    await citrine.stations.DeleteStation(DeleteStationRequest(station_id="NEW-1"))
    await expect(row).to_have_count(0)


async def test_ids_with_all_that_they_may_have_are_shown_live_and_acted_on(
    page: Page, url: str, citrine: Citrine
) -> None:
    odd = "ODD*1-_=+|@.x"
    await citrine.stations.CreateStation(CreateStationRequest(station=Station(station_id=odd)))
    await page.goto(f"{url}/stations?id=ODD")
    await page.get_by_role("link", name=odd).click()
    await expect(page.get_by_role("heading", name=odd)).to_be_visible()
    await expect(page.locator("[data-live-state]")).to_have_text("live")

    changed = Station(station_id=odd, description="seen live")
    await citrine.stations.UpdateStation(UpdateStationRequest(station=changed))
    await expect(page.get_by_text("seen live")).to_be_visible()
    await page.get_by_role("link", name="Reset").click()
    await page.get_by_role("dialog").get_by_role("button", name="Reset").click()

    await expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("not connected")


async def test_a_core_that_ends_is_told_and_what_happened_meanwhile_is_shown(
    page: Page, url: str, citrine: Citrine, running: Demo
) -> None:
    await page.goto(f"{url}/stations?id=MEANWHILE")
    state = page.locator("[data-live-state]")
    await expect(state).to_have_text("live")
    core = json.loads((running.directory / ".citrine/core.ready.json").read_text())["pid"]

    os.kill(core, signal.SIGKILL)

    await expect(state).to_have_text("The core is not reachable: what is shown may be old", timeout=60_000)
    # `citrine up` starts it again.
    create = CreateStationRequest(station=Station(station_id="MEANWHILE-1"))
    await citrine.stations.CreateStation(create, wait_for_ready=True)
    await expect(state).to_have_text("live", timeout=60_000)
    await expect(page.get_by_role("row", name="MEANWHILE-1")).to_be_visible()
