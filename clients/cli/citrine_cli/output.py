"""What commands print: tables and sentences for people, protobuf's JSON mapping with --json."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from rich.console import Console
from rich.table import Table
from rich.text import Text

from citrine_cli.errors import printable

__all__ = ["Output"]

WIDE = 10_000
"""Columns where the output is no terminal: a pipe gets whole lines."""


class Output:
    """Prints to stdout in one of two ways."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        terminal = sys.stdout.isatty()
        self._indent = 2 if terminal else None
        self._console = Console(width=None if terminal else WIDE, highlight=False, soft_wrap=not terminal)

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
        """Print rows below their headings, or a sentence where there are none."""
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for column in columns:
            table.add_column(column.upper(), no_wrap=True, overflow="ellipsis")
        for row in rows:
            table.add_row(*(Text(printable(cell)) for cell in row))
        if table.row_count:
            self._print(table)
        else:
            self.line(empty)

    def facts(self, facts: Mapping[str, str]) -> None:
        """Print names and values, leaving out what has no value."""
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
        for name, value in facts.items():
            if value:
                table.add_row(Text(name, style="bold"), Text(printable(value), overflow="fold"))
        self._print(table)

    def _print(self, table: Table) -> None:
        with self._console.capture() as capture:
            self._console.print(table)
        # A table pads its last column, which nobody who reads lines wants.
        sys.stdout.write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))
        sys.stdout.flush()
