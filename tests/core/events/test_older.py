"""Events that older releases stored are read with what they said."""

from citrine.events.v1 import events_pb2
from citrine.events.v1.events_service_pb2 import SubscribeRequest
from citrine.events.v1.events_service_pb2_grpc import EventsServiceStub
from citrine.ocpp.v2.transactions_pb2 import TransactionEventEnum
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, IdToken
from citrine_core.clock import utc_now
from citrine_core.events import OutboxEvent
from tests.support.core import RunningCore
from tests.support.event_words import name_in


def text(number: int, value: str | bytes) -> bytes:
    """Return a field of the wire with a text, or with a message."""
    content = value.encode() if isinstance(value, str) else value
    key = number << 3 | 2
    return bytes([key] if key < 128 else [key & 127 | 128, key >> 7]) + bytes([len(content)]) + content


async def stored(core: RunningCore, *bodies: tuple[str, bytes]) -> list[events_pb2.Event]:
    """Store events as an older release did, and return what a subscriber gets of them."""
    async with core.core.unit_of_work() as work:
        for kind, body in bodies:
            number = events_pb2.Event.DESCRIPTOR.fields_by_name[kind].number
            payload = text(2, "default") + text(number, body)
            work.session.add(
                OutboxEvent(tenant_id="default", kind=kind, station_id="", payload=payload, create_time=utc_now())
            )
            await work.session.flush()
        await work.commit()
    found = []
    request = SubscribeRequest(from_token="0", kinds=[kind for kind, _ in bodies])
    stream = core.stub(EventsServiceStub).Subscribe(request, metadata=[("citrine-tenant", "default")], timeout=20)
    async for response in stream:
        if response.event.WhichOneof("body"):
            found.append(response.event)
        if len(found) == len(bodies):
            break
    stream.cancel()
    return found


async def test_what_was_said_in_texts_is_said_by_enums_and_tokens(core: RunningCore) -> None:
    summary = text(1, "T-1") + text(8, "04A2B3C7")
    told = await stored(
        core,
        ("command_finished", text(1, "c1") + text(2, "Reset") + text(3, "TIMED_OUT")),
        ("provisioning_changed", text(1, "basic") + text(2, "resetting")),
        ("token_authorized", text(1, "04A2B3C7") + text(2, "ConcurrentTx")),
        ("messages_refused", text(1, "DROPPED") + text(3, "Ended")),
        ("transaction_updated", text(1, summary)),
        ("certificate_order_changed", text(2, "REQUEST_REJECTED")),
    )

    assert name_in(told[0].command_finished, "state") == "TIMED_OUT"
    assert told[0].command_finished.action == "Reset"
    assert name_in(told[1].provisioning_changed, "state") == "RESETTING"
    assert told[2].token_authorized.id_token.id_token == "04A2B3C7"
    assert told[2].token_authorized.status == AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_CONCURRENT_TX
    assert name_in(told[3].messages_refused, "outcome") == "DROPPED"
    assert told[3].messages_refused.event_type == TransactionEventEnum.TRANSACTION_EVENT_ENUM_ENDED
    assert told[4].transaction_updated.transaction.id_token.id_token == "04A2B3C7"
    assert told[4].transaction_updated.transaction.transaction_id == "T-1"
    assert name_in(told[5].certificate_order_changed, "state") == "REQUEST_REJECTED"


async def test_events_of_changes_are_read_without_the_object_that_they_did_not_have(core: RunningCore) -> None:
    """They said some of its fields, which a client reads from the object now."""
    token = text(1, "04A2B3C7") + text(2, "ISO14443")
    told = await stored(
        core,
        ("token_changed", b"\x08\x02" + text(2, token) + text(3, "FLEET") + text(5, "NL")),
        ("tariff_changed", text(1, "DAY") + b"\x10\x02\x18\x03" + text(4, "EUR") + text(7, "A-1")),
        ("location_changed", text(1, "north") + text(2, "E-1") + b"\x18\x01"),
        ("station_refused", b"\x08\x02" + text(2, "192.0.2.1:9")),
    )

    assert told[0].token_changed == events_pb2.TokenChanged(
        kind=events_pb2.TokenChanged.KIND_UPDATED, id_token=IdToken(id_token="04A2B3C7", type="ISO14443")
    )
    assert told[1].tariff_changed == events_pb2.TariffChanged(
        kind=events_pb2.TariffChanged.KIND_UPDATED, tariff_id="DAY"
    )
    assert told[2].location_changed == events_pb2.LocationChanged(
        kind=events_pb2.LocationChanged.KIND_CREATED, location_id="north", evse_uid="E-1"
    )
    assert name_in(told[3].station_refused, "reason") == "WRONG_PASSWORD"
