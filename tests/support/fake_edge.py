"""An edge played by a test: a real client of EdgeLinkService that speaks for stations without websockets."""

import asyncio
import contextlib
import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import grpc
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.edge.v1 import link_pb2 as link
from citrine.edge.v1.link_pb2_grpc import EdgeLinkServiceStub
from citrine.ocpp.actions import unwrap, wrap_request, wrap_response
from citrine.ocpp.v2.transactions_pb2 import TransactionEventRequest
from tests.support.waiting import WAIT

__all__ = ["FakeEdge", "FakeSession", "RefusedByCore", "fake_edge", "timestamp"]

_IDS = itertools.count(1)

OnCommand = Callable[[link.Command], Message | link.CommandFailure | link.NativeMessage | None]
"""What a station does with a command: its answer, a failure, or None for no answer."""


def timestamp(time: datetime | None = None) -> Timestamp:
    """Return a time, or now, as protobuf has it."""
    result = Timestamp()
    result.FromDatetime(time or datetime.now(UTC))
    return result


def _by_its_clock(message: Message) -> Timestamp:
    """Return when a message arrives: at once, by a clock of the station that is right."""
    return message.timestamp if isinstance(message, TransactionEventRequest) else timestamp()


class RefusedByCore(Exception):
    """The core answered CALLERROR."""

    def __init__(self, error: link.CallError) -> None:
        super().__init__(f"{error.code}: {error.description}")
        self.code = error.code
        self.description = error.description


@dataclass
class FakeSession:
    """An open websocket of one station."""

    edge: "FakeEdge"
    ref: link.SessionRef
    admitted: link.Admitted

    @property
    def station_id(self) -> str:
        return self.ref.station_id

    async def call(
        self,
        message: Message,
        *,
        message_id: str = "",
        receive_time: datetime | None = None,
        supplement: link.Supplement | None = None,
    ) -> Any:
        """Send a CALL and return the answer; raises RefusedByCore for CALLERROR."""
        call_id = self.edge.put_call(
            self.ref, message, message_id=message_id, receive_time=receive_time, supplement=supplement
        )
        return await self.edge.answer_to(call_id)

    async def call_all(
        self, messages: Sequence[Message], *, message_id: str = "", receive_time: datetime | None = None
    ) -> list[Any]:
        """Send CALLs in one batch and return the answers; raises RefusedByCore for the first CALLERROR."""
        ids = [self.edge.put_call(self.ref, m, message_id=message_id, receive_time=receive_time) for m in messages]
        return [await self.edge.answer_to(call_id) for call_id in ids]

    async def send(self, message: Message) -> None:
        """Send a SEND, which nobody answers."""
        send = link.StationSend(
            session=self.ref, message_id="send", request=wrap_request(message), receive_time=timestamp()
        )
        self.edge.put(link.Upstream(send=send))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the websocket."""
        self.edge.sessions.pop((self.ref.tenant_id, self.ref.station_id), None)
        self.edge.closed.append(self.ref)
        closed = link.Closed(session=self.ref, code=code, reason=reason, close_time=timestamp())
        self.edge.put(link.Upstream(closed=closed))


class FakeEdge:
    """One edge process with a link to one core.

    Commands are answered by `on_command`; everything else that the core says is kept for `next`.
    """

    def __init__(self, channel: grpc.aio.Channel, credential: str, edge_id: str) -> None:
        self.edge_id = edge_id
        self.sessions: dict[tuple[str, str], link.HeldSession] = {}
        self.closed: list[link.SessionRef] = []
        """What was closed: a command to it fails. The core may not have stored yet that it is."""
        self.on_command: OnCommand = lambda command: None
        self.commands: list[link.Command] = []
        self.calls: dict[int, link.StationCall] = {}
        """What was put by `put_call`, by its id."""
        self.welcome = link.Welcome()
        self._channel = channel
        self._credential = credential
        # As of one process, so that a call by a new link has a higher id than those by the old one.
        self._ids = _IDS
        self._out: asyncio.Queue[link.Upstream] = asyncio.Queue()
        self._answers: dict[int, asyncio.Future[link.Downstream]] = {}
        self._received: dict[str, asyncio.Queue[Any]] = defaultdict(asyncio.Queue)
        self._ended: asyncio.Future[grpc.StatusCode]
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self, *, hello: link.Hello | None = None) -> None:
        """Open the link and wait for the Welcome."""
        self._ended = asyncio.get_running_loop().create_future()
        self._out = asyncio.Queue()
        stub = EdgeLinkServiceStub(self._channel)
        self._stream = stub.Link(metadata=[("authorization", f"Bearer {self._credential}")])
        if hello is None:
            hello = link.Hello(edge_id=self.edge_id, sessions=self.sessions.values(), software_version="fake")
        self.put(link.Upstream(hello=hello))
        # Who writes to an rpc that ends may learn of the end alone, and not of the reason.
        async with asyncio.timeout(WAIT):
            await self._stream.initial_metadata()
        self._tasks = [asyncio.create_task(self._read()), asyncio.create_task(self._write())]
        self.welcome = await self.next("welcome")

    async def break_off(self) -> None:
        """End the link as a lost connection does."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._stream.cancel()

    async def ended(self) -> grpc.StatusCode:
        """Wait until the core ends the link and return the status."""
        async with asyncio.timeout(WAIT):
            return await asyncio.shield(self._ended)

    async def next(self, kind: str) -> Any:
        """Return the next thing of that name in Downstream, e.g. "disconnect"."""
        async with asyncio.timeout(WAIT):
            waiting = asyncio.ensure_future(self._received[kind].get())
            await asyncio.wait([waiting, self._ended], return_when=asyncio.FIRST_COMPLETED)
            if not waiting.done():
                waiting.cancel()
                raise AssertionError(f"the core ended the link ({self._ended.result()}) before {kind}")
            return waiting.result()

    def received(self, kind: str) -> int:
        """Tell how many of a kind wait for `next`."""
        return self._received[kind].qsize()

    async def admit(
        self,
        station_id: str,
        password: str | bytes | None = None,
        *,
        username: str | None = None,
        tenant_id: str = "",
        version: link.OcppVersion.ValueType = link.OCPP_VERSION_21,
        profile: int = 1,
        certificate: bytes | None = None,
    ) -> link.Admitted | link.Refused:
        """Ask whether a station may connect. With a password the user name is the station's id by default.

        With a certificate, DER, its security profile is 3.
        """
        admit = link.Admit(
            id=next(self._ids),
            tenant_id=tenant_id,
            station_id=station_id,
            version=version,
            remote_address="192.0.2.1",
            security_profile=profile if certificate is None else 3,
        )
        if certificate is not None:
            presented = link.ClientCertificate(der=certificate, sha256=sha256(certificate).digest())
            admit.client_certificate.CopyFrom(presented)
        if password is not None:
            admit.password = password.encode() if isinstance(password, str) else password
            admit.username = station_id if username is None else username
        elif username is not None:
            admit.username = username
        self._answers[admit.id] = asyncio.get_running_loop().create_future()
        self.put(link.Upstream(admit=admit))
        async with asyncio.timeout(WAIT):
            answer = await self._answers[admit.id]
        return answer.admitted if answer.WhichOneof("item") == "admitted" else answer.refused

    async def connect(self, station_id: str, password: str | bytes | None = None, **how: Any) -> FakeSession:
        """Have a station admitted and its websocket open; raises AssertionError where it is refused."""
        admitted = await self.admit(station_id, password, **how)
        assert isinstance(admitted, link.Admitted), admitted
        held = link.HeldSession(
            session=admitted.session,
            version=how.get("version", link.OCPP_VERSION_21),
            open_time=timestamp(),
            remote_address="192.0.2.1",
        )
        self.sessions[admitted.session.tenant_id, station_id] = held
        opened = link.Opened(
            session=held.session, version=held.version, open_time=held.open_time, remote_address="192.0.2.1"
        )
        self.put(link.Upstream(opened=opened))
        return FakeSession(self, admitted.session, admitted)

    def put(self, item: link.Upstream) -> None:
        """Queue something for the core. What is queued together goes in one batch."""
        self._out.put_nowait(item)

    def put_call(
        self,
        ref: link.SessionRef,
        message: Message,
        *,
        message_id: str = "",
        receive_time: datetime | None = None,
        supplement: link.Supplement | None = None,
    ) -> int:
        """Queue a CALL and return the id that its answer bears."""
        call = link.StationCall(
            id=next(self._ids),
            session=ref,
            request=wrap_request(message),
            supplement=supplement,
            receive_time=timestamp(receive_time) if receive_time is not None else _by_its_clock(message),
        )
        call.message_id = message_id or f"message-{call.id}"
        call.traceparent = f"00-{call.id:032x}-{call.id:016x}-00"
        self.calls[call.id] = call
        self._answers[call.id] = asyncio.get_running_loop().create_future()
        self.put(link.Upstream(call=call))
        return call.id

    def put_again(self, call: link.StationCall) -> int:
        """Queue a CALL that was sent before, by this link or another one, and return its id."""
        again = link.StationCall(resent=True)
        again.MergeFrom(call)
        self._answers[call.id] = asyncio.get_running_loop().create_future()
        self.put(link.Upstream(call=again))
        return call.id

    async def answer_to(self, call_id: int, limit: float = WAIT) -> Any:
        """Wait for the answer to a call; raises RefusedByCore for CALLERROR, TimeoutError where there is none."""
        async with asyncio.timeout(limit):
            answer = await self._answers[call_id]
        if answer.WhichOneof("item") == "answer_error":
            raise RefusedByCore(answer.answer_error.error)
        return unwrap(answer.answer.response)

    def answered(self, call_ids: Iterable[int]) -> int:
        """Tell how many of these calls are answered."""
        return sum(self._answers[call_id].done() for call_id in call_ids)

    async def number_in(self, call_id: int) -> int | None:
        """Wait for the answer to a call that wants a number of its transaction; None where it has none."""
        async with asyncio.timeout(WAIT):
            answer = (await self._answers[call_id]).answer
        return answer.transaction_number if answer.HasField("transaction_number") else None

    async def _write(self) -> None:
        while True:
            batch = [await self._out.get()]
            while not self._out.empty():
                batch.append(self._out.get_nowait())
            await self._stream.write(link.LinkRequest(items=batch))

    async def _read(self) -> None:
        ended = self._ended
        try:
            async for response in self._stream:
                for item in response.items:
                    self._take(item)
        except grpc.aio.AioRpcError as error:
            ended.set_result(error.code())
        else:
            ended.set_result(grpc.StatusCode.OK)

    def _take(self, item: link.Downstream) -> None:
        kind = item.WhichOneof("item")
        assert kind is not None
        content = getattr(item, kind)
        if kind in ("admitted", "refused", "answer", "answer_error"):
            answer = self._answers[content.id]
            if not answer.done():
                answer.set_result(item)
        elif kind == "command" and content.session in self.closed:
            self._fail_command(content, link.CommandFailure(reason=link.CommandFailure.REASON_GONE))
        elif kind == "command":
            self.commands.append(content)
            self._received["command"].put_nowait(content)
            self._answer_command(content)
        else:
            self._received[kind].put_nowait(content)

    def _answer_command(self, command: link.Command) -> None:
        answer = self.on_command(command)
        if isinstance(answer, link.CommandFailure):
            self._fail_command(command, answer)
        elif answer is not None:
            self.put(
                link.Upstream(
                    command_sent=link.CommandSent(id=command.id, send_time=timestamp(), session=command.session)
                )
            )
            self.put(link.Upstream(command_result=self.result(command, answer)))

    def _fail_command(self, command: link.Command, failure: link.CommandFailure) -> None:
        failure.id = command.id
        failure.session.CopyFrom(command.session)
        failure.time.CopyFrom(timestamp())
        self.put(link.Upstream(command_failure=failure))

    @staticmethod
    def result(command: link.Command, answer: Message) -> link.CommandResult:
        """Return a station's answer to a command, to be put."""
        result = link.CommandResult(
            id=command.id, session=command.session, receive_time=timestamp(), send_time=timestamp()
        )
        if isinstance(answer, link.NativeMessage):
            result.native.CopyFrom(answer)
        else:
            result.response.CopyFrom(wrap_response(answer))
        return result


@contextlib.asynccontextmanager
async def fake_edge(address: str, credential: str, edge_id: str = "edge-1") -> AsyncIterator[FakeEdge]:
    """Link an edge to the core at an address."""
    async with grpc.aio.insecure_channel(address) as channel:
        edge = FakeEdge(channel, credential, edge_id)
        await edge.open()
        try:
            yield edge
        finally:
            await edge.break_off()
