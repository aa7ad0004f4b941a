"""A core played by a test: a real server of EdgeLinkService that says what the test wants it to say."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.message import Message

from citrine.edge.v1 import link_pb2 as pb
from citrine.edge.v1.link_pb2_grpc import EdgeLinkServiceServicer, add_EdgeLinkServiceServicer_to_server
from citrine.ocpp.actions import ACTIONS, unwrap, wrap_request, wrap_response
from citrine.ocpp.codec import parse_datetime
from citrine.ocpp.v2 import availability_pb2, provisioning_pb2, transactions_pb2
from citrine.ocpp.v2.provisioning_pb2 import RegistrationStatusEnum
from tests.support.waiting import WAIT

__all__ = ["ACCEPTED", "PENDING", "REJECTED", "FakeCore", "FakeLink", "fake_core"]

ACCEPTED = RegistrationStatusEnum.REGISTRATION_STATUS_ENUM_ACCEPTED
PENDING = RegistrationStatusEnum.REGISTRATION_STATUS_ENUM_PENDING
REJECTED = RegistrationStatusEnum.REGISTRATION_STATUS_ENUM_REJECTED

NOW = parse_datetime("2025-01-31T12:00:00Z")

STATION_ACTIONS = frozenset(name for name, action in ACTIONS.items() if action.from_station)

TRANSACTION_NUMBER = 4711
"""What it answers who wants a number."""

Reply = Message | pb.CallError | None
"""What a core answers to a call: a response, an error, or nothing for now."""


def default_reply(call: pb.StationCall) -> Reply:
    """Answer what tests send most; everything else with an empty response."""
    match unwrap(call.request):
        case provisioning_pb2.BootNotificationRequest():
            return provisioning_pb2.BootNotificationResponse(current_time=NOW, interval=300, status=ACCEPTED)
        case availability_pb2.HeartbeatRequest():
            return availability_pb2.HeartbeatResponse(current_time=NOW)
        case transactions_pb2.TransactionEventRequest():
            return transactions_pb2.TransactionEventResponse()
    response = ACTIONS[next(a.name for a in ACTIONS.values() if a.field == call.request.WhichOneof("message"))].response
    assert response is not None
    return response()


class FakeLink:
    """One stream of one edge."""

    def __init__(self, context: "grpc.aio.ServicerContext[pb.LinkRequest, pb.LinkResponse]") -> None:
        self.context = context
        self.hello = pb.Hello()
        self._outbox: asyncio.Queue[pb.Downstream | None] = asyncio.Queue()

    def send(self, **item: Any) -> None:
        """Send an item, named as in Downstream."""
        self._outbox.put_nowait(pb.Downstream(**item))

    def end(self) -> None:
        """End the stream as a core does that stops."""
        self._outbox.put_nowait(None)

    async def batches(self) -> AsyncIterator[pb.LinkResponse]:
        """Yield what was sent, one item each."""
        while (item := await self._outbox.get()) is not None:
            yield pb.LinkResponse(items=[item])


@dataclass
class FakeCore(EdgeLinkServiceServicer):
    """What the test set, and what edges said."""

    core_id: str = "core-1"
    actions: frozenset[str] = STATION_ACTIONS
    serving: bool = True
    worker_ports: Sequence[int] = ()
    """Ports of the cores that share its address."""
    knows_pages: bool = True
    """False: it is of before link revision 1, and names none."""
    alive_interval: float | None = None
    """Seconds after which it promises to say that it lives, and does. None: it does neither."""
    stands_still: bool = False
    """True: it gives no sign of life any more."""
    credential: str = "secret"
    refused: int = 0
    """Links that were refused for want of it."""
    registration: int | None = ACCEPTED
    refusal: pb.Refused | None = None
    reply: Callable[[pb.StationCall], Reply] = default_reply
    decide: Callable[[pb.Admit], bool] = lambda admit: True
    stale: list[pb.SessionRef] = field(default_factory=list)
    links: list[FakeLink] = field(default_factory=list)
    items: list[pb.Upstream] = field(default_factory=list)
    address: str = ""
    batches: int = 0
    epochs: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self._changed = asyncio.Condition()
        self._taken: dict[str, int] = {}

    # What tests do.

    @property
    def link(self) -> FakeLink:
        """The latest stream."""
        return self.links[-1]

    def send(self, **item: Any) -> None:
        """Send an item to the edge, named as in Downstream."""
        self.link.send(**item)

    def command(self, ref: pb.SessionRef, command_id: str, request: Message, seconds: float = 10.0) -> None:
        """Send a command."""
        command = pb.Command(id=command_id, session=ref, request=wrap_request(request))
        command.timeout.FromNanoseconds(int(seconds * 1e9))
        self.send(command=command)

    def answer(self, call: pb.StationCall, reply: Reply) -> None:
        """Answer a call that was left open."""
        if isinstance(reply, pb.CallError):
            self.send(answer_error=pb.AnswerError(id=call.id, error=reply))
        elif reply is not None:
            answer = pb.Answer(id=call.id, response=wrap_response(reply))
            if isinstance(reply, provisioning_pb2.BootNotificationResponse):
                answer.registration = reply.status
            if call.supplement.wants_transaction_number:
                answer.transaction_number = TRANSACTION_NUMBER
            self.send(answer=answer)

    async def next(self, kind: str) -> Any:
        """Return the next item of a kind that this was not asked for before, when it is there."""
        async with self._changed, asyncio.timeout(WAIT):
            taken = self._taken.get(kind, 0)
            await self._changed.wait_for(lambda: len(self.all(kind)) > taken)
            self._taken[kind] = taken + 1
            return self.all(kind)[taken]

    async def linked(self, count: int = 1) -> None:
        """Return when so many streams were opened."""
        async with self._changed, asyncio.timeout(WAIT):
            await self._changed.wait_for(lambda: len(self.links) >= count)

    def all(self, kind: str) -> list[Any]:
        """Return all items of a kind so far."""
        return [getattr(item, kind) for item in self.items if item.WhichOneof("item") == kind]

    def order(self) -> list[str]:
        """Return the kinds of all items in their order."""
        return [str(item.WhichOneof("item")) for item in self.items]

    # What edges do.

    async def Link(
        self,
        request_iterator: AsyncIterator[pb.LinkRequest],
        context: "grpc.aio.ServicerContext[pb.LinkRequest, pb.LinkResponse]",
    ) -> AsyncIterator[pb.LinkResponse]:
        if ("authorization", f"Bearer {self.credential}") not in (context.invocation_metadata() or ()):
            self.refused += 1
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "no such edge")
        stream = FakeLink(context)
        if self.knows_pages:
            await context.send_initial_metadata((("citrine-link-revision", "1"),))
        reader = asyncio.create_task(self._read(stream, request_iterator))
        living = asyncio.create_task(self._live(stream))
        try:
            async for batch in stream.batches():
                yield batch
        finally:
            reader.cancel()
            living.cancel()
            await asyncio.wait({reader, living})

    async def _live(self, stream: FakeLink) -> None:
        while self.alive_interval is not None:
            await asyncio.sleep(self.alive_interval / 2)
            if stream in self.links and not self.stands_still:
                stream.send(alive=pb.Alive())

    async def _read(self, stream: FakeLink, batches: AsyncIterator[pb.LinkRequest]) -> None:
        async for batch in batches:
            self.batches += 1
            for item in batch.items:
                if item.WhichOneof("item") in ("hello", "hello_page"):
                    self._greeted(stream, item)
                await self._take(stream, item)
        stream.end()

    def _greeted(self, stream: FakeLink, item: pb.Upstream) -> None:
        """Take Hello or a page of it; after the last comes the Welcome."""
        if item.WhichOneof("item") == "hello":
            stream.hello.CopyFrom(item.hello)
        else:
            stream.hello.sessions.MergeFrom(item.hello_page.sessions)
            stream.hello.has_more = not item.hello_page.is_last
        if not stream.hello.has_more:
            self._welcome(stream, stream.hello)

    def _welcome(self, stream: FakeLink, hello: pb.Hello) -> None:
        welcome = pb.Welcome(
            core_id=self.core_id,
            actions=sorted(self.actions),
            serving=self.serving,
            stale_sessions=self.stale,
            worker_ports=self.worker_ports,
        )
        if self.alive_interval is not None:
            welcome.alive_interval.FromMicroseconds(round(self.alive_interval * 1e6))
        stream.send(welcome=welcome)
        self.links.append(stream)

    async def _take(self, stream: FakeLink, item: pb.Upstream) -> None:
        match item.WhichOneof("item"):
            case "admit" if self.decide(item.admit):
                self._admit(stream, item.admit)
            case "call":
                self.answer(item.call, self.reply(item.call))
        async with self._changed:
            self.items.append(item)
            self._changed.notify_all()

    def _admit(self, stream: FakeLink, admit: pb.Admit) -> None:
        if self.refusal is not None:
            refused = pb.Refused()
            refused.CopyFrom(self.refusal)
            refused.id = admit.id
            stream.send(refused=refused)
            return
        ref = pb.SessionRef(
            tenant_id=admit.tenant_id or "default", station_id=admit.station_id, epoch=next(self.epochs)
        )
        admitted = pb.Admitted(id=admit.id, session=ref)
        if self.registration is not None:
            admitted.registration = self.registration  # type: ignore[assignment]  # a number of the enum
        stream.send(admitted=admitted)


@contextlib.asynccontextmanager
async def fake_core(core: FakeCore | None = None, port: int = 0) -> AsyncIterator[FakeCore]:
    """Serve a fake core until the block ends; then its streams break."""
    core = core or FakeCore()
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    add_EdgeLinkServiceServicer_to_server(core, server)
    core.address = f"127.0.0.1:{server.add_insecure_port(f'127.0.0.1:{port}')}"
    await server.start()
    try:
        yield core
    finally:
        await server.stop(None)


def refs(items: Iterable[Any]) -> list[tuple[str, int]]:
    """Return station and epoch of items that have a session."""
    return [(item.session.station_id, item.session.epoch) for item in items]
