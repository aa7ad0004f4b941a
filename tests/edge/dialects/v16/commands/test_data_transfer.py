"""Data of vendors, and costs, on OCPP 1.6."""

from typing import Any

import orjson
import pytest

from citrine_edge.dialects import CallRefused, UnsupportedAction
from citrine_edge.ocppj import RpcError
from tests.support.dialogues import play


@pytest.mark.parametrize(
    ("data", "text"),
    [("as it is", "as it is"), ({"a": [1, None]}, '{"a":[1,null]}'), (5, "5"), (True, "true"), ("", "")],
)
def test_data_is_text(data: Any, text: str) -> None:
    payload = {"vendorId": "com.example", "messageId": "m", "data": data}

    played = play("DataTransfer", payload, {"status": "Accepted", "data": "back"})

    assert played.calls == [("DataTransfer", {"vendorId": "com.example", "messageId": "m", "data": text})]
    assert played.response == {"status": "Accepted", "data": "back"}


@pytest.mark.parametrize("status", ["Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId"])
@pytest.mark.parametrize("data", [{}, {"data": None}])
def test_data_may_be_missing(data: dict[str, None], status: str) -> None:
    played = play("DataTransfer", {"vendorId": "com.example", **data}, {"status": status})

    assert played.calls == [("DataTransfer", {"vendorId": "com.example"})]
    assert played.response == {"status": status}


def test_running_cost_is_a_message_of_the_cost_vendor() -> None:
    played = play("CostUpdated", {"transactionId": "17", "totalCost": 3.5}, {"status": "Accepted"})

    assert played.calls == [
        (
            "DataTransfer",
            {
                "vendorId": "org.openchargealliance.costmsg",
                "messageId": "RunningCost",
                "data": '{"transactionId":17,"cost":3.5}',
            },
        )
    ]
    assert played.response == {}


def test_prices_and_triggers_of_the_cost_vendor_are_sent_along() -> None:
    """Stations of 2.x get them as custom data."""
    custom_data = {
        "vendorId": "org.openchargealliance.costmsg",
        "state": "Charging",
        "triggerMeterValue": {"atEnergykWh": 10.0},
    }
    payload = {"transactionId": "17", "totalCost": 3.5, "customData": custom_data}

    [(_, sent)] = play("CostUpdated", payload, {"status": "Accepted"}).calls

    assert orjson.loads(sent["data"]) == {
        "state": "Charging",
        "triggerMeterValue": {"atEnergykWh": 10.0},
        "transactionId": 17,
        "cost": 3.5,
    }


def test_custom_data_of_others_is_refused_by_name() -> None:
    payload = {"transactionId": "17", "totalCost": 3.5, "customData": {"vendorId": "com.example", "x": 1}}

    with pytest.raises(UnsupportedAction, match="/customData"):
        play("CostUpdated", payload)


@pytest.mark.parametrize("status", ["Rejected", "UnknownMessageId", "UnknownVendorId"])
def test_station_that_shows_no_costs_fails_the_command(status: str) -> None:
    with pytest.raises(CallRefused, match=f"the station answered {status} to RunningCost"):
        play("CostUpdated", {"transactionId": "17", "totalCost": 3.5}, {"status": status})


def test_cost_of_a_transaction_without_a_number_is_refused() -> None:
    with pytest.raises(RpcError, match="/transactionId"):
        play("CostUpdated", {"transactionId": "T1", "totalCost": 3.5})
