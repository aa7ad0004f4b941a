"""What operators have one station do: each button of its page opens a form, and shows the station's own answer."""

from collections.abc import Sequence

from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.provisioning_pb2 import ResetRequest
from citrine.api.v1.remote_control_pb2 import RequestStartTransactionRequest, RequestStopTransactionRequest
from citrine.api.v1.transactions_pb2 import ListTransactionsRequest
from citrine.ocpp.v2 import provisioning_pb2 as provisioning
from citrine.ocpp.v2 import remote_control_pb2 as remote_control
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_console.formats import enum_word
from citrine_console.forms import Done, Field, FormDialog, Values
from citrine_console.texts import _, noop
from citrine_console.visits import Visit

__all__ = ["DIALOGS", "buttons"]


def _target(visit: Visit) -> CommandTarget:
    return CommandTarget(station_id=visit["station_id"])


async def _reset_fields(visit: Visit) -> Sequence[Field]:
    return [
        Field(
            "type",
            _("When"),
            "select",
            choices=[("OnIdle", _("When no transaction is under way")), ("Immediate", _("At once"))],
        ),
        Field("evse_id", _("EVSE"), "number", hint=_("empty: the whole station"), attributes={"min": "1"}),
    ]


async def _reset(visit: Visit, values: Values) -> Done:
    request = provisioning.ResetRequest(
        type=provisioning.RESET_ENUM_IMMEDIATE if values["type"] == "Immediate" else provisioning.RESET_ENUM_ON_IDLE
    )
    if values["evse_id"]:
        request.evse_id = values.number("evse_id")
    answer = await visit.citrine.provisioning.Reset(ResetRequest(target=_target(visit), request=request))
    return Done(_("The station answered"), answer.response, enum_word(answer.response, "status"))


async def _start_fields(visit: Visit) -> Sequence[Field]:
    return [
        Field("id_token", _("Token"), required=True, attributes={"maxlength": "255", "autocomplete": "off"}),
        Field("token_type", _("Its type"), value="ISO14443"),
        Field("evse_id", _("EVSE"), "number", value="1", attributes={"min": "1"}),
        Field("reference", _("Reference"), hint=_("goes into the charge record"), attributes={"maxlength": "64"}),
    ]


async def _start(visit: Visit, values: Values) -> Done:
    request = remote_control.RequestStartTransactionRequest(
        id_token=IdToken(id_token=values["id_token"], type=values["token_type"] or "ISO14443")
    )
    if values["evse_id"]:
        request.evse_id = values.number("evse_id")
    answer = await visit.citrine.remote_control.RequestStartTransaction(
        RequestStartTransactionRequest(target=_target(visit), request=request, reference=values["reference"])
    )
    return Done(_("The station answered"), answer.response, enum_word(answer.response, "status"))


async def _stop_fields(visit: Visit) -> Sequence[Field]:
    request = ListTransactionsRequest(station_id=visit["station_id"], active_only=True, page_size=50)
    found = (await visit.citrine.transactions.ListTransactions(request)).transactions
    choices = [(one.transaction_id, f"EVSE {one.evse_id}: {one.transaction_id}") for one in found]
    return [Field("transaction_id", _("Transaction"), "select", choices=choices)]


async def _stop(visit: Visit, values: Values) -> Done:
    request = remote_control.RequestStopTransactionRequest(transaction_id=values["transaction_id"])
    answer = await visit.citrine.remote_control.RequestStopTransaction(
        RequestStopTransactionRequest(target=_target(visit), request=request)
    )
    return Done(_("The station answered"), answer.response, enum_word(answer.response, "status"))


DIALOGS = [
    FormDialog(
        path="/stations/{station_id}/start",
        title=lambda visit: _("Start charging at {station}").format(station=visit["station_id"]),
        fields=_start_fields,
        act=_start,
        needs=("RequestStartTransaction",),
        submit=lambda visit: _("Start"),
    ),
    FormDialog(
        path="/stations/{station_id}/stop",
        title=lambda visit: _("Stop charging at {station}").format(station=visit["station_id"]),
        words=lambda visit: _("Energy stops flowing, and the transaction is billed as far as it got."),
        fields=_stop_fields,
        act=_stop,
        needs=("RequestStopTransaction", "ListTransactions"),
        submit=lambda visit: _("Stop"),
        hurts=True,
    ),
    FormDialog(
        path="/stations/{station_id}/reset",
        title=lambda visit: _("Reset {station}").format(station=visit["station_id"]),
        words=lambda visit: _("The station restarts. At once means that running transactions end."),
        fields=_reset_fields,
        act=_reset,
        needs=("Reset",),
        submit=lambda visit: _("Reset"),
        hurts=True,
    ),
]


def buttons(visit: Visit) -> list[tuple[str, str]]:
    """Return the buttons of a station's page that somebody may press: last part of the path, and text."""
    return [(path, _(text)) for path, text, needs in _BUTTONS if visit.may(*needs)]


_BUTTONS: Sequence[tuple[str, str, tuple[str, ...]]] = (
    ("start", noop("Start"), ("RequestStartTransaction",)),
    ("stop", noop("Stop"), ("RequestStopTransaction", "ListTransactions")),
    ("reset", noop("Reset"), ("Reset",)),
)
