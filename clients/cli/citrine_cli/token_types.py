"""Ids and types of tokens on a command line."""

from typing import Annotated

import typer

__all__ = ["TYPES", "MaybeType", "TokenId", "TokenType", "type_name"]

TYPES = (
    "ISO14443",
    "ISO15693",
    "KeyCode",
    "Local",
    "eMAID",
    "Central",
    "MacAddress",
    "NoAuthorization",
    "EVCCID",
    "VIN",
    "DirectPayment",
)
"""Types of tokens in the spelling of OCPP."""

TokenId = Annotated[str, typer.Argument(metavar="ID", help="Token as stations send it.")]
MaybeType = Annotated[str, typer.Option("--type", metavar="TYPE", help="Type, where one id has several.")]
TokenType = Annotated[str, typer.Option("--type", metavar="TYPE", help=f"One of {', '.join(TYPES)}.")]


def type_name(text: str) -> str:
    """Return a type in the spelling of OCPP; an unknown one as it is."""
    # OCPP's types are case-insensitive here. The core decides on others.
    return {name.lower(): name for name in TYPES}.get(text.lower(), text)
