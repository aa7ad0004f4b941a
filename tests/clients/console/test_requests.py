"""The console by requests alone, over a core that answers as a test says: late, not at all, or with what is there."""

import re
import time
from collections.abc import Iterator
from html import unescape

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from citrine.api.v1.firmware_management_pb2 import FirmwarePublication, ListFirmwarePublicationStatusesResponse
from citrine.api.v1.keys_pb2 import Caller
from citrine.api.v1.provisioning_pb2 import SetNetworkProfileRequest, SetNetworkProfileResponse
from citrine.api.v1.refusals_pb2 import (
    TOLERANCE_KIND_EMPTY_VALUES,
    TOLERANCE_KIND_TIMES,
    SetToleranceRuleRequest,
    ToleranceRule,
)
from citrine.api.v1.stations_pb2 import STATION_ORDER_ID, ListStationsRequest, ListStationsResponse, Station
from citrine.api.v1.tariffs_pb2 import CostSettings
from citrine.api.v1.tenants_pb2 import Tenant
from citrine.ocpp.v2.provisioning_pb2 import ChargingStation
from citrine_console.app import build_app
from citrine_console.config import ConsoleSettings
from citrine_console.live import hub
from tests.clients.scripted_core import ScriptedCore, start

OWN = {"sec-fetch-site": "same-origin", "x-console-part": "1"}
"""Headers of what a page of the console sends."""

SCOPES = [
    *("firmware:read", "networkprofiles:send", "operations:read", "operations:send", "refusals:read"),
    *(
        "refusals:write",
        "resets:send",
        "stations:read",
        "tariffs:read",
        "tariffs:write",
        "tenants:read",
        "tenants:write",
    ),
]
"""Not those of events: nothing is followed here."""


@pytest.fixture(scope="module")
def listening() -> Iterator[ScriptedCore]:
    """A core that knows who calls."""
    scripted = ScriptedCore()
    scripted.on("GetCaller", Caller(tenant_id="demo", operator=True, scopes=SCOPES))
    server = start(scripted)
    yield scripted
    server.stop(grace=None).wait()


@pytest.fixture(scope="module")
def console(listening: ScriptedCore) -> Iterator[TestClient]:
    """A browser without scripts that is logged in."""
    with TestClient(build_app(ConsoleSettings(core=listening.address))) as client:
        assert client.post("/login", data={"key": "a key"}, headers=OWN, follow_redirects=False).status_code == 303
        yield client


@pytest.fixture
def core(listening: ScriptedCore) -> ScriptedCore:
    """The core, which has one station and has seen nothing yet."""
    hardware = ChargingStation(vendor_name="ABB", model="X")
    listening.on("GetStation", Station(station_id="CS-1", hardware=hardware))
    listening.seen.clear()
    return listening


def _fields(html: str) -> dict[str, str]:
    """Return what a form that is shown would send, of its inputs and what is selected."""
    fields = {}
    for element in re.findall(r"<input [^>]*>", html):
        found = dict(re.findall(r'([\w-]+)="([^"]*)"', element))
        if found.get("type") != "checkbox" or " checked" in element:
            fields[found["name"]] = unescape(found.get("value", ""))
    for name, options in re.findall(r'<select [^>]*name="([^"]+)"[^>]*>(.*?)</select>', html, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
        assert chosen is not None
        fields[name] = unescape(chosen[1])
    return fields


def test_a_password_is_sent_again_with_what_was_not_answered(console: TestClient, core: ScriptedCore) -> None:
    def late(request: SetNetworkProfileRequest, context: grpc.ServicerContext) -> SetNetworkProfileResponse:
        if len(core.requests("SetNetworkProfile")) == 1:
            context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "no answer in time")
        return SetNetworkProfileResponse()

    core.on("SetNetworkProfile", late)
    address = "/stations/CS-1/set-network-profile"
    form = _fields(console.get(address, headers=OWN).text)
    entered = {
        **form,
        **{"configuration_slot": " 1", "ocpp_csms_url": "ws://csms.example ", "basic_auth_password": "a secret of it"},
    }
    answer = console.post(address, data=entered, headers=OWN)
    again = console.post(address, data=_fields(answer.text), headers=OWN)

    assert answer.status_code == 504
    assert "Pressing again does it once." in answer.text
    assert again.is_success
    first, second = (seen for seen in core.seen if seen.method == "SetNetworkProfile")
    assert isinstance(second.request, SetNetworkProfileRequest)
    assert second.request.request.connection_data.basic_auth_password == "a secret of it"
    assert first.request == second.request
    assert first.metadata["citrine-idempotency-key"] == second.metadata["citrine-idempotency-key"]


def test_a_password_that_has_to_be_entered_again_is_asked_for(console: TestClient, core: ScriptedCore) -> None:
    address = "/stations/CS-1/set-network-profile"
    form = _fields(console.get(address, headers=OWN).text)
    entered = {**form, "configuration_slot": "none", "basic_auth_password": "a secret of it"}
    answer = console.post(address, data=entered, headers=OWN)

    assert _fields(answer.text)["basic_auth_password"] == ""
    assert "Enter it again." in answer.text
    assert "a secret of it" not in answer.text
    assert core.requests("SetNetworkProfile") == []


def test_a_page_that_takes_longer_than_it_lingers_is_shown(
    console: TestClient, core: ScriptedCore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "LINGER", 0.01)

    def late(request: ListStationsRequest, context: grpc.ServicerContext) -> ListStationsResponse:
        time.sleep(0.5)
        return ListStationsResponse(stations=[Station(station_id="CS-LATE")])

    core.on("ListStations", late)

    answer = console.get("/stations")

    assert answer.status_code == 200
    assert "CS-LATE" in answer.text


def test_a_number_that_no_publication_has_is_no_page(console: TestClient, core: ScriptedCore) -> None:
    core.on("GetFirmwarePublication", FirmwarePublication(station_id="CS-1", request_id=2**31 - 1))
    core.on("ListFirmwarePublicationStatuses", ListFirmwarePublicationStatusesResponse())

    assert console.get(f"/firmware-publications/CS-1/{2**31 - 1}").status_code == 200
    assert console.get(f"/firmware-publications/CS-1/{2**31}").status_code == 404
    assert console.get("/firmware-publications/CS-1/99999999999").status_code == 404


def test_a_second_refusal_of_a_model_has_a_rule_of_its_own(console: TestClient, core: ScriptedCore) -> None:
    names = []
    for query in ("actions=MeterValues&kinds=empty-values", "actions=StatusNotification&kinds=long-strings"):
        form = _fields(console.get(f"/tolerance-rules/new?station=CS-1&{query}", headers=OWN).text)
        names.append(form["rule_id"])
        assert (form["vendor_name"], form["model"]) == ("ABB", "X")

    assert names == ["abb-x-metervalues-empty-values", "abb-x-statusnotification-long-strings"]
    core.on("GetStation", Station(station_id="CS-1"))
    unknown = console.get("/tolerance-rules/new?station=CS-1&actions=MeterValues&kinds=times", headers=OWN).text
    assert _fields(unknown)["rule_id"] == ""
    assert "the rule is for all stations" in unknown


def test_a_new_rule_replaces_another_one_only_where_that_is_asked_for(console: TestClient, core: ScriptedCore) -> None:
    present = ToleranceRule(
        rule_id="acme", vendor_name="Acme", actions=["MeterValues"], kinds=[TOLERANCE_KIND_EMPTY_VALUES], uses=7
    )
    core.on("GetToleranceRule", present)
    core.on("SetToleranceRule", present)
    entered = {"rule_id": "acme", "vendor_name": "Acme", "actions": "StatusNotification", "kinds": "empty-values"}

    refused = console.post("/tolerance-rules/new", data=entered, headers=OWN)

    assert "A rule has this name already." in refused.text
    assert core.requests("SetToleranceRule") == []
    same = console.post("/tolerance-rules/new", data={**entered, "actions": "MeterValues"}, headers=OWN)
    replaced = console.post("/tolerance-rules/new", data={**entered, "replace": "yes"}, headers=OWN)
    assert [same.status_code, replaced.status_code] == [204, 204]
    sent: list[SetToleranceRuleRequest] = core.requests("SetToleranceRule")
    assert [[*one.rule.actions] for one in sent] == [["MeterValues"], ["StatusNotification"]]


def test_a_rule_that_is_edited_keeps_what_only_a_newer_core_knows_and_replaces_the_one_that_was_read(
    console: TestClient, core: ScriptedCore
) -> None:
    present = ToleranceRule(rule_id="acme", actions=["MeterValues"], kinds=[TOLERANCE_KIND_EMPTY_VALUES], etag="E-1")
    present.kinds.append(99)  # type: ignore[arg-type]
    core.on("GetToleranceRule", present)
    core.on("SetToleranceRule", present)

    form = _fields(console.get("/tolerance-rules/acme/edit", headers=OWN).text)
    entered = {"etag": form["etag"], "actions": "MeterValues", "kinds": "times"}
    assert console.post("/tolerance-rules/acme/edit", data=entered, headers=OWN).status_code == 204

    (sent,) = core.requests("SetToleranceRule")
    assert (sent.rule.etag, [*sent.rule.kinds]) == ("E-1", [TOLERANCE_KIND_TIMES, 99])


def test_settings_are_changed_only_if_they_are_those_that_were_read(console: TestClient, core: ScriptedCore) -> None:
    tenant, costs = Tenant(tenant_id="acme", etag="E-1"), CostSettings(etag="E-2")
    core.on("GetTenant", tenant)
    core.on("UpdateTenant", tenant)
    core.on("GetCostSettings", costs)
    core.on("UpdateCostSettings", costs)

    for path in ("/tenants/acme/edit", "/tariffs/settings"):
        form = _fields(console.get(path, headers=OWN).text)
        assert console.post(path, data=form, headers=OWN).status_code == 204

    [of_tenant], [of_costs] = core.requests("UpdateTenant"), core.requests("UpdateCostSettings")
    assert (of_tenant.tenant.etag, of_costs.settings.etag) == ("E-1", "E-2")
    assert "E-1" not in console.get("/settings").text


def test_a_form_of_what_somebody_else_changed_says_so_and_that_it_has_to_be_opened_again(
    console: TestClient, core: ScriptedCore
) -> None:
    def changed(request: SetToleranceRuleRequest, context: grpc.ServicerContext) -> ToleranceRule:
        status = Status(code=10)
        status.details.add().Pack(ErrorInfo(reason="CONFLICT", domain="citrine"))
        context.set_trailing_metadata((("grpc-status-details-bin", status.SerializeToString()),))
        context.abort(grpc.StatusCode.ABORTED, "tolerance rule acme was changed in between")

    core.on("GetToleranceRule", ToleranceRule(rule_id="acme", actions=["MeterValues"], etag="E-1"))
    core.on("SetToleranceRule", changed)
    form = _fields(console.get("/tolerance-rules/acme/edit", headers=OWN).text)
    entered = {**form, "actions": "MeterValues", "kinds": "times"}

    refused = console.post("/tolerance-rules/acme/edit", data=entered, headers=OWN)

    assert refused.status_code == 409
    assert "was changed in between. Somebody else changed it meanwhile. Close this and open it again." in refused.text
    assert "Pressing again" not in refused.text


def test_a_page_with_another_query_reads_only_what_depends_on_it(console: TestClient, core: ScriptedCore) -> None:
    core.on("ListStations", ListStationsResponse(stations=[Station(station_id="CS-1")]))
    console.get("/?at=1,2,3")

    with console.websocket_connect("/live?page=/?at%3D1,2,3", headers={"origin": "http://testserver"}) as socket:
        socket.send_json({"known": {}})
        first = _region(socket, "needing")
        read = len(core.requests("ListStations"))
        socket.send_json({"page": "/?at=4,5,6", "known": {}, "move": 7})
        moved = _region(socket, "needing", move=7)
        assert (moved, len(core.requests("ListStations"))) == (first, read)
        socket.send_json({"page": "/stations", "known": {}})
        with pytest.raises(WebSocketDisconnect) as closed:
            _region(socket, "none that there is")

    assert closed.value.code == 4400


def _region(socket: WebSocketTestSession, name: str, move: int = 0) -> str:
    """Return a region that a page is sent next, of those after a move."""
    while ((said := socket.receive_json()).get("region"), said.get("move")) != (name, move):
        pass
    html: str = said["html"]
    return html


def test_who_mistypes_a_key_gets_to_the_page_that_was_asked_for_once_it_is_right(listening: ScriptedCore) -> None:
    def caller(request: object, context: grpc.ServicerContext) -> Caller:
        if ("authorization", "Bearer right") not in context.invocation_metadata():
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "the key is not known")
        return Caller(tenant_id="demo", operator=True, scopes=SCOPES)

    known = listening.answers["GetCaller"]
    listening.on("GetCaller", caller)
    with TestClient(build_app(ConsoleSettings(core=listening.address)), follow_redirects=False) as client:
        form = _fields(client.get("/login?next=/stations/CS-1%3Fx%3D1").text)
        wrong = client.post("/login", data={**form, "key": "mistyped"}, headers=OWN)
        right = client.post("/login", data={**_fields(wrong.text), "key": "right"}, headers=OWN)
    listening.answers["GetCaller"] = known

    assert (wrong.status_code, right.status_code) == (401, 303)
    assert right.headers["location"] == "/stations/CS-1?x=1"


def test_stations_that_a_filter_finds_are_counted_in_an_order_that_stays(
    console: TestClient, core: ScriptedCore
) -> None:
    pages = {"": "two", "two": ""}

    def page(request: ListStationsRequest, context: grpc.ServicerContext) -> ListStationsResponse:
        return ListStationsResponse(stations=[Station()], next_page_token=pages[request.page_token])

    core.on("ListStations", page)

    assert "2 stations" in console.get("/bulk/reset?all=yes&order=seen&descending=yes", headers=OWN).text
    asked: list[ListStationsRequest] = core.requests("ListStations")
    assert [(one.order, one.descending) for one in asked] == [(STATION_ORDER_ID, False)] * 2
