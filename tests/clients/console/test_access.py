"""Who gets into the console and what each may: keys, the link, cookies, and requests that other sites make."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from citrine.api.v1.keys_pb2 import CreateKeyRequest, RevokeKeyRequest
from citrine.api.v1.stations_pb2 import CreateStationRequest, Station
from citrine_sdk import Citrine
from tests.clients.console.pages import Opened

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module")
async def http(url: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that is logged in nowhere, and keeps cookies."""
    async with aiohttp.ClientSession(url, cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield session


async def viewer_key(citrine: Citrine) -> tuple[str, str]:
    made = await citrine.keys.CreateKey(CreateKeyRequest(display_name="wall", roles=["viewer"]))
    return made.key.key_id, made.secret


async def log_in(page: Page, url: str, key: str, tenant: str = "") -> None:
    await page.goto(f"{url}/login")
    await page.get_by_label("API key").fill(key)
    await page.get_by_label("Tenant").fill(tenant)
    await page.get_by_role("button", name="Log in").click()


async def test_who_has_no_key_sees_the_log_in_and_nothing_else(http: aiohttp.ClientSession, url: str) -> None:
    async with http.get("/stations/DEMO-1?x=1", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["location"]) == (303, "/login?next=/stations/DEMO-1%3Fx%3D1")
    async with http.get("/stations/DEMO-1", headers={"x-console-part": "1"}) as answer:
        assert (answer.status, await answer.json()) == (401, {"login": "/login"})
    async with http.ws_connect("/live?page=/", origin=url) as socket:
        assert (await socket.receive()).data == 4401
    for path in ("/login", "/login?next=//elsewhere.example"):
        async with http.get(path) as answer:
            assert answer.status == 200
            assert "elsewhere" not in await answer.text()
            policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


@pytest.mark.parametrize("secret", ["", "wrong", "%00"])
async def test_a_link_with_a_wrong_secret_lets_nobody_in(http: aiohttp.ClientSession, secret: str) -> None:
    async with http.get(f"/login/link?secret={secret}", allow_redirects=False) as answer:
        assert answer.status == 401
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "header",
    [("X-Forwarded-For", "192.0.2.7"), ("Forwarded", "for=192.0.2.7"), ("Host", "console.example.com")],
    ids=lambda header: header[0],
)
async def test_the_link_lets_nobody_in_by_a_proxy_of_the_same_machine(
    http: aiohttp.ClientSession, login: str, header: tuple[str, str]
) -> None:
    async with http.get(login, headers=dict([header]), allow_redirects=False) as answer:
        assert answer.status == 401
        assert "set-cookie" not in answer.headers


async def test_the_cookie_is_hidden_from_scripts_and_has_no_key(
    http: aiohttp.ClientSession, url: str, login: str
) -> None:
    async with http.get(login, allow_redirects=False) as answer:
        (cookie,) = answer.headers.getall("set-cookie")

    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "citrine_" not in cookie.partition(";")[0].partition("=")[2]
    forged = cookie.partition(";")[0][:-4] + "xxxx"
    async with (
        aiohttp.ClientSession(url, headers={"cookie": forged}) as other,
        other.get("/", allow_redirects=False) as answer,
    ):
        assert answer.status == 303


async def test_requests_of_other_sites_are_refused(http: aiohttp.ClientSession, url: str, login: str) -> None:
    await http.get(login)
    reset = {"type": "Immediate"}

    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {}):
        async with http.post("/stations/DEMO-1/reset", data=reset, headers=headers) as answer:
            assert answer.status == 403
            assert "does not come from a page of this console" in await answer.text()
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await http.ws_connect("/live?page=/", origin="https://evil.example")
    async with http.ws_connect("/live?page=/", origin=url) as socket:
        await socket.send_json({"known": {}})
        assert await socket.receive_json()


async def test_a_number_that_no_field_can_hold_is_told(http: aiohttp.ClientSession, url: str, login: str) -> None:
    await http.get(login)

    reset = {"type": "OnIdle", "place": "99999999999"}
    async with http.post("/stations/DEMO-1/reset", data=reset, headers={"origin": url}) as answer:
        assert answer.status < 500
        assert 'role="alert"' in await answer.text()
    async with http.get("/audit?from=0001-01-01T00:00", headers={"cookie": "citrine_zone=Asia/Tokyo"}) as answer:
        assert answer.status == 200


async def test_a_viewer_sees_no_buttons_and_can_t_act(
    browser: Browser, citrine: Citrine, url: str, http: aiohttp.ClientSession
) -> None:
    _id, key = await viewer_key(citrine)
    context = await browser.new_context()
    opened = Opened(await context.new_page())
    await log_in(opened.page, url, key)
    await opened.page.goto(f"{url}/stations/DEMO-1")
    await expect(opened.page.get_by_role("heading", name="DEMO-1")).to_be_visible()
    await expect(opened.page.locator("main .actions a, main .actions button")).to_have_count(0)
    cookies = "; ".join(f"{one['name']}={one['value']}" for one in await context.cookies())
    await context.close()

    posted = {"cookie": cookies, "origin": url}
    async with http.post("/stations/DEMO-1/reset", data={"type": "Immediate"}, headers=posted) as answer:
        assert answer.status == 404

    assert opened.complaints == []


async def test_a_revoked_key_is_logged_out(browser: Browser, citrine: Citrine, url: str) -> None:
    key_id, key = await viewer_key(citrine)
    context = await browser.new_context()
    page = await context.new_page()
    await log_in(page, url, key)
    await expect(page.get_by_role("heading", name="Overview")).to_be_visible()

    await citrine.keys.RevokeKey(RevokeKeyRequest(key_id=key_id))

    await expect(page.get_by_role("button", name="Log in")).to_be_visible(timeout=60_000)
    await context.close()


async def test_who_logs_out_is_out_in_all_windows(page: Page, url: str) -> None:
    other = await page.context.new_page()
    await other.goto(f"{url}/stations")
    await expect(other.locator(".live.is-live")).to_be_visible()
    await page.goto(url)
    await page.locator("header details.menu summary").click()
    await page.get_by_role("button", name="Log out").click()

    await expect(other.get_by_role("button", name="Log in")).to_be_visible()
    await other.goto(f"{url}/stations")
    await expect(other.get_by_role("button", name="Log in")).to_be_visible()


async def test_a_wrong_key_and_an_unknown_tenant_are_told(browser: Browser, running_key: str, url: str) -> None:
    page = await (await browser.new_context()).new_page()
    await log_in(page, url, "citrine_nobody_nothing")
    await expect(page.get_by_role("alert")).to_have_text("This key is not valid.")
    await log_in(page, url, running_key, "nowhere")
    await expect(page.get_by_role("alert")).to_contain_text("nowhere")
    await page.context.close()


async def test_text_of_stations_is_text(page: Page, url: str, citrine: Citrine) -> None:
    text = "<img src=x onerror=document.title='owned'>"
    await citrine.stations.CreateStation(CreateStationRequest(station=Station(station_id="HOSTILE", description=text)))

    await page.goto(f"{url}/stations/HOSTILE")

    await expect(page.get_by_text(text)).to_be_visible()
    assert await page.title() == "HOSTILE · Citrine"


async def test_who_shares_a_live_page_with_a_revoked_key_goes_on_seeing_it_and_the_other_does_not(
    browser: Browser, citrine: Citrine, url: str
) -> None:
    """Pages of the same rights are read once for all of them, by the session that looked first."""
    first_id, first = await viewer_key(citrine)
    _second_id, second = await viewer_key(citrine)
    pages = []
    for key in (first, second):
        page = await (await browser.new_context()).new_page()
        await log_in(page, url, key)
        await page.goto(f"{url}/stations?id=SHARED")
        await expect(page.locator(".live.is-live")).to_be_visible()
        pages.append(page)

    await citrine.keys.RevokeKey(RevokeKeyRequest(key_id=first_id))
    await expect(pages[0].get_by_role("button", name="Log in")).to_be_visible(timeout=60_000)
    await citrine.stations.CreateStation(CreateStationRequest(station=Station(station_id="SHARED-1")))

    await expect(pages[1].get_by_role("row", name="SHARED-1")).to_be_visible()
    for page in pages:
        await page.context.close()


async def test_who_logs_out_and_in_again_sees_events_and_so_does_who_has_the_same_rights(
    browser: Browser, citrine: Citrine, url: str
) -> None:
    _id, key = await viewer_key(citrine)
    pages = [await (await browser.new_context()).new_page() for _ in range(2)]
    for page in pages:
        await log_in(page, url, key)
        await page.goto(f"{url}/stations?id=AGAIN")
        await expect(page.locator(".live.is-live")).to_be_visible()

    await pages[0].locator("header details.menu summary").click()
    await pages[0].get_by_role("button", name="Log out").click()
    await log_in(pages[0], url, key)
    await pages[0].goto(f"{url}/stations?id=AGAIN")
    await expect(pages[0].locator(".live.is-live")).to_be_visible()
    await citrine.stations.CreateStation(CreateStationRequest(station=Station(station_id="AGAIN-1")))

    for page in pages:
        await expect(page.get_by_role("row", name="AGAIN-1")).to_be_visible()
        await page.context.close()


async def test_who_may_not_follow_events_is_told_and_sees_what_changes_all_the_same(
    browser: Browser, citrine: Citrine, url: str
) -> None:
    made = await citrine.keys.CreateKey(CreateKeyRequest(display_name="still", scopes=["stations:read"]))
    page = await (await browser.new_context()).new_page()
    await log_in(page, url, made.secret)
    await page.goto(f"{url}/stations?id=STILL")
    await expect(page.locator("[data-live-state]")).to_have_text("read now and then: your key may not follow events")

    await citrine.stations.CreateStation(CreateStationRequest(station=Station(station_id="STILL-1")))

    # It is read each 15 seconds.
    await expect(page.get_by_role("row", name="STILL-1")).to_be_visible(timeout=60_000)
    await page.context.close()
