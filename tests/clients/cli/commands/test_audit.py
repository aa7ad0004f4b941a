"""`citrine audit`: what is asked and what is printed."""

from google.protobuf.timestamp_pb2 import Timestamp

from citrine.api.v1 import audit_pb2 as pb
from tests.clients.cli.conftest import Cli
from tests.clients.scripted_core import ScriptedCore

RECORD = pb.AuditRecord(
    record_id="r",
    time=Timestamp(seconds=1_900_000_000),
    caller_id="abc",
    caller_name="dispatcher",
    address="10.0.0.1",
    method="StationsService/DeleteStation",
    object="station_id=CS-1",
    outcome="OK",
    count=1,
)


def test_records_are_listed(citrine: Cli, core: ScriptedCore) -> None:
    core.on("ListAuditRecords", pb.ListAuditRecordsResponse(records=[RECORD]))

    ran = citrine("audit", "list", "--object", "CS-1", "--caller", "abc", "--all-tenants", "--limit", "5")

    words = ran.lines[-1].split()
    assert words[-6:] == ["dispatcher", "10.0.0.1", "StationsService/DeleteStation", "station_id=CS-1", "OK", "1"]
    request = pb.ListAuditRecordsRequest(object="CS-1", caller_id="abc", all_tenants=True, page_size=5)
    assert core.requests("ListAuditRecords") == [request]


def test_audit_that_is_not_as_it_was_stored_ends_with_exit_code_1(citrine: Cli, core: ScriptedCore) -> None:
    core.on("VerifyAuditRecords", pb.VerifyAuditRecordsResponse(records=7, chains=1))
    good = citrine("audit", "verify")
    problem = pb.AuditProblem(chain_id="c", number=3, description="it was changed")
    core.on("VerifyAuditRecords", pb.VerifyAuditRecordsResponse(records=7, chains=1, problems=[problem]))

    bad = citrine("audit", "verify")

    assert (good.code, good.lines) == (0, ["as stored: 7 records in 1 chain"])
    assert bad.code == 1
    assert bad.lines == ["record 3 of chain c: it was changed"]
