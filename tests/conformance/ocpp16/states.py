"""The reusable states of the cases of OCPP 1.6: what a station does to get there, and what the API shows of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from citrine.api.v1.availability_pb2 import ListConnectorsRequest
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.transactions_pb2 import GetTransactionRequest, Transaction
from citrine.ocpp.spellings import spelling_of
from citrine.ocpp.v2.availability_pb2 import ConnectorStatusEnum
from citrine.ocpp.v2.transactions_pb2 import ReasonEnum
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_sdk import Citrine
from tests.conformance.station import ConformanceStation, now

__all__ = [
    "BOOT",
    "METER_START",
    "ago",
    "authorized",
    "booted",
    "charging",
    "connector_statuses",
    "energy_of",
    "finished",
    "number_of",
    "reason_of",
    "started",
    "status",
    "stopped",
    "target",
    "token",
    "transaction",
]

BOOT = {"chargePointVendor": "Example", "chargePointModel": "One"}

METER_START = 1000
METER_STOP = 1750


def target(station: ConformanceStation) -> CommandTarget:
    """Return the station as the target of a command."""
    return CommandTarget(station_id=station.station_id)


def token(station: ConformanceStation) -> IdToken:
    """Return the valid token of the case, as commands name it."""
    return IdToken(id_token=station.id_token["idToken"], type=station.id_token["type"])


def ago(seconds: float) -> str:
    """Return a time before now as a station writes it."""
    return (datetime.now(UTC) - timedelta(seconds=seconds)).isoformat().replace("+00:00", "Z")


def number_of(station: ConformanceStation) -> int:
    """Return the number of the transaction begun last."""
    return int(station.transaction_id)


async def booted(station: ConformanceStation) -> dict[str, Any]:
    """Be powered on: boot, and tell the state of the station and its connector. Returns the answer to the boot."""
    answer = await station.call("BootNotification", BOOT)
    assert answer["status"] == "Accepted"
    await status(station, "Available", connector_id=0)
    await status(station, "Available")
    return answer


async def status(
    station: ConformanceStation, state: str, error: str = "NoError", *, connector_id: int | None = None, **more: Any
) -> None:
    """Tell the state of a connector, or of the station by connector 0."""
    connector = station.connector_id if connector_id is None else connector_id
    payload = {"connectorId": connector, "status": state, "errorCode": error, "timestamp": now(), **more}
    assert await station.call("StatusNotification", payload) == {}


async def authorized(station: ConformanceStation, id_tag: str = "", wanted: str = "Accepted") -> dict[str, Any]:
    """Ask about a token, the valid one of the case unless another is named; return its idTagInfo."""
    answer = await station.call("Authorize", {"idTag": id_tag or station.id_token["idToken"]})
    info: dict[str, Any] = answer["idTagInfo"]
    assert info["status"] == wanted
    return info


async def started(
    station: ConformanceStation, *, id_tag: str = "", wanted: str = "Accepted", **more: Any
) -> dict[str, Any]:
    """Begin a transaction; its number is remembered. Returns the idTagInfo."""
    payload = {
        "connectorId": station.connector_id,
        "idTag": id_tag or station.id_token["idToken"],
        "meterStart": METER_START,
        "timestamp": now(),
        **more,
    }
    answer = await station.call("StartTransaction", payload)
    assert 0 < answer["transactionId"] < 2**31
    station.transaction_id = str(answer["transactionId"])
    info: dict[str, Any] = answer["idTagInfo"]
    assert info["status"] == wanted
    return info


async def charging(station: ConformanceStation) -> None:
    """Charge: a driver identified himself, plugged in, and energy flows."""
    await authorized(station)
    await status(station, "Preparing")
    await started(station)
    await status(station, "Charging")


async def stopped(
    station: ConformanceStation, reason: str | None = None, *, id_tag: str = "", **more: Any
) -> dict[str, Any]:
    """End the transaction begun last; return the answer."""
    payload: dict[str, Any] = {
        "transactionId": number_of(station),
        "meterStop": METER_STOP,
        "timestamp": now(),
        **more,
    }
    if reason is not None:
        payload["reason"] = reason
    if id_tag:
        payload["idTag"] = id_tag
    return await station.call("StopTransaction", payload)


async def finished(station: ConformanceStation) -> None:
    """Unplug after the end of a transaction."""
    await status(station, "Finishing")
    await status(station, "Available")


async def transaction(station: ConformanceStation, api: Citrine, number: int | None = None) -> Transaction:
    """Return a transaction as the API shows it: the one begun last, unless another is named."""
    transaction_id = station.transaction_id if number is None else str(number)
    request = GetTransactionRequest(station_id=station.station_id, transaction_id=transaction_id)
    return await api.transactions.GetTransaction(request)


def energy_of(found: Transaction) -> float | None:
    """Return the energy of a transaction in Wh; None where it is not known."""
    return found.energy_wh if found.HasField("energy_wh") else None


def reason_of(found: Transaction) -> str:
    """Return why a transaction ended, as OCPP 2.x spells it; empty where it did not say."""
    assert found.HasField("end_time")
    return spelling_of(ReasonEnum, found.stopped_reason)


async def connector_statuses(station: ConformanceStation, api: Citrine) -> list[str]:
    """Return the states of the station's connectors, as the API shows them in the words of 2.x."""
    listed = await api.availability.ListConnectors(ListConnectorsRequest(station_id=station.station_id))
    found = [one for one in listed.connectors if one.evse_id]
    return [spelling_of(ConnectorStatusEnum, connector.status) for connector in found]
