"""One action of stations: its form, and the request of the rpc that it becomes."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from google.protobuf.message import Message

from citrine.api.v1.stations_pb2 import GetStationRequest, Station
from citrine.ocpp.codec import CodecError, decode, format_datetime
from citrine_console.forms import Done, Field, FormDialog, Values, Wrong
from citrine_console.texts import _
from citrine_console.visits import Visit

__all__ = ["StationAction", "entered_time", "ocpp", "place", "place_field"]

M = TypeVar("M", bound=Message)


@dataclass(frozen=True)
class StationAction:
    """Something that stations are asked for."""

    name: str
    """Last part of the path of its form."""
    text: str
    """Of its button."""
    title: str
    """Of its form, with {station} in it."""
    rpc: str
    service: str
    """Attribute of the client that has the rpc."""
    request: Callable[[Values], Message]
    """Returns the request of the rpc without its target."""
    fields: Callable[[Visit, Station | None], Awaitable[Sequence[Field]]] | None = None
    """Returns the fields for a station, or None: for many."""
    words: str = ""
    """What will happen."""
    hurts: bool = False
    operation: str = ""
    """Field of OperationAction. Empty: it is for one station only."""
    many: str = ""
    """What an operation of it does, with {stations} in it: "Reset {stations}"."""
    waits: bool = True
    """Whether it may wait for a station that is not connected."""
    is_for_one: bool = True
    """Whether it is among the actions of one station. What has a page there is for many only."""
    is_in_menu: bool = True
    """Whether it is among the buttons of a station. What few stations need has its button on a tab alone."""
    is_frequent: bool = False
    """Whether it has a button of its own."""
    needs: Sequence[str] = ()
    """Rpcs that its form calls besides."""

    @property
    def all_needs(self) -> tuple[str, ...]:
        """Rpcs that it takes."""
        return (self.rpc, *self.needs)

    def dialog(self) -> FormDialog:
        """Return the form for one station."""
        return FormDialog(
            path=f"/stations/{{station_id}}/{self.name}",
            title=lambda visit: _(self.title).format(station=visit["station_id"]),
            words=lambda visit: _(self.words) if self.words else "",
            fields=self._fields,
            act=self._act,
            needs=self.all_needs,
            submit=lambda visit: _(self.text),
            hurts=self.hurts,
        )

    async def _fields(self, visit: Visit) -> Sequence[Field]:
        station = None
        if visit.may("GetStation"):
            station = await visit.citrine.stations.GetStation(GetStationRequest(station_id=visit["station_id"]))
        fields = [*(await self.fields(visit, station))] if self.fields is not None else []
        if self.waits and (station is None or not station.connected):
            hint = _("it is not connected now") if station is not None else ""
            fields.append(Field("when_online", _("Send it when the station is back"), "checkbox", hint=hint))
        reason = Field("reason", _("Why"), hint=_("shown with the command; optional"), attributes={"maxlength": "255"})
        return [*fields, reason]

    async def _act(self, visit: Visit, values: Values) -> Done:
        request: Any = self.request(values)
        request.target.station_id = visit["station_id"]
        request.target.reason = values["reason"]
        request.target.when_online = values.checked("when_online")
        answer = await getattr(getattr(visit.citrine, self.service), self.rpc)(request)
        if not answer.HasField("response"):
            if values.checked("when_online"):
                return Done(_("It is sent when the station is back."))
            return Done(_("There was nothing to send."))
        return Done.answered(answer.response)


def ocpp(message: type[M], payload: Mapping[str, Any]) -> M:
    """Return a request of OCPP, of its payload in OCPP's spelling. None stands for what is absent.

    Raises:
        Wrong: When the message can't hold it.
    """
    try:
        return decode(message, payload)
    except CodecError as error:
        raise Wrong(error.path.rpartition("/")[2], error.problem) from None


def entered_time(values: Values, name: str) -> str | None:
    """Return a time that was entered, in OCPP's spelling.

    Raises:
        Wrong: When it is none.
    """
    stamp = values.time(name)
    return format_datetime(stamp) if stamp is not None else None


def place_field(
    station: Station | None, *, connectors: bool = False, whole: bool = True, label: str = "", value: str = ""
) -> Field:
    """Return the field for an EVSE, or a connector of one: of a station a choice, of many its numbers."""
    label = label or (_("EVSE or connector") if connectors and whole else _("Connector") if connectors else _("EVSE"))
    if station is None or not station.evses:
        hint = _("its number, or EVSE/connector") if connectors else _("its number")
        return Field(
            "place", label, value=value, hint=hint if not whole else f"{hint}; {_('empty: the whole station')}"
        )
    choices = [("", _("The whole station"))] if whole else []
    for evse in station.evses:
        if whole or not connectors:
            choices.append((str(evse.evse_id), f"EVSE {evse.evse_id}"))
        if connectors:
            choices += [
                (f"{evse.evse_id}/{one.connector_id}", f"EVSE {evse.evse_id} · {_('connector')} {one.connector_id}")
                for one in evse.connectors
            ]
    return Field("place", label, "select", value=value or choices[0][0], choices=choices)


def place(values: Values) -> tuple[int | None, int | None]:
    """Return the EVSE and the connector that were entered; None where there is none.

    Raises:
        Wrong: When they are no numbers.
    """
    evse, _slash, connector = values["place"].partition("/")
    try:
        return int(evse) if evse else None, int(connector) if connector else None
    except ValueError:
        raise Wrong("place", _("Enter the number of an EVSE, or EVSE/connector.")) from None
