"""`citrine token import` and `citrine token export`: many tokens at a time, by files."""

import contextlib
import io
import os
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Annotated

import grpc
import typer
from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1 import tokens_pb2 as pb
from citrine_cli.client import Client, client_command
from citrine_cli.errors import CliError, UsageError
from citrine_cli.filters import ChangedOption
from citrine_cli.line_breaks import write_line
from citrine_cli.progress import ProgressLine, progress_line
from citrine_cli.standard_input import read_input
from citrine_cli.token_filters import Contract, Group, Owner, Prefix, StatusOnly, parse_filter
from citrine_cli.whole_files import written_whole
from citrine_words.token_files import FORMATS, TokenReader, write_csv, write_json_lines

__all__ = ["add_commands"]

PAGE = 500
"""Tokens of one request."""

SHOWN = 20
"""Most problems that are printed; the others are counted."""

Format = Annotated[
    str, typer.Option("--format", metavar="FORMAT", help="Format: csv or jsonl; else what the file's name ends with.")
]


@dataclass
class _Sum:
    """What became of the tokens of a file."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    problems: list[tuple[int, str]] = field(default_factory=list)
    """Line and problem."""

    @property
    def tokens(self) -> int:
        """How many there are that are right."""
        return self.created + self.updated + self.unchanged


def add_commands(app: typer.Typer) -> None:
    """Add the commands to `citrine token`."""
    client_command(app, "import")(import_tokens)
    client_command(app, "export")(export_tokens)


async def import_tokens(
    client: Client,
    file: Annotated[str, typer.Argument(metavar="FILE", help="Tokens as .csv or .jsonl; - is stdin.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Store nothing, and say what would be.")] = False,
    skip_wrong: Annotated[bool, typer.Option("--skip-wrong", help="Store the others where some are wrong.")] = False,
    kind: Format = "",
) -> None:
    """Add the tokens of a file, and set those that exist. Where one is wrong, none is stored.

    A table of comma-separated values has the fields of tokens as headings, and sets these alone: those of
    `citrine token export`, with at least id_token and type. A line of JSON is a whole token.
    """
    with _opened(file) as text, progress_line(is_wanted=not client.out.as_json) as line:
        reader = TokenReader(text, _format(kind, file))
        found = _Sum()
        if not skip_wrong or dry_run:
            found = await _send(client, reader, pb.TOKEN_IMPORT_MODE_PREVIEW, line, "checked")
        if not dry_run and not found.problems:
            found = await _send(client, reader, pb.TOKEN_IMPORT_MODE_VALID_TOKENS, line, "imported")
    _say(client, found, file, is_stored=not dry_run and (skip_wrong or not found.problems), dry_run=dry_run)


def _say(client: Client, found: _Sum, file: str, *, is_stored: bool, dry_run: bool) -> None:
    if client.out.as_json:
        client.out.json(
            {
                "created": found.created,
                "updated": found.updated,
                "unchanged": found.unchanged,
                "stored": is_stored,
                "errors": [{"line": line, "problem": problem} for line, problem in found.problems],
            }
        )
    else:
        for line, problem in found.problems[:SHOWN]:
            write_line(sys.stderr, f"{file}:{line}: {problem}")
        if len(found.problems) > SHOWN:
            write_line(sys.stderr, f"and {len(found.problems) - SHOWN} more")
        if is_stored or dry_run:
            would = "would be " if dry_run else ""
            client.out.line(
                f"{_tokens(found.tokens)}: {found.created} {would}new, {found.updated} {would}changed, "
                f"{found.unchanged} as {'they were' if not dry_run else 'they are'}"
            )
    if found.problems:
        number = len(found.problems)
        wrong = f"{number} problem{'s' if number > 1 else ''} in {file}"
        raise CliError(wrong if is_stored or dry_run else f"{wrong}; no token was stored")


async def _send(
    client: Client, reader: TokenReader, mode: "pb.TokenImportMode.ValueType", line: ProgressLine, done: str
) -> _Sum:
    """Send the tokens of a file, and return what became of them."""
    found, lines = _Sum(), list[int]()
    try:
        async for answer in client.citrine.tokens.ImportTokens(_requests(reader, mode, lines)):
            found.created += answer.created
            found.updated += answer.updated
            found.unchanged += answer.unchanged
            found.problems += [(lines[one.index], _problem(one, lines)) for one in answer.errors]
            line.show(f"{_tokens(found.tokens)} {done}")
    except grpc.aio.AioRpcError:
        if found.tokens and mode != pb.TOKEN_IMPORT_MODE_PREVIEW:
            write_line(sys.stderr, f"{_tokens(found.tokens)} imported before it ended")
        raise
    found.problems = sorted(found.problems + reader.problems)
    return found


def _problem(error: pb.TokenImportError, lines: list[int]) -> str:
    if error.HasField("same_as_index"):
        return f"{error.field} is the same token as that of line {lines[error.same_as_index]}"
    return f"{error.field} {error.description}"


async def _requests(
    reader: TokenReader, mode: "pb.TokenImportMode.ValueType", lines: list[int]
) -> AsyncIterator[pb.ImportTokensRequest]:
    mask = FieldMask(paths=[name for name in reader.fields if name in _SETTABLE])
    request = pb.ImportTokensRequest(mode=mode, update_mask=mask if reader.fields else None)
    for line, token in reader:
        lines.append(line)
        request.tokens.append(token)
        if len(request.tokens) == PAGE:
            yield request
            request = pb.ImportTokensRequest()
    if request.tokens:
        yield request


_SETTABLE = frozenset(pb.Token.DESCRIPTOR.fields_by_name) - {
    "tenant_id",
    "prepaid",
    "create_time",
    "update_time",
    "etag",
}


async def export_tokens(
    client: Client,
    file: Annotated[str, typer.Argument(metavar="[FILE]", help="Where to: .csv or .jsonl; - is stdout.")] = "-",
    kind: Format = "",
    group: Group = "",
    owner: Owner = "",
    contract: Contract = "",
    prefix: Prefix = "",
    status: StatusOnly = "",
    changed: ChangedOption = "",
) -> None:
    """Print all tokens as a table of comma-separated values or as lines of JSON, or write them to a file.

    In a table, a text that a spreadsheet would take for a formula has an apostrophe before it, which the import takes
    away again.
    """
    to_stdout = file == "-"
    chosen = "jsonl" if client.out.as_json else _format(kind or ("csv" if to_stdout else ""), file)
    request = parse_filter(pb.ExportTokensRequest(), group, owner, contract, prefix, status, changed)
    number = 0
    with _written(file) as text, progress_line(is_wanted=not to_stdout) as line:
        if chosen == "csv":
            write_csv((), text, heads=True)
        async for answer in client.citrine.tokens.ExportTokens(request):
            number += len(answer.tokens)
            if chosen == "csv":
                write_csv(answer.tokens, text, heads=False)
            else:
                write_json_lines(answer.tokens, text)
            line.show(f"{_tokens(number)} written")
    if not to_stdout:
        client.out.line(f"{_tokens(number)} written to {file}")


def _tokens(number: int) -> str:
    return f"{number} token{'' if number == 1 else 's'}"


def _format(kind: str, file: str) -> str:
    """Return the format of a file."""
    found = kind.lower() or Path(file).suffix.lower().removeprefix(".")
    if found not in FORMATS:
        raise UsageError(f"--format: {kind!r} is neither csv nor jsonl" if kind else f"{file}: is it csv or jsonl?")
    return found


@contextlib.contextmanager
def _opened(file: str) -> Iterator[IO[str]]:
    if file == "-":
        yield io.StringIO(read_input())
        return
    try:
        # Spreadsheets begin a file with a byte order mark.
        with open(file, encoding="utf-8-sig", newline="") as text:
            yield text
    except OSError as error:
        raise UsageError(f"{file}: {os.strerror(error.errno) if error.errno else error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8") from error


@contextlib.contextmanager
def _written(file: str) -> Iterator[IO[str]]:
    if file == "-":
        yield sys.stdout
        sys.stdout.flush()
        return
    with written_whole(file) as text:
        yield text
