"""The import of tokens by a file: it is checked first, row by row, and stored once somebody says so.

The browser sends the file each time: nothing of it is retained here. It is read from disk, page by page, whatever its
length is, and what is done so far is sent meanwhile, as lines of JSON.
"""

import io
import json
import tempfile
from array import array
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import IO, Any

import grpc
from google.protobuf.field_mask_pb2 import FieldMask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from citrine.api.v1.tokens_pb2 import (
    TOKEN_IMPORT_MODE_PREVIEW,
    TOKEN_IMPORT_MODE_VALID_TOKENS,
    ImportTokensRequest,
    Token,
)
from citrine_console.errors import problem_of
from citrine_console.live import Page
from citrine_console.site import Action, Site
from citrine_console.texts import _, speaking
from citrine_console.visits import Visit
from citrine_words.errors import WrongText
from citrine_words.token_files import COLUMNS, FORMATS, OUTPUT_ONLY, TokenReader

__all__ = ["ACTIONS", "PAGES"]

PAGE = 500
"""Tokens of one request."""

SHOWN = 200
"""Most problems that are shown; the others are counted."""

SAMPLE = 8
"""Tokens that are shown as they were read."""

MOST_BYTES = 256 * 1024 * 1024
"""Of a file."""


@dataclass
class _Sum:
    """What became of the tokens of a file."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    wrong: int = 0
    """Tokens and lines with a problem."""
    problems: list[tuple[int, str]] = field(default_factory=list)
    """Line and problem of the first ones."""
    sample: list[Token] = field(default_factory=list)

    @property
    def good(self) -> int:
        """How many are right."""
        return self.created + self.updated + self.unchanged

    def add(self, problems: list[tuple[int, str]]) -> None:
        """Count problems, each with its line; a line has one problem or several."""
        self.wrong += len({line for line, _problem in problems})
        self.problems = sorted([*self.problems, *problems])[:SHOWN]


async def _run(visit: Visit, request: Request, site: Site) -> Response:
    kind = visit.query["kind"]
    if kind not in FORMATS:
        return JSONResponse({"problem": _("The name of the file has to end with .csv or .jsonl.")}, status_code=400)
    # The response closes it.
    file = tempfile.TemporaryFile()  # noqa: SIM115
    length = 0
    async for chunk in request.stream():
        length += len(chunk)
        if length > MOST_BYTES:
            file.close()
            return JSONResponse({"problem": _("The file is too large.")}, status_code=413)
        file.write(chunk)
    is_stored = visit.query["mode"] == "store"
    return StreamingResponse(
        _lines(visit, site, file, kind, is_stored=is_stored),
        media_type="application/x-ndjson",
        # Compressed, what is done so far would be shown late.
        headers={"Content-Encoding": "identity"},
    )


async def _lines(visit: Visit, site: Site, file: IO[bytes], kind: str, *, is_stored: bool) -> AsyncIterator[str]:
    """Yield how many tokens are done, then what became of all."""
    found, problem = _Sum(), ""
    with speaking(visit.language), io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        try:
            async for done in _import(visit, TokenReader(text, kind), found, is_stored=is_stored):
                yield json.dumps({"done": done}) + "\n"
        except WrongText as error:
            problem = str(error)
        except UnicodeDecodeError:
            problem = _("The file is not text in UTF-8.")
        except grpc.aio.AioRpcError as error:
            what = problem_of(error)
            problem = f"{what.title}. {what.text}"
    template = "tokens/import_result.html"
    html = site.renderer.render(template, visit, found=found, problem=problem, is_stored=is_stored)
    yield json.dumps({"html": html, "good": 0 if problem or is_stored else found.good}) + "\n"


async def _import(visit: Visit, reader: TokenReader, found: _Sum, *, is_stored: bool) -> AsyncIterator[int]:
    lines = array("L")
    mode = TOKEN_IMPORT_MODE_VALID_TOKENS if is_stored else TOKEN_IMPORT_MODE_PREVIEW
    requests = _requests(reader, mode, lines, found)
    async for answer in visit.citrine.tokens.ImportTokens(requests):
        found.created += answer.created
        found.updated += answer.updated
        found.unchanged += answer.unchanged
        found.add([(lines[one.index], f"{one.field} {one.description}") for one in answer.errors])
        yield found.good
    _count_problems(reader, found)


def _count_problems(reader: TokenReader, found: _Sum) -> None:
    found.add(reader.problems)
    reader.problems = []


def _requests(reader: TokenReader, mode: Any, lines: "array[int]", found: _Sum) -> Iterator[ImportTokensRequest]:
    settable = [name for name in reader.fields if name not in OUTPUT_ONLY]
    request = ImportTokensRequest(mode=mode, update_mask=FieldMask(paths=settable) if reader.fields else None)
    for line, token in reader:
        lines.append(line)
        request.tokens.append(token)
        if len(found.sample) < SAMPLE:
            found.sample.append(token)
        if len(request.tokens) == PAGE:
            yield request
            request = ImportTokensRequest()
            _count_problems(reader, found)
    if request.tokens:
        yield request


PAGES = [
    Page(
        path="/tokens/import",
        title=lambda visit: _("Import tokens"),
        template="tokens/import.html",
        section="tokens",
        needs=("ImportTokens",),
        context=lambda visit: {"columns": [name for name in COLUMNS if name not in OUTPUT_ONLY]},
    ),
]

ACTIONS = [Action("/tokens/import/run", _run, methods=("POST",), needs=("ImportTokens",))]
