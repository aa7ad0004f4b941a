"""Steering stations from the screen: what is done there happens, to one station and to many."""

import asyncio
import json
import re

import aiohttp
import pytest
from playwright.async_api import Page, expect

from citrine.api.v1 import remote_control_pb2 as api
from citrine.api.v1.commands_pb2 import ListCommandsRequest
from citrine.api.v1.common_pb2 import COMMAND_STATE_CANCELLED, CommandTarget
from citrine.api.v1.keys_pb2 import CreateKeyRequest
from citrine.api.v1.locations_pb2 import CreateLocationRequest, Location
from citrine.api.v1.operations_pb2 import ListOperationsRequest
from citrine.api.v1.stations_pb2 import BOOT_POLICY_PENDING, CreateStationRequest, GetStationRequest, Station
from citrine.api.v1.tenants_pb2 import UNKNOWN_STATIONS_HOLD, Tenant, UpdateTenantRequest
from citrine.ocpp.v2.remote_control_pb2 import MESSAGE_TRIGGER_ENUM_HEARTBEAT, TriggerMessageRequest
from citrine_sdk import Citrine
from citrine_words.json_values import json_value
from tests.support.documents_runner import Demo
from tests.support.raw_station import raw_station

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "a-password-of-its-own"


async def test_a_held_station_is_accepted(page: Page, url: str, citrine: Citrine, running: Demo) -> None:
    tenant = Tenant(tenant_id="demo", unknown_stations=UNKNOWN_STATIONS_HOLD)
    await citrine.tenants.UpdateTenant(UpdateTenantRequest(tenant=tenant))
    await page.goto(f"{url}/stations?state=held")
    await expect(page.locator("#stations")).to_contain_text("No station is like this.")

    async with raw_station(f"ws://{running.addresses['9000']}/demo", "STRANGER", PASSWORD) as station:
        assert (await station.boot())["status"] == "Pending"
        await page.get_by_role("row", name="STRANGER").get_by_role("link", name="Accept").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("It says that it is: Example, One, 1")
        await dialog.get_by_label("Description").fill("found <i>outside</i>")
        await dialog.get_by_role("button", name="Accept").click()
        assert (await station.answer({"status": "Accepted"}))[0] == "TriggerMessage"
        assert (await station.boot())["status"] == "Accepted"

    await expect(page.locator("#stations")).to_contain_text("No station is like this.")
    accepted = await citrine.stations.GetStation(GetStationRequest(station_id="STRANGER"))
    assert accepted.description == "found <i>outside</i>"
    assert not accepted.HasField("held_time")


async def test_a_station_is_created_edited_and_removed(page: Page, url: str, citrine: Citrine, running: Demo) -> None:
    await page.goto(f"{url}/stations")
    await page.get_by_role("link", name="New station").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Id as in its URL").fill("GATE-7")
    await dialog.get_by_label("Labels").fill("row=a\nrow2")
    await dialog.get_by_role("button", name="Create").click()
    await expect(dialog).to_contain_text("Each line needs a key")
    await dialog.get_by_label("Labels").fill("row=a")
    await dialog.get_by_role("button", name="Create").click()
    shown = await dialog.locator("pre").inner_text()
    settings = dict(line.split(": ", 1) for line in shown.splitlines())
    await dialog.get_by_role("button", name="Close").click()
    await expect(page.get_by_role("row", name="GATE-7")).to_contain_text("never connected")
    async with raw_station(f"ws://{running.addresses['9000']}/demo", "GATE-7", settings["Password"]) as station:
        assert (await station.boot())["status"] == "Accepted"

    await page.goto(f"{url}/stations/GATE-7")
    await page.get_by_text("More", exact=True).click()
    await page.get_by_role("link", name="Edit").click()
    await dialog.get_by_label("Description").fill("by the gate")
    await dialog.get_by_label("When it boots it is").select_option("pending")
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.locator("main")).to_contain_text("by the gate")
    edited = await citrine.stations.GetStation(GetStationRequest(station_id="GATE-7"))
    assert (edited.boot_policy, dict(edited.labels)) == (BOOT_POLICY_PENDING, {"row": "a"})

    await page.get_by_text("More", exact=True).click()
    await page.get_by_role("link", name="Remove").click()
    await dialog.get_by_role("button", name="Remove").click()
    await page.wait_for_url(f"{url}/stations")
    await expect(page.get_by_role("row", name="DEMO-1")).to_be_visible()
    await expect(page.get_by_role("row", name="GATE-7")).to_have_count(0)


async def test_a_filter_of_stations_is_saved_as_a_view(page: Page, url: str) -> None:
    await page.goto(f"{url}/stations?state=connected&version=1.6")
    await page.get_by_text("Views", exact=True).click()
    await page.get_by_label("Name of the view").fill("old <b>ones</b>")
    await page.get_by_role("button", name="Save the view").click()
    await page.goto(f"{url}/stations")
    await page.get_by_text("Views", exact=True).click()
    await page.get_by_role("link", name="old <b>ones</b>").click()
    await page.wait_for_url(f"{url}/stations?state=connected&version=1.6")
    await expect(page.locator("#stations tbody tr")).to_have_count(1)

    await page.get_by_text("Views", exact=True).click()
    await page.get_by_role("button", name="Remove old").click()
    await expect(page.get_by_text("No view is saved in this browser yet.")).to_be_visible()


async def test_many_are_reset_and_one_of_them_is_away(page: Page, url: str, citrine: Citrine) -> None:
    await citrine.stations.CreateStation(CreateStationRequest(station=Station(station_id="DEMO-AWAY")))
    await page.goto(f"{url}/stations?id=DEMO-")
    for name in ("DEMO-2", "DEMO-3", "DEMO-AWAY"):
        await page.get_by_label(f"Select {name}").check()
    await page.get_by_text("Do with selected").click()
    await page.get_by_role("button", name="Reset").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Reset 3 stations")
    await dialog.get_by_label("Why").fill("new certificates")
    await dialog.get_by_role("button", name="Reset").click()
    await page.wait_for_url(f"{url}/operations/*")

    await expect(page.get_by_role("row", name="DEMO-AWAY")).to_contain_text("skipped")
    for name in ("DEMO-2", "DEMO-3"):
        await expect(page.get_by_role("row", name=name)).to_contain_text("succeeded", timeout=60_000)
    await expect(page.locator("#head")).to_contain_text("completed")
    commands = await citrine.commands.ListCommands(ListCommandsRequest(station_id="DEMO-2", action="Reset"))
    assert [one.reason for one in commands.commands] == ["new certificates"]
    await page.goto(f"{url}/operations")
    await expect(page.get_by_role("row", name="Reset")).to_contain_text("3 / 3")


async def test_a_filter_keeps_its_location_whatever_there_is_to_choose_from(
    page: Page, url: str, citrine: Citrine
) -> None:
    await page.goto(f"{url}/stations?location=gone&version=2.0.1")
    location = page.get_by_label("Location")
    await expect(location).to_have_value("gone")
    await page.get_by_label("OCPP").select_option("1.6")
    await page.wait_for_url(re.compile("version=1.6"))
    assert "location=gone" in page.url

    # More than a select has: nothing that is there may be out of reach.
    place = Location(address="Quay 1", city="Riga", country="LVA", time_zone="Europe/Riga")
    place.coordinates.latitude, place.coordinates.longitude = "56.95000", "24.10000"
    for first in range(0, 1000, 50):
        made = [CreateLocationRequest(location=place) for _number in range(first, first + 50)]
        await asyncio.gather(*map(citrine.locations.CreateLocation, made))
    await page.goto(f"{url}/stations?location=gone")
    await expect(location).to_have_attribute("placeholder", "its id")
    await expect(location).to_have_value("gone")


async def test_the_filter_of_stations_fills_in_no_field_of_what_is_done_with_them(page: Page, url: str) -> None:
    request = await page.context.request.get(f"{url}/bulk/update-firmware?all=yes&location=gone")

    assert request.status == 200
    assert 'name="location" type="text" value=""' in await request.text()


async def test_any_action_is_sent_by_the_form_of_its_schema(page: Page, url: str, citrine: Citrine) -> None:
    await page.goto(f"{url}/stations/DEMO-1")
    await page.get_by_text("More", exact=True).click()
    await page.get_by_role("link", name="Any action of OCPP").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Action").select_option("GetVariables")
    await dialog.get_by_role("button", name="Fill in").click()
    await dialog.get_by_role("button", name="Send").click()
    await expect(dialog.get_by_text("This is required.")).to_have_count(2)
    await dialog.get_by_role("button", name="Add getVariableData").click()
    await expect(dialog.locator("legend", has_text="getVariableData 2")).to_be_visible()
    for number, name in enumerate(("HeartbeatInterval", "<b>None</b>")):
        await dialog.locator(f"[name='p.getVariableData.{number}.component.name']").fill("OCPPCommCtrlr")
        await dialog.locator(f"[name='p.getVariableData.{number}.variable.name']").fill(name)
    await dialog.get_by_role("button", name="As JSON").click()
    await expect(dialog.get_by_label("Payload")).to_have_value(re.compile("HeartbeatInterval.*<b>None</b>", re.DOTALL))
    await dialog.get_by_role("button", name="As a form").click()
    await dialog.get_by_role("button", name="Send").click()

    await expect(dialog.locator("pre")).to_contain_text('"attributeValue":')
    await expect(dialog.locator("pre")).to_contain_text('"name": "<b>None</b>"')
    (command,) = (
        await citrine.commands.ListCommands(ListCommandsRequest(station_id="DEMO-1", action="GetVariables"))
    ).commands
    assert len(json_value(command.request)["getVariableData"]) == 2


async def test_frames_are_read_live(page: Page, url: str, citrine: Citrine) -> None:
    await page.goto(f"{url}/stations/DEMO-1/frames")
    await page.locator("[data-watching]").wait_for()
    request = TriggerMessageRequest(requested_message=MESSAGE_TRIGGER_ENUM_HEARTBEAT)
    ask = api.TriggerMessageRequest(target=CommandTarget(station_id="DEMO-1"), request=request)
    await citrine.remote_control.TriggerMessage(ask)
    frames = page.get_by_role("list", name="OCPP frames").get_by_role("listitem")
    await expect(frames.filter(has_text="TriggerMessage")).to_have_count(2)
    await expect(frames.filter(has_text="Heartbeat").filter(has_text="from station").first).to_be_visible()

    await page.get_by_label("Action").fill("trigger")
    await page.get_by_label("Direction").select_option("csms")
    await expect(frames).to_have_count(1)
    await frames.first.locator("summary").click()
    await expect(frames.first.locator("pre")).to_contain_text('"requestedMessage": "Heartbeat"')
    await page.get_by_role("button", name="Pause").click()
    await citrine.remote_control.TriggerMessage(ask)
    async with page.expect_download() as download:
        await page.get_by_role("button", name="Download").click()
    lines = [json.loads(line) for line in (await (await download.value).path()).read_text().splitlines()]
    assert all((line["from"], line["frame"][2]) == ("csms", "TriggerMessage") for line in lines)
    await expect(frames).to_have_count(1)
    await page.get_by_role("button", name="Pause").click()
    await expect(frames).to_have_count(2)


async def test_of_two_certificates_with_one_serial_number_the_right_one_is_deleted(
    page: Page, url: str, citrine: Citrine, running: Demo
) -> None:
    station = Station(station_id="CERTS-1")
    await citrine.stations.CreateStation(CreateStationRequest(station=station, password=PASSWORD))
    kept, other = (
        {"hashAlgorithm": "SHA256", "issuerNameHash": name, "issuerKeyHash": "b" * 64, "serialNumber": "1f"}
        for name in ("1" * 64, "2" * 64)
    )
    chains = [{"certificateType": "V2GRootCertificate", "certificateHashData": one} for one in (kept, other)]
    dialog = page.get_by_role("dialog")
    async with raw_station(f"ws://{running.addresses['9000']}/demo", "CERTS-1", PASSWORD) as connected:
        assert (await connected.boot())["status"] == "Accepted"
        await page.goto(f"{url}/stations/CERTS-1/certificates")
        await page.get_by_role("link", name="Ask for them").click()
        await dialog.get_by_role("button", name="Ask").click()
        asked = await connected.answer({"status": "Accepted", "certificateHashDataChain": chains})
        assert asked[0] == "GetInstalledCertificateIds"
        await dialog.get_by_role("button", name="Close").click()
        rows = page.locator("#installed tbody tr")
        await expect(rows).to_have_count(2)
        await expect(rows.locator("a[href*='" + "2" * 64 + "']")).to_have_count(1)

        await rows.locator("a[href*='" + "2" * 64 + "']").click()
        await dialog.get_by_label("Hash of its issuer's name").fill("")
        await dialog.locator("[name=issuer_key_hash]").evaluate("field => field.value = ''")
        await dialog.get_by_role("button", name="Delete").click()
        await expect(dialog).to_contain_text("several with this number")
        await dialog.get_by_label("Hash of its issuer's name").fill("2" * 64)
        await dialog.get_by_role("button", name="Delete").click()
        assert await connected.answer({"status": "Accepted"}) == (
            "DeleteCertificate",
            {"certificateHashData": other},
        )

        await expect(dialog).to_contain_text("Accepted")


async def test_a_command_waits_for_a_station_that_is_away_and_is_cancelled(
    page: Page, url: str, citrine: Citrine
) -> None:
    await citrine.stations.CreateStation(CreateStationRequest(station=Station(station_id="AWAY")))
    await page.goto(f"{url}/stations/AWAY")
    await page.get_by_role("link", name="Availability").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("To be").select_option("Inoperative")
    await dialog.get_by_label("Send it when the station is back").check()
    await dialog.get_by_role("button", name="Availability").click()
    await expect(page.locator(".toasts")).to_contain_text("It is sent when the station is back.")

    await page.goto(f"{url}/commands?station=AWAY&state=queued")
    await page.get_by_role("link", name="ChangeAvailability").click()
    await page.get_by_role("link", name="Cancel the command").click()
    await dialog.get_by_role("button", name="Cancel the command").click()

    await expect(page.locator("#command")).to_contain_text("cancelled")
    (command,) = (await citrine.commands.ListCommands(ListCommandsRequest(station_id="AWAY"))).commands
    assert command.state == COMMAND_STATE_CANCELLED


async def test_a_viewer_steers_nothing_and_reads_no_frames(url: str, citrine: Citrine) -> None:
    made = await citrine.keys.CreateKey(CreateKeyRequest(display_name="wall", roles=["viewer"]))
    before = (await citrine.operations.ListOperations(ListOperationsRequest())).operations
    own = {"origin": url}
    async with aiohttp.ClientSession(url, cookie_jar=aiohttp.CookieJar(unsafe=True), headers=own) as http:
        await http.post("/login", data={"key": made.secret})
        async with http.get("/stations") as shown:
            assert shown.status == 200
            assert 'type="checkbox"' not in await shown.text()
        for path in (
            "/bulk/reset?station=DEMO-1",
            "/bulk/update-firmware?all=yes",
            "/stations/DEMO-1/call?action=Reset",
            "/stations/DEMO-1/password",
            "/stations/DEMO-1/remove",
            "/new/station",
        ):
            async with http.post(path, data={"type": "Immediate", "station_id": "X"}) as refused:
                assert refused.status == 404, path
        async with http.get("/stations/DEMO-1/frames") as refused:
            assert refused.status == 404
        async with http.ws_connect("/stations/DEMO-1/frames/live", origin=url) as socket:
            assert (await socket.receive()).data == 4404

    assert (await citrine.operations.ListOperations(ListOperationsRequest())).operations == before
