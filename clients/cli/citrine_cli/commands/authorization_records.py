"""`citrine authorization history`: how it was decided on tokens that drivers presented."""

from typing import Annotated

import typer

from citrine.api.v1.authorization_pb2 import (
    AUTHORIZATION_PURPOSE_UNSPECIFIED,
    AuthorizationPurpose,
    AuthorizerPart,
    ListAuthorizationRecordsRequest,
)
from citrine.ocpp.v2.types_pb2 import AUTHORIZATION_STATUS_ENUM_UNSPECIFIED, AuthorizationStatusEnum
from citrine_cli.client import Client, Limit, collect
from citrine_cli.filters import FromOption, StationOption, TokenGroupOption, ToOption, range_of
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_cli.targets import choice
from citrine_words.cells import PrefixId
from citrine_words.enums import words_of
from citrine_words.words import enum_word, number, time_word

__all__ = ["list_records"]

_PURPOSES = words_of(AuthorizationPurpose.items(), "AUTHORIZATION_PURPOSE_")
_STATUSES = words_of(AuthorizationStatusEnum.items(), "AUTHORIZATION_STATUS_ENUM_")


async def list_records(
    client: Client,
    station: StationOption = "",
    id_token: Annotated[str, typer.Option("--token", metavar="TOKEN", help="Only of this token.")] = "",
    token_group: TokenGroupOption = "",
    purpose: Annotated[str, typer.Option("--purpose", metavar="PURPOSE", help=f"Only to {', '.join(_PURPOSES)}.")] = "",
    status: Annotated[str, typer.Option("--status", metavar="STATUS", help=f"Only {', '.join(_STATUSES)} ones.")] = "",
    refused: Annotated[bool, typer.Option("--refused", help="Only those that were not accepted.")] = False,
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    begin: FromOption = "",
    end: ToOption = "",
    limit: Limit = 100,
) -> None:
    """List how it was decided on tokens, the latest first."""
    request = ListAuthorizationRecordsRequest(
        station_id=station,
        id_token=id_token,
        group_id=token_group,
        purpose=choice("--purpose", _PURPOSES, purpose) if purpose else AUTHORIZATION_PURPOSE_UNSPECIFIED,
        status=choice("--status", _STATUSES, status) if status else AUTHORIZATION_STATUS_ENUM_UNSPECIFIED,
        refused_only=refused,
        decide_time=range_of(begin, end),
        stations=station_selector(location, group, label),
    )
    pages = collect(client.citrine.authorization.ListAuthorizationRecords, request, limit)
    records = [record async for page in pages for record in page.records]
    if client.out.as_json:
        client.out.messages(records)
        return
    client.out.table(
        ["time", "station", "evse", "token", "group", "to", "status", "transaction", "authorizer"],
        (
            [
                time_word(one, "decide_time"),
                one.station_id,
                number(one, "evse_id"),
                one.id_token.id_token,
                one.group_id,
                enum_word(one, "purpose"),
                enum_word(one, "status"),
                PrefixId(one.transaction_id),
                "" if one.authorizer == AuthorizerPart.AUTHORIZER_PART_NONE else enum_word(one, "authorizer"),
            ]
            for one in records
        ),
        empty="no token was presented",
    )
