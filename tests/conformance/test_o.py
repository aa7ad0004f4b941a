"""Block O, Display messages: set, replaced, reported and cleared."""

from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import display_message_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.reports_pb2 import REPORT_KIND_DISPLAY_MESSAGES, GetReportRunRequest
from citrine.ocpp.v2 import display_message_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import MESSAGE_FORMAT_ENUM_UTF8, MessageContent
from citrine_sdk import Citrine
from tests.conformance.states import booted, energy_transfer_started, ev_disconnected
from tests.conformance.station import ConformanceStation

MessageInfo = dict[str, Any]

PRIORITY = ocpp.MESSAGE_PRIORITY_ENUM_NORMAL_CYCLE
"""<Configured Priority>: NormalCycle"""

STATE = ocpp.MESSAGE_STATE_ENUM_CHARGING
"""<Configured State>: Charging"""


def target(station: ConformanceStation) -> CommandTarget:
    return CommandTarget(station_id=station.station_id)


def in_minutes(minutes: int) -> Timestamp:
    time = Timestamp()
    # To the second, which is how it is to arrive.
    time.FromDatetime(datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=minutes))
    return time


def time_of(text: str) -> Timestamp:
    time = Timestamp()
    time.FromDatetime(datetime.fromisoformat(text))
    return time


async def set_message(
    station: ConformanceStation, api: Citrine, *, answer: str = "Accepted", **fields: Any
) -> tuple[MessageInfo, str]:
    """Request the CSMS to send a SetDisplayMessageRequest. Returns the message it sent, and its state in the record."""
    message = ocpp.MessageInfo(
        priority=PRIORITY,
        message=MessageContent(format=MESSAGE_FORMAT_ENUM_UTF8, content="Welcome", language="en"),
        **fields,
    )
    rpc = api.display_message.SetDisplayMessage(
        pb.SetDisplayMessageRequest(target=target(station), request=ocpp.SetDisplayMessageRequest(message=message))
    )
    asked, response = await station.asked_by(rpc, "SetDisplayMessage", {"status": answer})
    sent: MessageInfo = asked["message"]
    assert sent["id"] == (message.id or response.display_message.message.id) > 0
    assert sent["priority"] == "NormalCycle"
    assert sent["message"] == {"format": "UTF8", "content": "Welcome", "language": "en"}
    assert response.display_message.message.id == sent["id"]
    return sent, pb.DisplayMessageState.Name(response.display_message.state).removeprefix("DISPLAY_MESSAGE_STATE_")


async def get_messages(
    station: ConformanceStation, api: Citrine, *messages: MessageInfo, **fields: Any
) -> dict[str, Any]:
    """Have the CSMS ask for messages, which the station reports, or answers Unknown where there are none."""
    rpc = api.display_message.GetDisplayMessages(
        pb.GetDisplayMessagesRequest(target=target(station), request=ocpp.GetDisplayMessagesRequest(**fields))
    )
    status = "Accepted" if messages else "Unknown"
    asked, response = await station.asked_by(rpc, "GetDisplayMessages", {"status": status})
    assert asked["requestId"]
    answered = ocpp.GetDisplayMessagesStatusEnum.Value(f"GET_DISPLAY_MESSAGES_STATUS_ENUM_{status.upper()}")
    assert response.response.status == answered
    for number, message in enumerate(messages, start=1):
        part = {"requestId": asked["requestId"], "messageInfo": [message], "tbc": number < len(messages)}
        assert await station.call("NotifyDisplayMessages", part) == {}
    run = await api.reports.GetReportRun(
        GetReportRunRequest(
            station_id=station.station_id, kind=REPORT_KIND_DISPLAY_MESSAGES, request_id=asked["requestId"]
        )
    )
    assert (run.complete, run.items, run.status) == (bool(messages), len(messages), status)
    return asked


async def held(station: ConformanceStation, api: Citrine) -> list[int]:
    """Return the ids of the messages that the station holds, as the API shows them."""
    request = pb.ListDisplayMessagesRequest(station_id=station.station_id, state=pb.DISPLAY_MESSAGE_STATE_SET)
    return [one.message.id for one in (await api.display_message.ListDisplayMessages(request)).display_messages]


async def clear(station: ConformanceStation, api: Citrine, message_id: int, answer: str) -> None:
    rpc = api.display_message.ClearDisplayMessage(
        pb.ClearDisplayMessageRequest(target=target(station), request=ocpp.ClearDisplayMessageRequest(id=message_id))
    )
    asked, response = await station.asked_by(rpc, "ClearDisplayMessage", {"status": answer})
    assert asked == {"id": message_id}
    assert response.response.status == ocpp.ClearMessageStatusEnum.Value(f"CLEAR_MESSAGE_STATUS_ENUM_{answer.upper()}")


async def test_TC_O_01_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A message is put on a display, to be shown in some state."""
    await booted(station)

    message, state = await set_message(station, api, state=STATE)

    assert message["state"] == "Charging"
    assert "transactionId" not in message
    assert state == "SET"


async def test_TC_O_02_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """All messages are reported."""
    await booted(station)
    message, _ = await set_message(station, api)

    asked = await get_messages(station, api, message)

    assert asked.keys() == {"requestId"}
    assert await held(station, api) == [message["id"]]


async def test_TC_O_03_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A station that holds no messages reports none."""
    await booted(station)

    asked = await get_messages(station, api)

    assert asked.keys() == {"requestId"}
    assert await held(station, api) == []


async def test_TC_O_04_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A message is cleared."""
    await booted(station)
    message, _ = await set_message(station, api)
    await get_messages(station, api, message)

    await clear(station, api, message["id"], "Accepted")

    assert await held(station, api) == []


async def test_TC_O_05_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A message that the station does not know is not cleared."""
    await booted(station)

    await clear(station, api, 4711, "Unknown")


async def test_TC_O_06_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A message is shown during a transaction."""
    await booted(station)
    await energy_transfer_started(station)

    message, state = await set_message(station, api, transaction_id=station.transaction_id)
    await ev_disconnected(station)

    assert message["transactionId"] == station.transaction_id
    assert state == "SET"


async def test_TC_O_07_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """The message of an id is reported."""
    await booted(station)
    message, _ = await set_message(station, api, id=12)

    asked = await get_messages(station, api, message, id=[12])

    assert asked == {"requestId": asked["requestId"], "id": [12]}
    assert await held(station, api) == [12]


async def test_TC_O_08_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """The messages of a priority are reported."""
    await booted(station)
    message, _ = await set_message(station, api)

    asked = await get_messages(station, api, message, priority=PRIORITY)

    assert asked == {"requestId": asked["requestId"], "priority": "NormalCycle"}
    assert await held(station, api) == [message["id"]]


async def test_TC_O_09_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """The messages that are shown in a state are reported."""
    await booted(station)
    message, _ = await set_message(station, api, state=STATE)

    asked = await get_messages(station, api, message, state=STATE)

    assert asked == {"requestId": asked["requestId"], "state": "Charging"}
    assert await held(station, api) == [message["id"]]


async def test_TC_O_10_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A message for a transaction that the station does not know is refused."""
    await booted(station)
    await energy_transfer_started(station)

    message, state = await set_message(station, api, answer="UnknownTransaction", transaction_id="no-such-transaction")

    assert message["transactionId"] == "no-such-transaction"
    assert state == "REFUSED"


async def test_TC_O_11_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A message that the station does not know is not reported."""
    await booted(station)
    message, _ = await set_message(station, api)

    asked = await get_messages(station, api, id=[message["id"] + 1])

    assert asked == {"requestId": asked["requestId"], "id": [message["id"] + 1]}
    assert await held(station, api) == [message["id"]]


async def test_TC_O_12_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A message is replaced by another one of its id."""
    await booted(station)
    await set_message(station, api, id=12)

    message, state = await set_message(station, api, id=12, state=STATE)

    assert (message["id"], state) == (12, "SET")
    assert await held(station, api) == [12]


async def test_TC_O_13_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A message is to be shown from a time on."""
    await booted(station)
    start = in_minutes(5)

    message, state = await set_message(station, api, start_date_time=start)

    assert time_of(message["startDateTime"]) == start
    assert state == "SET"


async def test_TC_O_14_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A message is to be shown until a time."""
    await booted(station)
    end = in_minutes(5)

    message, state = await set_message(station, api, end_date_time=end)

    assert time_of(message["endDateTime"]) == end
    assert state == "SET"


async def test_TC_O_17_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A message of a priority that the station does not know is refused."""
    await booted(station)

    _, state = await set_message(station, api, answer="NotSupportedPriority")

    assert state == "REFUSED"


async def test_TC_O_18_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A message for a state that the station does not know is refused."""
    await booted(station)

    message, state = await set_message(station, api, answer="NotSupportedState", state=STATE)

    assert message["state"] == "Charging"
    assert state == "REFUSED"


async def test_TC_O_19_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A message of a format that the station does not know is refused."""
    await booted(station)

    _, state = await set_message(station, api, answer="NotSupportedMessageFormat")

    assert state == "REFUSED"


async def test_TC_O_25_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A message with an id of its own is shown in some state."""
    await booted(station)

    message, state = await set_message(station, api, id=12, state=STATE)

    assert (message["id"], message["state"], state) == (12, "Charging", "SET")


async def test_TC_O_26_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A message in the normal cycle is rejected."""
    await booted(station)

    message, state = await set_message(station, api, answer="Rejected")

    assert message["priority"] == "NormalCycle"
    assert state == "REFUSED"


async def test_TC_O_27_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A message is to be shown during a transaction, from a time on."""
    await booted(station)
    await energy_transfer_started(station)
    start = in_minutes(5)

    message, state = await set_message(station, api, start_date_time=start, transaction_id=station.transaction_id)

    assert time_of(message["startDateTime"]) == start
    assert message["transactionId"] == station.transaction_id
    # As the errata of 2025-02 add.
    assert not {"state", "endDateTime"} & message.keys()
    assert state == "SET"


async def test_TC_O_28_CSMS(station: ConformanceStation, api: Citrine) -> None:
    """A message is to be shown during a transaction, until a time."""
    await booted(station)
    await energy_transfer_started(station)
    end = in_minutes(5)

    message, state = await set_message(station, api, end_date_time=end, transaction_id=station.transaction_id)

    assert time_of(message["endDateTime"]) == end
    assert message["transactionId"] == station.transaction_id
    # As the errata of 2025-02 add.
    assert not {"state", "startDateTime"} & message.keys()
    assert state == "SET"
