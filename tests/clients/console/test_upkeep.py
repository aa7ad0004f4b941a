"""What operators keep in order from the screen: rules, certificates, how stations connect; and lost answers."""

import asyncio
import json
import re
from urllib.parse import unquote

import pytest
from playwright.async_api import Browser, Page, Route, WebSocketRoute, expect

from citrine.api.v1.certificate_store_pb2 import (
    CERTIFICATE_USE_MANUFACTURER_ROOT,
    CERTIFICATE_USE_V2G_ROOT,
    GetStoredCertificateRequest,
    ListStoredCertificatesRequest,
)
from citrine.api.v1.commands_pb2 import ListCommandsRequest
from citrine.api.v1.firmware_management_pb2 import PUBLICATION_STATE_UNPUBLISHED, ListFirmwarePublicationsRequest
from citrine.api.v1.provisioning_pb2 import ListNetworkProfilesRequest
from citrine.api.v1.refusals_pb2 import (
    TOLERANCE_KIND_EXTRA_FIELDS,
    GetToleranceRuleRequest,
    ListToleranceRulesRequest,
)
from citrine.api.v1.security_profile_upgrades_pb2 import (
    SECURITY_PROFILE_UPGRADE_STATE_SUCCEEDED,
    ListSecurityProfileUpgradesRequest,
)
from citrine.api.v1.stations_pb2 import CreateStationRequest, GetStationRequest, Station
from citrine_sdk import Citrine
from tests.clients.console.pages import Opened
from tests.support.documents_runner import Demo
from tests.support.pki import Authority
from tests.support.raw_station import RawStation, raw_station
from tests.support.waiting import WAIT

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "a-password-of-its-own"

ODD = {
    "timestamp": "2026-11-30T12:00:00Z",
    "connectorStatus": "Available",
    "evseId": 1,
    "connectorId": 1,
    "mood": "good",
}
"""A StatusNotification with a field that OCPP does not know."""


async def answered_with(station: RawStation, kind: int) -> None:
    """Send what breaks the schema until it is answered so: rules hold within seconds."""
    async with asyncio.timeout(WAIT):
        while (await station.ask("StatusNotification", ODD))[0] != kind:
            await asyncio.sleep(0.2)


async def test_what_a_station_does_against_the_schema_is_accepted_by_a_rule_and_refused_without(
    page: Page, url: str, citrine: Citrine, running: Demo
) -> None:
    await citrine.stations.CreateStation(CreateStationRequest(station=Station(station_id="ODD-1"), password=PASSWORD))
    async with raw_station(f"ws://{running.addresses['9000']}/demo", "ODD-1", PASSWORD) as station:
        await station.boot()
        await answered_with(station, 4)
        await page.goto(f"{url}/refused?station=ODD-1")

        await page.get_by_role("row", name="StatusNotification").get_by_role("link", name="Accept").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_label("Vendor")).to_have_value("Example")
        await expect(dialog.get_by_label("Fields that OCPP does not know")).to_be_checked()
        await dialog.get_by_role("button", name="Set the rule").click()

        name = "example-one-statusnotification-extra-fields"
        rule = page.get_by_role("row", name=name)
        await expect(rule).to_contain_text("StatusNotification")
        stored = await citrine.refusals.GetToleranceRule(GetToleranceRuleRequest(rule_id=name))
        assert [*stored.kinds] == [TOLERANCE_KIND_EXTRA_FIELDS]
        await answered_with(station, 3)

        await rule.get_by_role("link", name="Remove").click()
        await dialog.get_by_role("button", name="Remove").click()
        await expect(rule).to_have_count(0)
        await answered_with(station, 4)


async def test_the_rules_of_a_family_are_set_at_once(page: Page, url: str, citrine: Citrine) -> None:
    await page.goto(f"{url}/tolerance-rules")
    await page.get_by_role("row", name="alfen-eve").first.get_by_role("link", name="Set its rules").click()
    await page.get_by_role("dialog").get_by_role("button", name="Set its rules").click()

    await expect(page.locator("#tolerance-rules").get_by_role("row", name="alfen")).not_to_have_count(0)
    rules = (await citrine.refusals.ListToleranceRules(ListToleranceRulesRequest())).rules
    assert [rule for rule in rules if "alfen" in rule.vendor_name.lower()]


async def test_a_certificate_of_an_authority_is_added_used_as_another_and_removed(
    page: Page, url: str, citrine: Citrine
) -> None:
    root = Authority.root("Firmware Root").own
    await page.goto(f"{url}/certificates")
    await page.get_by_role("link", name="Add a certificate").click()
    dialog = page.get_by_role("dialog")
    await dialog.locator("#field-pem").fill("no certificate")
    await dialog.get_by_role("button", name="Add").click()
    await expect(dialog.get_by_role("alert").first).to_be_visible()
    await dialog.locator("#field-pem").fill(root.pem)
    await dialog.get_by_label("Root of signatures of firmware").check()
    await dialog.get_by_role("button", name="Add").click()

    await page.wait_for_url(re.compile(r"/certificates/[0-9a-f]{64}$"))
    request = GetStoredCertificateRequest(fingerprint=root.sha256.hex())
    stored = await citrine.certificate_store.GetStoredCertificate(request)
    assert [*stored.uses] == [CERTIFICATE_USE_MANUFACTURER_ROOT]
    await page.get_by_role("link", name="Change").click()
    await dialog.get_by_label("Root of signatures of firmware").uncheck()
    await dialog.get_by_label("V2G root").check()
    await dialog.get_by_role("button", name="Change").click()
    await expect(page.locator("#certificate")).to_contain_text("v2g-root")
    stored = await citrine.certificate_store.GetStoredCertificate(request)
    assert [*stored.uses] == [CERTIFICATE_USE_V2G_ROOT]

    await page.goto(f"{url}/certificates?use=v2g-root")
    await page.get_by_role("link", name="Firmware Root").click()
    await page.get_by_role("link", name="Remove").click()
    await dialog.get_by_role("button", name="Remove").click()
    await page.wait_for_url(f"{url}/certificates")
    left = (await citrine.certificate_store.ListStoredCertificates(ListStoredCertificatesRequest())).certificates
    assert root.sha256.hex() not in [one.fingerprint for one in left]


async def test_a_station_is_given_a_network_profile_and_comes_back_by_a_higher_security_profile(
    page: Page, url: str, citrine: Citrine, running: Demo
) -> None:
    await page.goto(f"{url}/stations/DEMO-1/network")
    await page.get_by_role("link", name="Set a network profile").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Slot").fill("3")
    await dialog.get_by_label("URL").fill("ws://csms.example.com/demo")
    await dialog.get_by_role("button", name="Set a network profile").click()
    await expect(dialog).to_contain_text("Accepted")
    await dialog.get_by_role("button", name="Close").click()
    await expect(page.locator("#network-profiles").get_by_role("row", name="3")).to_contain_text("csms.example.com")
    profiles = await citrine.provisioning.ListNetworkProfiles(ListNetworkProfilesRequest(station_id="DEMO-1"))
    assert [one.configuration_slot for one in profiles.network_profiles] == [3]

    await page.get_by_role("link", name="Upgrade its security profile").click()
    await dialog.get_by_label("URL").fill(f"wss://{running.addresses['9443']}/demo")
    await dialog.get_by_label("Slot").fill("2")
    await dialog.get_by_label("Restart at once").check()
    await dialog.get_by_role("button", name="Upgrade").click()
    await expect(dialog).to_contain_text("restarting")
    await dialog.get_by_role("button", name="Close").click()
    await expect(page.locator("#upgrades tbody tr").first).to_contain_text("succeeded")
    upgrades = citrine.security_profile_upgrades
    found = await upgrades.ListSecurityProfileUpgrades(ListSecurityProfileUpgradesRequest(station_id="DEMO-1"))
    assert [one.state for one in found.security_profile_upgrades] == [SECURITY_PROFILE_UPGRADE_STATE_SUCCEEDED]
    station = await citrine.stations.GetStation(GetStationRequest(station_id="DEMO-1"))
    assert station.security_profile == 2

    await page.goto(f"{url}/profile-upgrades?station=DEMO-1")
    await expect(page.locator("#profile-upgrades").get_by_role("row", name="DEMO-1")).to_have_count(1)


async def test_firmware_is_published_by_a_local_controller_and_withdrawn(
    page: Page, url: str, citrine: Citrine
) -> None:
    await page.goto(f"{url}/stations/DEMO-3/firmware-updates")
    await page.get_by_role("link", name="Publish firmware").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Where it gets the file").fill("https://firmware.example/one-2.5.bin")
    await dialog.get_by_label("MD5").fill("0CC175B9C0F1B6A831C399E269772661")
    await dialog.get_by_role("button", name="Publish firmware").click()
    await expect(dialog).to_contain_text("Accepted")
    await dialog.get_by_role("button", name="Close").click()
    row = page.locator("#publications").get_by_role("row", name="one-2.5.bin")
    await expect(row).to_contain_text("published")

    await row.get_by_role("link").first.click()
    await expect(page.locator("#statuses")).to_contain_text("Published")
    await page.get_by_role("link", name="Withdraw it").click()
    await expect(dialog.get_by_label("MD5")).to_have_value("0cc175b9c0f1b6a831c399e269772661")
    await dialog.get_by_role("button", name="Withdraw firmware").click()
    await expect(dialog).to_contain_text("Unpublished")
    await dialog.get_by_role("button", name="Close").click()
    await expect(page.locator("#publication")).to_contain_text("unpublished")
    request = ListFirmwarePublicationsRequest(station_id="DEMO-3")
    (known,) = (await citrine.firmware_management.ListFirmwarePublications(request)).publications
    assert known.state == PUBLICATION_STATE_UNPUBLISHED


async def test_a_form_whose_answer_was_lost_stays_and_is_done_once_when_it_is_pressed_again(
    page: Page, url: str, citrine: Citrine
) -> None:
    sent: list[str] = []

    async def between(route: Route) -> None:
        """Be what is between a browser and the console: away, then one that gives up too early, then of use."""
        if route.request.method == "GET":
            await route.continue_()
            return
        sent.append(route.request.post_data or "")
        if len(sent) == 1:
            await route.abort()
        elif len(sent) == 2:
            await route.fetch()
            await route.fulfill(status=504, content_type="text/html", body="<h1>504 Gateway Time-out</h1>")
        else:
            await route.continue_()

    await page.route("**/stations/DEMO-2/trigger", between)
    await page.goto(f"{url}/stations/DEMO-2")
    await page.get_by_text("More", exact=True).click()
    await page.get_by_role("link", name="Ask for a message").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Message", exact=True).select_option("Heartbeat")
    await dialog.get_by_label("Why").fill("a proxy in between")
    press = dialog.get_by_role("button", name="Ask for a message")

    for times in (1, 2):
        await press.click()
        await expect(press).to_be_enabled()
        await expect(dialog.get_by_role("alert")).to_contain_text("It is not known whether it was done.")
        await expect(dialog.get_by_label("Why")).to_have_value("a proxy in between")
        assert len(sent) == times
    await press.click()
    await expect(dialog).to_contain_text("Accepted")

    assert len(set(sent)) == 1
    listed = await citrine.commands.ListCommands(ListCommandsRequest(station_id="DEMO-2", action="TriggerMessage"))
    assert len([one for one in listed.commands if one.reason == "a proxy in between"]) == 1


async def test_the_map_is_dragged_zoomed_and_walked_by_keys(page: Page, url: str) -> None:
    await page.goto(f"{url}/locations")
    world = page.get_by_role("group", name="Map of locations")
    before = await world.get_attribute("data-map")
    box = await world.bounding_box()
    assert before is not None
    assert box is not None
    latitude, longitude, zoom = map(float, before.split(","))

    await page.mouse.move(box["x"] + 5, box["y"] + 5)
    await page.mouse.down()
    await page.mouse.move(box["x"] + 85, box["y"] + 5, steps=4)
    await page.mouse.up()
    await expect(world).not_to_have_attribute("data-map", before)
    north, east, same = map(float, (await world.get_attribute("data-map") or "").split(","))
    assert (round(north, 3), same) == (round(latitude, 3), zoom)
    assert east < longitude
    assert f"at={north:.5f}" in page.url

    await world.focus()
    await page.keyboard.press("+")
    await expect(world).to_have_attribute("data-map", re.compile(f",{zoom + 1:.0f}$"))
    await page.keyboard.press("ArrowRight")
    await expect(world).not_to_have_attribute("data-map", re.compile(f",{east:.5f},"))
    await page.keyboard.press("0")
    await expect(world).to_have_attribute("data-map", before)
    await page.get_by_role("link", name="Closer").click()
    await expect(world).to_have_attribute("data-map", re.compile(f",{zoom + 1:.0f}$"))
    await expect(page.locator(".live.is-live")).to_be_visible()


async def test_the_map_is_zoomed_by_two_fingers_and_by_the_wheel_of_who_is_in_it(
    browser: Browser, url: str, login: str
) -> None:
    context = await browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    opened = Opened(await context.new_page())
    page = opened.page
    await page.goto(login)
    await page.goto(f"{url}/locations")
    world = page.get_by_role("group", name="Map of locations")
    await world.scroll_into_view_if_needed()
    before, box = await world.get_attribute("data-map") or "", await world.bounding_box()
    assert box is not None
    zoom, x, y = int(before.split(",")[2]), box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    fingers = await context.new_cdp_session(page)
    for kind, apart in (("touchStart", 20), ("touchMove", 30), ("touchMove", 40), ("touchEnd", 0)):
        points = [{"x": x - apart, "y": y, "id": 0}, {"x": x + apart, "y": y, "id": 1}] if apart else []
        await fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    await expect(world).to_have_attribute("data-map", re.compile(f",{zoom + 1}$"))
    # The place between the fingers is where it was.
    latitude, longitude, _ = map(float, before.split(","))
    north, east, _ = map(float, (await world.get_attribute("data-map") or "").split(","))
    assert (north, east) == pytest.approx((latitude, longitude), abs=0.5)

    await page.mouse.move(x, y)
    top = await page.evaluate("scrollY")
    await page.mouse.wheel(0, 200)
    await page.wait_for_function("top => scrollY !== top", arg=top)
    await expect(world).to_have_attribute("data-map", re.compile(f",{zoom + 1}$"))
    await world.scroll_into_view_if_needed()
    await world.focus()
    await world.hover()
    await page.mouse.wheel(0, 200)
    await expect(world).to_have_attribute("data-map", re.compile(f",{zoom}$"))
    await expect(page.locator(".live.is-live")).to_be_visible()
    await context.close()

    assert opened.complaints == []


async def test_a_key_that_is_held_asks_for_the_map_alone_and_once_and_what_is_not_read_yet_does_not_replace_it(
    page: Page, url: str
) -> None:
    await page.goto(url)
    world = page.get_by_role("group", name="Map of locations")
    before = await world.get_attribute("data-map")
    answers: list[str] = []

    async def watched(route: Route) -> None:
        """Answer as the console does, but the second time as one that does not have the map yet."""
        answer = await route.fetch()
        answers.append(await answer.text())
        await route.fulfill(response=answer, body=answers[-1] if len(answers) == 1 else '<div id="map">later</div>')

    await page.route(lambda address: "at=" in address and "/live" not in address, watched)
    hold = """svg => { for (let time = 0; time < 20; time++)
        svg.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true, repeat: true })) }"""
    await world.evaluate(hold)
    await expect(world).not_to_have_attribute("data-map", before or "")
    moved = await world.get_attribute("data-map") or ""
    assert moved in unquote(page.url)

    await world.evaluate("svg => { svg.isOld = true }")
    await world.press("ArrowLeft")
    await expect(world).not_to_have_attribute("data-map", moved)
    assert await world.evaluate("svg => svg.isOld")

    assert len(answers) == 2
    assert all(one.startswith('<div id="map"') and 'id="counts"' not in one for one in answers)


async def test_a_map_that_was_sent_before_it_was_moved_does_not_replace_the_one_of_after(page: Page, url: str) -> None:
    sockets: list[WebSocketRoute] = []

    async def passed_on(socket: WebSocketRoute) -> None:
        sockets.append(socket)
        socket.connect_to_server()

    await page.route_web_socket(re.compile("/live\\?"), passed_on)
    await page.goto(f"{url}/locations")
    world = page.get_by_role("group", name="Map of locations")
    await expect(page.locator(".live.is-live")).to_be_visible()
    before = await world.get_attribute("data-map") or ""
    late = await page.locator("#map").inner_html()
    await world.press("ArrowRight")
    await expect(world).not_to_have_attribute("data-map", before)
    moved = await world.get_attribute("data-map") or ""

    sockets[-1].send(json.dumps({"region": "map", "digest": "of before", "html": late, "move": 0}))
    sockets[-1].send(json.dumps({"lost": "a sign that it was read"}))

    await expect(page.locator(".live.is-lost")).to_be_visible()
    await expect(world).to_have_attribute("data-map", moved)
