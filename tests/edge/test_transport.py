"""A session over something that is no socket: whatever carries whole messages in order is enough."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from citrine.edge.v1 import link_pb2 as pb
from citrine_edge.session import Session
from tests.edge.conftest import RunningEdge
from tests.support.fake_core import ACCEPTED, FakeCore

REF = pb.SessionRef(tenant_id="default", station_id="CS1", epoch=1)


class Gateway:
    """A connection that ends elsewhere, in an API gateway say; each message is handed on by itself."""

    def __init__(self) -> None:
        self.remote_address = "192.0.2.1:1234"
        self.is_open = True
        self.paused = False
        self.sent: asyncio.Queue[Any] = asyncio.Queue()
        self.closes: list[tuple[int, str]] = []

    def send_text(self, data: bytes) -> bool:
        if self.is_open:
            self.sent.put_nowait(json.loads(data))
        return self.is_open

    def close(self, code: int, reason: str) -> None:
        self.closes.append((code, reason))
        self.is_open = False

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False


@pytest.fixture
async def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
async def session(edge: RunningEdge, gateway: Gateway) -> AsyncIterator[Session]:
    server = edge.edge.server
    session = Session(server._context, gateway, server._dialects["ocpp2.0.1"], REF, ACCEPTED)
    edge.edge.sessions.open(session)
    yield session
    if gateway.is_open:
        session.closed(1000, "")


def says(session: Session, *frame: object) -> None:
    session.receive(json.dumps(frame).encode(), True)


async def test_call_is_answered(core: FakeCore, session: Session, gateway: Gateway) -> None:
    says(session, 2, "m1", "Heartbeat", {})

    assert (await gateway.sent.get())[:2] == [3, "m1"]
    opened = await core.next("opened")
    assert (opened.session, opened.remote_address) == (REF, "192.0.2.1:1234")


async def test_command_is_answered(core: FakeCore, session: Session, gateway: Gateway) -> None:
    from citrine.ocpp.v2 import provisioning_pb2

    core.command(REF, "c1", provisioning_pb2.ResetRequest(type=provisioning_pb2.RESET_ENUM_IMMEDIATE))
    assert (await gateway.sent.get())[:3] == [2, "c1", "Reset"]
    says(session, 3, "c1", {"status": "Accepted"})

    assert (await core.next("command_result")).id == "c1"


async def test_close_by_the_core_and_its_report(core: FakeCore, session: Session, gateway: Gateway) -> None:
    core.send(disconnect=pb.Disconnect(session=REF, code=1000, reason="because"))
    while not gateway.closes:
        await asyncio.sleep(0)
    session.closed(1000, "")

    assert gateway.closes == [(1000, "because")]
    assert (await core.next("closed")).session == REF


async def test_station_with_too_many_calls_is_paused(core: FakeCore, session: Session, gateway: Gateway) -> None:
    core.reply = lambda call: None
    limit = session.context.limits.max_inbound_queue
    for number in range(limit + 1):
        says(session, 2, f"m{number}", "Heartbeat", {})

    assert gateway.paused
