"""OCPP 2.1: the canonical messages as they are."""

import pytest

from citrine.edge.v1 import link_pb2 as pb
from citrine.ocpp.actions import ACTIONS
from citrine.ocpp.v2 import diagnostics_pb2, tariff_and_cost_pb2
from citrine_edge.dialects import V21
from citrine_edge.ocppj import RpcError

STREAM = {"id": 1, "pending": 0, "basetime": "2025-01-31T12:00:00Z", "data": [{"t": 0.5, "v": "1"}]}


def test_it_says_what_it_is() -> None:
    assert (V21.subprotocol, V21.version) == ("ocpp2.1", pb.OCPP_VERSION_21)
    assert V21.message_types == {2, 3, 4, 5, 6}
    assert V21().actions == ACTIONS


def test_send_is_read() -> None:
    action, message = V21().read_send("NotifyPeriodicEventStream", STREAM)

    assert action.response is None
    assert isinstance(message, diagnostics_pb2.NotifyPeriodicEventStream)


@pytest.mark.parametrize("name", ["Heartbeat", "Nothing"])
def test_call_is_no_send(name: str) -> None:
    with pytest.raises(RpcError, match=r"NotSupported|NotImplemented"):
        V21().read_send(name, {})


def test_send_is_no_call() -> None:
    with pytest.raises(RpcError, match="NotSupported"):
        V21().read_call("NotifyPeriodicEventStream", STREAM)


def test_command_of_2_1_is_written() -> None:
    assert V21().write_command(tariff_and_cost_pb2.GetTariffsRequest(evse_id=1)) == ("GetTariffs", {"evseId": 1})
