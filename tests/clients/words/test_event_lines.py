"""Every kind of event has words of its own."""

from datetime import UTC, datetime, timedelta

import pytest

from citrine.api.v1.stations_pb2 import HandshakeRefusal
from citrine.events.v1.events_pb2 import Event, StationRefused, TokenAuthorized, TransactionEnded, TransactionSummary
from citrine.ocpp.v2.transactions_pb2 import CHARGING_STATE_ENUM_CHARGING, REASON_ENUM_LOCAL
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, IdToken
from citrine_words.event_lines import event_line, event_words

KINDS = [field.name for field in Event.DESCRIPTOR.oneofs_by_name["body"].fields]


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_event_of_each_kind_has_words(kind: str) -> None:
    event = Event(station_id="CS-1")
    getattr(event, kind).SetInParent()

    assert event_words(event)
    assert event_words(event) != kind.replace("_", " ")


def test_a_station_that_was_refused_is_told_with_reason_tenant_and_address() -> None:
    event = Event(tenant_id="acme", station_id="CS-1")
    refused = StationRefused(reason=HandshakeRefusal.REASON_NO_COMMON_VERSION, remote_address="192.0.2.1:9", attempts=3)
    event.station_refused.CopyFrom(refused)

    assert event_words(event) == (
        "refused: no common version, from 192.0.2.1:9, offers no subprotocol, 3 attempts, tenant acme"
    )


def test_a_transaction_is_told_with_its_energy() -> None:
    summary = TransactionSummary(
        transaction_id="T-1",
        evse_id=1,
        energy_wh=1500,
        power_w=7200,
        soc_percent=51.4,
        charging_state=CHARGING_STATE_ENUM_CHARGING,
    )
    event = Event(station_id="CS-1")
    event.transaction_ended.CopyFrom(TransactionEnded(transaction=summary, stopped_reason=REASON_ENUM_LOCAL))
    event.time.FromJsonString("2030-01-01T12:34:56.789Z")

    now = datetime(2030, 1, 1, 23, 0, tzinfo=UTC)
    words = "CS-1  transaction ended  Local  evse 1  Charging  1.500 kWh  51 %  T-1"
    assert event_line(event, UTC, lambda: now) == f"12:34:56.789  {words}"
    assert event_line(event, UTC, lambda: now + timedelta(hours=1)) == f"2030-01-01 12:34:56.789  {words}"


def test_a_token_that_is_known_under_another_type_is_told_so() -> None:
    authorized = TokenAuthorized(
        id_token=IdToken(id_token="A", type="MacAddress"),
        status=AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_UNKNOWN,
        known_types=["Central", "Local"],
    )
    event = Event(token_authorized=authorized)

    assert event_words(event) == "token A: Unknown, known as Central Local"


def test_a_kind_of_a_later_version_is_told_as_such() -> None:
    assert "does not know" in event_words(Event(station_id="CS-1"))


@pytest.mark.parametrize(
    ("whole", "shown"),
    [
        pytest.param("4b5b9f0e-5a6c-4a8e-9f3e-0d2a5a0c7e11", "4b5b9f0e", id="a random UUID"),
        pytest.param("0195d2c4-5a6c-7a8e-9f3e-0d2a5a0c7e11", "0195d2c4-5a6c-7a8e-9f3e-0d2a5a0c7e11", id="by time"),
        pytest.param("CS-1-20260115-000000000000000000001", "CS-1-20260115-000000000000000000001", id="numbered"),
    ],
)
def test_an_id_that_a_few_characters_tell_from_others_is_shortened(whole: str, shown: str) -> None:
    event = Event(station_id="CS-1")
    event.transaction_started.transaction.transaction_id = whole

    assert event_words(event) == f"transaction started  {shown}"
