"""What `citrine token list` and `citrine token show` say of tokens."""

from datetime import UTC
from typing import Annotated

import typer

from citrine.api.v1.tokens_pb2 import (
    TOKEN_STATUS_ACCEPTED,
    TOKEN_WHITELIST_ALLOWED_OFFLINE,
    TOKEN_WHITELIST_ALWAYS,
    TOKEN_WHITELIST_NEVER,
    GetTokenRequest,
    ListTokensRequest,
    Token,
)
from citrine_cli.client import Client, collect
from citrine_cli.filters import ChangedOption
from citrine_cli.limits import limit_words
from citrine_cli.token_filters import Contract, Group, Owner, Prefix, StatusOnly, parse_filter
from citrine_cli.token_rules import rule_words
from citrine_cli.token_types import MaybeType, TokenId, type_name
from citrine_words.cells import State
from citrine_words.clock import Clock, utc_now
from citrine_words.words import duration_word, enum_word, time_word

__all__ = ["list_tokens", "prepaid_words", "show_token"]


_DECIDED = {
    TOKEN_WHITELIST_ALWAYS: "itself (always)",
    TOKEN_WHITELIST_ALLOWED_OFFLINE: "the authorizer, or itself while that is away (allowed-offline)",
    TOKEN_WHITELIST_NEVER: "the authorizer alone (never)",
}
"""Who decides on a token where that is not up to the settings of the authorizer."""


async def list_tokens(
    client: Client,
    group: Group = "",
    owner: Owner = "",
    contract: Contract = "",
    prefix: Prefix = "",
    status: StatusOnly = "",
    changed: ChangedOption = "",
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="At most this many; 0 is all.")] = 0,
) -> None:
    """List the tokens."""
    request = parse_filter(ListTokensRequest(), group, owner, contract, prefix, status, changed)
    pages = collect(client.citrine.tokens.ListTokens, request, limit)
    tokens = [token async for page in pages for token in page.tokens]
    if client.out.as_json:
        client.out.messages(tokens)
        return
    client.out.table(
        ["token", "type", "status", "group", "contract", "owner", "expires", "description"],
        (
            [
                token.id_token,
                token.type,
                _status_word(token),
                token.group_id,
                token.contract_id,
                _owner_word(token),
                time_word(token, "expire_time"),
                token.description,
            ]
            for token in tokens
        ),
        empty="no tokens",
    )


def prepaid_words(token: Token) -> str:
    """Return how much credit is left of a prepaid token."""
    # The credit has no currency of its own: the costs of all tariffs are subtracted from it.
    return f"{token.prepaid.left} left of {token.prepaid.paid} (in the currency of the tariffs)"


def _owner_word(token: Token) -> str:
    return "-".join(filter(None, (token.country_code, token.party_id)))


def _status_word(token: Token, clock: Clock = utc_now) -> str:
    """Return the status of a token, by its settings and the current time."""
    if token.status == TOKEN_STATUS_ACCEPTED and token.HasField("valid") and not token.valid:
        return State("invalid")
    if token.status == TOKEN_STATUS_ACCEPTED and token.HasField("suspend_time"):
        return State("suspended")
    if token.status == TOKEN_STATUS_ACCEPTED and token.HasField("expire_time"):
        try:
            is_over = token.expire_time.ToDatetime(UTC) <= clock()
        except (ValueError, OverflowError):
            is_over = False
        if is_over:
            return State("expired")
    return enum_word(token, "status")


async def show_token(client: Client, id_token: TokenId, token_type: MaybeType = "") -> None:
    """Show a token."""
    token = await client.citrine.tokens.GetToken(GetTokenRequest(id_token=id_token, type=type_name(token_type)))
    if client.out.as_json:
        client.out.message(token)
        return
    client.out.facts(
        {
            "token": token.id_token,
            "type": token.type,
            "tenant": token.tenant_id,
            "status": _status_word(token),
            "group": token.group_id,
            "contract": token.contract_id,
            "issuer": token.issuer,
            "visual number": token.visual_number,
            "owner": _owner_word(token),
            "owner suspended": time_word(token, "suspend_time"),
            "decided by": _DECIDED.get(token.whitelist, ""),
            "preference": enum_word(token, "charging_preference"),
            "expires": time_word(token, "expire_time"),
            "master pass": "yes" if token.master_pass else "",
            "each transaction": limit_words(token.limit),
            "prepaid": prepaid_words(token) if token.HasField("prepaid") else "",
            "language": ", ".join(filter(None, (token.language, token.second_language))),
            "charging priority": str(token.charging_priority or ""),
            "message": token.message,
            "remembered for": duration_word(token.cache_time) if token.HasField("cache_time") else "",
            **rule_words(token.rules),
            "description": token.description,
            "created": time_word(token, "create_time"),
            "changed": time_word(token, "update_time"),
        }
    )
