"""Block I, TariffAndCost: what charging costs, said while it goes on and when it is over."""

from typing import Any

from google.protobuf.duration_pb2 import Duration

from citrine.api.v1 import tariffs_pb2 as pb
from citrine.api.v1.tariff_and_cost_pb2 import COST_STATE_FINAL, GetTransactionCostRequest
from citrine_sdk import Citrine
from tests.conformance.states import (
    authorized,
    booted,
    connector_status,
    energy_transfer_started,
    ev_connected_post_session,
    ev_connected_pre_session,
    stop_authorized,
    transaction_event,
)
from tests.conformance.station import ConformanceStation, now


def reading(wh: int, context: str) -> dict[str, Any]:
    """Return meterValue with one reading of the register."""
    return {"meterValue": [{"timestamp": now(), "sampledValue": [{"value": wh, "context": context}]}]}


async def assign_price(station: ConformanceStation, api: Citrine) -> None:
    """Have energy cost 0.30 a kWh at the station."""
    component = pb.PriceComponent(dimension=pb.TARIFF_DIMENSION_ENERGY, price="0.30")
    tariff = pb.Tariff(
        tariff_id=station.station_id, currency="EUR", elements=[pb.TariffElement(price_components=[component])]
    )
    await api.tariffs.CreateTariff(pb.CreateTariffRequest(tariff=tariff))
    assignment = pb.TariffAssignment(tariff_id=station.station_id, station_id=station.station_id)
    await api.tariffs.AssignTariff(pb.AssignTariffRequest(assignment=assignment))


async def tell_by(api: Citrine, how: pb.RunningCost.ValueType) -> None:
    settings = pb.CostSettings(running_cost=how, running_cost_interval=Duration(seconds=3600))
    await api.tariffs.UpdateCostSettings(pb.UpdateCostSettingsRequest(settings=settings))


async def test_TC_I_01_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """The running cost is sent while a transaction goes on."""
    await booted(station)
    await assign_price(station, api)
    answer = await station.call("Authorize", {"idToken": station.id_token})
    assert answer["idTokenInfo"]["status"] == "Accepted"
    station.transaction_id, station.seq_no = f"{station.station_id}-1", 0
    result = await transaction_event(
        station, "Updated", "Authorized", idToken=station.id_token, **reading(1000, "Transaction.Begin")
    )
    assert result["idTokenInfo"]["status"] == "Accepted"
    station.states.add("Authorized")
    await ev_connected_pre_session(station)
    await energy_transfer_started(station)

    for wh, total in ((6000, 1.5), (11000, 3)):
        result = await transaction_event(station, "Updated", "MeterValuePeriodic", **reading(wh, "Sample.Periodic"))
        assert result["totalCost"] == total

    # Told by CostUpdated, the answers have no totalCost.
    await tell_by(api, pb.RUNNING_COST_NONE)
    result = await transaction_event(station, "Updated", "MeterValuePeriodic", **reading(16000, "Sample.Periodic"))
    assert "totalCost" not in result
    sent, _ = await station.asked_by(tell_by(api, pb.RUNNING_COST_COST_UPDATED), "CostUpdated", {})
    assert sent == {"totalCost": 4.5, "transactionId": station.transaction_id}
    await tell_by(api, pb.RUNNING_COST_ANSWER)


async def test_TC_I_02_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """The answer to the end of a transaction has the total cost."""
    await booted(station)
    await assign_price(station, api)
    await ev_connected_pre_session(station, **reading(1000, "Transaction.Begin"))
    await authorized(station)
    await energy_transfer_started(station)
    await stop_authorized(station)
    await ev_connected_post_session(station)
    await connector_status(station, "Available")

    result = await transaction_event(
        station,
        "Ended",
        "EVCommunicationLost",
        chargingState="Idle",
        stoppedReason="EVDisconnected",
        **reading(6000, "Transaction.End"),
    )

    assert result["totalCost"] == 1.5
    request = GetTransactionCostRequest(transaction_id=station.transaction_id, station_id=station.station_id)
    cost = await api.tariff_and_cost.GetTransactionCost(request)
    assert (cost.state, cost.cost.total.after_tax, cost.cost.currency) == (COST_STATE_FINAL, "1.50", "EUR")
