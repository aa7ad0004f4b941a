"""What no field of any request may hold."""

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1.commands_pb2 import CallStationRequest
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.stations_pb2 import CreateStationRequest, Station
from citrine.api.v1.tokens_pb2 import TOKEN_STATUS_BLOCKED, CreateTokenRequest, Token
from citrine.events.v1.events_service_pb2 import SubscribeRequest
from citrine_core.errors import InvalidArgument
from citrine_core.rpc.checks import check_request


def struct(value: str | float) -> Struct:
    result = Struct()
    result.update({"a": {"b": value}})
    return result


def test_ordinary_request_passes() -> None:
    check_request(
        CreateTokenRequest(
            token=Token(
                id_token="\U0001f50c", status=TOKEN_STATUS_BLOCKED, expire_time=Timestamp(seconds=253_402_300_799)
            )
        )
    )


@pytest.mark.parametrize(
    ("request_", "path"),
    [
        pytest.param(CreateStationRequest(station=Station(description="a\0b")), "station.description", id="nested"),
        pytest.param(SubscribeRequest(station_ids=["S-1", "\0"]), "station_ids[1]", id="repeated"),
        pytest.param(CallStationRequest(payload=struct("\0")), "payload.fields['a']", id="value in a struct"),
        pytest.param(CallStationRequest(payload=struct(float("nan"))), "payload.fields['a']", id="not a number"),
        pytest.param(CreateStationRequest(station=Station(boot_policy=99)), "station.boot_policy", id="enum"),  # type: ignore[arg-type]
        pytest.param(
            CreateTokenRequest(token=Token(expire_time=Timestamp(seconds=253_402_300_800))),
            "token.expire_time",
            id="year 10000",
        ),
        pytest.param(
            CallStationRequest(target=CommandTarget(timeout=Duration(seconds=2**60))), "target.timeout", id="duration"
        ),
    ],
)
def test_field_that_can_never_be_right_is_named(request_: Message, path: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check_request(request_)

    assert refused.value.field.startswith(path)


def test_nul_in_the_key_of_a_map_is_refused() -> None:
    payload = Struct()
    payload.update({"a\0": 1})

    with pytest.raises(InvalidArgument, match=r"payload\.fields"):
        check_request(CallStationRequest(payload=payload))
