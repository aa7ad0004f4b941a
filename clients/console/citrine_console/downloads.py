"""Files that are made page by page while they are sent, so that they may be of any length."""

import csv
import io
import json
import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import TypeVar

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from citrine_console.site import Action, Site
from citrine_console.visits import Visit
from citrine_words.token_files import harmless

__all__ = ["CSV", "JSON_LINES", "download", "exports"]

CSV, JSON_LINES = "text/csv; charset=utf-8", "application/x-ndjson"

M = TypeVar("M", bound=Message)

_NUMBER = re.compile(r"-?\d+(\.\d+)?")


async def download(name: str, media_type: str, parts: AsyncIterator[str]) -> Response:
    """Return a file for the browser to store.

    Its first part is made before anything is sent, so that what the core refuses at once is shown as a page. What fails
    later breaks the transfer off, which browsers report as a failed download.

    Args:
        name: Name of the file.
        media_type: What it is.
        parts: Its text.
    """
    first = await anext(parts, "")

    async def whole() -> AsyncIterator[str]:
        yield first
        async for part in parts:
            yield part

    return StreamingResponse(
        whole(), media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


def _csv_rows(rows: Iterable[Sequence[str]]) -> str:
    """Return rows of a table as comma-separated values.

    A text that a spreadsheet would take for a formula has an apostrophe before it; a number is left as it is.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows([one if _NUMBER.fullmatch(one) else harmless(one) for one in row] for row in rows)
    return text.getvalue()


def exports(
    path: str,
    needs: str,
    read: Callable[[Visit], AsyncIterator[Sequence[M]]],
    columns: Sequence[str],
    row: Callable[[M], Sequence[str]],
) -> list[Action]:
    """Return what sends a list as files, at PATH/export.csv and PATH/export.jsonl.

    Args:
        path: Of the page of the list.
        needs: The rpc that lists.
        read: Yields the list in parts, as the query filters it.
        columns: Heads of the CSV.
        row: Returns the cells of one.
    """
    name = path.rpartition("/")[2]

    async def table(visit: Visit, request: Request, site: Site) -> Response:
        async def parts() -> AsyncIterator[str]:
            # The heads go with the first rows: a list that is refused is no file.
            heads = [columns]
            async for found in read(visit):
                yield _csv_rows([*heads, *map(row, found)])
                heads = []
            if heads:
                yield _csv_rows(heads)

        return await download(f"{name}.csv", CSV, parts())

    async def objects(visit: Visit, request: Request, site: Site) -> Response:
        async def parts() -> AsyncIterator[str]:
            async for found in read(visit):
                yield "".join(map(_json_line, found))

        return await download(f"{name}.jsonl", JSON_LINES, parts())

    return [
        Action(f"{path}/export.csv", table, methods=("GET",), needs=(needs,)),
        Action(f"{path}/export.jsonl", objects, methods=("GET",), needs=(needs,)),
    ]


def _json_line(message: Message) -> str:
    return json.dumps(MessageToDict(message, preserving_proto_field_name=True), ensure_ascii=False) + "\n"
