"""What operators do about one transaction: stop, limit and check it, settle it, and correct what it costs."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.remote_control_pb2 import RequestStopTransactionRequest
from citrine.api.v1.tariff_and_cost_pb2 import GetTransactionCostRequest
from citrine.api.v1.transaction_limits_pb2 import SetTransactionLimitRequest
from citrine.api.v1.transactions_pb2 import (
    CloseTransactionRequest,
    ConfirmReadingRequest,
    CreditTransactionCostRequest,
    GetTransactionRequest,
    GetTransactionStatusRequest,
    ReopenTransactionRequest,
    RepriceTransactionRequest,
    SettleTransactionRequest,
    Transaction,
    WaiveTransactionCostRequest,
)
from citrine.ocpp.v2 import remote_control_pb2 as remote_control
from citrine.ocpp.v2 import transactions_pb2 as transactions
from citrine_console.forms import Done, Field, FormDialog, Values, Wrong
from citrine_console.texts import _, noop
from citrine_console.visits import Visit
from citrine_words.errors import WrongText
from citrine_words.values import parse_duration

__all__ = ["DIALOGS", "buttons"]

Act = Callable[[Visit, Values], Awaitable[Done]]


def _names(visit: Visit) -> dict[str, Any]:
    return {"station_id": visit["station_id"], "transaction_id": visit["transaction_id"]}


def _reason() -> Field:
    return Field("reason", _("Why"), required=True, hint=_("is stored with it"), attributes={"maxlength": "500"})


async def _reason_only(visit: Visit) -> Sequence[Field]:
    return [_reason()]


async def _stop(visit: Visit, values: Values) -> Done:
    request = RequestStopTransactionRequest(
        target=CommandTarget(station_id=visit["station_id"]),
        request=remote_control.RequestStopTransactionRequest(transaction_id=visit["transaction_id"]),
    )
    answer = await visit.citrine.remote_control.RequestStopTransaction(request)
    return Done.answered(answer.response)


async def _check(visit: Visit, values: Values) -> Done:
    request = GetTransactionStatusRequest(
        target=CommandTarget(station_id=visit["station_id"]),
        request=transactions.GetTransactionStatusRequest(transaction_id=visit["transaction_id"]),
    )
    answer = await visit.citrine.transactions.GetTransactionStatus(request)
    return Done.answered(answer.response)


async def _limit_fields(visit: Visit) -> Sequence[Field]:
    return [
        Field("max_cost", _("Most that it costs"), "decimal", hint=_("with tax; empty: any")),
        Field("max_energy", _("Most energy in kWh"), "decimal"),
        Field("max_time", _("Longest time since it began"), hint=_("as 4h")),
    ]


async def _limit(visit: Visit, values: Values) -> Done:
    request = SetTransactionLimitRequest(**_names(visit))
    if values["max_cost"]:
        request.limit.max_cost = values["max_cost"].replace(",", ".")
    if (energy := values.decimal("max_energy")) is not None:
        request.limit.max_energy_wh = energy * 1000
    if values["max_time"]:
        try:
            request.limit.max_time.CopyFrom(parse_duration("max_time", values["max_time"]))
        except WrongText as error:
            raise Wrong("max_time", str(error)) from None
    await visit.citrine.transaction_limits.SetTransactionLimit(request)
    return Done(_("The limit is set."))


async def _close(visit: Visit, values: Values) -> Done:
    await visit.citrine.transactions.CloseTransaction(CloseTransactionRequest(**_names(visit)))
    return Done(_("The transaction is closed."))


async def _settle(visit: Visit, values: Values) -> Done:
    request = SettleTransactionRequest(**_names(visit), reason=values["reason"])
    await visit.citrine.transactions.SettleTransaction(request)
    return Done(_("The transaction is settled."))


async def _reopen(visit: Visit, values: Values) -> Done:
    request = ReopenTransactionRequest(**_names(visit), reason=values["reason"])
    await visit.citrine.transactions.ReopenTransaction(request)
    return Done(_("The transaction waits for events once more."))


async def _waive(visit: Visit, values: Values) -> Done:
    request = WaiveTransactionCostRequest(**_names(visit), reason=values["reason"])
    await visit.citrine.transactions.WaiveTransactionCost(request)
    return Done(_("It costs nothing any more."))


async def _credit_fields(visit: Visit) -> Sequence[Field]:
    cost = await visit.citrine.tariff_and_cost.GetTransactionCost(GetTransactionCostRequest(**_names(visit)))
    return [
        # So that a form that is sent twice credits once.
        Field("replaces", "", "hidden", str(cost.corrections)),
        Field(
            "amount", _("Amount with tax in {currency}").format(currency=cost.cost.currency), "decimal", required=True
        ),
        Field(
            "refunded",
            _("It was paid, and is given back"),
            "checkbox",
            hint=_("else it is not to be paid"),
        ),
        _reason(),
    ]


async def _credit(visit: Visit, values: Values) -> Done:
    request = CreditTransactionCostRequest(
        **_names(visit),
        reason=values["reason"],
        amount=values["amount"].replace(",", "."),
        refunded=values.checked("refunded"),
        replaces=values.number("replaces", 0),
    )
    correction = await visit.citrine.transactions.CreditTransactionCost(request)
    total, currency = correction.cost.total.after_tax, correction.cost.currency
    return Done(_("It costs {amount} {currency} now.").format(amount=total, currency=currency))


async def _reprice_fields(visit: Visit) -> Sequence[Field]:
    return [
        Field("tariff_id", _("Tariff"), hint=_("empty: the one that it has")),
        Field("tariff_version", _("Its version"), "number", hint=_("empty: the current one"), attributes={"min": "1"}),
        _reason(),
    ]


async def _reprice(visit: Visit, values: Values) -> Done:
    request = RepriceTransactionRequest(
        **_names(visit),
        reason=values["reason"],
        tariff_id=values["tariff_id"],
        tariff_version=values.number("tariff_version", 0),
    )
    correction = await visit.citrine.transactions.RepriceTransaction(request)
    total, currency = correction.cost.total.after_tax, correction.cost.currency
    return Done(_("It costs {amount} {currency} now.").format(amount=total, currency=currency))


async def _confirm_fields(visit: Visit) -> Sequence[Field]:
    transaction = await visit.citrine.transactions.GetTransaction(GetTransactionRequest(**_names(visit)))
    readings = [one.register_wh for one in transaction.anomalies if one.HasField("register_wh")]
    choices = [(repr(one), f"{one / 1000:,.3f} kWh") for one in dict.fromkeys(readings)]
    return [Field("register_wh", _("Reading"), "select", choices=choices), _reason()]


async def _confirm(visit: Visit, values: Values) -> Done:
    request = ConfirmReadingRequest(
        **_names(visit), reason=values["reason"], register_wh=values.decimal("register_wh") or 0.0
    )
    await visit.citrine.transactions.ConfirmReading(request)
    return Done(_("The reading is billed."))


def _dialog(
    name: str,
    title: str,
    words: str,
    act: Act,
    *needs: str,
    fields: Callable[[Visit], Awaitable[Sequence[Field]]] | None = _reason_only,
    hurts: bool = False,
) -> FormDialog:
    return FormDialog(
        path=f"/stations/{{station_id}}/transactions/{{transaction_id}}/{name}",
        title=lambda visit: f"{_(title)}: {visit['transaction_id']}",
        words=lambda visit: _(words),
        fields=fields,
        act=act,
        needs=needs,
        submit=lambda visit: _(title),
        hurts=hurts,
    )


DIALOGS = [
    _dialog(
        "stop",
        noop("Stop"),
        noop("Energy stops flowing, and the transaction is billed as far as it got."),
        _stop,
        "RequestStopTransaction",
        fields=None,
        hurts=True,
    ),
    _dialog(
        "limit",
        noop("Limit"),
        noop("The station is asked to stop once it is reached. It replaces the limit that there is."),
        _limit,
        "SetTransactionLimit",
        fields=_limit_fields,
    ),
    _dialog(
        "check",
        noop("Ask the station"),
        noop("The station is asked whether it goes on, and whether messages of it are queued."),
        _check,
        "GetTransactionStatus",
        fields=None,
    ),
    _dialog(
        "close",
        noop("Close"),
        noop("It is closed and settled from what is known. That is for those whose end nobody expects."),
        _close,
        "CloseTransaction",
        fields=None,
        hurts=True,
    ),
    _dialog(
        "settle",
        noop("Settle"),
        noop("What is missing is waited for no longer. Its cost is final, and its record is made."),
        _settle,
        "SettleTransaction",
        hurts=True,
    ),
    _dialog(
        "reopen",
        noop("Reopen"),
        noop("It takes in what came late, and waits for more. What its cost becomes is a correction."),
        _reopen,
        "ReopenTransaction",
    ),
    _dialog(
        "waive",
        noop("Waive"),
        noop("It costs nothing any more. Its record gets a new revision."),
        _waive,
        "WaiveTransactionCost",
        hurts=True,
    ),
    _dialog(
        "credit",
        noop("Credit"),
        noop("The amount is taken off what it costs. Its record gets a new revision."),
        _credit,
        "CreditTransactionCost",
        "GetTransactionCost",
        fields=_credit_fields,
        hurts=True,
    ),
    _dialog(
        "reprice",
        noop("Reprice"),
        noop("Its cost is reckoned anew. That ends a waiver, and keeps credits."),
        _reprice,
        "RepriceTransaction",
        fields=_reprice_fields,
        hurts=True,
    ),
    _dialog(
        "confirm",
        noop("Confirm a reading"),
        noop("A rise of the register that was not believed is billed after all."),
        _confirm,
        "ConfirmReading",
        "GetTransaction",
        fields=_confirm_fields,
        hurts=True,
    ),
]


def buttons(visit: Visit, transaction: Transaction) -> list[tuple[str, str]]:
    """Return what somebody may do about a transaction as it is: last part of the path, and text."""
    is_over = transaction.HasField("end_time") or transaction.HasField("close_time")
    is_settled = transaction.HasField("settle_time")
    names = []
    if not is_over:
        names += ["stop", "limit", "check", "close"]
    if not is_settled:
        names += ["settle"] if is_over else []
    elif not transaction.HasField("events_removed_time"):
        names += ["reopen", "credit", "waive", "reprice"]
    if any(one.HasField("register_wh") for one in transaction.anomalies):
        names.append("confirm")
    by_name = {dialog.path.rpartition("/")[2]: dialog for dialog in DIALOGS}
    return [(name, by_name[name].submit(visit)) for name in names if visit.may(*by_name[name].needs)]
