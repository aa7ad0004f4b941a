"""`citrine station set-password`: the credentials of stations."""

from typing import Annotated

import typer

from citrine.api.v1.stations_pb2 import SetStationPasswordRequest
from citrine_cli.client import Client, client_command
from citrine_cli.errors import UsageError
from citrine_cli.targets import DEFAULT_TIMEOUT, MARGIN, Station, Timeout, WhenOnline, show_waiting, target
from citrine_cli.words import enum_word

__all__ = ["add_to"]


def add_to(app: typer.Typer) -> None:
    """Add these commands to those of `citrine station`."""
    client_command(app, "set-password")(set_password)


async def set_password(
    client: Client,
    station_id: Station,
    password: Annotated[
        str | None, typer.Option("--password", metavar="P", help="16 to 64 characters. Without it one is generated.")
    ] = None,
    send: Annotated[
        bool, typer.Option("--send", help="Send it to the station; else set it there by other means.")
    ] = False,
    timeout: Timeout = DEFAULT_TIMEOUT,
    when_online: WhenOnline = False,
) -> None:
    """Replace the password of a station. With --send, the one before is valid until the station accepts the new one."""
    if when_online and not send:
        raise UsageError("--when-online is only for --send")
    request = SetStationPasswordRequest(
        station_id=station_id, password=password or "", send=send, when_online=when_online
    )
    if send:
        request.timeout.CopyFrom(target(station_id, timeout).timeout)
    answer = await client.citrine.stations.SetStationPassword(request, timeout=timeout + MARGIN)
    if client.out.as_json:
        client.out.message(answer)
        return
    if answer.HasField("status"):
        client.out.line(f"{station_id} answered {enum_word(answer, 'status')}")
    elif send:
        show_waiting(client, answer.command)
    else:
        client.out.line(f"password of station {station_id} replaced")
    if answer.generated_password:
        client.out.line(f"password: {answer.generated_password}")
        client.out.line("It is shown only now.", style="dim")
