"""`citrine person`: what is stored of a driver, exported and erased."""

import asyncio
import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.json_format import MessageToDict

from citrine.api.v1 import persons_pb2 as pb
from citrine.ocpp.v2.types_pb2 import IdToken
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_cli.consent import Yes, ask_consent
from citrine_cli.errors import UsageError, warn
from citrine_cli.whole_files import written_whole
from citrine_words.words import enum_word, time_word

__all__ = ["build"]

_FEW = pb.ListErasuresRequest(page_size=1)

PAUSE = 0.5
"""Seconds between two looks at an erasure that is waited for."""

Token = Annotated[str, typer.Argument(metavar="[TOKEN]", help="Their token, in any spelling.")]
TypeOption = Annotated[str, typer.Option("--type", metavar="TYPE", help="Type of the token, such as ISO14443.")]
GroupOption = Annotated[str, typer.Option("--group", metavar="GROUP", help="Instead of a token: a group of tokens.")]


def build() -> typer.Typer:
    """Return the commands of `citrine person`."""
    app = typer.Typer(help="What is stored of a driver: export, erase, erasures.")
    client_command(app, "export")(export_person)
    client_command(app, "erase")(erase_person)
    client_command(app, "erasures")(list_erasures)
    return app


async def export_person(
    client: Client,
    token: Token = "",
    kind: TypeOption = "",
    group: GroupOption = "",
    file: Annotated[Path | None, typer.Option("--file", metavar="FILE", help="Write there.")] = None,
) -> None:
    """Write all that is stored of a driver, one JSON object a line."""
    given = _token(token, kind, group)
    request = pb.ExportPersonRequest(id_token=given) if given else pb.ExportPersonRequest(group_id=group)
    is_empty = True
    with written_whole(file) if file else nullcontext(sys.stdout) as out:
        async for row in client.citrine.persons.ExportPerson(request):
            is_empty = False
            out.write(json.dumps({"kind": row.kind, **MessageToDict(row.content)}, ensure_ascii=False) + "\n")
    if is_empty:
        warn(f"nothing is stored of {token or f'group {group}'}")


async def erase_person(
    client: Client,
    token: Token = "",
    kind: TypeOption = "",
    group: GroupOption = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is finished.")] = False,
    yes: Yes = False,
) -> None:
    """Delete the tokens of a driver, and replace their ids by a pseudonym wherever they stand."""
    given = _token(token, kind, group)
    request = pb.ErasePersonRequest(id_token=given) if given else pb.ErasePersonRequest(group_id=group)
    question = f"erase {token or f'the drivers of group {group}'} for good?"
    await ask_consent(question, yes=yes, look=lambda: client.citrine.persons.ListErasures(_FEW))
    erasure = await client.citrine.persons.ErasePerson(request)
    while wait and erasure.state != pb.ERASURE_STATE_FINISHED:
        await asyncio.sleep(PAUSE)
        erasure = await client.citrine.persons.GetErasure(pb.GetErasureRequest(erasure_id=erasure.erasure_id))
    if client.out.as_json:
        client.out.message(erasure)
        return
    client.out.line(f"erasure {erasure.erasure_id} {enum_word(erasure, 'state')}")


async def list_erasures(client: Client, limit: Limit = 100) -> None:
    """List erasures, the latest first."""
    pages = collect(client.citrine.persons.ListErasures, pb.ListErasuresRequest(), limit)
    found = [one async for page in pages for one in page.erasures]
    if client.out.as_json:
        client.out.messages(found)
        return
    client.out.table(
        ["id", "state", "waits for", "tables", "rows", "requested by", "requested", "finished"],
        (
            [
                one.erasure_id,
                enum_word(one, "state"),
                one.waits_for,
                f"{one.tables_done}/{one.tables_total}",
                str(one.changed_rows),
                one.requested_by,
                time_word(one, "create_time"),
                time_word(one, "finish_time"),
            ]
            for one in found
        ),
        empty="no erasures",
    )


def _token(token: str, kind: str, group: str) -> IdToken | None:
    if bool(token) == bool(group):
        raise UsageError("name a token, or --group")
    return IdToken(id_token=token, type=kind) if token else None
