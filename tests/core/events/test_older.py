"""Events that older releases stored are read with what they said; enums of events are those of the API."""

import importlib
import pkgutil
import re
from typing import Any

import pytest
from google.protobuf.descriptor import EnumDescriptor

import citrine.api.v1
from citrine.api.v1.events_pb2 import SubscribeRequest
from citrine.api.v1.events_pb2_grpc import EventsServiceStub
from citrine.events.v1 import events_pb2
from citrine.ocpp.v2.transactions_pb2 import TransactionEventEnum
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum
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


def enums_of_the_api() -> dict[str, EnumDescriptor]:
    found: dict[str, EnumDescriptor] = {}
    for module in pkgutil.iter_modules(citrine.api.v1.__path__, "citrine.api.v1."):
        if module.name.endswith("_pb2"):
            file: Any = importlib.import_module(module.name).DESCRIPTOR
            found |= file.enum_types_by_name
            for message in file.message_types_by_name.values():
                found |= {f"{message.name}.{name}": enum for name, enum in message.enum_types_by_name.items()}
    return found


SAME = {
    f"{message}.{enum}": of_api
    for message, enum, of_api in re.findall(
        r"(\w+)\.(\w+)=([\w.]+)",
        """
        TransactionLimitChanged.State=LimitState TransactionLimitChanged.Reason=LimitReason
        TransactionLimitChanged.Throttle=ThrottleState ReportFinished.Kind=ReportKind ReportFinished.State=ReportState
        CommandFinished.State=CommandState RemoteStartChanged.State=RemoteStartState
        ChargingProfileChanged.State=ChargingProfileState ChargingPlanChanged.State=ChargingPlanState
        ChargingPlanChanged.Cause=ChargingPlanCause ReservationChanged.State=ReservationState
        DisplayMessageChanged.State=DisplayMessageState FirmwareUpdateChanged.State=FirmwareUpdateState
        FirmwarePublicationChanged.State=PublicationState FirmwareCampaignChanged.State=FirmwareCampaignState
        ProvisioningChanged.State=ProvisioningState TransactionAnomalyFound.Kind=TransactionAnomaly.Kind
        TransactionSettled.Settlement=Settlement CostCorrected.Reason=CostCorrection.Reason
        ChargeRecordMade.Reason=CostCorrection.Reason MessagesRefused.Outcome=RefusalOutcome
        LocalListChanged.State=LocalListState ReservationCostChanged.State=ReservationState
        CertificateOrderChanged.State=CertificateOrderState
        SecurityProfileUpgradeChanged.State=SecurityProfileUpgradeState
        """,
    )
}

ONLY_IN_EVENTS = {"REQUEST_REJECTED"}


@pytest.mark.parametrize("name", SAME)
def test_an_enum_of_an_event_has_the_values_of_the_api(name: str) -> None:
    """They can't be the same, as the packages would import each other."""
    message, _, enum = name.partition(".")
    of_event = events_pb2.DESCRIPTOR.message_types_by_name[message].enum_types_by_name[enum]

    assert values(of_event) == values(enums_of_the_api()[SAME[name]])


def values(enum: EnumDescriptor) -> dict[str, int]:
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    named = {value.name.removeprefix(prefix): value.number for value in enum.values}
    return {name: number for name, number in named.items() if name not in ONLY_IN_EVENTS}
