"""What events say is to be counted anew, or once more."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from google.protobuf.message import DecodeError

from citrine.api.v1.common_pb2 import CommandState
from citrine.api.v1.remote_control_pb2 import RemoteStartState
from citrine.events.v1.events_pb2 import Event, StationChanged
from citrine.ocpp.v2.types_pb2 import AUTHORIZATION_STATUS_ENUM_ACCEPTED
from citrine_core.background import defect
from citrine_core.blocks.availability.queries import LATEST
from citrine_core.events.older import read_event
from citrine_core.steps import Steps
from citrine_core.times import to_datetime

__all__ = ["KINDS", "Marks", "marks_of"]

_TRANSACTIONS = (
    *("transaction_started", "transaction_ended", "transaction_closed", "transaction_settled", "transaction_reopened"),
    "transaction_over",
    "charge_record_made",
)
_STATES = ("connector_status_changed", "station_connected", "station_disconnected", "station_changed")
_FAILURES = ("token_authorized", "remote_start_changed", "command_finished")

KINDS = (*_TRANSACTIONS, *_STATES, *_FAILURES)
"""Bodies of events that say something."""

_FAILED_COMMANDS = frozenset(
    {
        *(CommandState.COMMAND_STATE_FAILED, CommandState.COMMAND_STATE_TIMED_OUT, CommandState.COMMAND_STATE_EXPIRED),
        CommandState.COMMAND_STATE_ANSWER_REFUSED,
    }
)
_FAILED_STARTS = frozenset({RemoteStartState.REMOTE_START_STATE_REJECTED, RemoteStartState.REMOTE_START_STATE_FAILED})


@dataclass(slots=True)
class Marks:
    """What is to be counted of one tenant."""

    transactions: set[tuple[str, str]] = field(default_factory=set)
    """Station and id of transactions to be counted anew."""
    stations: dict[str, datetime] = field(default_factory=dict)
    """From when on the states of stations are to be counted anew."""
    closed: dict[tuple[str, int], datetime] = field(default_factory=dict)
    """When the end of a session was stored, by station and epoch: since it, the station is offline."""
    changed: dict[str, datetime] = field(default_factory=dict)
    """When an operator changed, moved or removed stations last."""
    failures: list[tuple[str, datetime, str]] = field(default_factory=list)
    """Station, time and measure of what failed."""

    def mark_station(self, station_id: str, time: datetime) -> None:
        """Have the states of a station counted anew from a time on."""
        self.stations[station_id] = min(time, self.stations.get(station_id, time))


def marks_of(payloads: Iterable[bytes], most: int) -> Steps[tuple[dict[str, Marks], int]]:
    """Return what the first events say, by tenant, if anything, and how many they are: a step for each.

    What cannot be read is logged and left out.

    Args:
        payloads: The events in their order.
        most: No further event is read than the one by which this many stations are to be counted anew.
    """
    found: dict[str, Marks] = {}
    count = stations = 0
    for payload in payloads:
        try:
            event = read_event(payload)
            marks = found.setdefault(event.tenant_id, Marks())
            before = len(marks.stations)
            _mark(marks, event)
            stations += len(marks.stations) - before
        except (ArithmeticError, DecodeError, ValueError) as error:
            # All others would wait for ever.
            defect("statistics", error)
        count += 1
        if stations >= most:
            break
        yield
    return {tenant_id: marks for tenant_id, marks in found.items() if marks != Marks()}, count


def _mark(marks: Marks, event: Event) -> None:
    kind = event.WhichOneof("body") or ""
    if kind in _TRANSACTIONS:
        body = getattr(event, kind)
        is_whole = "transaction" in body.DESCRIPTOR.fields_by_name
        marks.transactions.add((event.station_id, (body.transaction if is_whole else body).transaction_id))
    elif kind in _STATES:
        _mark_state(marks, event, kind)
    elif kind in _FAILURES:
        _mark_failure(marks, event, kind)


def _mark_state(marks: Marks, event: Event, kind: str) -> None:
    time = to_datetime(event.time)
    if kind == "connector_status_changed":
        said = to_datetime(event.connector_status_changed.time)
        time = said if time - LATEST < said < time else time
    elif kind == "station_disconnected":
        marks.closed[event.station_id, event.station_disconnected.epoch] = time
    elif kind == "station_changed":
        if event.station_changed.kind == StationChanged.KIND_CREATED:
            return
        marks.changed[event.station_id] = time
    marks.mark_station(event.station_id, time)


def _mark_failure(marks: Marks, event: Event, kind: str) -> None:
    measure = ""
    if kind == "token_authorized" and event.token_authorized.status != AUTHORIZATION_STATUS_ENUM_ACCEPTED:
        measure = "rejected_authorizations"
    elif kind == "remote_start_changed" and event.remote_start_changed.state in _FAILED_STARTS:
        measure = "failed_starts"
    elif kind == "command_finished" and event.command_finished.state in _FAILED_COMMANDS:
        measure = "failed_commands"
    if measure:
        marks.failures.append((event.station_id, to_datetime(event.time), measure))
