"""Commands: what stations were asked for, the life of each, and those that still can be cancelled."""

import json
from collections.abc import Mapping

from google.protobuf.struct_pb2 import Struct

from citrine.api.v1.commands_pb2 import CancelCommandRequest, GetCommandRequest, ListCommandsRequest
from citrine.api.v1.common_pb2 import (
    COMMAND_STATE_QUEUED,
    COMMAND_STATE_SENT,
    COMMAND_STATE_UNSPECIFIED,
    CommandState,
)
from citrine.events.v1.events_pb2 import Event
from citrine_console.filters import time_range
from citrine_console.forms import Done, FormDialog, Values
from citrine_console.live import WITHOUT_EVENT, Page, Region
from citrine_console.paging import paging
from citrine_console.site import Action
from citrine_console.texts import _
from citrine_console.visits import Visit
from citrine_words.json_values import json_value

__all__ = ["ACTIONS", "PAGES"]

PAGE_SIZE = 50

_PREFIX = "COMMAND_STATE_"

STATES: Mapping[str, "CommandState.ValueType"] = {
    name.removeprefix(_PREFIX).lower(): number
    for name, number in CommandState.items()
    if number != COMMAND_STATE_UNSPECIFIED
}


async def _filters(visit: Visit) -> Mapping[str, object]:
    return {"states": {name: name.replace("_", " ") for name in STATES}}


async def _table(visit: Visit) -> Mapping[str, object]:
    query = visit.query
    request = ListCommandsRequest(
        page_size=PAGE_SIZE,
        page_token=query["page"],
        station_id=query["station"],
        state=STATES.get(query["state"], COMMAND_STATE_UNSPECIFIED),
        command_id_prefix=query["id"],
        action=query["action"],
        requested_by=query["by"],
        create_time=time_range(visit),
    )
    answer = await visit.citrine.commands.ListCommands(request)
    return {"commands": answer.commands, "pages": paging(visit, answer.next_page_token)}


async def _command(visit: Visit) -> Mapping[str, object]:
    command = await visit.citrine.commands.GetCommand(GetCommandRequest(command_id=visit["command_id"]))
    return {
        "command": command,
        "request": _text(command.request) if command.HasField("request") else "",
        "response": _text(command.response) if command.HasField("response") else "",
        "may_cancel": command.state == COMMAND_STATE_QUEUED and visit.may("CancelCommand"),
        "is_under_way": command.state in (COMMAND_STATE_QUEUED, COMMAND_STATE_SENT),
        "took": (command.finish_time.ToDatetime() - command.send_time.ToDatetime()).total_seconds()
        if command.HasField("finish_time") and command.HasField("send_time")
        else None,
    }


def _text(payload: Struct) -> str:
    return json.dumps(json_value(payload), indent=2, ensure_ascii=False)


def _concerns(visit: Visit, event: Event) -> bool:
    return event.command_finished.command_id == visit["command_id"]


async def _cancel(visit: Visit, values: Values) -> Done:
    await visit.citrine.commands.CancelCommand(CancelCommandRequest(command_id=visit["command_id"]))
    return Done(_("It is cancelled."))


PAGES = [
    Page(
        path="/commands",
        title=lambda visit: _("Commands"),
        template="commands/list.html",
        section="commands",
        needs=("ListCommands",),
        regions=[
            Region("filters", "commands/filters.html", _filters),
            # No event tells of a command that begins.
            Region(
                "commands",
                "commands/table.html",
                _table,
                kinds=("command_finished",),
                is_main=True,
                every=WITHOUT_EVENT,
            ),
        ],
    ),
    Page(
        path="/commands/{command_id}",
        title=lambda visit: _("Command"),
        template="commands/command.html",
        section="commands",
        needs=("GetCommand",),
        regions=[
            Region(
                "command",
                "commands/one.html",
                _command,
                kinds=("command_finished",),
                concerns=_concerns,
                is_main=True,
                every=WITHOUT_EVENT,
            ),
        ],
    ),
]

ACTIONS: list[Action] = [
    FormDialog(
        path="/commands/{command_id}/cancel",
        title=lambda visit: _("Cancel the command"),
        words=lambda visit: _("The station is not sent it."),
        act=_cancel,
        needs=("CancelCommand",),
        submit=lambda visit: _("Cancel the command"),
        hurts=True,
    ).action(),
]
