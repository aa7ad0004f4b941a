"""`citrine station watch`: one station, from its first attempt to connect to the cost of a transaction."""

import asyncio
import contextlib
from collections.abc import Sequence
from datetime import UTC, timedelta
from enum import IntEnum
from functools import partial
from typing import Annotated, cast

import grpc
import typer
from google.protobuf.timestamp_pb2 import Timestamp
from grpc.aio import UnaryStreamMultiCallable

from citrine.api.v1.stations_pb2 import (
    GetStationAddressRequest,
    GetStationRequest,
    HandshakeRefusal,
    ListHandshakeRefusalsRequest,
    Station,
    StationAddress,
)
from citrine.events.v1.events_pb2 import Event
from citrine.events.v1.events_service_pb2 import SubscribeRequest, SubscribeResponse
from citrine.ocpp.v2.provisioning_pb2 import REGISTRATION_STATUS_ENUM_ACCEPTED
from citrine.ocpp.v2.transactions_pb2 import CHARGING_STATE_ENUM_CHARGING
from citrine_cli.admission_hints import event_of, refusal_hint
from citrine_cli.client import Client
from citrine_cli.errors import CliError
from citrine_cli.progress import SayDisconnected
from citrine_cli.targets import Station as StationId
from citrine_cli.targets import choice
from citrine_sdk import follow_events, pages
from citrine_words.clock import utc_now
from citrine_words.event_lines import event_words, local_time, short_id
from citrine_words.values import parse_duration
from citrine_words.words import amount, enum_word, money

__all__ = ["watch_station"]

MOST_TENANTS = 20
"""Most other tenants in which refusals of the station are looked up."""

RECENT = timedelta(days=1)
"""Longest age of stored refusals that are printed at the beginning."""

_KINDS = (
    "station_connected",
    "station_disconnected",
    "station_booted",
    "station_held",
    "station_refused",
    "station_changed",
    "connector_status_changed",
    "transaction_started",
    "transaction_updated",
    "transaction_ended",
    "transaction_closed",
    "transaction_cost_changed",
)


class Step(IntEnum):
    """The progress of a station. Each step implies the steps before."""

    NONE = 0
    CONNECTED = 1
    BOOTED = 2
    CHARGING = 3


_STEPS = {step.name.lower(): step for step in Step if step}


async def watch_station(
    client: Client,
    station_id: StationId,
    until: Annotated[
        str,
        typer.Option("--until", metavar="STEP", help="End with exit code 0 once it is connected, booted or charging."),
    ] = "",
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="DURATION", help="End after it; with --until, with exit code 1.")
    ] = "",
) -> None:
    """Print what happens at a station until Ctrl-C: connected, booted, charging, ended, or why it is refused.

    The current state comes first. The station need not be registered. A refusal does not end the watch, because its
    cause may be fixed meanwhile. With --json each line is the station as GetStation shows it, or an event.
    """
    goal = choice("--until", _STEPS, until) if until else None
    limit = parse_duration("--timeout", timeout).ToTimedelta().total_seconds() if timeout else None
    watch = _Watch(client, station_id, goal)
    try:
        async with asyncio.timeout(limit):
            await watch.run()
    except BaseExceptionGroup as group:
        raise _first(group) from None
    except TimeoutError:
        if goal is None:
            return
        raise CliError(f"{station_id} is not {until} after {timeout}; {watch.last}") from None


def _first(error: BaseException) -> BaseException:
    """Return the error that ended a task group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


class _Watch:
    """The watch of one station, with what was printed so far."""

    def __init__(self, client: Client, station_id: str, goal: Step | None) -> None:
        self._client = client
        self._station_id = station_id
        self._goal = goal
        self._tenant = ""
        self._step = Step.NONE
        self._charging: dict[str, str] = {}
        """Last printed charging state of each transaction."""
        self._costs: dict[str, str] = {}
        """Last printed cost of each ended transaction."""
        self._station: Station | None = None
        """The station when the watch began. None: it was not registered."""
        self._said: set[tuple[int, str]] = set()
        """Reasons and addresses of printed stored refusals, whose events may follow."""
        self._is_live = False
        """Whether current events are printed, and no longer the state before."""
        self._hints: set[str] = set()
        """Printed hints about refusals."""
        self.last = "nothing was heard of it meanwhile (of refusals alike, one a minute is reported)"
        """The last printed text about its attempts to connect."""

    async def run(self) -> None:
        """Print the current state, then events, until the goal is reached."""
        # The token is read first, so that no event is missed while the current state is read.
        token = await self._client.citrine.event_position([self._station_id])
        events: asyncio.Queue[Event] = asyncio.Queue(maxsize=1000)
        async with asyncio.TaskGroup() as tasks:
            try:
                following = [tasks.create_task(self._follow(events, self._subscribe(), _KINDS, token))]
                where = await self._read_state()
                others = await self._other_tenants()
                following += [tasks.create_task(self._follow_refusals(events, tenant)) for tenant in others]
                if self._station is None or not self._station.connected:
                    # Stored refusals come first, because they are in the past.
                    await self._say_refusals([self._tenant, *others])
                await self._say_state(where)
                self._is_live = True
                while not self._reached():
                    await self._say(await events.get())
            finally:
                for task in following:
                    task.cancel()

    def _reached(self) -> bool:
        return self._goal is not None and self._step >= self._goal

    def _subscribe(self, tenant: str = "") -> UnaryStreamMultiCallable[SubscribeRequest, SubscribeResponse]:
        subscribe = self._client.citrine.events.Subscribe
        if not tenant:
            return subscribe
        # The metadata of this call takes precedence over the tenant of the connection.
        return cast(
            UnaryStreamMultiCallable[SubscribeRequest, SubscribeResponse],
            partial(subscribe, metadata=(("citrine-tenant", tenant),)),
        )

    async def _follow(
        self,
        events: asyncio.Queue[Event],
        subscribe: UnaryStreamMultiCallable[SubscribeRequest, SubscribeResponse],
        kinds: tuple[str, ...],
        token: str,
    ) -> None:
        async for event in follow_events(
            subscribe, stations=[self._station_id], kinds=kinds, from_token=token, on_lost=SayDisconnected()
        ):
            await events.put(event)

    async def _follow_refusals(self, events: asyncio.Queue[Event], tenant: str) -> None:
        # If a tenant is removed meanwhile, only this task ends.
        with contextlib.suppress(grpc.aio.AioRpcError):
            await self._follow(events, self._subscribe(tenant), ("station_refused",), "")

    async def _other_tenants(self) -> list[str]:
        """Return the other tenants, whose URL the station may use by mistake. Only an operator sees them."""
        from citrine.api.v1.tenants_pb2 import ListTenantsRequest

        try:
            page = await self._client.citrine.tenants.ListTenants(ListTenantsRequest(page_size=MOST_TENANTS + 1))
        except grpc.aio.AioRpcError:
            return []
        return [tenant.tenant_id for tenant in page.tenants if tenant.tenant_id != self._tenant][:MOST_TENANTS]

    # The current state.

    async def _say_refusals(self, tenants: Sequence[str]) -> None:
        """Print recent refusals, in the order of the last attempts."""
        found: list[Event] = []
        for tenant in tenants:
            call = partial(self._client.citrine.stations.ListHandshakeRefusals, metadata=(("citrine-tenant", tenant),))
            # There may be none, or the key or the core may not offer them.
            with contextlib.suppress(grpc.aio.AioRpcError):
                page = await call(ListHandshakeRefusalsRequest(station_id=self._station_id))
                found += [event_of(one, tenant) for one in page.refusals if self._still_counts(one, tenant)]
        for event in sorted(found, key=lambda event: event.time.ToNanoseconds()):
            await self._say(event)
            self._said.add((event.station_refused.reason, event.station_refused.remote_address))

    def _still_counts(self, refusal: HandshakeRefusal, tenant: str) -> bool:
        """Return whether a refusal is recent, and the station has not connected since then."""
        last = refusal.last_time.ToDatetime(UTC)
        if utc_now() - last > RECENT:
            return False
        if self._station is None:
            return True
        if tenant == self._tenant and not refusal.unknown_tenant_id:
            return self._station.HasField("handshake_refusal")
        return last > self._station.connect_time.ToDatetime(UTC)

    async def _read_state(self) -> StationAddress:
        stations = self._client.citrine.stations
        where = await stations.GetStationAddress(GetStationAddressRequest(station_id=self._station_id))
        self._tenant = where.tenant_id
        try:
            self._station = await stations.GetStation(GetStationRequest(station_id=self._station_id))
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
        return where

    async def _say_state(self, where: StationAddress) -> None:
        station = self._station
        if station is None:
            add = f"citrine --tenant {where.tenant_id} station add {self._station_id}"
            self._line(f"is not registered in tenant {where.tenant_id}; add it: {add}")
            return
        if self._client.out.as_json:
            self._client.out.message(station, line=True)
        if not station.connected:
            seen = "is not connected" if station.HasField("connect_time") else "has never connected"
            at = f" at {where.urls[0]}" if where.urls else "; no edge is linked to the core"
            self._line(f"{seen}; waiting for it in tenant {where.tenant_id}{at}")
            return
        self._step = Step.CONNECTED
        self._line(f"is connected with OCPP {station.ocpp_version} from {station.remote_address}")
        self._say_booted(station, "booted")
        for evse in station.evses:
            for plug in evse.connectors:
                if plug.HasField("status"):
                    place = f"evse {evse.evse_id} connector {plug.connector_id}"
                    self._line(f"{place} is {enum_word(plug, 'status')}")
        await self._say_transactions()

    async def _say_transactions(self) -> None:
        from citrine.api.v1.transactions_pb2 import ListTransactionsRequest

        request = ListTransactionsRequest(station_id=self._station_id, active_only=True)
        async for page in pages(self._client.citrine.transactions.ListTransactions, request):
            for one in page.transactions:
                self._charging[one.transaction_id] = enum_word(one, "charging_state")
                evse = f"evse {one.evse_id}" if one.HasField("evse_id") else ""
                energy = amount(one, "energy_wh", "kWh", 1000)
                parts = (
                    "transaction under way",
                    evse,
                    enum_word(one, "charging_state"),
                    energy,
                    short_id(one.transaction_id),
                )
                self._line("  ".join(filter(None, parts)))
                if one.charging_state == CHARGING_STATE_ENUM_CHARGING:
                    self._step = Step.CHARGING

    # Events.

    async def _say(self, event: Event) -> None:
        refused = event.station_refused
        if event.HasField("station_refused") and (refused.reason, refused.remote_address) in self._said:
            return
        if self._client.out.as_json:
            self._client.out.message(event, line=True)
        kind = event.WhichOneof("body")
        if kind == "transaction_updated":
            await self._updated(event)
        elif kind == "transaction_ended":
            await self._ended(event)
        elif kind == "transaction_cost_changed":
            self._cost_changed(event)
        elif kind == "station_refused":
            self._refused(event)
        else:
            if kind == "transaction_started":
                self._charging[event.transaction_started.transaction.transaction_id] = ""
                self._apply_state(event)
            elif kind == "station_connected":
                self._step, self.last = Step.CONNECTED, "it connected, and went no further"
            elif kind == "station_disconnected":
                self._step, self.last = Step.NONE, f"it {event_words(event)}"
            elif kind == "station_booted":
                accepted = event.station_booted.status == REGISTRATION_STATUS_ENUM_ACCEPTED
                self._step = max(self._step, Step.BOOTED) if accepted else Step.CONNECTED
                self.last = f"it {event_words(event)}"
            self._line(event_words(event), event.time)
            if kind == "station_connected":
                await self._apply_registration(event)

    def _refused(self, event: Event) -> None:
        self.last = event_words(event)
        hint = refusal_hint(event, self._tenant)
        # Each hint is printed once, because stations retry again and again.
        self._line(self.last + (f"; {hint}" if hint and hint not in self._hints else ""), event.time)
        if self._goal is not None and self._is_live and hint not in self._hints:
            self._line("is waited for even so: it may be mended")
        self._hints.add(hint)

    async def _apply_registration(self, connected: Event) -> None:
        """Count a station as booted that was accepted before: not every station boots after a reconnect."""
        request = GetStationRequest(station_id=self._station_id)
        try:
            station = await self._client.citrine.stations.GetStation(request)
        except grpc.aio.AioRpcError:
            return
        if station.HasField("boot_time") and station.boot_time.ToNanoseconds() < connected.time.ToNanoseconds():
            self._say_booted(station, "booted before")

    def _say_booted(self, station: Station, words: str) -> None:
        if not station.HasField("registration"):
            return
        hardware = f"{station.hardware.vendor_name} {station.hardware.model}"
        self._line(f"{words}: {enum_word(station, 'registration')}  {hardware}")
        if station.registration == REGISTRATION_STATUS_ENUM_ACCEPTED:
            self._step = Step.BOOTED

    def _apply_state(self, event: Event) -> bool:
        """Store the charging state of an event; return whether it differs from the last printed one."""
        body = event.transaction_started if event.HasField("transaction_started") else event.transaction_updated
        summary = body.transaction
        state = enum_word(summary, "charging_state")
        changed = self._charging.get(summary.transaction_id) != state
        self._charging[summary.transaction_id] = state
        if summary.charging_state == CHARGING_STATE_ENUM_CHARGING:
            self._step = Step.CHARGING
        return changed

    async def _updated(self, event: Event) -> None:
        # Only changes are printed, because meter values would fill the screen.
        if self._apply_state(event):
            self._line(event_words(event).replace("transaction updated", "transaction is", 1), event.time)

    async def _ended(self, event: Event) -> None:
        transaction_id = event.transaction_ended.transaction.transaction_id
        self._charging.pop(transaction_id, None)
        self._step = min(self._step, Step.BOOTED)
        cost = await self._cost(transaction_id)
        self._costs[transaction_id] = cost.removesuffix(" so far")
        self._line(f"{event_words(event)}{f'  {cost}' if cost else ''}", event.time)

    async def _cost(self, transaction_id: str) -> str:
        from citrine.api.v1.tariff_and_cost_pb2 import COST_STATE_FINAL, GetTransactionCostRequest

        request = GetTransactionCostRequest(station_id=self._station_id, transaction_id=transaction_id)
        try:
            found = await self._client.citrine.tariff_and_cost.GetTransactionCost(request)
        except grpc.aio.AioRpcError:
            # No tariff applies, or the key may not read costs.
            return ""
        said = money(found.cost.total.after_tax, found.cost.currency)
        return said if not said or found.state == COST_STATE_FINAL else f"{said} so far"

    def _cost_changed(self, event: Event) -> None:
        body = event.transaction_cost_changed
        said = money(body.after_tax, body.currency)
        if body.final and self._costs.get(body.transaction_id) != said:
            self._costs[body.transaction_id] = said
            self._line(event_words(event), event.time)

    def _line(self, text: str, stamp: Timestamp | None = None) -> None:
        if self._client.out.as_json:
            return
        if stamp is None:
            stamp = Timestamp()
            stamp.FromDatetime(utc_now())
        self._client.out.line(f"{local_time(stamp).partition('.')[0]}  {self._station_id}  {text}")
