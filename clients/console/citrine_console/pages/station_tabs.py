"""The tabs of a station: each is a page of its own below the station's, with a common head."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from citrine.api.v1.stations_pb2 import GetStationRequest
from citrine_console.cells import Button, segment
from citrine_console.live import Page, Region, of_station
from citrine_console.pages import actions, station_actions
from citrine_console.texts import _, noop
from citrine_console.visits import Visit

__all__ = ["STATION_EVENTS", "action_buttons", "head_region", "tab_context", "tab_page"]

STATION_EVENTS = ("station_connected", "station_disconnected", "station_changed", "station_held", "station_booted")


@dataclass(frozen=True)
class _Tab:
    part: str
    """Last part of its path. Empty: the page of the station itself."""
    title: str
    needs: tuple[str, ...]


_TABS: Sequence[_Tab] = (
    _Tab("", noop("Now"), ("GetStation",)),
    _Tab("variables", noop("Variables"), ("ListVariables",)),
    _Tab("configuration", noop("Configuration"), ("GetDriftReport",)),
    _Tab("monitors", noop("Monitors and alerts"), ("ListMonitors", "ListAlerts")),
    _Tab("charging", noop("Charging"), ("ListChargingProfiles",)),
    _Tab("local-list", noop("Local list"), ("GetLocalList",)),
    _Tab("firmware-updates", noop("Firmware"), ("ListFirmwareUpdates",)),
    _Tab("logs", noop("Logs"), ("ListLogUploads",)),
    _Tab("display", noop("Display"), ("ListDisplayMessages",)),
    _Tab("connections", noop("Connections"), ("ListConnectionRecords",)),
    _Tab("network", noop("Network"), ("ListNetworkProfiles",)),
    _Tab("frames", noop("Frames"), ("WatchMessages",)),
    _Tab("certificates", noop("Certificates"), ("ListInstalledCertificates",)),
    _Tab("reports", noop("Reports"), ("ListReportRuns",)),
)


async def _head(visit: Visit) -> Mapping[str, object]:
    station = await visit.citrine.stations.GetStation(GetStationRequest(station_id=visit["station_id"]))
    return {
        "station": station,
        "buttons": station_actions.buttons(visit, to_accept=station.HasField("held_time")),
        "more_buttons": station_actions.more_buttons(visit, to_accept=station.HasField("held_time")),
    }


def action_buttons(visit: Visit, *names: str) -> list[Button]:
    """Return buttons of what can be asked of the station, by the names of the actions, where somebody may."""
    found = {action.name: action for action in actions.ALL}
    return [
        Button(f"/stations/{segment(visit['station_id'])}/{name}", _(found[name].text))
        for name in names
        if name in found and visit.may(*found[name].all_needs)
    ]


def head_region() -> Region:
    """Return the region with the station's name, whether it is connected, and what can be done with it."""
    return Region(
        "head",
        "stations/head.html",
        _head,
        kinds=(*STATION_EVENTS, "command_finished"),
        concerns=of_station,
        is_main=True,
    )


def tab_context(part: str) -> Callable[[Visit], Mapping[str, object]]:
    """Return what gives a page of a station its tabs, one of which is current."""

    def context(visit: Visit) -> Mapping[str, object]:
        base = f"/stations/{segment(visit['station_id'])}"
        return {
            "tabs": [
                (f"{base}/{tab.part}".rstrip("/"), _(tab.title), tab.part == part)
                for tab in _TABS
                if visit.may(*tab.needs)
            ],
            "tabs_label": _("Parts of this station"),
        }

    return context


def tab_page(part: str, regions: Sequence[Region], *, template: str = "stations/tab.html") -> Page:
    """Return the page of a tab."""
    tab = next(one for one in _TABS if one.part == part)
    return Page(
        path=f"/stations/{{station_id}}/{part}".rstrip("/"),
        title=lambda visit: f"{visit['station_id']}: {_(tab.title)}" if part else visit["station_id"],
        template=template,
        section="stations",
        needs=("GetStation", *tab.needs),
        regions=[head_region(), *regions],
        context=tab_context(part),
    )
