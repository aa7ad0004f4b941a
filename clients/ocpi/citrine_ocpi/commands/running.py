"""How commands run: on the adapter's database by its settings, with their errors as one line."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from citrine_cli.connection import Connection
from citrine_cli.errors import CliError, UsageError
from citrine_cli.output import Output
from citrine_ocpi.adapter import Office, office
from citrine_ocpi.config import OcpiSettings, own_variables
from citrine_ocpi.db import SchemaTooNew
from citrine_ocpi.key_file import EncryptionKeyError
from citrine_ocpi.partners import RegistrationFailed
from citrine_ocpi.partners.administration import AdministrationRefused
from citrine_sdk import Citrine

__all__ = ["JsonFlag", "connect", "output_of", "run"]

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def output_of(ctx: typer.Context, as_json: bool) -> Output:
    """Return where a command prints."""
    common = ctx.obj if isinstance(ctx.obj, Connection) else Connection()
    return Output(as_json=as_json or common.as_json, no_color=common.no_color)


def connect() -> Citrine:
    """Return the core, by the adapter's key.

    Raises:
        OSError: When the key can't be read.
    """
    settings = OcpiSettings.model_validate(own_variables())
    key = settings.ocpi_key_file.read_text(encoding="utf-8").strip()
    return Citrine(settings.core, key=key, tenant=settings.ocpi_tenant or None, ca_file=settings.core_ca_file)


def run(work: Callable[[Office], Awaitable[None]]) -> None:
    """Do something with the adapter's database.

    Raises:
        UsageError: When a setting is wrong.
        CliError: When it is not possible.
    """
    try:
        settings = OcpiSettings.model_validate(own_variables())
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"CITRINE_{str(first['loc'][0]).upper()}: {first['msg']}") from error
    try:
        asyncio.run(_run(settings, work))
    except (AdministrationRefused, RegistrationFailed, EncryptionKeyError, SchemaTooNew, OSError) as error:
        raise CliError(str(error)) from error
    except SQLAlchemyError as error:
        raise CliError(f"the database of the OCPI adapter can't be used: {error}") from error


async def _run(settings: OcpiSettings, work: Callable[[Office], Awaitable[None]]) -> None:
    async with office(settings, settings.public_url(settings.ocpi_listen)) as opened:
        await work(opened)
