"""What commands print: tables and sentences for people, protobuf's JSON mapping with --json."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from citrine_cli.errors import UsageError, printable

__all__ = ["Output"]

WIDE = 10_000
"""Columns where the output is no terminal: a pipe gets whole lines."""

GAP = 2
"""Blanks between two columns."""

INDENT = 2
"""Blanks before the values of a row that has no room in a line."""


class Output:
    """Prints to stdout in one of two ways.

    Args:
        as_json: Print what the API says.
        wide: Print tables as wide as they are, whatever the terminal.
        columns: Headings of the columns of tables to show, in this order, separated by commas. Empty: all.
    """

    def __init__(self, *, as_json: bool, wide: bool = False, columns: str = "") -> None:
        self.as_json = as_json
        terminal = sys.stdout.isatty()
        self._indent = 2 if terminal else None
        self._columns = [name.strip().lower() for name in columns.split(",") if name.strip()]
        self._console = Console(
            width=None if terminal and not wide else WIDE, highlight=False, soft_wrap=wide or not terminal
        )

    def json(self, value: Any, *, line: bool = False) -> None:
        """Print a value as JSON, on one line where asked to or where the output is no terminal."""
        indent = None if line else self._indent
        separators = (",", ":") if indent is None else None
        sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=indent, separators=separators) + "\n")
        sys.stdout.flush()

    def message(self, message: Message, *, line: bool = False) -> None:
        """Print a message in protobuf's JSON mapping."""
        self.json(MessageToDict(message), line=line)

    def messages(self, messages: Iterable[Message]) -> None:
        """Print messages as one array."""
        self.json([MessageToDict(message) for message in messages])

    def line(self, text: str, style: str = "") -> None:
        """Print one line for people. What can't be printed becomes a blank: it may come from a station."""
        self._console.print(Text(printable(text), style=style))

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> None:
        """Print rows below their headings, or a sentence where there are none.

        Where the terminal is too narrow for that, each row becomes a paragraph of names and values: nothing is cut.

        Raises:
            UsageError: When a column was asked for that there is not.
        """
        chosen = self._choose(columns)
        cells = [[printable(row[place]) for place in chosen] for row in rows]
        names = [columns[place] for place in chosen]
        if not cells:
            self.line(empty)
            return
        widths = [max(map(cell_len, column)) for column in zip(names, *cells, strict=True)]
        if sum(widths) + GAP * (len(widths) - 1) > self._console.width:
            self._print(*(part for row in cells for part in self._paragraph(names, row)))
            return
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0))
        for name in names:
            table.add_column(name.upper(), no_wrap=True)
        for row in cells:
            table.add_row(*map(Text, row))
        self._print(table)

    def _choose(self, columns: Sequence[str]) -> list[int]:
        for name in self._columns:
            if name not in columns:
                raise UsageError(f"--columns: there is no {name!r}, there are: {', '.join(columns)}")
        return [columns.index(name) for name in self._columns] or list(range(len(columns)))

    def _paragraph(self, names: Sequence[str], row: Sequence[str]) -> Iterator[RenderableType]:
        """Yield the first value of a row, and the others below it with their names, in as few lines as they need."""
        yield Text(row[0] or "-", style="bold", overflow="fold")
        line, width = Text(), self._console.width - INDENT
        for name, value in zip(names[1:], row[1:], strict=True):
            if not value:
                continue
            pair = Text.assemble((f"{name} ", "dim"), value)
            if line and cell_len(line.plain) + GAP + cell_len(pair.plain) > width:
                yield Padding(line, (0, 0, 0, INDENT))
                line = Text()
            line = Text.assemble(line, " " * GAP, pair) if line else pair
        if line:
            line.overflow = "fold"
            yield Padding(line, (0, 0, 0, INDENT))

    def facts(self, facts: Mapping[str, str]) -> None:
        """Print names and values, leaving out what has no value."""
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
        for name, value in facts.items():
            if value:
                table.add_row(Text(name, style="bold"), Text(printable(value), overflow="fold"))
        self._print(table)

    def _print(self, *parts: RenderableType) -> None:
        with self._console.capture() as capture:
            for part in parts:
                self._console.print(part)
        # A table pads its last column, which nobody who reads lines wants.
        sys.stdout.write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))
        sys.stdout.flush()
