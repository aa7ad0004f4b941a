"""What the core does about display messages by itself."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from citrine.api.v1 import display_message_pb2 as pb
from citrine_core.blocks.display_message import DisplayMessage, DisplayMessageExpiry
from tests.support.blocks import stamp
from tests.support.charging import ended, started
from tests.support.displays import Display


async def run(display: Display, **later: float) -> None:
    """Do what is due after a time."""
    services = display.core.core.services
    ahead = timedelta(**later)
    await DisplayMessageExpiry(replace(services, clock=lambda: services.clock() + ahead)).run()


async def test_messages_end_with_their_time_or_transaction(display: Display) -> None:
    """O01.FR.07, O02.FR.02: stations drop them without a word."""
    await display.session.call(started())
    await display.set("timed", end_date_time=stamp(datetime.now(UTC) + timedelta(hours=1)))
    await display.set("yours", transaction_id="T-1")
    await display.set("lasting", transaction_id="T-2")

    await run(display, minutes=59)
    assert set((await display.states()).values()) == {"SET"}
    await display.session.call(ended(1))
    await run(display, minutes=61)

    assert await display.states() == {"timed": "REMOVED", "yours": "REMOVED", "lasting": "SET"}
    removed = await display.listed(state=pb.DISPLAY_MESSAGE_STATE_REMOVED)
    assert [one.detail for one in removed] == ["its transaction ended", "its end time passed"]


async def test_a_message_whose_command_was_lost_fails(display: Display) -> None:
    """As where its core died between storing it and sending it."""
    await display.set()
    async with display.core.core.unit_of_work() as work:
        row = await work.session.get_one(DisplayMessage, 1)
        row.state, row.status = 1, None
        await work.commit()

    await run(display, minutes=12)

    assert await display.states() == {"Welcome": "FAILED"}
