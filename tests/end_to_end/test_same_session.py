"""The same charging session in OCPP 1.6, 2.0.1 and 2.1 leaves the same transaction, energy, cost and events."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from citrine.api.v1.meter_values_pb2 import ListSamplesRequest
from citrine.api.v1.stations_pb2 import CreateStationRequest, Station
from citrine.api.v1.tariffs_pb2 import (
    TARIFF_DIMENSION_CHARGING_TIME,
    TARIFF_DIMENSION_ENERGY,
    AssignTariffRequest,
    CreateTariffRequest,
    PriceComponent,
    Tariff,
    TariffAssignment,
    TariffElement,
)
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.api.v1.transactions_pb2 import ListTransactionEventsRequest, ListTransactionsRequest
from citrine.events.v1.events_service_pb2 import SubscribeRequest
from citrine.ocpp.v2.transactions_pb2 import REASON_ENUM_LOCAL
from citrine_sdk import Citrine
from tests.support.deployment import Deployment
from tests.support.raw_station import RawStation, raw_station

pytestmark = pytest.mark.timeout(120)

PASSWORD = "correct-horse-battery"
TOKEN = "C0FFEE01"
BEGAN = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
REGISTER = "Energy.Active.Import.Register"

READINGS = ((20, 3_500), (40, 7_250), (60, 11_000))
"""Minutes after the start, and the register in Wh; it began at 1000."""

Message = tuple[str, dict[str, Any]]


def at(minutes: int) -> str:
    return (BEGAN + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")


def session_of_2() -> Iterator[Message]:
    """Yield the session as OCPP 2.0.1 and 2.1 have it."""
    token = {"idToken": TOKEN, "type": "ISO14443"}

    def event(event_type: str, trigger: str, seq_no: int, minutes: int, wh: int, **more: Any) -> Message:
        context = {"Started": "Transaction.Begin", "Ended": "Transaction.End"}.get(event_type, "Sample.Periodic")
        samples = [{"value": wh, "context": context, "measurand": REGISTER, "unitOfMeasure": {"unit": "Wh"}}]
        info = {"transactionId": "T-1", "chargingState": "Charging", **more.pop("info", {})}
        return "TransactionEvent", {
            "eventType": event_type,
            "timestamp": at(minutes),
            "triggerReason": trigger,
            "seqNo": seq_no,
            # Its time is past. Stations of 1.6 can't say so.
            "offline": True,
            "transactionInfo": info,
            "evse": {"id": 1, "connectorId": 1},
            "meterValue": [{"timestamp": at(minutes), "sampledValue": samples}],
            **more,
        }

    def status(minutes: int, status: str) -> Message:
        report = {"timestamp": at(minutes), "connectorStatus": status, "evseId": 1, "connectorId": 1}
        return "StatusNotification", report

    ended = {"stoppedReason": "Local", "chargingState": "EVConnected"}
    station = {"model": "One", "vendorName": "Example", "serialNumber": "1", "firmwareVersion": "1.0"}
    yield "BootNotification", {"reason": "PowerUp", "chargingStation": station}
    yield status(-1, "Occupied")
    yield "Authorize", {"idToken": token}
    yield event("Started", "Authorized", 0, 0, 1_000, idToken=token)
    for seq_no, (minutes, wh) in enumerate(READINGS, start=1):
        yield event("Updated", "MeterValuePeriodic", seq_no, minutes, wh)
    yield event("Ended", "StopAuthorized", 4, 60, 11_000, idToken=token, info=ended)
    yield status(61, "Available")


def session_of_1_6() -> Iterator[Message]:
    """Yield the session as OCPP 1.6 has it, without the transactionId, which the CSMS chooses."""

    def status(minutes: int, status: str) -> Message:
        report = {"connectorId": 1, "errorCode": "NoError", "status": status, "timestamp": at(minutes)}
        return "StatusNotification", report

    station = {"chargePointModel": "One", "chargePointVendor": "Example", "firmwareVersion": "1.0"}
    yield "BootNotification", station | {"chargePointSerialNumber": "1"}
    yield status(-1, "Preparing")
    yield "Authorize", {"idTag": TOKEN}
    yield "StartTransaction", {"connectorId": 1, "idTag": TOKEN, "meterStart": 1_000, "timestamp": at(0)}
    for minutes, wh in READINGS:
        samples = [{"value": str(wh), "context": "Sample.Periodic", "measurand": REGISTER, "unit": "Wh"}]
        yield "MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": at(minutes), "sampledValue": samples}]}
    yield "StopTransaction", {"meterStop": 11_000, "timestamp": at(60), "reason": "Local", "idTag": TOKEN}
    yield status(61, "Available")


async def play(station: RawStation, session: Iterator[Message]) -> None:
    """Send a session, with the transactionId of the answer to StartTransaction where messages need one."""
    number: dict[str, int] = {}
    for action, payload in session:
        named = number if action in ("MeterValues", "StopTransaction") else {}
        answer = await station.result(action, payload | named)
        if action == "StartTransaction":
            number = {"transactionId": answer["transactionId"]}


async def prepare(citrine: Citrine) -> None:
    """Have a station, a token and a tariff for everything."""
    station = CreateStationRequest(station=Station(station_id="CS-1"), password=PASSWORD)
    await citrine.stations.CreateStation(station)
    await citrine.tokens.CreateToken(CreateTokenRequest(token=Token(id_token=TOKEN, type="ISO14443")))
    components = [
        PriceComponent(dimension=TARIFF_DIMENSION_ENERGY, price="0.30"),
        PriceComponent(dimension=TARIFF_DIMENSION_CHARGING_TIME, price="1.20"),
    ]
    element = TariffElement(price_components=components)
    tariff = Tariff(tariff_id="T", currency="EUR", time_zone="Europe/Vienna", elements=[element])
    await citrine.tariffs.CreateTariff(CreateTariffRequest(tariff=tariff))
    await citrine.tariffs.AssignTariff(AssignTariffRequest(assignment=TariffAssignment(tariff_id="T")))


async def kinds_of_events(citrine: Citrine) -> list[str]:
    """Return the kinds of the events of the station's transaction so far, up to its end, in their order."""
    kinds: list[str] = []
    stream = citrine.events.Subscribe(SubscribeRequest(station_ids=["CS-1"], from_token="0"))
    async for response in stream:
        kind = response.event.WhichOneof("body") or ""
        if kind.startswith("transaction_"):
            kinds.append(kind)
        if kind == "transaction_ended":
            stream.cancel()
            return kinds
    raise AssertionError("the transaction did not end")


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
async def test_the_same_session_leaves_the_same_transaction(shared: Deployment, version: str) -> None:
    async with shared.client() as citrine:
        await prepare(citrine)
        async with raw_station(shared.url(), "CS-1", PASSWORD, version) as station:
            await play(station, session_of_1_6() if version == "1.6" else session_of_2())

        (transaction,) = (await citrine.transactions.ListTransactions(ListTransactionsRequest())).transactions
        events = await citrine.transactions.ListTransactionEvents(
            ListTransactionEventsRequest(station_id="CS-1", transaction_id=transaction.transaction_id)
        )
        samples = await citrine.meter_values.ListSamples(ListSamplesRequest(station_id="CS-1"))
        kinds = await kinds_of_events(citrine)

    assert transaction.start_time.ToDatetime(UTC) == BEGAN
    assert transaction.end_time.ToDatetime(UTC) == BEGAN + timedelta(hours=1)
    assert (transaction.evse_id, transaction.connector_id) == (1, 1)
    assert (transaction.id_token.id_token, transaction.stop_id_token.id_token) == (TOKEN, TOKEN)
    assert (transaction.meter_start_wh, transaction.meter_last_wh, transaction.energy_wh) == (1_000, 11_000, 10_000)
    assert transaction.stopped_reason == REASON_ENUM_LOCAL
    assert transaction.total_cost == pytest.approx(4.2)
    assert not transaction.has_gap
    assert not transaction.anomalies
    assert transaction.events == len(events.events) == 5
    assert sorted(float(one.value) for one in samples.samples) == [1_000, 3_500, 7_250, 11_000, 11_000]
    assert [kind for kind in kinds if kind != "transaction_cost_changed"] == [
        "transaction_started", "transaction_updated", "transaction_updated", "transaction_updated", "transaction_ended"
    ]  # fmt: skip
