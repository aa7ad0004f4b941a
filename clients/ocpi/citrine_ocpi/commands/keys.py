"""`citrine ocpi rotate-key`: another key encrypts what is stored of partners' tokens."""

from datetime import timedelta
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from citrine_cli.errors import UsageError
from citrine_ocpi.adapter import Office
from citrine_ocpi.clock import utc_now
from citrine_ocpi.commands.running import output_of, run
from citrine_process.settings import Duration

__all__ = ["rotate_key"]


def rotate_key(
    ctx: typer.Context,
    delay: Annotated[
        str,
        typer.Option("--delay", metavar="DURATION", help="Time after which it encrypts, e.g. 1h: to copy the file."),
    ] = "0",
) -> None:
    """Add a key to the file of CITRINE_OCPI_ENCRYPTION_KEY_FILE, and encrypt the tokens of partners anew by it.

    With --delay the adapters encrypt them, within a minute after that time. The keys before stay in the file.
    """
    try:
        wait: timedelta = TypeAdapter(Duration).validate_python(delay)
    except ValidationError as error:
        raise UsageError(f"--delay: {error.errors()[0]['msg']}") from None
    if wait < timedelta(0):
        raise UsageError("--delay: must not be negative")
    out = output_of(ctx, False)

    async def work(office: Office) -> None:
        since = utc_now() + wait
        office.cipher.rotate(since)
        if wait:
            out.line(f"another key encrypts from {since:%Y-%m-%d %H:%M:%S} UTC: copy the file to all hosts before")
            return
        count = await office.reencryption.encrypt()
        out.line(f"another key encrypts; tokens of partners that were encrypted anew: {count}")

    run(work)
