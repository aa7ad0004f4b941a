"""OCPP 2.0.1: what it lacks is refused by name, and left out of answers."""

import pytest

from citrine.edge.v1 import link_pb2 as pb
from citrine.ocpp.v2 import authorization_pb2, provisioning_pb2, remote_control_pb2, tariff_and_cost_pb2, types_pb2
from citrine_edge.dialects import V201, UnsupportedAction
from citrine_edge.ocppj import RpcError

ACCEPTED = types_pb2.IdTokenInfo(status=types_pb2.AUTHORIZATION_STATUS_ENUM_ACCEPTED)


def test_it_says_what_it_is() -> None:
    assert (V201.subprotocol, V201.version) == ("ocpp2.0.1", pb.OCPP_VERSION_201)
    assert V201.message_types == {2, 3, 4}


def test_action_of_2_1_is_not_known() -> None:
    with pytest.raises(RpcError, match="NotImplemented: BatterySwap is not an action of"):
        V201().read_call("BatterySwap", {})


def test_command_of_2_1_is_unsupported() -> None:
    with pytest.raises(UnsupportedAction):
        V201().write_command(tariff_and_cost_pb2.GetTariffsRequest(evse_id=1))


def test_property_of_2_1_is_refused_by_name_in_a_command() -> None:
    token = types_pb2.IdToken(id_token="A", type="Central")
    request = remote_control_pb2.RequestStartTransactionRequest(
        id_token=token, remote_start_id=1, charging_profile=types_pb2.ChargingProfile(dyn_update_interval=5)
    )

    with pytest.raises(RpcError, match="/chargingProfile/"):
        V201().write_command(request)


def test_value_of_2_1_is_refused_in_a_command() -> None:
    request = provisioning_pb2.ResetRequest(type=provisioning_pb2.RESET_ENUM_IMMEDIATE_AND_RESUME)

    with pytest.raises(RpcError, match="/type is not one of the allowed values"):
        V201().write_command(request)


def test_property_of_2_1_is_left_out_of_an_answer() -> None:
    response = authorization_pb2.AuthorizeResponse(
        id_token_info=ACCEPTED, tariff=types_pb2.Tariff(tariff_id="T1", currency="EUR")
    )

    assert V201().write_result("Authorize", response) == ({"idTokenInfo": {"status": "Accepted"}}, ["tariff"])


def test_property_of_2_1_is_refused_from_a_station() -> None:
    with pytest.raises(RpcError, match="FormatViolation"):
        V201().read_result("Reset", {"status": "Accepted", "more": 1})
