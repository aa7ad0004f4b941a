"""Which tokens may charge."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from citrine.api.v1.tokens_pb2 import TokenStatus
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, IdToken
from citrine_core.blocks.authorization import id_token_info
from citrine_core.resources.tokens import Token

NOW = datetime(2025, 3, 1, tzinfo=UTC)
CARD = IdToken(id_token="Card", type="ISO14443")


def status_of(**columns: Any) -> str:
    info = id_token_info(CARD, {("Card", "ISO14443"): token(**columns)}, NOW, starts=True)
    return AuthorizationStatusEnum.Name(info.status).removeprefix("AUTHORIZATION_STATUS_ENUM_")


def token(**columns: Any) -> Token:
    defaults = {"status": 1, "group_id": "", "master_pass": False, "language": "", "charging_priority": 0}
    return Token(tenant_id="default", lookup="card", type="ISO14443", **{**defaults, **columns})


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        pytest.param({}, "ACCEPTED", id="known"),
        pytest.param({"status": TokenStatus.TOKEN_STATUS_BLOCKED}, "BLOCKED", id="blocked"),
        pytest.param({"status": 99}, "BLOCKED", id="a status of a later version"),
        pytest.param({"expire_time": NOW}, "EXPIRED", id="expired"),
        pytest.param({"expire_time": NOW + timedelta(seconds=1)}, "ACCEPTED", id="expires soon"),
        pytest.param({"master_pass": True}, "INVALID", id="master pass"),
    ],
)
def test_known_tokens(columns: dict[str, Any], expected: str) -> None:
    assert status_of(**columns) == expected


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        pytest.param("ISO14443", AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_UNKNOWN, id="card"),
        pytest.param("Central", AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_UNKNOWN, id="central"),
        pytest.param("KeyCode", AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_INVALID, id="C04.FR.01"),
        pytest.param("NoAuthorization", AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED, id="C02.FR.02"),
    ],
)
def test_unknown_tokens_fail_closed(kind: str, expected: int) -> None:
    assert id_token_info(IdToken(id_token="X", type=kind), {}, NOW).status == expected


def test_what_the_operator_said_of_a_token_goes_to_the_station() -> None:
    """C01.FR.06: the group; and the expiry, so that a station's cache forgets it in time."""
    expiry = NOW + timedelta(days=1)
    known = token(group_id="Fleet", expire_time=expiry, language="de", charging_priority=3)

    info = id_token_info(CARD, {("Card", "ISO14443"): known}, NOW)

    assert info.group_id_token == IdToken(id_token="Fleet", type="Central")
    assert info.cache_expiry_date_time.ToDatetime(UTC) == expiry
    assert (info.language1, info.charging_priority, list(info.evse_id)) == ("de", 3, [])


def test_a_master_pass_that_only_asks_is_accepted() -> None:
    """C16: the station compares groupIdToken with its MasterPassGroupId."""
    info = id_token_info(CARD, {("Card", "ISO14443"): token(master_pass=True, group_id="M")}, NOW)

    assert info.status == AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED
