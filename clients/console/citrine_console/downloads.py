"""Files that are made page by page while they are sent, so that they may be of any length."""

import csv
import io
import re
from collections.abc import AsyncIterator, Iterable, Sequence

from starlette.responses import Response, StreamingResponse

from citrine_cli.token_files import harmless

__all__ = ["CSV", "JSON_LINES", "csv_rows", "download"]

CSV, JSON_LINES = "text/csv; charset=utf-8", "application/x-ndjson"

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


def csv_rows(rows: Iterable[Sequence[str]]) -> str:
    """Return rows of a table as comma-separated values.

    A text that a spreadsheet would take for a formula has an apostrophe before it; a number is left as it is.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows([one if _NUMBER.fullmatch(one) else harmless(one) for one in row] for row in rows)
    return text.getvalue()
