"""Looking after stations in the console: alerts, variables, capacities, campaigns, configurations and reservations."""

import asyncio
import re

import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from citrine.api.v1.configurations_pb2 import (
    Configuration,
    ConfigurationSelector,
    CreateConfigurationRequest,
    GetConfigurationRequest,
    GetDriftReportRequest,
)
from citrine.api.v1.diagnostics_pb2 import ListAlertsRequest
from citrine.api.v1.firmware_campaigns_pb2 import FIRMWARE_CAMPAIGN_STATE_CANCELLED, ListFirmwareCampaignsRequest
from citrine.api.v1.provisioning_pb2 import ListVariablesRequest
from citrine.api.v1.smart_charging_pb2 import ListChargingCapacitiesRequest
from citrine.api.v1.stations_pb2 import CreateStationRequest, Station
from citrine.ocpp.v2.types_pb2 import Component, Variable
from citrine_sdk import Citrine
from tests.support.documents_runner import Demo
from tests.support.raw_station import raw_station
from tests.support.waiting import WAIT

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "a-password-of-its-own"


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def reported(citrine: Citrine) -> None:
    """Stations of a demo charge before their variables are known."""
    async with asyncio.timeout(WAIT):
        for station_id in ("DEMO-1", "DEMO-2", "DEMO-3"):
            request = ListVariablesRequest(station_id=station_id, component="AuthCtrlr", variable="Enabled")
            while not (await citrine.provisioning.ListVariables(request)).variables:
                await asyncio.sleep(0.1)


async def value_of(citrine: Citrine, component: str, variable: str, station_id: str = "DEMO-1") -> str:
    """Return the value of a variable as the core knows it."""
    request = ListVariablesRequest(station_id=station_id, component=component, variable=variable)
    async with asyncio.timeout(WAIT):
        # The station reports its variables after it has booted.
        while not (found := (await citrine.provisioning.ListVariables(request)).variables):
            await asyncio.sleep(0.1)
    return found[0].value


async def set_variable(page: Page, url: str, name: str, value: str) -> None:
    """Set a variable of DEMO-1 from the screen, which the station accepts."""
    await page.goto(f"{url}/stations/DEMO-1/variables?search={name}")
    row = page.get_by_role("row", name=name)
    await row.get_by_role("link", name="Set").click()
    dialog = page.get_by_role("dialog")
    await dialog.locator("#field-value").fill(value)
    await dialog.get_by_role("button", name="Set").click()
    await expect(dialog).to_contain_text("Accepted")
    await dialog.get_by_role("button", name="Close").click()
    await expect(row.locator("td").first).to_have_text(value)


async def test_an_alert_comes_and_goes_with_the_variable_that_is_monitored(
    page: Page, url: str, citrine: Citrine
) -> None:
    await page.goto(f"{url}/stations/DEMO-1/monitors")
    await page.get_by_role("link", name="Set a monitor").click()
    dialog = page.get_by_role("dialog")
    await dialog.locator("#field-name").fill("AlignedDataCtrlr.Interval")
    await dialog.locator("#field-value").fill("100")
    await dialog.get_by_role("button", name="Set").click()
    await expect(dialog).to_contain_text("Accepted")
    await dialog.get_by_role("button", name="Close").click()
    await expect(page.locator("#monitors").get_by_role("row", name="AlignedDataCtrlr.Interval")).to_have_count(1)
    watching = await page.context.new_page()
    await watching.goto(f"{url}/alerts?station=DEMO-1")
    await expect(watching.locator("#alerts")).to_contain_text("There are none.")

    await set_variable(page, url, "AlignedDataCtrlr.Interval", "900")

    assert await value_of(citrine, "AlignedDataCtrlr", "Interval") == "900"
    alert = watching.get_by_role("row", name="AlignedDataCtrlr.Interval")
    await expect(alert).to_contain_text("open")
    await alert.get_by_role("link", name="Acknowledge").click()
    asked = watching.get_by_role("dialog")
    await asked.locator("#field-note").fill("<i>on it</i>")
    await asked.get_by_role("button", name="Acknowledge").click()
    await expect(alert).to_contain_text("<i>on it</i>")
    (known,) = (await citrine.diagnostics.ListAlerts(ListAlertsRequest(station_id="DEMO-1"))).alerts
    assert known.acknowledge_note == "<i>on it</i>"

    await set_variable(page, url, "AlignedDataCtrlr.Interval", "0")

    await expect(alert).to_have_count(0)
    await watching.close()


async def test_a_variable_that_a_station_refuses_is_told_with_its_answer(
    page: Page, url: str, citrine: Citrine
) -> None:
    before = await value_of(citrine, "AuthCtrlr", "Enabled")
    await page.goto(f"{url}/stations/DEMO-1/variables?search=AuthCtrlr.Enabled")
    await page.get_by_role("row", name="AuthCtrlr.Enabled").get_by_role("link", name="Set").click()
    dialog = page.get_by_role("dialog")
    await dialog.locator("#field-value").fill("perhaps")

    await dialog.get_by_role("button", name="Set").click()

    await expect(dialog).to_contain_text("Rejected")
    assert await value_of(citrine, "AuthCtrlr", "Enabled") == before


async def test_a_search_of_variables_that_shows_not_all_says_so(
    page: Page, url: str, citrine: Citrine, running: Demo
) -> None:
    await citrine.stations.CreateStation(CreateStationRequest(station=Station(station_id="MANY-1"), password=PASSWORD))
    async with raw_station(f"ws://{running.addresses['9000']}/demo", "MANY-1", PASSWORD) as station:
        await station.boot()
        for seq_no in range(3):
            data = [
                {
                    "component": {"name": "Many"},
                    "variable": {"name": f"V{seq_no}{number:02}"},
                    "variableAttribute": [{"value": "1"}],
                }
                for number in range(70)
            ]
            report = {"requestId": 1, "generatedAt": "2026-11-30T12:00:00Z", "seqNo": seq_no, "tbc": seq_no < 2}
            await station.result("NotifyReport", {**report, "reportData": data})

    rows = page.locator("main tbody tr")
    await page.goto(f"{url}/stations/MANY-1/variables?search=Many")
    await expect(rows).to_have_count(200)
    await expect(page.locator("main")).to_contain_text("There may be more")

    await page.goto(f"{url}/stations/MANY-1/variables?search=Many.V0")
    await expect(rows).to_have_count(70)
    await expect(page.locator("main")).not_to_contain_text("There may be more")


async def test_a_capacity_is_set_and_shared_out_and_removed(page: Page, url: str, citrine: Citrine) -> None:
    await page.goto(f"{url}/smart-charging")
    await page.get_by_role("link", name="Set a capacity").click()
    dialog = page.get_by_role("dialog")
    await dialog.locator("#field-station").fill("DEMO-3")
    await dialog.locator("#field-current").fill("13")
    await dialog.get_by_role("button", name="Set").click()
    plan = page.locator("#plans").get_by_role("row", name="DEMO-3")
    await expect(plan).to_contain_text("13 A")
    (capacity,) = (
        await citrine.smart_charging.ListChargingCapacities(ListChargingCapacitiesRequest(station_id="DEMO-3"))
    ).capacities
    assert capacity.max_current_a == 13

    await page.locator("#capacities").get_by_role("link", name="Change").click()
    await dialog.locator("#field-current").fill("11")
    await dialog.get_by_role("button", name="Set").click()
    await expect(plan).to_contain_text("11 A")
    await plan.get_by_role("link", name="DEMO-3").click()
    await expect(page.locator("#plan")).to_contain_text("11 A")

    await page.locator("#plan").get_by_role("link", name="Remove").click()
    await dialog.get_by_role("button", name="Remove").click()

    await expect(page.locator("#plan")).to_contain_text("None is set")


async def test_a_campaign_is_made_progresses_and_is_cancelled(page: Page, url: str, citrine: Citrine) -> None:
    # One that never connects, so that the campaign is not over before it is cancelled.
    await citrine.stations.CreateStation(CreateStationRequest(station=Station(station_id="NEVER-1")))
    await page.goto(f"{url}/campaigns")
    await page.get_by_role("link", name="New campaign").click()
    dialog = page.get_by_role("dialog")
    await dialog.locator("#field-name").fill("Winter")
    await dialog.locator("#field-location").fill("https://firmware.example.com/2.0.0.bin")
    await dialog.locator("#field-station_ids").fill("DEMO-1, AWAY-1")
    await dialog.get_by_role("button", name="Create").click()
    await expect(dialog).to_contain_text("AWAY-1")
    await dialog.locator("#field-station_ids").fill("DEMO-1, NEVER-1")
    await dialog.locator("#field-max_parallel").fill("1")
    await dialog.get_by_role("button", name="Create").click()
    await expect(page.locator("#campaign h2")).to_have_text("Winter")

    # One that charges installs once its transaction is over.
    progressed = page.locator("#stations").get_by_text(re.compile("install scheduled|installing|succeeded"))
    await expect(progressed.first).to_be_visible(timeout=60_000)

    for name in ("Pause", "Resume", "Cancel it"):
        await page.locator("#campaign").get_by_role("link", name=name).click()
        await dialog.get_by_role("button", name=name).click()
    await expect(page.locator("#campaign")).to_contain_text("cancelled")
    (campaign,) = (await citrine.firmware_campaigns.ListFirmwareCampaigns(ListFirmwareCampaignsRequest())).campaigns
    assert campaign.state == FIRMWARE_CAMPAIGN_STATE_CANCELLED


async def test_a_configuration_is_made_drifts_and_is_applied(page: Page, url: str, citrine: Citrine) -> None:
    await page.goto(f"{url}/configurations")
    await page.get_by_role("link", name="New configuration").click()
    dialog = page.get_by_role("dialog")
    await dialog.locator("#field-configuration_id").fill("staff")
    await dialog.locator("#field-selectors").fill("group=staff")
    await dialog.locator("#field-variables").fill("OCPPCommCtrlr.HeartbeatInterval")
    await dialog.get_by_role("button", name="Create").click()
    await expect(dialog).to_contain_text("there is no = in it")
    await dialog.locator("#field-variables").fill("OCPPCommCtrlr.HeartbeatInterval=555")
    await dialog.get_by_role("button", name="Create").click()
    drifting = page.locator("#drift").get_by_role("link", name="DEMO-3")
    await drifting.click()
    await expect(page.locator("#drift")).to_contain_text("It differs from its configuration.")

    await page.locator("#drift").get_by_role("link", name="Apply").click()
    await dialog.get_by_role("button", name="Apply").click()

    await expect(page.locator("#provisioning")).to_contain_text("done")
    await expect(page.locator("#drift")).not_to_contain_text("It differs from its configuration.")
    report = await citrine.configurations.GetDriftReport(GetDriftReportRequest(station_id="DEMO-3"))
    assert not report.drifted


async def test_a_configuration_that_is_edited_keeps_values_of_any_characters(
    page: Page, url: str, citrine: Citrine
) -> None:
    values = [" blanks ", "two\nlines", '"quoted"', "plain", "", "a\u2028b\u2029"]
    configuration = Configuration(configuration_id="texts", selectors=[ConfigurationSelector(vendor_name="Nobody")])
    for place, value in enumerate(values):
        configuration.variables.add(
            component=Component(name="Texts"), variable=Variable(name=f"Text{place}"), attribute_value=value
        )
    await citrine.configurations.CreateConfiguration(CreateConfigurationRequest(configuration=configuration))
    before = await citrine.configurations.GetConfiguration(GetConfigurationRequest(configuration_id="texts"))

    await page.goto(f"{url}/configurations/texts")
    await page.get_by_role("link", name="Edit").click()
    dialog = page.get_by_role("dialog")
    await dialog.locator("#field-description").fill("of any characters")
    await dialog.get_by_role("button", name="Save").click()

    await expect(page.locator("main")).to_contain_text("of any characters")
    after = await citrine.configurations.GetConfiguration(GetConfigurationRequest(configuration_id="texts"))
    assert [one.attribute_value for one in after.variables] == values
    assert list(after.variables) == list(before.variables)
