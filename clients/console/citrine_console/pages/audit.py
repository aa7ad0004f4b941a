"""The audit: who changed what, and who was denied."""

from collections.abc import Mapping

from citrine.api.v1.audit_pb2 import GetAuditRecordRequest, ListAuditRecordsRequest, VerifyAuditRecordsRequest
from citrine_console.filters import time_range
from citrine_console.forms import Done, FormDialog, Values
from citrine_console.live import WITHOUT_EVENT, Page, Region
from citrine_console.paging import paging
from citrine_console.site import Action
from citrine_console.texts import _, ngettext
from citrine_console.visits import Visit

__all__ = ["ACTIONS", "PAGES"]

PAGE_SIZE = 50


async def _filters(visit: Visit) -> Mapping[str, object]:
    return {}


async def _table(visit: Visit) -> Mapping[str, object]:
    query = visit.query
    request = ListAuditRecordsRequest(
        page_size=PAGE_SIZE,
        page_token=query["page"],
        caller_id=query["caller"],
        method=query["method"],
        object=query["object"],
        time=time_range(visit),
        all_tenants=bool(query["all"]) and visit.session.caller.operator,
    )
    answer = await visit.citrine.audit.ListAuditRecords(request)
    return {"records": answer.records, "pages": paging(visit, answer.next_page_token)}


async def _record(visit: Visit) -> Mapping[str, object]:
    return {"record": await visit.citrine.audit.GetAuditRecord(GetAuditRecordRequest(record_id=visit["record_id"]))}


async def _verify(visit: Visit, values: Values) -> Done:
    answer = await visit.citrine.audit.VerifyAuditRecords(VerifyAuditRecordsRequest(), timeout=600)
    bad = len(answer.problems)
    return Done(
        ngettext("{} record was read.", "{} records were read.", answer.records).format(f"{answer.records:,}"),
        answer if bad else None,
        _("as stored") if not bad else _("refused: the chain is broken"),
    )


PAGES = [
    Page(
        path="/audit",
        title=lambda visit: _("Audit"),
        template="audit/list.html",
        section="audit",
        needs=("ListAuditRecords",),
        regions=[
            Region("filters", "audit/filters.html", _filters),
            # No event tells of a record: most changes have one of their own, and denials have none.
            Region("records", "audit/table.html", _table, is_main=True, every=WITHOUT_EVENT),
        ],
    ),
    Page(
        path="/audit/{record_id}",
        title=lambda visit: _("Audit record"),
        template="audit/record.html",
        section="audit",
        needs=("GetAuditRecord",),
        regions=[Region("record", "audit/one.html", _record, is_main=True)],
    ),
]

ACTIONS: list[Action] = [
    FormDialog(
        path="/audit-verification",
        title=lambda visit: _("Verify the audit"),
        words=lambda visit: _("Reads all records of all tenants, and finds those that were changed or removed."),
        act=_verify,
        needs=("VerifyAuditRecords",),
        submit=lambda visit: _("Verify"),
    ).action()
]
