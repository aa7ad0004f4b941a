"""Options of what a token is to a contract and to a party: the same where it is added and where it is set."""

from typing import Annotated, Any

import typer

from citrine.api.v1.tokens_pb2 import ChargingPreference, TokenWhitelist
from citrine_cli.targets import choice
from citrine_cli.token_filters import parse_owner
from citrine_words.enums import words_of

__all__ = ["Contract", "Issuer", "Owner", "Preference", "Valid", "VisualNumber", "Whitelist", "contract_fields"]

WHITELISTS = words_of(TokenWhitelist.items(), "TOKEN_WHITELIST_")
PREFERENCES = words_of(ChargingPreference.items(), "CHARGING_PREFERENCE_")

Contract = Annotated[str | None, typer.Option("--contract", metavar="ID", help='Its contract (eMAID); "": none.')]
Issuer = Annotated[str | None, typer.Option("--issuer", metavar="NAME", help='Who issued it; "": not known.')]
VisualNumber = Annotated[
    str | None, typer.Option("--visual-number", metavar="TEXT", help='What is printed on the card; "": its id.')
]
Whitelist = Annotated[
    str | None,
    typer.Option("--whitelist", metavar="MODE", help=f"Whether it may charge unasked: {', '.join(WHITELISTS)}."),
]
Preference = Annotated[
    str | None,
    typer.Option("--preference", metavar="P", help=f'How its driver charges: {", ".join(PREFERENCES)}; "": not known.'),
]
Owner = Annotated[
    str | None, typer.Option("--owner", metavar="PARTY", help='Party that it belongs to: NL-TNM; "": your own.')
]
Valid = Annotated[bool | None, typer.Option("--valid/--invalid", help="Whether it is to be used at all.")]


def contract_fields(
    contract: str | None,
    issuer: str | None,
    visual_number: str | None,
    whitelist: str | None,
    preference: str | None,
    owner: str | None,
    valid: bool | None,
) -> dict[str, Any]:
    """Return the fields of a token that are given, by name.

    Raises:
        UsageError: When one is malformed.
    """
    given: dict[str, Any] = {
        "contract_id": contract,
        "issuer": issuer,
        "visual_number": visual_number,
        "whitelist": None if whitelist is None else choice("--whitelist", WHITELISTS, whitelist),
        "valid": valid,
    }
    if preference is not None:
        given["charging_preference"] = choice("--preference", {**PREFERENCES, "": 0}, preference)
    if owner is not None:
        given["country_code"], given["party_id"] = parse_owner(owner)
    return {name: value for name, value in given.items() if value is not None}
