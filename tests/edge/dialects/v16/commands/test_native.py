"""Commands in the JSON of OCPP 1.6, and which canonical ones there are."""

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.ocpp.actions import ACTIONS
from citrine_edge.dialects import UnsupportedAction
from citrine_edge.dialects.v16 import V16
from citrine_edge.dialects.v16.commands import REASONS, TRANSLATIONS
from citrine_edge.dialects.v16.commands.native import NATIVE_ACTIONS
from citrine_edge.ocppj import RpcError
from tests.support.dialogues import error

RESET = {"type": "Hard"}


def test_every_request_of_the_csms_is_translated_or_refused_for_a_reason() -> None:
    requests = {name for name, action in ACTIONS.items() if action.from_csms and action.response is not None}

    assert set(TRANSLATIONS) | set(REASONS) == requests
    assert not set(TRANSLATIONS) & set(REASONS)


@pytest.mark.parametrize("name", sorted(REASONS))
def test_request_that_1_6_does_not_have_is_refused_with_the_reason(name: str) -> None:
    with pytest.raises(UnsupportedAction) as refused:
        V16().command(ACTIONS[name].request())

    assert str(refused.value) == REASONS[name]


@pytest.mark.parametrize("name", ["Heartbeat", "StatusNotification"])
def test_request_of_a_station_is_not_sent_to_one(name: str) -> None:
    with pytest.raises(UnsupportedAction, match=f"{name} is not sent to stations"):
        V16().command(ACTIONS[name].request())


def test_native_command_is_sent_as_it_is_and_its_answer_not_translated() -> None:
    exchange = V16().native_command("Reset", RESET)

    assert exchange.next_call() == ("Reset", RESET)
    exchange.read_result({"status": "Accepted"})
    assert exchange.next_call() is None
    assert exchange.messages(Timestamp()) == ()
    assert exchange.valid_part({"status": "Accepted"}) is None


@pytest.mark.parametrize("name", ["Heartbeat", "StartTransaction", "GetVariables", "reset", "Nothing"])
def test_what_the_csms_does_not_send_is_unsupported(name: str) -> None:
    with pytest.raises(UnsupportedAction, match="is not sent to stations"):
        V16().native_command(name, {})


@pytest.mark.parametrize(
    ("name", "payload", "problem"),
    [
        ("Reset", {}, "/type is required"),
        ("Reset", {"type": "Immediate"}, "/type is not one of the allowed values"),
        ("Reset", {**RESET, "evseId": 1}, "/evseId is not in the schema"),
        ("Reset", [], "not a JSON object"),
        ("ChangeConfiguration", {"key": "k" * 51, "value": ""}, "/key is longer"),
        ("SetChargingProfile", {"connectorId": 0}, "/csChargingProfiles is required"),
    ],
)
def test_native_command_that_violates_the_schema_is_refused(name: str, payload: Any, problem: str) -> None:
    with pytest.raises(RpcError, match=problem):
        V16().native_command(name, payload)


def test_answer_to_a_native_command_is_checked() -> None:
    exchange = V16().native_command("ClearCache", None)

    with pytest.raises(RpcError, match="/status is required"):
        exchange.read_result(None)
    with pytest.raises(RpcError, match="not a JSON object"):
        exchange.read_result([])
    assert not exchange.read_error(error("InternalError"))


@pytest.mark.parametrize("key", ["AuthorizationKey", "authorizationkey"])
def test_password_is_not_changed_behind_our_back(key: str) -> None:
    with pytest.raises(UnsupportedAction, match="SetStationPassword"):
        V16().native_command("ChangeConfiguration", {"key": key, "value": "00"})


@pytest.mark.parametrize("name", sorted(NATIVE_ACTIONS))
def test_every_native_action_has_a_schema(name: str) -> None:
    with pytest.raises(RpcError):
        V16().native_command(name, {"noSuchProperty": 1})
