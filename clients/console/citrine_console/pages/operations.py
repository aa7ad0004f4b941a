"""Operations: one action on many stations, how far it is, and what became of each station."""

from collections.abc import Mapping, Sequence

from citrine.api.v1.operations_pb2 import (
    OPERATION_RESULT_STATE_UNSPECIFIED,
    OPERATION_STATE_RUNNING,
    OPERATION_STATE_UNSPECIFIED,
    CancelOperationRequest,
    GetOperationRequest,
    ListOperationResultsRequest,
    ListOperationsRequest,
    Operation,
    OperationResultState,
    OperationState,
)
from citrine.events.v1.events_pb2 import Event
from citrine_console.forms import Done, Field, FormDialog, Values
from citrine_console.live import Page, Region
from citrine_console.pages import actions
from citrine_console.paging import paging
from citrine_console.site import Action
from citrine_console.texts import _, noop
from citrine_console.visits import Visit

__all__ = ["ACTIONS", "PAGES"]

PAGE_SIZE = 50

_STATES: Mapping[str, "OperationState.ValueType"] = {
    name.removeprefix("OPERATION_STATE_").lower(): number
    for name, number in OperationState.items()
    if number != OPERATION_STATE_UNSPECIFIED
}
_RESULTS: Mapping[str, "OperationResultState.ValueType"] = {
    name.removeprefix("OPERATION_RESULT_STATE_").lower(): number
    for name, number in OperationResultState.items()
    if number != OPERATION_RESULT_STATE_UNSPECIFIED
}

_PROGRESS = (
    ("succeeded", noop("succeeded"), "good"),
    ("refused", noop("refused"), "bad"),
    ("failed", noop("failed"), "bad"),
    ("running", noop("being asked"), ""),
    ("pending", noop("waiting"), ""),
    ("skipped", noop("skipped"), "warn"),
    ("expired", noop("expired"), "warn"),
    ("cancelled", noop("cancelled"), "warn"),
)
"""Counts of a progress, what they are called, and how they look."""

_NAMES = {action.operation: action.text for action in actions.ALL if action.operation}


def _what(operation: Operation) -> str:
    field = operation.action.WhichOneof("action") or ""
    return _(_NAMES[field]) if field in _NAMES else field.replace("_", " ").capitalize()


def _done(operation: Operation) -> int:
    progress = operation.progress
    return progress.total - progress.pending - progress.running


async def _filters(visit: Visit) -> Mapping[str, object]:
    return {"states": list(_STATES)}


async def _table(visit: Visit) -> Mapping[str, object]:
    request = ListOperationsRequest(
        page_size=PAGE_SIZE,
        page_token=visit.query["page"],
        state=_STATES.get(visit.query["state"], OPERATION_STATE_UNSPECIFIED),
        operation_id_prefix=visit.query["id"],
    )
    answer = await visit.citrine.operations.ListOperations(request)
    rows = [(one, _what(one), _done(one)) for one in answer.operations]
    return {"operations": rows, "pages": paging(visit, answer.next_page_token)}


async def _head(visit: Visit) -> Mapping[str, object]:
    request = GetOperationRequest(operation_id=visit["operation_id"])
    operation = await visit.citrine.operations.GetOperation(request)
    counts = [(_(name), getattr(operation.progress, field), tone) for field, name, tone in _PROGRESS]
    return {
        "operation": operation,
        "what": _what(operation),
        "done": _done(operation),
        "counts": [one for one in counts if one[1]],
        "may_cancel": operation.state == OPERATION_STATE_RUNNING and visit.may("CancelOperation"),
    }


async def _results(visit: Visit) -> Mapping[str, object]:
    request = ListOperationResultsRequest(
        page_size=PAGE_SIZE,
        page_token=visit.query["page"],
        operation_id=visit["operation_id"],
        state=_RESULTS.get(visit.query["state"], OPERATION_RESULT_STATE_UNSPECIFIED),
    )
    answer = await visit.citrine.operations.ListOperationResults(request)
    return {"results": answer.results, "states": list(_RESULTS), "pages": paging(visit, answer.next_page_token)}


def _concerns(visit: Visit, event: Event) -> bool:
    return event.operation_changed.operation_id == visit["operation_id"]


async def _cancel_fields(visit: Visit) -> Sequence[Field]:
    return [Field("reason", _("Why"), hint=_("optional"), attributes={"maxlength": "255"})]


async def _cancel(visit: Visit, values: Values) -> Done:
    request = CancelOperationRequest(operation_id=visit["operation_id"], reason=values["reason"])
    await visit.citrine.operations.CancelOperation(request)
    return Done(_("No further station is asked."))


PAGES = [
    Page(
        path="/operations",
        title=lambda visit: _("Operations"),
        template="operations/list.html",
        section="operations",
        needs=("ListOperations",),
        regions=[
            Region("filters", "operations/filters.html", _filters),
            Region("operations", "operations/table.html", _table, kinds=("operation_changed",), is_main=True, every=10),
        ],
    ),
    Page(
        path="/operations/{operation_id}",
        title=lambda visit: _("Operation"),
        template="operations/operation.html",
        section="operations",
        needs=("GetOperation",),
        regions=[
            # The event tells of the operation as a whole; between two of them it goes on.
            Region(
                "head",
                "operations/head.html",
                _head,
                kinds=("operation_changed",),
                concerns=_concerns,
                is_main=True,
                every=2,
            ),
            Region(
                "results",
                "operations/results.html",
                _results,
                kinds=("operation_changed", "command_finished"),
                needs=("ListOperationResults",),
                every=2,
            ),
        ],
    ),
]

ACTIONS: list[Action] = [
    FormDialog(
        path="/operations/{operation_id}/cancel",
        title=lambda visit: _("Cancel the operation"),
        words=lambda visit: _("No further station is asked. Those that are being asked now go on."),
        fields=_cancel_fields,
        act=_cancel,
        needs=("CancelOperation",),
        submit=lambda visit: _("Cancel the operation"),
        hurts=True,
    ).action(),
]
