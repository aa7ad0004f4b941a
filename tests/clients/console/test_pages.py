"""Each page of the console: it is shown, accessible, quiet in the browser's console, and no wider than a phone."""

import asyncio
import re

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page

from citrine.api.v1 import remote_control_pb2 as api
from citrine.api.v1.audit_pb2 import ListAuditRecordsRequest
from citrine.api.v1.certificate_store_pb2 import (
    CERTIFICATE_USE_MANUFACTURER_ROOT,
    CreateStoredCertificateRequest,
    StoredCertificate,
)
from citrine.api.v1.charge_records_pb2 import ListChargeRecordsRequest
from citrine.api.v1.commands_pb2 import ListCommandsRequest
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.configurations_pb2 import Configuration, CreateConfigurationRequest
from citrine.api.v1.firmware_campaigns_pb2 import (
    CreateFirmwareCampaignRequest,
    FirmwareCampaign,
    FirmwareSelection,
    ListFirmwareCampaignsRequest,
)
from citrine.api.v1.firmware_management_pb2 import PublishFirmwareRequest
from citrine.api.v1.operations_pb2 import CreateOperationRequest, Operation, OperationAction, OperationSelection
from citrine.api.v1.tariffs_pb2 import (
    TARIFF_DIMENSION_ENERGY,
    CreateTariffRequest,
    PriceComponent,
    Tariff,
    TariffElement,
)
from citrine.api.v1.transactions_pb2 import ListTransactionsRequest, SettleTransactionRequest
from citrine.ocpp.v2.firmware_management_pb2 import Firmware
from citrine.ocpp.v2.firmware_management_pb2 import PublishFirmwareRequest as FirmwareToPublish
from citrine.ocpp.v2.provisioning_pb2 import SetVariableData
from citrine.ocpp.v2.remote_control_pb2 import MESSAGE_TRIGGER_ENUM_HEARTBEAT, TriggerMessageRequest
from citrine.ocpp.v2.types_pb2 import Component, Variable
from citrine_console.pages import PAGES
from citrine_sdk import Citrine
from tests.clients.console.pages import Opened
from tests.support.browser import COLOURS, SCREENSHOTS, axe_findings
from tests.support.pki import Authority
from tests.support.waiting import WAIT

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEARTBEATS = Operation(
    selection=OperationSelection(all_stations=True),
    action=OperationAction(
        trigger_message=api.TriggerMessageRequest(
            request=TriggerMessageRequest(requested_message=MESSAGE_TRIGGER_ENUM_HEARTBEAT)
        )
    ),
)
"""An operation that changes nothing."""

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tariff(citrine: Citrine) -> str:
    """A tariff that applies nowhere."""
    prices = [TariffElement(price_components=[PriceComponent(dimension=TARIFF_DIMENSION_ENERGY, price="0.39")])]
    made = Tariff(tariff_id="pages", currency="EUR", elements=prices)
    return (await citrine.tariffs.CreateTariff(CreateTariffRequest(tariff=made))).tariff_id


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def charge_record(citrine: Citrine) -> str:
    """The charge record of a transaction that is settled."""
    request = ListTransactionsRequest(station_id="DEMO-4", active_only=True)
    async with asyncio.timeout(WAIT):
        while not (active := (await citrine.transactions.ListTransactions(request)).transactions):
            await asyncio.sleep(0.1)
        name = active[0].transaction_id
        settle = SettleTransactionRequest(station_id="DEMO-4", transaction_id=name, reason="a record")
        await citrine.transactions.SettleTransaction(settle)
        records = ListChargeRecordsRequest(station_id="DEMO-4", transaction_id=name)
        while not (found := (await citrine.charge_records.ListChargeRecords(records)).records):
            await asyncio.sleep(0.1)
    return found[0].record_id


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def addresses(citrine: Citrine, tariff: str, charge_record: str) -> dict[str, str]:
    """Return an address of each page by the name of its picture."""
    (transaction,) = (
        await citrine.transactions.ListTransactions(ListTransactionsRequest(station_id="DEMO-1", page_size=1))
    ).transactions
    (audit,) = (await citrine.audit.ListAuditRecords(ListAuditRecordsRequest(page_size=1))).records
    (command,) = (await citrine.commands.ListCommands(ListCommandsRequest(page_size=1))).commands
    operation = await citrine.operations.CreateOperation(CreateOperationRequest(operation=HEARTBEATS))
    values = {
        "station_id": "DEMO-1",
        "transaction_id": transaction.transaction_id,
        "location_id": "harbour",
        "record_id": audit.record_id,
        "command_id": command.command_id,
        "operation_id": operation.operation_id,
        "type": "ISO14443",
        "id_token": "DEADBEEF",
        "tariff_id": tariff,
        "charge_record_id": charge_record,
        **await made(citrine),
    }
    plain = [re.sub(r":\w+}", "}", page.path) for page in PAGES]
    found = {re.sub(r"\W+", "-", path).strip("-") or "overview": path.format(**values) for path in plain}
    publication = "firmware-publications-station_id-request_id"
    return {**found, publication: found[publication].replace("DEMO-1", "DEMO-3")}


async def made(citrine: Citrine) -> dict[str, str]:
    """Make what a demo has none of, once, and return its ids."""
    campaigns = citrine.firmware_campaigns
    if not (await campaigns.ListFirmwareCampaigns(ListFirmwareCampaignsRequest(page_size=1))).campaigns:
        campaign = FirmwareCampaign(
            campaign_id="november",
            display_name="November",
            selection=FirmwareSelection(station_ids=["DEMO-3"]),
            firmware=Firmware(location="https://firmware.example.com/1.0.0.bin"),
            firmware_version="1.0.0",
        )
        await campaigns.CreateFirmwareCampaign(CreateFirmwareCampaignRequest(campaign=campaign))
        interval = SetVariableData(
            component=Component(name="OCPPCommCtrlr"),
            variable=Variable(name="HeartbeatInterval"),
            attribute_value="290",
        )
        configuration = Configuration(configuration_id="public", description="For all", variables=[interval])
        await citrine.configurations.CreateConfiguration(CreateConfigurationRequest(configuration=configuration))
    root = StoredCertificate(pem=Authority.root("Firmware").pem, uses=[CERTIFICATE_USE_MANUFACTURER_ROOT])
    stored = await citrine.certificate_store.CreateStoredCertificate(CreateStoredCertificateRequest(certificate=root))
    file = FirmwareToPublish(
        location="https://firmware.example.com/1.0.0.bin", checksum="0cc175b9c0f1b6a831c399e269772661"
    )
    published = await citrine.firmware_management.PublishFirmware(
        PublishFirmwareRequest(target=CommandTarget(station_id="DEMO-3"), request=file)
    )
    return {
        "campaign_id": "november",
        "configuration_id": "public",
        "fingerprint": stored.fingerprint,
        "request_id": str(published.request_id),
    }


async def shown(page: Page, address: str) -> None:
    answer = await page.goto(address)
    assert answer is not None
    assert answer.ok, f"{address}: {answer.status}"
    await page.locator(".live.is-live").wait_for()


async def keep_picture(page: Page, name: str) -> None:
    if SCREENSHOTS is not None:
        await page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("size", [pytest.param(DESKTOP, id="desktop"), pytest.param(PHONE, id="phone")])
async def test_each_page_is_shown_and_accessible(
    browser: Browser, addresses: dict[str, str], url: str, login: str, size: dict[str, int]
) -> None:
    """In both schemes of colours, of which a page that is shown may get the other one."""
    found: list[str] = []
    context = await browser.new_context(viewport=size, timezone_id="Europe/Berlin")  # type: ignore[arg-type]
    opened = Opened(await context.new_page())
    await opened.page.goto(login)
    for page, path in addresses.items():
        await opened.page.emulate_media(color_scheme="light")
        await shown(opened.page, f"{url}{path}")
        picture = f"{page}-{'phone' if size == PHONE else 'desktop'}"
        await keep_picture(opened.page, f"{picture}-light")
        found += [f"{path}: {one}" for one in await axe_findings(opened.page)]
        width = await opened.page.evaluate("document.documentElement.scrollWidth")
        found += [f"{path}: is {width} wide"] if width > size["width"] else []
        await opened.page.emulate_media(color_scheme="dark")
        await keep_picture(opened.page, f"{picture}-dark")
        found += [f"{path} in the dark: {one}" for one in await axe_findings(opened.page, COLOURS)]
    await context.close()

    assert found + opened.complaints == []
