"""What the API shows of the transaction of a case."""

from typing import Any

from citrine.api.v1.meter_values_pb2 import ListSamplesRequest, Sample
from citrine.api.v1.transactions_pb2 import GetTransactionRequest, ListTransactionEventsRequest, Transaction
from citrine.ocpp.spellings import spelling_of
from citrine.ocpp.v2.transactions_pb2 import ChargingStateEnum, ReasonEnum, TriggerReasonEnum
from citrine.ocpp.v2.types_pb2 import ReadingContextEnum
from citrine_sdk import Citrine
from tests.conformance.station import ConformanceStation, now

__all__ = [
    "REGISTER",
    "contexts_of",
    "end_of",
    "meter_value",
    "samples_of",
    "state_of",
    "transaction_of",
    "triggers_of",
]

REGISTER = "Energy.Active.Import.Register"


async def transaction_of(station: ConformanceStation, api: Citrine, transaction_id: str = "") -> Transaction:
    """Return a transaction of the station: the one begun last, unless another one is named."""
    return await api.transactions.GetTransaction(
        GetTransactionRequest(station_id=station.station_id, transaction_id=transaction_id or station.transaction_id)
    )


async def triggers_of(station: ConformanceStation, api: Citrine) -> list[str]:
    """Return the trigger reasons of all events of the transaction begun last, in order."""
    listed = await api.transactions.ListTransactionEvents(
        ListTransactionEventsRequest(station_id=station.station_id, transaction_id=station.transaction_id)
    )
    return [spelling_of(TriggerReasonEnum, event.request.trigger_reason) for event in listed.events]


async def samples_of(station: ConformanceStation, api: Citrine, **filters: Any) -> list[Sample]:
    """Return the samples of the station, the earliest first."""
    listed = await api.meter_values.ListSamples(ListSamplesRequest(station_id=station.station_id, **filters))
    return list(listed.samples)


def contexts_of(samples: list[Sample]) -> list[str]:
    """Return the contexts of samples as OCPP spells them."""
    return [spelling_of(ReadingContextEnum, sample.sampled_value.context) for sample in samples]


def state_of(transaction: Transaction) -> str:
    """Return the charging state as OCPP spells it."""
    return spelling_of(ChargingStateEnum, transaction.charging_state)


def end_of(transaction: Transaction) -> tuple[str, str]:
    """Return trigger and reason of the end of a transaction, as OCPP spells them."""
    assert transaction.HasField("end_time")
    trigger = spelling_of(TriggerReasonEnum, transaction.end_trigger)
    return trigger, spelling_of(ReasonEnum, transaction.stopped_reason)


def meter_value(value: float, context: str, timestamp: str = "", **more: Any) -> dict[str, Any]:
    """Return a meterValue with one value of the import register in Wh."""
    sampled = {"value": value, "context": context, "measurand": REGISTER, **more}
    return {"timestamp": timestamp or now(), "sampledValue": [sampled]}
