"""The OCPP frames of a station as they pass."""

from citrine_console.pages.station_tabs import tab_page
from citrine_console.site import Action

__all__ = ["ACTIONS", "PAGES"]

PAGES = [tab_page("frames", [], template="frames/station.html")]

ACTIONS: list[Action] = []
