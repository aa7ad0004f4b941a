"""The client: one channel to the cores and a typed stub for each service."""

import importlib
from collections.abc import AsyncGenerator, Callable, Collection, Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

import grpc
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from grpc.aio import UnaryUnaryMultiCallable

from citrine.api.v1.charge_records_pb2 import ChargeRecord
from citrine.api.v1.common_pb2 import Command
from citrine.api.v1.operations_pb2 import Operation
from citrine.api.v1.reports_pb2 import REPORT_KIND_DEVICE_MODEL, ReportKind, ReportRun, WatchReportRunRequest
from citrine.events.v1.events_pb2 import Event
from citrine_sdk.backoff import Backoff
from citrine_sdk.changes import ChangedItem, follow_charge_records, follow_updates
from citrine_sdk.channel import channel_options, resolve_target, tls_credentials, tls_options
from citrine_sdk.events import event_position, follow_events
from citrine_sdk.idempotency import KeyedCalls
from citrine_sdk.lists import pages
from citrine_sdk.metadata import Token
from citrine_sdk.metadata import interceptors as own_interceptors
from citrine_sdk.reports import follow_report
from citrine_sdk.states import follow_operation, wait_for_command
from citrine_sdk.stubs import ATTRIBUTES, Stubs, stub_module, stub_name

__all__ = ["Citrine"]

RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)
ChangedT = TypeVar("ChangedT", bound=ChangedItem)


class Citrine(Stubs):
    """A client of Citrine's API. It is an async context manager, and its channel is open inside the `async with` block.

    Calls are grpc.aio calls on the stubs: `await citrine.stations.GetStation(GetStationRequest(station_id="CS-1"))`
    returns the message or raises `grpc.aio.AioRpcError`. A unary call without a timeout gets one of 60 seconds.
    """

    def __init__(
        self,
        cores: str | Sequence[str] = "127.0.0.1:50051",
        *,
        key: str | None = None,
        tenant: str | None = None,
        token: Token | None = None,
        tls: bool = False,
        ca_file: str | Path | None = None,
        credentials: grpc.ChannelCredentials | None = None,
        channel: grpc.aio.Channel | None = None,
        interceptors: Sequence[grpc.aio.ClientInterceptor] = (),
        idempotency_key: str | None = None,
    ) -> None:
        """Store the arguments; `async with` opens the channel.

        Args:
            cores: Addresses of the cores: HOST:PORT, a comma-separated list or a sequence of them, a DNS name with
                several addresses, or a gRPC target. Calls are spread over all of them.
            key: API key. None: calls carry no key.
            tenant: Tenant that an operator's key acts on. None: the key's own, or "default".
            token: Token of an OpenID Connect provider, sent in place of the key; or what returns it for
                each call.
            tls: Whether the channel has TLS.
            ca_file: Authorities in PEM that the cores' certificates are verified against; implies `tls`. None: those
                of gRPC.
            credentials: Credentials of the channel in place of those that `tls` and `ca_file` describe.
            channel: A channel to use instead of an own one. It is never closed here, and its calls get neither key,
                tenant, deadline nor `interceptors`.
            interceptors: Further interceptors, called after those that add key, tenant and deadline.
            idempotency_key: Of all that this client changes, for a program that does one thing and may be run again:
                its first call that may change something has this key, the next one KEY/2, so it has 60 characters
                at most (see `citrine_sdk.idempotency_key` for the key of one call). None: calls have none.
        """
        self._cores = cores
        self._key = key
        self._tenant = tenant
        self._token = token
        self._tls = tls or ca_file is not None
        self._ca_file = ca_file
        self._credentials = credentials
        self._given = channel
        self._interceptors = interceptors
        self._idempotency_key = idempotency_key
        self._channel: grpc.aio.Channel | None = None
        self._stubs_channel: grpc.aio.Channel | None = None

    async def __aenter__(self) -> Self:
        """Open the channel. If no core can be reached, only the first call fails.

        Raises:
            ValueError: When an address is malformed, its host name has no IP address, `ca_file` can't be used,
                or `idempotency_key` is malformed.
        """
        self._channel = self._stubs_channel = self._given or await self._open()
        for attribute in ATTRIBUTES:
            # A stub from an earlier `async with` uses the channel of that time, which is closed.
            self.__dict__.pop(attribute, None)
        return self

    # Hidden from type checkers, so that they report unknown attributes.
    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            """Create the stub of a service at its first use: most programs use only a few services."""
            if name not in ATTRIBUTES or self._stubs_channel is None:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            stub = getattr(importlib.import_module(stub_module(name)), stub_name(name))(self._stubs_channel)
            setattr(self, name, stub)
            return stub

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        channel, self._channel = self._channel, None
        if channel is not None and channel is not self._given:
            await channel.close()

    async def _open(self) -> grpc.aio.Channel:
        target = await resolve_target(self._cores)
        added = [*own_interceptors(self._key, self._tenant, self._token), *self._interceptors]
        if self._idempotency_key is not None:
            added.append(KeyedCalls(self._idempotency_key))
        credentials = self._credentials or (tls_credentials(self._ca_file) if self._tls else None)
        if credentials is None:
            return grpc.aio.insecure_channel(target, options=channel_options(), interceptors=added)
        options = [*channel_options(), *tls_options(self._cores)]
        return grpc.aio.secure_channel(target, credentials, options=options, interceptors=added)

    def pages(
        self,
        method: UnaryUnaryMultiCallable[RequestT, ResponseT],
        request: RequestT,
        *,
        timeout: float | None = None,
    ) -> AsyncGenerator[ResponseT, None]:
        """Yield the pages of a list; see `citrine_sdk.pages`."""
        return pages(method, request, timeout=timeout)

    def follow_events(
        self,
        stations: Collection[str] = (),
        kinds: Collection[str] = (),
        from_token: str = "",
        *,
        include_samples: bool = False,
        backoff: Backoff | None = None,
        on_lost: Callable[[str], None] | None = None,
        on_position: Callable[[str], None] | None = None,
    ) -> AsyncGenerator[Event, None]:
        """Yield events, each once, across reconnects; see `citrine_sdk.follow_events`."""
        return follow_events(
            self.events.Subscribe,
            stations=stations,
            kinds=kinds,
            from_token=from_token,
            include_samples=include_samples,
            backoff=backoff,
            on_lost=on_lost,
            on_position=on_position,
        )

    async def event_position(self, stations: Collection[str] = ()) -> str:
        """Return the token of the latest event; see `citrine_sdk.event_position`."""
        return await event_position(self.events.Subscribe, stations=stations)

    def follow_charge_records(
        self, after_change: int = 0, *, backoff: Backoff | None = None
    ) -> AsyncGenerator[ChargeRecord, None]:
        """Yield each revision of each charge record once, for ever; see `citrine_sdk.follow_charge_records`."""
        list_records = self.charge_records.ListChargeRecords
        return follow_charge_records(list_records, self.events.Subscribe, after_change, backoff=backoff)

    def follow_updates(
        self,
        method: UnaryUnaryMultiCallable[RequestT, ResponseT],
        request: RequestT,
        items: Callable[[ResponseT], Iterable[ChangedT]],
        kinds: Collection[str],
        since: Timestamp | None = None,
        *,
        backoff: Backoff | None = None,
    ) -> AsyncGenerator[ChangedT, None]:
        """Yield what a list has, and then whatever changes, for ever; see `citrine_sdk.follow_updates`."""
        return follow_updates(method, request, items, self.events.Subscribe, kinds, since, backoff=backoff)

    async def wait_for_command(self, command_id: str) -> Command:
        """Return a command once it has ended; see `citrine_sdk.wait_for_command`."""
        return await wait_for_command(self.commands.GetCommand, command_id)

    def follow_operation(self, operation_id: str) -> AsyncGenerator[Operation, None]:
        """Yield how far an operation is until it has ended; see `citrine_sdk.follow_operation`."""
        return follow_operation(self.operations.GetOperation, operation_id)

    def follow_report(
        self,
        station_id: str,
        request_id: int,
        kind: ReportKind.ValueType = REPORT_KIND_DEVICE_MODEL,
        *,
        backoff: Backoff | None = None,
    ) -> AsyncGenerator[ReportRun, None]:
        """Yield the states of a report until its end, across reconnects; see `citrine_sdk.follow_report`."""
        request = WatchReportRunRequest(station_id=station_id, kind=kind, request_id=request_id)
        return follow_report(self.reports.WatchReportRun, request, backoff=backoff)
