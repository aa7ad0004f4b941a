"""What is answered without a transaction, and what goes by the lanes all the same."""

from datetime import UTC, datetime
from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.edge.v1 import link_pb2 as link
from citrine.ocpp.actions import unwrap, wrap_request
from citrine.ocpp.v2.availability_pb2 import HeartbeatRequest, HeartbeatResponse
from citrine.ocpp.v2.data_transfer_pb2 import DataTransferRequest
from citrine_core.dispatch import Block, Call, FastPath, Item, collect, handles
from citrine_core.dispatch.fast_path import CURRENT_FOR


class Handlers:
    @handles(HeartbeatRequest, at_once=True)
    def heartbeat(self, call: Call[HeartbeatRequest]) -> HeartbeatResponse:
        return HeartbeatResponse(current_time=Timestamp(seconds=call.epoch))

    @handles(DataTransferRequest)
    async def data(self, work: Any, call: Call[DataTransferRequest]) -> None:
        raise AssertionError("needs a transaction")


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Setting:
    """A fast path before lanes that only collect."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.queued: list[Item] = []
        self.answers: list[link.Downstream] = []
        self.observed = 0
        self.clock = Clock()
        self.path = FastPath(
            collect([Block("test", [Handlers()])]),
            self.queued.append,
            is_open=is_open,
            observe=self._observe,
            monotonic=self.clock,
        )

    def _observe(self) -> None:
        self.observed += 1

    def item(self, message: Message | None = None, *, epoch: int = 7, station_id: str = "CS-1") -> Item:
        session = link.SessionRef(tenant_id="default", station_id=station_id, epoch=epoch)
        content = link.StationCall(id=1, session=session, request=wrap_request(message or HeartbeatRequest()))
        content.receive_time.FromDatetime(datetime.now(UTC))
        return Item("default", station_id, content, self.answers.append)


@pytest.fixture
def setting() -> Setting:
    return Setting()


def test_a_message_of_a_session_that_was_the_newest_a_moment_ago_is_answered_at_once(setting: Setting) -> None:
    setting.path.found_current(setting.item())

    setting.path.submit(setting.item())

    assert [unwrap(one.answer.response) for one in setting.answers] == [
        HeartbeatResponse(current_time=Timestamp(seconds=7))
    ]
    assert (setting.queued, setting.observed) == ([], 1)


@pytest.mark.parametrize(
    "other",
    [{"epoch": 6}, {"epoch": 8}, {"station_id": "CS-2"}, {"message": DataTransferRequest(vendor_id="V")}],
    ids=["an older session", "a newer session", "another station", "a message that needs the database"],
)
def test_all_else_goes_by_the_lanes(setting: Setting, other: dict[str, Any]) -> None:
    setting.path.found_current(setting.item())

    setting.path.submit(item := setting.item(**other))

    assert (setting.queued, setting.answers, setting.observed) == ([item], [], 0)


def test_custom_data_goes_by_the_lanes(setting: Setting) -> None:
    setting.path.found_current(setting.item())
    message = HeartbeatRequest()
    message.custom_data.vendor_id = "V"

    setting.path.submit(item := setting.item(message))

    assert (setting.queued, setting.answers) == ([item], [])


def test_a_session_counts_as_the_newest_for_a_while_only(setting: Setting) -> None:
    setting.path.found_current(setting.item(station_id="CS-2"))
    setting.clock.now += CURRENT_FOR
    setting.path.submit(item := setting.item(station_id="CS-2"))
    assert setting.queued == [item]

    # What is over is forgotten with the next one, so that nothing grows with stations that are gone.
    setting.path.found_current(setting.item())
    assert list(setting.path._current) == [("default", "CS-1")]


def test_a_session_that_only_sends_what_needs_the_database_is_not_remembered(setting: Setting) -> None:
    setting.path.found_current(setting.item(DataTransferRequest(vendor_id="V")))

    assert not setting.path._current


def test_a_station_that_sends_a_heartbeat_every_five_minutes_uses_a_lane_for_few_of_them(setting: Setting) -> None:
    setting.path.found_current(setting.item())
    for _ in range(2):
        setting.clock.now += 300
        setting.path.submit(setting.item())

    assert (len(setting.answers), setting.queued) == (2, [])


def test_a_path_that_is_closed_answers_nothing() -> None:
    setting = Setting(is_open=False)
    setting.path.found_current(setting.item())

    setting.path.submit(item := setting.item())

    assert (setting.queued, setting.answers) == ([item], [])
