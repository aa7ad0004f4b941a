"""Money, drivers and places in a browser: tariffs, tokens by a file, exports, and the map."""

import asyncio
import csv
import io
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import BrowserContext, Page, Route, expect

from citrine.api.v1.charge_records_pb2 import ListChargeRecordsRequest
from citrine.api.v1.remote_control_pb2 import RequestStartTransactionRequest
from citrine.api.v1.tariffs_pb2 import (
    TARIFF_DIMENSION_ENERGY,
    TARIFF_DIMENSION_FLAT,
    AssignTariffRequest,
    CreateTariffRequest,
    GetTariffRequest,
    PriceComponent,
    Tariff,
    TariffAssignment,
    TariffDimension,
    TariffElement,
    TariffRestrictions,
)
from citrine.api.v1.tokens_pb2 import (
    TOKEN_STATUS_BLOCKED,
    CreateTokenRequest,
    GetTokenRequest,
    ListTokensRequest,
    ResumeTokenOwnerRequest,
    SuspendTokenOwnerRequest,
    Token,
)
from citrine.api.v1.transactions_pb2 import (
    CloseTransactionRequest,
    ListTransactionsRequest,
    RepriceTransactionRequest,
)
from citrine.ocpp.v2 import remote_control_pb2 as remote_control
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_sdk import Citrine
from tests.support.waiting import WAIT

pytestmark = pytest.mark.asyncio(loop_scope="module")


def tariff(name: str, price: str, dimension: TariffDimension.ValueType = TARIFF_DIMENSION_ENERGY) -> Tariff:
    """Return a tariff that has a price of energy, or of something else, with VAT in it."""
    component = PriceComponent(dimension=dimension, price=price, vat="21")
    return Tariff(
        tariff_id=name,
        currency="EUR",
        prices_include_tax=True,
        elements=[TariffElement(price_components=[component])],
    )


async def started(citrine: Citrine, station_id: str, reference: str) -> str:
    """Start a transaction at EVSE 2, which nobody else uses, and return its id once it has energy."""
    start = remote_control.RequestStartTransactionRequest(
        id_token=IdToken(id_token="CAFEBABE", type="ISO14443"), evse_id=2
    )
    request = RequestStartTransactionRequest(request=start, reference=reference)
    request.target.station_id = station_id
    await citrine.remote_control.RequestStartTransaction(request)
    listed = ListTransactionsRequest(reference=reference)
    async with asyncio.timeout(WAIT):
        # By a single reading nobody knows what it costs.
        while (
            not (found := [*(await citrine.transactions.ListTransactions(listed)).transactions])
            or not found[0].energy_wh
        ):
            await asyncio.sleep(0.1)
    return found[0].transaction_id


async def downloaded(page: Page, name: str, role: Literal["link", "button"] = "link") -> str:
    """Press a button that exports, and return the text of the file."""
    async with page.expect_download() as started:
        await page.get_by_role(role, name=name).click()
    path = await (await started.value).path()
    return Path(path).read_bytes().decode()


async def test_a_tariff_is_changed_and_its_preview_follows(page: Page, url: str, citrine: Citrine) -> None:
    await citrine.tariffs.CreateTariff(CreateTariffRequest(tariff=tariff("evening", "0.40")))
    await page.goto(f"{url}/tariffs/evening")
    await expect(page.locator("#sample")).to_contain_text("8.00 EUR")

    await page.get_by_role("link", name="Edit", exact=True).click()
    preview = page.locator("[data-preview]")
    await expect(preview).to_contain_text("8.00 EUR")
    await page.get_by_label("Energy: price").fill("0,50")
    await expect(preview).to_contain_text("10.00 EUR")
    await page.get_by_role("button", name="More prices").click()
    await page.get_by_label("Fee for each session: price").nth(1).fill("1.25")
    await expect(preview).to_contain_text("11.25 EUR")
    stored = await citrine.tariffs.GetTariff(GetTariffRequest(tariff_id="evening"))
    assert stored.version == 1

    await page.get_by_label("Energy: price").first.fill("much")
    await expect(preview).to_contain_text("element 1, price component 1, price")
    await page.get_by_label("Energy: price").first.fill("0.50")
    await page.get_by_role("button", name="Save").click()

    await expect(page.locator("#head")).to_contain_text("version 2")
    stored = await citrine.tariffs.GetTariff(GetTariffRequest(tariff_id="evening"))
    assert [each.price for one in stored.elements for each in one.price_components] == ["0.50", "1.25"]


async def test_a_tariff_of_a_hundred_elements_keeps_them_when_it_is_edited(
    page: Page, url: str, citrine: Citrine
) -> None:
    long = tariff("long", "0.40")
    for place in range(1, 100):
        component = PriceComponent(dimension=TARIFF_DIMENSION_ENERGY, price=f"0.{place:02}", vat="21")
        limits = TariffRestrictions(min_kwh=str(place), start_time="08:00", end_time="20:00")
        long.elements.append(TariffElement(price_components=[component], restrictions=limits))
    await citrine.tariffs.CreateTariff(CreateTariffRequest(tariff=long))
    before = await citrine.tariffs.GetTariff(GetTariffRequest(tariff_id="long"))

    await page.goto(f"{url}/tariffs/long/edit")
    await page.get_by_label("Description").fill("many prices")
    await page.get_by_role("button", name="Save").click()

    await expect(page.locator("#head")).to_contain_text("version 2")
    stored = await citrine.tariffs.GetTariff(GetTariffRequest(tariff_id="long"))
    assert stored.description == "many prices"
    assert list(stored.elements) == list(before.elements)

    await page.goto(f"{url}/tariffs/long/edit")
    await page.locator("[name=elements]").evaluate("field => field.value = '101'")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("[data-preview]")).to_contain_text("at most 100 elements")


async def test_a_thousand_tokens_are_imported_and_three_bad_rows_named(
    page: Page, url: str, citrine: Citrine, tmp_path: Path
) -> None:
    rows = [f"{0xB0000000 + number:08X},ISO14443,card {number}" for number in range(1000)]
    rows[9], rows[499], rows[998] = "no-uid,ISO14443,x", "B00001F3,Nonsense,x", "B00003E6,ISO14443,x,y"
    file = tmp_path / "cards.csv"
    file.write_text("\n".join(["id_token,type,description", *rows]) + "\n")

    async def stored() -> int:
        request = ListTokensRequest(id_token_prefix="B0", page_size=1000)
        return len((await citrine.tokens.ListTokens(request)).tokens)

    await page.goto(f"{url}/tokens")
    await page.get_by_role("link", name="Import").click()
    await page.get_by_label("File").set_input_files(file)
    await page.get_by_role("button", name="Check").click()
    result = page.locator("[data-import-result]")
    await expect(result.locator(".tile.bad")).to_contain_text("3")
    lines = result.get_by_role("table", name="Wrong rows").locator("tbody tr")
    assert [await line.locator("td").first.inner_text() for line in await lines.all()] == ["11", "501", "1000"]
    assert await stored() == 0

    await page.get_by_role("button", name="Import").click()
    await expect(result.get_by_role("heading", name="Imported")).to_be_visible()

    assert await stored() == 997


async def test_a_token_is_blocked_and_unblocked(page: Page, url: str, citrine: Citrine) -> None:
    request = GetTokenRequest(id_token="0A1B2C3D4E5F60", type="ISO14443")
    await page.goto(f"{url}/tokens/ISO14443/0A1B2C3D4E5F60")
    await page.get_by_role("link", name="Block").click()
    await page.get_by_role("dialog").get_by_role("button", name="Block").click()
    await expect(page.locator("#head")).to_contain_text("blocked")
    assert (await citrine.tokens.GetToken(request)).status == TOKEN_STATUS_BLOCKED

    await page.get_by_role("link", name="Unblock").click()
    await page.get_by_role("dialog").get_by_role("button", name="Unblock").click()

    await expect(page.locator("#head")).to_contain_text("may charge")
    assert (await citrine.tokens.GetToken(request)).status != TOKEN_STATUS_BLOCKED


async def test_tokens_of_a_party_that_is_suspended_are_shown_so_without_reload(
    page: Page, url: str, citrine: Citrine
) -> None:
    token = Token(id_token="0D1B2C3D4E5F60", type="ISO14443", country_code="NL", party_id="TNM")
    await citrine.tokens.CreateToken(CreateTokenRequest(token=token))
    table = await page.context.new_page()
    await table.goto(f"{url}/tokens?party=TNM&country=NL")
    await page.goto(f"{url}/tokens/ISO14443/0D1B2C3D4E5F60")
    head, row = page.locator("#head"), table.get_by_role("row", name="0D1B2C3D4E5F60")
    for shown in (head, row):
        await expect(shown).to_contain_text("may charge")

    party = {"country_code": "NL", "party_id": "TNM", "reason": "unpaid"}
    await citrine.tokens.SuspendTokenOwner(SuspendTokenOwnerRequest(**party))
    for shown in (head, row):
        await expect(shown).to_contain_text("its party is suspended")
    await expect(head).to_contain_text("Party suspended since")

    await citrine.tokens.ResumeTokenOwner(ResumeTokenOwnerRequest(**party))
    for shown in (head, row):
        await expect(shown).to_contain_text("may charge")
    await table.close()


async def test_credit_is_added_once_where_the_answer_is_lost(
    context: BrowserContext, url: str, login: str, citrine: Citrine
) -> None:
    await citrine.tokens.CreateToken(CreateTokenRequest(token=Token(id_token="0B1B2C3D4E5F60", type="ISO14443")))
    page = await context.new_page()
    await page.goto(login)

    async def lose(route: Route) -> None:
        await route.fetch()
        await route.abort()

    async def left() -> str:
        request = GetTokenRequest(id_token="0B1B2C3D4E5F60", type="ISO14443")
        return str((await citrine.tokens.GetToken(request)).prepaid.left)

    address = f"{url}/tokens/ISO14443/0B1B2C3D4E5F60"
    await page.goto(address)
    await page.get_by_role("link", name="Add credit").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Amount").fill("20.00")
    await page.route(f"{address}/credit", lose)
    await dialog.get_by_role("button", name="Add").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("It is not known whether it was done.")
    assert Decimal(await left()) == 20
    await page.unroute(f"{address}/credit")
    await dialog.get_by_role("button", name="Add").click()
    await expect(dialog).to_be_hidden()
    assert Decimal(await left()) == 20

    await page.get_by_role("link", name="Add credit").click()
    await dialog.get_by_label("Amount").fill("20.00")
    await dialog.get_by_role("button", name="Add").click()
    await expect(dialog).to_be_hidden()
    assert Decimal(await left()) == 40
    await page.close()


async def test_what_is_stored_of_a_driver_is_exported_and_no_url_names_the_token(
    page: Page, url: str, citrine: Citrine
) -> None:
    token = Token(id_token="0C1B2C3D4E5F60", type="ISO14443", description="of the driver")
    await citrine.tokens.CreateToken(CreateTokenRequest(token=token))
    await page.goto(f"{url}/tokens/ISO14443/0C1B2C3D4E5F60")
    assert "of the driver" in await downloaded(page, "Data of the driver", "button")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    await page.goto(f"{url}/persons")
    await page.get_by_label("Token", exact=True).fill("0C1B2C3D4E5F60")
    await page.get_by_label("Its type").fill("ISO14443")

    assert "of the driver" in await downloaded(page, "Export", "button")

    assert f"{url}/persons/export" in asked
    assert not [one for one in asked if "0C1B2C3D4E5F60" in one]


async def test_an_export_is_read_by_csv_readers_and_runs_no_formula(page: Page, url: str, citrine: Citrine) -> None:
    await citrine.tariffs.CreateTariff(CreateTariffRequest(tariff=tariff("all", "0.40")))
    await citrine.tariffs.AssignTariff(AssignTariffRequest(assignment=TariffAssignment(tariff_id="all")))
    formula = '=HYPERLINK("http://x","y"),1'
    transaction = await started(citrine, "DEMO-3", formula)

    await page.goto(f"{url}/transactions?station=DEMO-3")
    rows = [*csv.DictReader(io.StringIO(await downloaded(page, "Export CSV"), newline=""))]
    (row,) = [one for one in rows if one["transaction_id"] == transaction]
    assert row["reference"] == f"'{formula}"
    assert re.fullmatch(r"2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["start_time"])
    assert {one["station_id"] for one in rows} == {"DEMO-3"}

    await page.goto(f"{url}/stations/DEMO-3/transactions/{transaction}")
    await page.get_by_role("link", name="Close").click()
    await page.get_by_role("dialog").get_by_role("button", name="Close").last.click()
    await expect(page.locator("#settlement")).to_contain_text("revision 1", timeout=WAIT * 1000)
    await page.goto(f"{url}/charge-records?reference={formula}")
    (billed,) = csv.DictReader(io.StringIO(await downloaded(page, "Export CSV"), newline=""))
    (whole,) = (json.loads(line) for line in (await downloaded(page, "Export JSON")).splitlines())

    (record,) = (await citrine.charge_records.ListChargeRecords(ListChargeRecordsRequest(reference=formula))).records
    assert (billed["reference"], whole["reference"]) == (f"'{formula}", formula)
    assert (Decimal(billed["total_after_tax"]), billed["currency"]) == (Decimal(record.total.after_tax), "EUR")


async def test_an_export_that_is_refused_is_a_page_that_says_why(page: Page, url: str) -> None:
    for name in ("transactions", "charge-records"):
        answer = await page.request.get(f"{url}/{name}/export.csv?station=%00")

        assert (answer.status, answer.headers.get("content-disposition")) == (400, None)
        assert "must not contain NUL" in await answer.text()
        heads = await (await page.request.get(f"{url}/{name}/export.csv?token=nobody")).text()
        assert heads.count("\r\n") == 1


async def test_all_corrections_of_a_transaction_are_found_page_by_page(page: Page, url: str, citrine: Citrine) -> None:
    for name, price in (("once", "1"), ("twice", "2")):
        await citrine.tariffs.CreateTariff(CreateTariffRequest(tariff=tariff(name, price, TARIFF_DIMENSION_FLAT)))
    assignment = TariffAssignment(tariff_id="twice", station_id="DEMO-2")
    await citrine.tariffs.AssignTariff(AssignTariffRequest(assignment=assignment))
    transaction = await started(citrine, "DEMO-2", "repriced")
    close = CloseTransactionRequest(station_id="DEMO-2", transaction_id=transaction)
    await citrine.transactions.CloseTransaction(close)
    listed = ListChargeRecordsRequest(transaction_id=transaction)
    async with asyncio.timeout(WAIT):
        while not (await citrine.charge_records.ListChargeRecords(listed)).records:
            await asyncio.sleep(0.1)
    reprice = RepriceTransactionRequest(station_id="DEMO-2", transaction_id=transaction, reason="by the other tariff")
    for number in range(51):
        reprice.tariff_id = "twice" if number % 2 else "once"
        await citrine.transactions.RepriceTransaction(reprice)

    await page.goto(f"{url}/stations/DEMO-2/transactions/{transaction}")
    rows = page.get_by_role("table", name="Corrections").locator("tbody tr")
    links = page.get_by_role("navigation", name="Pages: Corrections")
    await expect(rows).to_have_count(50)
    await links.get_by_role("link", name="Next").click()
    await expect(rows).to_have_count(1)
    await links.get_by_role("link", name="Back").click()
    await expect(rows).to_have_count(50)

    await page.locator("#settlement").get_by_role("link", name="All revisions").click()
    await expect(page.locator("#records tbody tr")).to_have_count(50)
    await page.get_by_role("link", name="Next").click()
    await page.locator("#records tbody tr").last.get_by_role("link").first.click()
    await expect(page.locator("main")).to_contain_text("not the latest")


async def test_the_map_has_the_two_locations_of_the_demo(page: Page, url: str) -> None:
    await page.goto(url)
    world = page.get_by_role("group", name="Map of locations")
    await expect(world.get_by_role("link", name=re.compile("^Garage"))).to_be_visible()

    await world.get_by_role("link", name=re.compile("^Harbour")).click()

    await expect(page.get_by_role("heading", name="Harbour", level=1)).to_be_visible()
    await expect(page.locator("#stations")).to_contain_text("DEMO-1")
