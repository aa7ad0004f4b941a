"""Which tokens may charge, where, when and how often."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from citrine.api.v1.tokens_pb2 import TokenPlace, TokenRules, TokenStatus, TokenTimes
from citrine.ocpp.v2.types_pb2 import DAY_OF_WEEK_ENUM_FRIDAY as FRIDAY
from citrine.ocpp.v2.types_pb2 import DAY_OF_WEEK_ENUM_SATURDAY as SATURDAY
from citrine.ocpp.v2.types_pb2 import DAY_OF_WEEK_ENUM_SUNDAY as SUNDAY
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, IdToken, IdTokenInfo
from citrine_core.blocks.authorization import Facts, Presented, Purpose, decide_known, decide_unknown
from citrine_core.blocks.authorization.rules import OpenTransaction
from citrine_core.resources.tokens import Token

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
"""A Saturday; in Amsterdam it is 13:00."""
CARD = IdToken(id_token="CAFE0001", type="ISO14443")
MINE = OpenTransaction("CS-1", "T-1", "cafe0001", "ISO14443", "Fleet")


def token(rules: TokenRules | None = None, **columns: Any) -> Token:
    defaults = {"status": 1, "group_id": "", "master_pass": False, "language": "", "second_language": "", "message": ""}
    return Token(
        tenant_id="default",
        lookup="cafe0001",
        type="ISO14443",
        rules=None if rules is None else rules.SerializeToString(),
        **{"charging_priority": 0, **defaults, **columns},
    )


def decide(known: Token, purpose: Purpose = Purpose.START, facts: Facts | None = None, **where: Any) -> IdTokenInfo:
    presented = Presented(where.pop("station_id", "CS-1"), CARD, purpose, **where)
    return decide_known(known, presented, facts or Facts(NOW))


def status(info: IdTokenInfo) -> str:
    return AuthorizationStatusEnum.Name(info.status).removeprefix("AUTHORIZATION_STATUS_ENUM_")


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
    assert status(decide(token(**columns))) == expected


@pytest.mark.parametrize(
    ("id_token", "kind", "expected"),
    [
        pytest.param("CAFE0001", "ISO14443", "UNKNOWN", id="card"),
        pytest.param("X", "ISO14443", "INVALID", id="no card"),
        pytest.param("X", "Central", "UNKNOWN", id="central"),
        pytest.param("1234", "KeyCode", "INVALID", id="C04.FR.01"),
        pytest.param("", "NoAuthorization", "ACCEPTED", id="C02.FR.02"),
    ],
)
def test_unknown_tokens_fail_closed(id_token: str, kind: str, expected: str) -> None:
    assert status(decide_unknown(IdToken(id_token=id_token, type=kind))) == expected


def test_what_the_operator_said_of_a_token_goes_to_the_station() -> None:
    """C01.FR.06: the group; and the expiry, so that a station's cache forgets it in time."""
    expiry = NOW + timedelta(days=1)
    known = token(
        group_id="Fleet", expire_time=expiry, language="de", second_language="en", charging_priority=3, message="Hallo"
    )

    info = decide(known, Purpose.ASK)

    assert info.group_id_token == IdToken(id_token="Fleet", type="Central")
    assert info.cache_expiry_date_time.ToDatetime(UTC) == expiry
    assert (info.language1, info.language2, info.charging_priority, list(info.evse_id)) == ("de", "en", 3, [])
    assert (info.personal_message.content, info.personal_message.language) == ("Hallo", "de")


def test_a_station_remembers_a_token_no_longer_than_it_may() -> None:
    """C10.FR.13: the earliest of expiry, cache time and the end of the times of day."""
    until_two = TokenRules(times=[TokenTimes(start_time="12:00", end_time="14:00")], time_zone="Europe/Amsterdam")
    forgotten = [
        decide(token(cache_time=0)),
        decide(token(cache_time=7200, expire_time=NOW + timedelta(days=1))),
        decide(token(until_two, cache_time=7200)),
    ]

    assert [info.cache_expiry_date_time.ToDatetime(UTC) - NOW for info in forgotten] == [
        timedelta(0),
        timedelta(hours=2),
        timedelta(hours=1),
    ]


def test_C16_a_master_pass_that_only_asks_is_accepted() -> None:
    """The station compares groupIdToken with its MasterPassGroupId."""
    flagged = decide(token(master_pass=True), Purpose.ASK, Facts(NOW, "MASTERS"))
    by_group = token(group_id="masters")

    assert (status(flagged), flagged.group_id_token.id_token) == ("ACCEPTED", "MASTERS")
    assert status(decide(by_group, Purpose.ASK, Facts(NOW, "MASTERS"))) == "ACCEPTED"
    assert status(decide(by_group, Purpose.START, Facts(NOW, "MASTERS"))) == "INVALID"
    assert status(decide(by_group, Purpose.STOP, Facts(NOW, "MASTERS"))) == "ACCEPTED"


@pytest.mark.parametrize(
    ("places", "where", "expected"),
    [
        pytest.param([("CS-1", [])], {}, ("ACCEPTED", []), id="C01.FR.19, whole station"),
        pytest.param([("CS-1", [2, 1])], {}, ("ACCEPTED", [1, 2]), id="C01.FR.20, some EVSEs"),
        pytest.param([("CS-1", [2])], {"evse_id": 2}, ("ACCEPTED", [2]), id="the right EVSE"),
        pytest.param([("CS-1", [2])], {"evse_id": 1}, ("NOT_AT_THIS_LOCATION", []), id="the wrong EVSE"),
        pytest.param([("CS-2", [])], {}, ("NOT_AT_THIS_LOCATION", []), id="C01.FR.22, another station"),
        pytest.param([("CS-2", []), ("CS-1", [])], {"evse_id": 7}, ("ACCEPTED", []), id="one of several stations"),
    ],
)
def test_places(places: list[tuple[str, list[int]]], where: Any, expected: tuple[str, list[int]]) -> None:
    rules = TokenRules(places=[TokenPlace(station_id=station, evse_ids=evses) for station, evses in places])

    info = decide(token(rules), **where)

    assert (status(info), list(info.evse_id)) == expected


@pytest.mark.parametrize(
    ("types", "evse_id", "expected"),
    [
        pytest.param({1: {"ccs2"}, 2: {"stype2"}}, None, ("ACCEPTED", [1]), id="C01.FR.20, one of the EVSEs"),
        pytest.param({1: {"ccs2"}, 2: {"ccs2"}}, None, ("ACCEPTED", []), id="C01.FR.19, all EVSEs"),
        pytest.param({1: {"stype2"}}, None, ("NOT_ALLOWED_TYPE_EVSE", []), id="C01.FR.18, none"),
        pytest.param({1: {"ccs2"}, 2: {"stype2"}}, 2, ("NOT_ALLOWED_TYPE_EVSE", []), id="not this one"),
        pytest.param({}, None, ("ACCEPTED", []), id="nothing is known of the station"),
    ],
)
def test_connector_types(types: dict[int, set[str]], evse_id: int | None, expected: tuple[str, list[int]]) -> None:
    facts = Facts(NOW, connector_types={"CS-1": {evse: frozenset(names) for evse, names in types.items()}})

    info = decide(token(TokenRules(connector_types=["CCS2"])), facts=facts, evse_id=evse_id)

    assert (status(info), list(info.evse_id)) == expected


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        pytest.param(TokenTimes(), "ACCEPTED", id="always"),
        pytest.param(TokenTimes(start_time="13:00", end_time="13:01"), "ACCEPTED", id="from now on"),
        pytest.param(TokenTimes(start_time="12:00", end_time="13:00"), "NOT_AT_THIS_TIME", id="until now"),
        pytest.param(TokenTimes(start_time="22:00", end_time="14:00"), "ACCEPTED", id="since yesterday"),
        pytest.param(TokenTimes(days=[SATURDAY], end_time="24:00"), "ACCEPTED", id="on Saturdays"),
        pytest.param(TokenTimes(days=[SUNDAY], end_time="24:00"), "NOT_AT_THIS_TIME", id="on Sundays"),
        pytest.param(TokenTimes(days=[FRIDAY], start_time="22:00", end_time="14:00"), "ACCEPTED", id="Friday night"),
        pytest.param(
            TokenTimes(days=[SATURDAY], start_time="22:00", end_time="14:00"), "NOT_AT_THIS_TIME", id="tonight"
        ),
    ],
)
def test_times(times: TokenTimes, expected: str) -> None:
    assert status(decide(token(TokenRules(times=[times], time_zone="Europe/Amsterdam")))) == expected


def test_offline_the_time_of_the_station_counts() -> None:
    rules = TokenRules(times=[TokenTimes(start_time="08:00", end_time="09:00")], time_zone="UTC")

    assert status(decide(token(rules), time=NOW.replace(hour=8))) == "ACCEPTED"
    assert status(decide(token(rules))) == "NOT_AT_THIS_TIME"


def test_transactions_are_limited() -> None:
    known, facts = token(TokenRules(max_transactions=1)), Facts(NOW, open=[MINE])

    assert status(decide(known, facts=facts, transaction_id="T-1")) == "ACCEPTED"
    assert status(decide(known, facts=facts, transaction_id="T-2")) == "CONCURRENT_TX"
    assert status(decide(known, Purpose.ASK, facts, station_id="CS-2")) == "CONCURRENT_TX"


@pytest.mark.parametrize("group_id", ["", "fleet"], ids=["its own", "its group's"])
def test_no_rule_keeps_from_stopping(group_id: str) -> None:
    """C09.FR.03: whoever asks where a transaction of his or of his group is under way."""
    rules = TokenRules(no_credit=True, max_transactions=1, places=[TokenPlace(station_id="CS-9")])
    mine = MINE if not group_id else MINE._replace(lookup="other")
    known, facts = token(rules, group_id=group_id), Facts(NOW, open=[mine])

    assert status(decide(known, Purpose.ASK, facts)) == "ACCEPTED"
    assert status(decide(known, Purpose.STOP)) == "ACCEPTED"
    assert status(decide(known, Purpose.ASK)) == "NOT_AT_THIS_LOCATION"
    assert status(decide(token(TokenRules(no_credit=True)), facts=facts)) == "NO_CREDIT"
