"""How a station connects: the network profiles that it was given by slot, and the way to a higher security profile."""

from collections.abc import Mapping, Sequence

from citrine.api.v1.provisioning_pb2 import ListNetworkProfilesRequest, NetworkProfile
from citrine_console.cells import Ago, Card, Code, Figure, muted, table, two_lines
from citrine_console.formats import enum_word
from citrine_console.live import Page, Region, of_station
from citrine_console.pages import profile_upgrades
from citrine_console.pages.station_tabs import action_buttons, tab_page
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit

__all__ = ["ACTIONS", "PAGES"]


async def _profiles(visit: Visit) -> Mapping[str, object]:
    request = ListNetworkProfilesRequest(station_id=visit["station_id"])
    answer = await visit.citrine.provisioning.ListNetworkProfiles(request)
    heads = [
        *(Figure(_("Slot")), _("Profile"), _("Interface"), _("OCPP"), Figure(_("Security profile"))),
        *(_("Set"), _("Last answer"), _("Answered")),
    ]
    rows = [_row(visit, one) for one in answer.network_profiles]
    title, empty = _("Network profiles"), _("None was set from here. What it was made with is not known.")
    hint = _("Which slots it uses, and in which order, is its variable NetworkConfigurationPriority.")
    body = table(visit.zone, title, heads, rows, empty=empty)
    return {"cards": [Card(title, body, action_buttons(visit, "set-network-profile"), hint=hint)]}


def _row(visit: Visit, one: NetworkProfile) -> Sequence[object]:
    data = one.connection_data
    has_one = one.HasField("connection_data")
    asked = one.asked_connection_data.ocpp_csms_url
    refused = _("not taken: {url}").format(url=asked) if asked else ""
    return [
        str(one.configuration_slot),
        two_lines(Code(data.ocpp_csms_url) if has_one else "", refused, visit.zone),
        str(enum_word(data, "ocpp_interface")),
        str(enum_word(data, "ocpp_version")),
        str(data.security_profile) if has_one else "",
        one.set_time if one.HasField("set_time") else "",
        [enum_word(one, "status"), muted(one.problem)],
        Ago(one.answer_time) if one.HasField("answer_time") else "",
    ]


PAGES: list[Page] = [
    tab_page(
        "network",
        [
            Region(
                "network-profiles",
                "parts/cards.html",
                _profiles,
                kinds=("network_profile_answered", "command_finished"),
                concerns=of_station,
            ),
            profile_upgrades.OF_STATION,
        ],
    )
]

ACTIONS: list[Action] = []
