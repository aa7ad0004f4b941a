"""`citrine operation`."""

from citrine.api.v1 import operations_pb2 as pb
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore


def operation(**fields: object) -> pb.Operation:
    """Return a running operation."""
    found = pb.Operation(operation_id="night", state=pb.OPERATION_STATE_RUNNING, **fields)  # type: ignore[arg-type]
    found.action.reset.request.type = ocpp.RESET_ENUM_ON_IDLE
    found.progress.total = 4
    found.progress.succeeded = 1
    found.progress.pending = 3
    return found


def ended(**counts: int) -> pb.Operation:
    """Return one that has ended."""
    found = operation()
    found.state = pb.OPERATION_STATE_COMPLETED
    found.finish_time.FromSeconds(1_800_000_000)
    found.progress.CopyFrom(pb.OperationProgress(total=4, **counts))
    return found


def test_an_operation_says_which_stations_and_how(citrine: Cli, core: ScriptedCore) -> None:
    core.on("CreateOperation", operation())

    ran = citrine(
        *("operation", "start", "reset", '{"type": "OnIdle"}', "--label", "row=1", "--group", "depot"),
        *("--vendor", "Acme", "--parallel", "5", "--offline", "wait", "--timeout", "20s", "--reason", "new year"),
    )

    assert ran.lines == ["operation night is running: 1 succeeded, 3 waiting of 4 (25 % done)"]
    (request,) = core.requests("CreateOperation")
    sent = request.operation
    assert dict(sent.selection.stations.labels) == {"row": "1"}
    assert (list(sent.selection.stations.groups), sent.selection.vendor_name) == (["depot"], "Acme")
    assert (sent.max_parallel, sent.offline, sent.reason) == (5, pb.OFFLINE_STATIONS_WAIT, "new year")
    assert sent.action.reset.request.type == ocpp.RESET_ENUM_ON_IDLE
    assert sent.action.reset.target.timeout.seconds == 20


def test_an_action_may_be_the_whole_request_of_its_rpc(citrine: Cli, core: ScriptedCore) -> None:
    core.on("CreateOperation", operation())

    citrine("operation", "start", "SyncLocalList", '{"full": true}', "--all")
    citrine("operation", "start", "UpdateFirmware", '{"request": {"retries": 3}, "firmwareVersion": "2.0"}', "--all")
    unknown = citrine("operation", "start", "Explode", "--all")
    malformed = citrine("operation", "start", "Reset", '{"kind": 1}', "--all")

    first, second = (request.operation for request in core.requests("CreateOperation"))
    assert (first.selection.all_stations, first.action.sync_local_list.full) == (True, True)
    assert second.action.update_firmware.firmware_version == "2.0"
    assert second.action.update_firmware.request.retries == 3
    assert (unknown.code, malformed.code) == (2, 2)
    assert "is none of Reset," in unknown.err
    assert "does not fit Reset" in malformed.err


def test_what_is_watched_is_shown_once_it_has_ended(citrine: Cli, core: ScriptedCore) -> None:
    core.on("GetOperation", ended(succeeded=4))
    good = citrine("operation", "watch", "night")
    core.on("GetOperation", ended(succeeded=2, refused=1, failed=1))
    bad = citrine("operation", "watch", "night")
    core.on("CreateOperation", operation())
    started = citrine("operation", "start", "Reset", '{"type": "OnIdle"}', "--all", "--wait")

    assert good.lines == ["operation night is completed: 4 succeeded of 4 (100 % done)"]
    assert (good.code, bad.code, started.code) == (0, 1, 1)
    assert (started.out, started.err) == (bad.out, bad.err)
    assert "1 stations refused, and 1 failed" in bad.err


def test_operations_and_their_results_are_listed(citrine: Cli, core: ScriptedCore) -> None:
    result = pb.OperationResult(
        station_id="CS-1", state=pb.OPERATION_RESULT_STATE_REFUSED, status="Rejected", reason="Busy", command_id="c-1"
    )
    core.on("GetOperation", operation())
    core.on("CancelOperation", operation())
    core.on("ListOperations", pb.ListOperationsResponse(operations=[operation(requested_by="ann")]))
    core.on("ListOperationResults", pb.ListOperationResultsResponse(results=[result]))

    listed = citrine("operation", "list", "--state", "running").out
    shown = citrine("operation", "show", "night").out
    results = citrine("operation", "results", "night", "--state", "refused").out
    citrine("operation", "cancel", "night", "--reason", "a mistake")

    assert "Reset" in listed
    assert "ann" in listed
    assert "1 succeeded, 3 waiting of 4" in shown
    assert "Rejected" in results
    assert core.requests("ListOperations")[0].state == pb.OPERATION_STATE_RUNNING
    assert core.requests("ListOperationResults")[0].state == pb.OPERATION_RESULT_STATE_REFUSED
    assert core.requests("CancelOperation")[0].reason == "a mistake"
