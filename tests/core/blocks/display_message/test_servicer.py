"""DisplayMessageService on a whole core, with a station played by the test."""

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from citrine.api.v1 import display_message_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.ocpp.v2 import display_message_pb2 as ocpp
from citrine.ocpp.v2.types_pb2 import CustomData
from tests.support.api import field_violations
from tests.support.blocks import stamp
from tests.support.displays import Display, message_info


async def test_the_core_chooses_ids_that_the_station_does_not_know(display: Display) -> None:
    first = await display.set("one")
    own = await display.set("two", id=41)
    await display.report(0, message_info("reported", id=50))
    last = await display.set("three")

    assert [one.message.id for one in (first, own, last)] == [1, 41, 51]
    assert [one.message.id for one in display.sent] == [1, 41, 51]
    assert last.state == pb.DISPLAY_MESSAGE_STATE_SET
    assert last.status == ocpp.DISPLAY_MESSAGE_STATUS_ENUM_ACCEPTED


async def test_messages_are_found_by_transaction_priority_and_state(display: Display) -> None:
    custom = CustomData(vendor_id="com.example")
    await display.set("idle", state=ocpp.MESSAGE_STATE_ENUM_IDLE, custom_data=custom)
    await display.set("yours", "IN_FRONT", transaction_id="T-1")
    await display.set("always", "ALWAYS_FRONT")

    async def found(**fields: Any) -> list[str]:
        return [one.message.message.content for one in await display.listed(**fields)]

    assert await found() == ["always", "yours", "idle"]
    assert await found(transaction_id="T-1") == ["yours"]
    assert await found(priority=ocpp.MESSAGE_PRIORITY_ENUM_ALWAYS_FRONT) == ["always"]
    assert await found(shown_in=ocpp.MESSAGE_STATE_ENUM_IDLE) == ["idle"]
    assert await found(state=pb.DISPLAY_MESSAGE_STATE_REFUSED) == []
    with pytest.raises(grpc.aio.AioRpcError, match="station CS-2 does not exist"):
        await found(station_id="CS-2")
    got = await display.api.GetDisplayMessage(pb.GetDisplayMessageRequest(station_id="CS-1", message_id=1))
    assert got.message == message_info("idle", id=1, state=ocpp.MESSAGE_STATE_ENUM_IDLE, custom_data=custom)


async def test_messages_are_listed_page_by_page_for_their_tenant(display: Display) -> None:
    await display.core.add_tenant("other")
    for text in ("one", "two", "three"):
        await display.set(text)
    request = pb.ListDisplayMessagesRequest(page_size=2)

    first = await display.api.ListDisplayMessages(request)
    request.page_token = first.next_page_token
    second = await display.api.ListDisplayMessages(request)
    others = await display.api.ListDisplayMessages(
        pb.ListDisplayMessagesRequest(), metadata=display.core.metadata("other")
    )

    shown = [*first.display_messages, *second.display_messages]
    assert [one.message.message.content for one in shown] == ["three", "two", "one"]
    assert not others.display_messages


async def test_what_can_never_be_right_is_refused(display: Display) -> None:
    now = datetime.now(UTC)
    before, after, later = (stamp(now + timedelta(hours=hours)) for hours in (-1, 1, 2))

    async def refused_field(**fields: Any) -> list[str]:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await display.set(**fields)
        return field_violations(refused.value)

    assert await refused_field(end_date_time=before) == ["request.message.end_date_time"]
    assert await refused_field(start_date_time=later, end_date_time=after) == ["request.message.end_date_time"]
    assert await refused_field(id=-1) == ["request.message.id"]
    assert await refused_field(text="") == ["request.message.message.content"]
    assert await refused_field(transaction_id="T" * 37) == ["request.message.transaction_id"]
    assert await display.listed() == []
    assert (await display.set(start_date_time=after, end_date_time=later)).message.end_date_time == later


async def test_a_message_that_can_t_be_sent_is_failed(display: Display) -> None:
    await display.session.close()
    request = pb.SetDisplayMessageRequest(request=ocpp.SetDisplayMessageRequest(message=message_info("late")))

    with pytest.raises(grpc.aio.AioRpcError) as unavailable:
        await display.set("now")
    request.target.CopyFrom(CommandTarget(station_id="CS-1", when_online=True))
    waiting = await display.api.SetDisplayMessage(request)
    request.target.CopyFrom(CommandTarget(station_id="CS-2"))
    with pytest.raises(grpc.aio.AioRpcError) as unknown:
        await display.api.SetDisplayMessage(request)

    assert unavailable.value.code() is grpc.StatusCode.UNAVAILABLE
    assert unknown.value.code() is grpc.StatusCode.NOT_FOUND
    assert waiting.display_message.state == pb.DISPLAY_MESSAGE_STATE_REQUESTED
    assert await display.states() == {"now": "FAILED", "late": "REQUESTED"}


async def test_a_removed_station_leaves_no_messages(display: Display) -> None:
    await display.set()

    async with display.core.core.unit_of_work() as work:
        await display.core.core.services.forget_station(work, "default", "CS-1")
        await work.commit()

    with pytest.raises(grpc.aio.AioRpcError) as missing:
        await display.api.GetDisplayMessage(pb.GetDisplayMessageRequest(station_id="CS-1", message_id=1))
    assert missing.value.code() is grpc.StatusCode.NOT_FOUND
