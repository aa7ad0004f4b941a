"""Security profile upgrades: those of all stations, those of one, and beginning one."""

from collections.abc import Mapping, Sequence

from citrine.api.v1.security_profile_upgrades_pb2 import (
    CreateSecurityProfileUpgradeRequest,
    ListSecurityProfileUpgradesRequest,
    SecurityProfileUpgrade,
)
from citrine.ocpp.v2.provisioning_pb2 import NetworkConnectionProfile
from citrine_console.cells import Ago, Button, Figure, muted, segment, station_link
from citrine_console.filter_forms import Filter, enum_choices, enum_number, place_filters
from citrine_console.filters import selector_of
from citrine_console.formats import enum_word
from citrine_console.forms import Done, Field, FormDialog, Values
from citrine_console.lists import PAGE_SIZE, list_card, list_page
from citrine_console.live import Page, Region, of_station
from citrine_console.pages.actions.network import connection, connection_fields, profile_choices
from citrine_console.pages.actions.station_action import ocpp
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit

__all__ = ["ACTIONS", "OF_STATION", "PAGES"]

_KINDS = ("security_profile_upgrade_changed",)

_OF_STATION = "upgrades"
"""Name of the list where it is of one station."""


async def _all(visit: Visit) -> Mapping[str, object]:
    request = ListSecurityProfileUpgradesRequest(
        page_size=PAGE_SIZE,
        page_token=visit.query["page"],
        station_id=visit.query["station"],
        state=enum_number(SecurityProfileUpgrade, "state", visit.query["state"]),
        stations=selector_of(visit),
    )
    answer = await visit.citrine.security_profile_upgrades.ListSecurityProfileUpgrades(request)
    heads = [_("Station"), *_heads()]
    rows = [[station_link(one.station_id, "network"), *_row(one)] for one in answer.security_profile_upgrades]
    return {"cards": [list_card(visit, _("Upgrades"), heads, rows, answer.next_page_token)]}


async def _of_one(visit: Visit) -> Mapping[str, object]:
    request = ListSecurityProfileUpgradesRequest(
        page_size=PAGE_SIZE, page_token=visit.query[f"{_OF_STATION}-page"], station_id=visit["station_id"]
    )
    answer = await visit.citrine.security_profile_upgrades.ListSecurityProfileUpgrades(request)
    rows = [_row(one) for one in answer.security_profile_upgrades]
    buttons = []
    if visit.may("CreateSecurityProfileUpgrade"):
        path = f"/stations/{segment(visit['station_id'])}/network/upgrade"
        buttons.append(Button(path, _("Upgrade its security profile")))
    title, empty = _("Security profile upgrades"), _("None was asked for.")
    card = list_card(
        visit, title, _heads(), rows, answer.next_page_token, name=_OF_STATION, buttons=buttons, empty=empty
    )
    return {"cards": [card]}


def _heads() -> list[str]:
    return [
        *(_("Begun"), Figure(_("To profile")), Figure(_("Slot")), _("State"), _("Waited for until"), _("Ended")),
        _("Asked for by"),
    ]


def _row(one: SecurityProfileUpgrade) -> list[object]:
    return [
        one.create_time,
        str(one.security_profile),
        str(one.configuration_slot or ""),
        [enum_word(one, "state"), muted(one.reason)],
        one.deadline_time if not one.HasField("finish_time") and one.HasField("deadline_time") else "",
        Ago(one.finish_time) if one.HasField("finish_time") else "",
        one.requested_by,
    ]


async def _fields(visit: Visit) -> Sequence[Field]:
    return [
        *connection_fields(profile_choices()[1:]),
        Field("configuration_slot", _("Slot"), "number", hint=_("empty: the first free one"), attributes={"min": "0"}),
        Field("has_certificate", _("It has a certificate that is not known here"), "checkbox", hint=_("for profile 3")),
        Field("reset_immediately", _("Restart at once, which ends transactions"), "checkbox"),
    ]


async def _upgrade(visit: Visit, values: Values) -> Done:
    request = CreateSecurityProfileUpgradeRequest(
        station_id=visit["station_id"],
        connection_data=ocpp(NetworkConnectionProfile, connection(values)),
        has_certificate=values.checked("has_certificate"),
        reset_immediately=values.checked("reset_immediately"),
    )
    if values["configuration_slot"]:
        request.configuration_slot = values.number("configuration_slot")
    upgrade = await visit.citrine.security_profile_upgrades.CreateSecurityProfileUpgrade(request)
    return Done(upgrade.reason or _("The upgrade is under way."), upgrade, enum_word(upgrade, "state"))


OF_STATION = Region(
    "upgrades",
    "parts/cards.html",
    _of_one,
    kinds=_KINDS,
    concerns=of_station,
    needs=("ListSecurityProfileUpgrades",),
)
"""The region of a page of a station that has its upgrades."""

_UPGRADE = FormDialog(
    path="/stations/{station_id}/network/upgrade",
    title=lambda visit: _("Upgrade the security profile of {station}").format(station=visit["station_id"]),
    words=lambda visit: _(
        "It is given a network profile, for profile 3 also a certificate, and asked to restart. Once it is back by the "
        "new profile it is refused by a lower one. If it does not come back so, the order of its slots is as before."
    ),
    fields=_fields,
    act=_upgrade,
    needs=("CreateSecurityProfileUpgrade",),
    submit=lambda visit: _("Upgrade"),
    hurts=True,
)

PAGES: list[Page] = [
    list_page(
        "/profile-upgrades",
        lambda visit: _("Security profile upgrades"),
        "ListSecurityProfileUpgrades",
        _all,
        section="upgrades",
        filters=lambda: [
            Filter("station", _("Station")),
            Filter("state", _("State"), enum_choices(SecurityProfileUpgrade, "state")),
            *place_filters(),
        ],
        kinds=_KINDS,
    ),
]

ACTIONS: list[Action] = [_UPGRADE.action()]
