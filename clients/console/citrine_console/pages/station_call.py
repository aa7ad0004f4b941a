"""Any action of OCPP, sent to a station by a form that is made from its schema, or as JSON."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from starlette.requests import Request
from starlette.responses import Response

from citrine.api.v1.commands_pb2 import CallStationRequest
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.stations_pb2 import GetStationRequest
from citrine_console.errors import Problem, problem_of
from citrine_console.forms import MAX_FIELDS, MAX_FORM, Done
from citrine_console.keyed import FORM_KEY, called_once, is_open, new_form_key, said_open
from citrine_console.schema_forms import SchemaForm
from citrine_console.schemas import VERSIONS, actions_of, schema_of
from citrine_console.site import Action, Site
from citrine_console.texts import _
from citrine_console.visits import Visit
from citrine_words.json_values import json_value

__all__ = ["ACTIONS"]

DEFAULT = "2.0.1"
"""Version whose actions are shown for a station that never connected."""


@dataclass
class _Call:
    """What is filled in so far."""

    version: str
    action: str
    is_connected: bool
    values: dict[str, str] = field(default_factory=dict)
    text: str | None = None
    """The payload as JSON; None: it is in the fields."""
    when_online: bool = False
    form_key: str = field(default_factory=new_form_key)
    problem: Problem | None = None
    status: int = 200


async def _serve(visit: Visit, request: Request, site: Site) -> Response:
    station = await visit.citrine.stations.GetStation(GetStationRequest(station_id=visit["station_id"]))
    version = visit.query["version"]
    if version not in VERSIONS:
        version = station.ocpp_version if station.ocpp_version in VERSIONS else DEFAULT
    call = _Call(version, visit.query["action"], station.connected)
    if call.action not in actions_of(version):
        return _choose(visit, site, call)
    if request.method == "GET":
        return _form(visit, site, call)
    form = await request.form(max_files=0, max_fields=MAX_FIELDS, max_part_size=MAX_FORM)
    call.values = {name: str(value) for name, value in form.multi_items()}
    call.form_key = call.values.pop(FORM_KEY, "")
    call.text = call.values.get("json")
    call.when_online = bool(call.values.get("when_online"))
    if "to" in call.values:
        return _switch(visit, site, call)
    for name, step in (("more", 1), ("less", -1)):
        if name in call.values:
            path = call.values[name]
            count = call.values.get(f"{path}.count", "0")
            call.values[f"{path}.count"] = str(max((int(count) if count.isdigit() else 0) + step, 0))
            return _form(visit, site, call, focus=f"{path}.count")
    return await _send(visit, site, call)


def _filled(visit: Visit, call: _Call) -> SchemaForm:
    return SchemaForm(schema_of(call.version, call.action), call.values, visit.zone)


def _switch(visit: Visit, site: Site, call: _Call) -> Response:
    if call.values["to"] == "json":
        call.text = json.dumps(_filled(visit, call).payload(), indent=2, ensure_ascii=False)
        return _form(visit, site, call)
    payload = _parsed(call)
    if payload is not None:
        call.values, call.text = _filled(visit, call).values_of(payload), None
    return _form(visit, site, call)


def _parsed(call: _Call) -> dict[str, Any] | None:
    """Return the payload that was entered as JSON; None where it is no object, with the problem set."""
    try:
        found = json.loads(call.text or "{}")
    except ValueError as error:
        call.problem = Problem(400, _("This is no JSON"), str(error))
        return None
    if not isinstance(found, dict):
        call.problem = Problem(400, _("This is no JSON object"), _("A payload has braces around it."))
        return None
    return found


async def _send(visit: Visit, site: Site, call: _Call) -> Response:
    if call.text is not None:
        payload = _parsed(call)
        if payload is None:
            return _form(visit, site, call)
    else:
        form = _filled(visit, call)
        payload = form.payload()
        if form.errors:
            return _form(visit, site, call, form=form)
    target = CommandTarget(station_id=visit["station_id"], when_online=call.when_online)
    request = CallStationRequest(target=target, action=call.action, native=call.version == "1.6")
    request.payload.update(payload)
    try:
        with called_once(call.form_key, _address(visit, call), [*call.values.items()]):
            answer = await visit.citrine.commands.CallStation(request)
    except grpc.aio.AioRpcError as error:
        if error.code() is grpc.StatusCode.UNAUTHENTICATED:
            raise
        call.problem = problem_of(error)
        call.status = call.problem.status
        if is_open(error) and call.form_key:
            call.problem = said_open(call.problem)
        else:
            # What has ended is tried anew, if it is sent again.
            call.form_key = new_form_key()
        return _form(visit, site, call)
    title = _title(visit, call)
    if not answer.HasField("payload"):
        done = Done(_("It is sent when the station is back."))
        return site.render(visit, "parts/done.html", title=title, done=done, answer="")
    done = Done(_("The station answered"), answer.payload, _status(answer.payload))
    text = json.dumps(json_value(answer.payload), indent=2, ensure_ascii=False)
    return site.render(visit, "parts/done.html", title=title, done=done, answer=text)


def _status(payload: Struct) -> str:
    found: Mapping[str, Any] = MessageToDict(payload)
    return str(found.get("status", ""))


def _title(visit: Visit, call: _Call) -> str:
    return _("{action} to {station}").format(action=call.action, station=visit["station_id"])


def _address(visit: Visit, call: _Call) -> str:
    return f"{visit.path}?{visit.query.with_(version=call.version, action=call.action)}"


def _choose(visit: Visit, site: Site, call: _Call) -> Response:
    versions = VERSIONS if visit.session.permissions.has("calls:native") else VERSIONS[1:]
    return site.render(
        visit,
        "call/choose.html",
        title=_("Any action to {station}").format(station=visit["station_id"]),
        action=visit.path,
        groups=[(version, actions_of(version)) for version in versions if version == call.version]
        or [(DEFAULT, actions_of(DEFAULT))],
    )


def _form(visit: Visit, site: Site, call: _Call, form: SchemaForm | None = None, focus: str = "") -> Response:
    return site.render(
        visit,
        "call/form.html",
        call.status,
        title=_title(visit, call),
        action=_address(visit, call),
        nodes=(form or _filled(visit, call)).nodes(),
        call=call,
        key_name=FORM_KEY,
        focus=focus,
        problem=call.problem,
    )


ACTIONS = [Action("/stations/{station_id}/call", _serve, needs=("CallStation", "GetStation"))]
