"""The buttons of a station's page: each opens a form, and shows the station's own answer."""

from collections.abc import Sequence

from citrine_console.forms import FormDialog
from citrine_console.pages import actions, station_registry
from citrine_console.texts import _
from citrine_console.visits import Visit

__all__ = ["DIALOGS", "buttons", "more_buttons"]

DIALOGS: Sequence[FormDialog] = [action.dialog() for action in actions.ALL if action.is_for_one]


def buttons(visit: Visit, *, to_accept: bool = False) -> list[tuple[str, str]]:
    """Return the buttons of a station's page that somebody may press: last part of the path, and text."""
    if to_accept:
        return station_registry.buttons(visit, to_accept=True)
    return _buttons(visit, is_frequent=True)


def more_buttons(visit: Visit, *, to_accept: bool = False) -> list[tuple[str, str]]:
    """Return those of its menu, which are pressed less often."""
    if to_accept:
        return []
    call = [("call", _("Any action of OCPP"))] if visit.may("CallStation", "GetStation") else []
    return [*_buttons(visit, is_frequent=False), *call, *station_registry.buttons(visit, to_accept=False)]


def _buttons(visit: Visit, *, is_frequent: bool) -> list[tuple[str, str]]:
    return [
        (action.name, _(action.text))
        for action in actions.ALL
        if action.is_for_one
        and action.is_in_menu
        and action.is_frequent is is_frequent
        and visit.may(*action.all_needs)
    ]
