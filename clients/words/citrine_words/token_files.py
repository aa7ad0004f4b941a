"""Files of tokens: one JSON object a line, or a table of comma-separated values (CSV)."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import IO, Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError

from citrine.api.v1.tokens_pb2 import Token
from citrine_words.enums import words_of
from citrine_words.errors import WrongText
from citrine_words.json_values import json_text
from citrine_words.values import parse_duration, parse_time

__all__ = [
    "COLUMNS",
    "FORMATS",
    "OUTPUT_ONLY",
    "TokenReader",
    "harmless",
    "harmless_undone",
    "write_csv",
    "write_json_lines",
]

FORMATS = ("csv", "jsonl")

COLUMNS = (
    "id_token",
    "type",
    "status",
    "valid",
    "group_id",
    "expire_time",
    "contract_id",
    "issuer",
    "visual_number",
    "whitelist",
    "charging_preference",
    "country_code",
    "party_id",
    "master_pass",
    "language",
    "second_language",
    "charging_priority",
    "cache_time",
    "message",
    "description",
    "limit",
    "rules",
    "prepaid",
    "create_time",
    "update_time",
)
"""Columns of an exported table: fields of a token."""

OUTPUT_ONLY = frozenset({"tenant_id", "prepaid", "create_time", "update_time", "etag", "suspend_time"})
"""Fields that a core sets. They are left out where a file is read."""

_BEGINS = r"[=+\-@\t\r]"
"""What spreadsheets take for the begin of a formula, or drop to find one behind it."""

_FORMULA = re.compile(f"'*{_BEGINS}")
_HARMLESS = re.compile(f"'+{_BEGINS}")

_TRUE, _FALSE = frozenset({"true", "yes", "1"}), frozenset({"false", "no", "0"})

_FIELDS: Mapping[str, Any] = Token.DESCRIPTOR.fields_by_name


def harmless(text: str) -> str:
    """Return a text as a cell that a spreadsheet shows, and does not run as a formula: with an apostrophe before it."""
    return f"'{text}" if _FORMULA.match(text) else text


def harmless_undone(cell: str) -> str:
    """Return the text that `harmless` made the cell of; a cell that it did not make is the text."""
    return cell[1:] if _HARMLESS.match(cell) else cell


class TokenReader:
    """Reads the tokens of a file, once or again.

    Args:
        file: The text; it must be seekable to be read again.
        kind: One of FORMATS.

    Raises:
        WrongText: When a table has no line of headings, or one that is no field of a token.
    """

    def __init__(self, file: IO[str], kind: str) -> None:
        self._file = file
        self._is_table = kind == "csv"
        self.fields: Sequence[str] = self._headings() if self._is_table else ()
        """Of a table, the fields that its columns are. Empty: a token says all that it is."""
        self.problems: list[tuple[int, str]] = []
        """Line and problem of what can't be read."""

    def __iter__(self) -> Iterator[tuple[int, Token]]:
        """Yield the line and the token of each row that can be read, from the beginning."""
        self.problems = []
        self._file.seek(0)
        for line, row in self._rows() if self._is_table else self._objects():
            try:
                yield line, row()
            except (ValueError, ParseError, WrongText) as error:
                self.problems.append((line, " ".join(str(error).split())))

    def _headings(self) -> list[str]:
        names = [name.strip().lower().replace(" ", "_") for name in next(self._table(), [])]
        for name in names:
            if name not in _FIELDS:
                raise WrongText(f"{name!r} is no column of tokens: there are {', '.join(COLUMNS)}")
        for name in ("id_token", "type"):
            if name not in names:
                raise WrongText(f"there is no column {name} in the first line")
        return names

    def _table(self) -> Any:
        self._file.seek(0)
        first = self._file.readline()
        self._file.seek(0)
        # Where a comma separates decimals, spreadsheets separate values by semicolons.
        return csv.reader(self._file, delimiter=";" if first.count(";") > first.count(",") else ",")

    def _rows(self) -> Iterator[tuple[int, Any]]:
        table = self._table()
        next(table, None)
        try:
            for cells in table:
                if any(cells):
                    yield table.line_num, lambda cells=cells: _of_cells(self.fields, cells)
        except csv.Error as error:
            raise WrongText(f"line {table.line_num}: {error}") from error

    def _objects(self) -> Iterator[tuple[int, Any]]:
        for line, text in enumerate(self._file, 1):
            if text.strip():
                yield line, lambda text=text: _of_object(text)


def _of_object(text: str) -> Token:
    content = json.loads(text)
    if not isinstance(content, dict):
        raise WrongText("is no JSON object")
    names = {name for field in OUTPUT_ONLY for name in (field, _FIELDS[field].json_name)}
    token: Token = ParseDict({name: value for name, value in content.items() if name not in names}, Token())
    return token


def _of_cells(fields: Sequence[str], cells: Sequence[str]) -> Token:
    if len(cells) > len(fields):
        raise WrongText(f"has {len(cells)} values, and there are {len(fields)} columns")
    token = Token()
    for name, cell in zip(fields, cells, strict=False):
        if cell and name not in OUTPUT_ONLY:
            _set(token, name, cell)
    return token


def _set(token: Token, name: str, cell: str) -> None:
    field = _FIELDS[name]
    if field.type == FieldDescriptor.TYPE_STRING:
        setattr(token, name, harmless_undone(cell))
    elif field.enum_type is not None:
        words = _words(field)
        word = cell.strip().lower().replace(" ", "-").replace("_", "-")
        if word not in words:
            raise WrongText(f"{name}: {cell!r} is none of {', '.join(words)}")
        setattr(token, name, words[word])
    elif field.type == FieldDescriptor.TYPE_BOOL:
        if cell.strip().lower() not in _TRUE | _FALSE:
            raise WrongText(f"{name}: {cell!r} is neither true nor false")
        setattr(token, name, cell.strip().lower() in _TRUE)
    elif name == "expire_time":
        token.expire_time.CopyFrom(parse_time(name, cell))
    elif name == "cache_time":
        token.cache_time.CopyFrom(parse_duration(name, cell))
    elif field.message_type is not None:
        ParseDict(json.loads(cell), getattr(token, name))
    elif not re.fullmatch(r"[+-]?\d{1,9}", cell.strip()):
        raise WrongText(f"{name}: {cell!r} is no whole number")
    else:
        setattr(token, name, int(cell))


def _words(field: Any) -> Mapping[str, int]:
    values = field.enum_type.values
    prefix = values[0].name.removesuffix("UNSPECIFIED")
    return words_of(((value.name, value.number) for value in values), prefix)


def write_csv(tokens: Iterable[Token], file: IO[str], *, heads: bool) -> None:
    """Write tokens as rows of a table, with its headings before them if `heads`."""
    writer = csv.writer(file, lineterminator="\n")
    if heads:
        writer.writerow(COLUMNS)
    for token in tokens:
        content = MessageToDict(token, preserving_proto_field_name=True)
        writer.writerow([_cell(name, content.get(name, "")) for name in COLUMNS])


def _cell(name: str, value: Any) -> str:
    field = _FIELDS[name]
    if field.enum_type is not None and value:
        numbers = {value.name: value.number for value in field.enum_type.values}
        return next((word for word, number in _words(field).items() if number == numbers[value]), "")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return json.dumps(value, separators=(",", ":"))
    return harmless(value) if field.type == FieldDescriptor.TYPE_STRING else str(value)


def write_json_lines(tokens: Iterable[Token], file: IO[str]) -> None:
    """Write tokens as lines of JSON."""
    text = io.StringIO()
    for token in tokens:
        text.write(json_text(token) + "\n")
    file.write(text.getvalue())
