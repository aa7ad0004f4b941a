"""Tokens of drivers: the table of all, and the page of one with what it was used for."""

from collections.abc import AsyncIterator, Mapping
from io import StringIO

from starlette.requests import Request
from starlette.responses import Response

from citrine.api.v1.authorization_pb2 import ListAuthorizationRecordsRequest
from citrine.api.v1.tokens_pb2 import (
    TOKEN_STATUS_ACCEPTED,
    TOKEN_STATUS_BLOCKED,
    ExportTokensRequest,
    GetTokenRequest,
    ListTokensRequest,
    Token,
)
from citrine.api.v1.transactions_pb2 import ListTransactionsRequest
from citrine.events.v1.events_pb2 import Event
from citrine_console.clock import utc_now
from citrine_console.downloads import CSV, JSON_LINES, download
from citrine_console.live import Page, Region
from citrine_console.pages import token_actions, token_import
from citrine_console.paging import paging
from citrine_console.site import Action, Site
from citrine_console.texts import _, noop
from citrine_console.visits import Visit
from citrine_words.token_files import write_csv, write_json_lines

__all__ = ["ACTIONS", "PAGES"]

PAGE_SIZE = 50

FEW = 10
"""Latest transactions and authorizations that are shown of a token."""

_STATES: Mapping[str, str] = {
    "accepted": noop("May charge"),
    "blocked": noop("Blocked"),
    "invalid": noop("Not to be used"),
}

_OF_TABLE = ("token_changed", "token_owner_changed")

_TRANSACTIONS = ("transaction_started", "transaction_updated", "transaction_ended", "transaction_closed")


def _fill(request: "ListTokensRequest | ExportTokensRequest", visit: Visit) -> None:
    query = visit.query
    request.id_token_prefix, request.group_id, request.contract_id = query["id"], query["group"], query["contract"]
    request.country_code, request.party_id = query["country"].upper(), query["party"].upper()
    if query["state"] == "blocked":
        request.status = TOKEN_STATUS_BLOCKED
    elif query["state"] == "accepted":
        request.status = TOKEN_STATUS_ACCEPTED
    elif query["state"] == "invalid":
        request.valid = False


async def _filters(visit: Visit) -> Mapping[str, object]:
    return {
        "states": {key: _(name) for key, name in _STATES.items()},
        "filter": visit.query.with_(page=None, before=None),
        "may_create": visit.may("CreateToken"),
        "may_import": visit.may("ImportTokens"),
        "may_export": visit.may("ExportTokens"),
    }


async def _table(visit: Visit) -> Mapping[str, object]:
    request = ListTokensRequest(page_size=PAGE_SIZE, page_token=visit.query["page"])
    _fill(request, visit)
    answer = await visit.citrine.tokens.ListTokens(request)
    return {"tokens": [(one, is_expired(one)) for one in answer.tokens], "pages": paging(visit, answer.next_page_token)}


def is_expired(token: Token) -> bool:
    """Return whether a token has expired."""
    return token.HasField("expire_time") and token.expire_time.seconds <= utc_now().timestamp()


async def _head(visit: Visit) -> Mapping[str, object]:
    token = await visit.citrine.tokens.GetToken(GetTokenRequest(id_token=visit["id_token"], type=visit["type"]))
    return {
        "token": token,
        "expired": is_expired(token),
        "may_update": visit.may("UpdateToken"),
        "may_credit": visit.may("AddCredit"),
        "may_delete": visit.may("DeleteToken"),
        "may_export_person": visit.may("ExportPerson"),
    }


async def _authorizations(visit: Visit) -> Mapping[str, object]:
    request = ListAuthorizationRecordsRequest(
        id_token=visit["id_token"], page_size=FEW, page_token=visit.query["authorizations-page"]
    )
    answer = await visit.citrine.authorization.ListAuthorizationRecords(request)
    return {"records": answer.records, "pages": paging(visit, answer.next_page_token, "authorizations")}


async def _transactions(visit: Visit) -> Mapping[str, object]:
    request = ListTransactionsRequest(id_token=visit["id_token"], page_size=FEW)
    answer = await visit.citrine.transactions.ListTransactions(request)
    return {"transactions": answer.transactions, "more": bool(answer.next_page_token)}


def _of_token(visit: Visit, event: Event) -> bool:
    body = getattr(event, event.WhichOneof("body") or "")
    summary = getattr(body, "transaction", body)
    named = getattr(summary, "id_token", None)
    # Events of a party name no token, and may concern any.
    return named is None or str(named.id_token).casefold() == visit["id_token"].casefold()


async def _export_csv(visit: Visit, request: Request, site: Site) -> Response:
    async def parts() -> AsyncIterator[str]:
        text = StringIO()
        write_csv((), text, heads=True)
        yield text.getvalue()
        async for tokens in _exported(visit):
            text = StringIO()
            write_csv(tokens, text, heads=False)
            yield text.getvalue()

    return await download("tokens.csv", CSV, parts())


async def _export_json(visit: Visit, request: Request, site: Site) -> Response:
    async def parts() -> AsyncIterator[str]:
        async for tokens in _exported(visit):
            text = StringIO()
            write_json_lines(tokens, text)
            yield text.getvalue()

    return await download("tokens.jsonl", JSON_LINES, parts())


async def _exported(visit: Visit) -> AsyncIterator[list[Token]]:
    request = ExportTokensRequest()
    _fill(request, visit)
    async for answer in visit.citrine.tokens.ExportTokens(request):
        yield [*answer.tokens]


PAGES = [
    Page(
        path="/tokens",
        title=lambda visit: _("Tokens"),
        template="tokens/list.html",
        section="tokens",
        needs=("ListTokens",),
        regions=[
            Region("filters", "tokens/filters.html", _filters),
            Region("tokens", "tokens/table.html", _table, kinds=_OF_TABLE, is_main=True),
        ],
    ),
    *token_import.PAGES,
    Page(
        path="/tokens/{type}/{id_token:path}",
        title=lambda visit: visit["id_token"],
        template="tokens/token.html",
        section="tokens",
        needs=("GetToken",),
        regions=[
            Region(
                "head",
                "tokens/head.html",
                _head,
                kinds=("token_changed", "token_owner_changed", "transaction_cost_changed"),
                concerns=_of_token,
                is_main=True,
            ),
            Region(
                "transactions",
                "tokens/transactions.html",
                _transactions,
                kinds=_TRANSACTIONS,
                concerns=_of_token,
                needs=("ListTransactions",),
            ),
            Region(
                "authorizations",
                "tokens/authorizations.html",
                _authorizations,
                kinds=("token_authorized", "transaction_started"),
                concerns=_of_token,
                needs=("ListAuthorizationRecords",),
            ),
        ],
    ),
]

ACTIONS: list[Action] = [
    *(dialog.action() for dialog in token_actions.DIALOGS),
    *token_import.ACTIONS,
    Action("/tokens/export.csv", _export_csv, methods=("GET",), needs=("ExportTokens",)),
    Action("/tokens/export.jsonl", _export_json, methods=("GET",), needs=("ExportTokens",)),
]
