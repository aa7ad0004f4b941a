"""Options of the lists of tokens."""

import re
from typing import Annotated, TypeVar

import typer

from citrine.api.v1.tokens_pb2 import ExportTokensRequest, ListTokensRequest, TokenStatus
from citrine_cli.errors import UsageError
from citrine_cli.filters import changed_since
from citrine_cli.targets import choice
from citrine_words.enums import words_of

__all__ = ["Contract", "Group", "Owner", "Prefix", "StatusOnly", "parse_filter", "parse_owner"]

RequestT = TypeVar("RequestT", ListTokensRequest, ExportTokensRequest)

STATUSES = words_of(TokenStatus.items(), "TOKEN_STATUS_")

Group = Annotated[str, typer.Option("--group", metavar="G", help="Only of this group.")]
Owner = Annotated[str, typer.Option("--owner", metavar="PARTY", help="Only of this party: NL-TNM.")]
Contract = Annotated[str, typer.Option("--contract", metavar="ID", help="Only of this contract.")]
Prefix = Annotated[str, typer.Option("--prefix", metavar="TEXT", help="Only those whose id begins with it.")]
StatusOnly = Annotated[
    str, typer.Option("--status", metavar="S", help=f"Only those: {', '.join(STATUSES)}, valid or invalid.")
]
_OWNER = re.compile(r"([A-Za-z]{2})[-*]?([A-Za-z0-9]{3})")


def parse_owner(text: str, name: str = "--owner") -> tuple[str, str]:
    """Return country and party of a text such as NL-TNM; empty of an empty one.

    Raises:
        UsageError: When it is no party.
    """
    if not text:
        return "", ""
    found = _OWNER.fullmatch(text)
    if found is None:
        raise UsageError(f"{name}: {text!r} is no party: expected a country and three characters, as NL-TNM")
    return found[1].upper(), found[2].upper()


def parse_filter(
    request: RequestT, group: str, owner: str, contract: str, prefix: str, status: str, changed: str
) -> RequestT:
    """Set the fields of a request by the options.

    Raises:
        UsageError: When one is malformed.
    """
    request.group_id, request.contract_id, request.id_token_prefix = group, contract, prefix
    request.country_code, request.party_id = parse_owner(owner)
    if status.lower() in ("valid", "invalid"):
        request.valid = status.lower() == "valid"
    elif status:
        request.status = choice("--status", STATUSES, status)
    since = changed_since(changed)
    if since is not None:
        request.update_time.CopyFrom(since)
    return request
