"""The output of commands: tables and sentences for people, or protobuf's JSON mapping with --json."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from google.protobuf.message import Message
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from citrine_cli.errors import UsageError, printable
from citrine_cli.layout import wrapped_widths
from citrine_cli.line_breaks import broken
from citrine_words.cells import NOTHING, Figure, Moment, PrefixId, shortened, style_of
from citrine_words.json_values import json_value

__all__ = ["Facts", "Output"]

WIDE = 10_000
"""Columns of output that is no terminal: a pipe gets whole lines."""

GAP = 2
"""Blanks between two columns."""

INDENT = 2
"""Blanks before the values of a paragraph or a section."""

Facts = Mapping[str, str | Mapping[str, str]]
"""Values by name. A mapping as value is a section with further names and values."""


class Output:
    """Prints to stdout, for people or as JSON.

    On a terminal, times in tables are relative to now, ids that commands find by a prefix are shortened, and states
    have colours. Other outputs, which programs read, get whole values.

    Args:
        as_json: Whether to print the answers of the API as JSON.
        wide: Whether to print tables with whole values, regardless of the terminal's width.
        columns: Headings of the columns to show in tables, in this order, separated by commas. Empty: all.
        no_color: Whether to print no colours. NO_COLOR, or a terminal without colours, has the same effect.
    """

    def __init__(self, *, as_json: bool, wide: bool = False, columns: str = "", no_color: bool = False) -> None:
        self.as_json = as_json
        terminal = sys.stdout.isatty()
        self._indent = 2 if terminal else None
        self._columns = [name.strip().lower() for name in columns.split(",") if name.strip()]
        self._short = terminal and not wide
        self._console = Console(
            width=None if self._short else WIDE,
            # With both given, rich does not assume 80 columns for a dumb terminal.
            height=None if self._short else WIDE,
            highlight=False,
            soft_wrap=not self._short,
            color_system="auto" if terminal and not no_color and not Console().no_color else None,
            force_terminal=terminal,
        )

    def json(self, value: Any, *, line: bool = False) -> None:
        """Print a value as JSON, on one line if `line` or if the output is no terminal."""
        indent = None if line else self._indent
        separators = (",", ":") if indent is None else None
        sys.stdout.write(json.dumps(value, ensure_ascii=False, indent=indent, separators=separators) + "\n")
        sys.stdout.flush()

    def message(self, message: Message, *, line: bool = False) -> None:
        """Print a message in protobuf's JSON mapping."""
        self.json(json_value(message), line=line)

    def messages(self, messages: Iterable[Message]) -> None:
        """Print messages as one array."""
        self.json([json_value(message) for message in messages])

    @property
    def columns(self) -> int:
        """Width of the terminal. 0: no terminal, or lines are not wrapped."""
        return self._console.width if self._short else 0

    def line(self, text: str, style: str = "", *, is_whole: bool = False) -> None:
        """Print one line for people, wrapped to the terminal. Unprintable characters, as from a station, become blanks.

        Args:
            text: The line.
            style: Its rich style.
            is_whole: Do not wrap the line, so that it can be copied.
        """
        text = printable(text)
        for part in [text] if is_whole else broken(text, self.columns):
            self._console.print(Text(part, style=style), soft_wrap=True)

    def table(
        self, columns: Sequence[str], rows: Iterable[Sequence[str]], empty: str, title: str = "", remark: str = ""
    ) -> None:
        """Print rows below their headings, or a sentence if there are none.

        If the terminal is too narrow, columns without values are omitted, and remarks are printed below their rows. If
        that does not suffice, each row becomes a paragraph of names and values. Nothing is truncated.

        Args:
            columns: Headings.
            rows: Rows, each with one value per heading.
            empty: The sentence.
            title: Title of the table, if it follows other output.
            remark: Heading of a column in which few rows have a value.

        Raises:
            UsageError: When --columns names an unknown column.
        """
        chosen = self._choose(columns)
        values = [list(column) for column in zip(*rows, strict=True)]
        if title:
            self._print(Text(""), Text(title.upper(), style="bold"))
        if not values:
            self.line(empty)
            return
        shown = {columns[place]: self._cells(values[place]) for place in chosen}
        if not self._fits(shown) and not self._columns:
            shown = {name: cells for name, cells in shown.items() if any(map(_says, cells))}
        if not self._fits(shown):
            # The first measure in a narrow terminal is the brief form of times.
            shown = {name: self._cells(values[columns.index(name)], brief=True) for name in shown}
        remarks = None if self._fits(shown) or self._columns else shown.pop(remark, None)
        widths: dict[str, int] = {}
        if not self._fits(shown):
            widths = self._wrapped({name: values[columns.index(name)] for name in shown}, shown)
            if not widths:
                shown |= {} if remarks is None else {remark: remarks}
                shown = {name: self._cells(values[columns.index(name)]) for name in shown}
                rows_shown = zip(*shown.values(), strict=True)
                self._print(*(part for row in rows_shown for part in self._paragraph([*shown], row)))
                return
        self._print(*self._lines(shown, {name: values[columns.index(name)] for name in shown}, widths, remarks, remark))

    def _lines(
        self,
        shown: Mapping[str, Sequence[Text]],
        values: Mapping[str, Sequence[str]],
        widths: Mapping[str, int],
        remarks: Sequence[Text] | None,
        remark: str,
    ) -> Iterator[RenderableType]:
        """Yield a table, in parts if remarks are between its rows."""
        widest = {name: max(cell_len(name), *(cell_len(one.plain) for one in cells)) for name, cells in shown.items()}

        def begun(*, has_heads: bool) -> Table:
            table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0), show_header=has_heads)
            for name in shown:
                filled = [value for value in values[name] if value]
                figures = filled and all(isinstance(value, Figure) for value in filled)
                justify: Literal["left", "right"] = "right" if figures else "left"
                width = widths.get(name, widest[name])
                table.add_column(name.upper(), no_wrap=not widths, width=width, justify=justify, overflow="fold")
            return table

        table = begun(has_heads=True)
        for place, row in enumerate(zip(*shown.values(), strict=True)):
            table.add_row(*row)
            if remarks is not None and _says(remarks[place]):
                yield table
                said = Text.assemble((f"{remark} ", "dim"), remarks[place], overflow="fold")
                yield Padding(said, (0, 0, 0, INDENT))
                table = begun(has_heads=False)
        if table.row_count:
            yield table

    def _wrapped(self, values: Mapping[str, Sequence[str]], shown: Mapping[str, Sequence[Text]]) -> dict[str, int]:
        """Return the widths of columns if sentences wrap. Empty: the table does not fit."""
        first = next(iter(shown))
        sentences = {
            name
            for name, column in values.items()
            # The first column names the row. Of the others, only plain text may be a sentence.
            if name != first and all(type(value) is str for value in column) and any(" " in value for value in column)
        }
        available = self._console.width - GAP * (len(shown) - 1)
        return wrapped_widths(
            {name: [cell.plain for cell in cells] for name, cells in shown.items()}, sentences, available
        )

    def _fits(self, shown: Mapping[str, Sequence[Text]]) -> bool:
        widths = [max(cell_len(name), *(cell_len(cell.plain) for cell in cells)) for name, cells in shown.items()]
        return sum(widths) + GAP * (len(widths) - 1) <= self._console.width

    def _choose(self, columns: Sequence[str]) -> list[int]:
        for name in self._columns:
            if name not in columns:
                raise UsageError(f"--columns: there is no {name!r}, there are: {', '.join(columns)}")
        return [columns.index(name) for name in self._columns] or list(range(len(columns)))

    def _cells(self, values: Sequence[str], *, brief: bool = False) -> list[Text]:
        """Return the values of a column as shown in a table."""
        short = shortened([value for value in values if isinstance(value, PrefixId)]) if self._short else {}

        def word(value: str) -> str:
            if self._short and isinstance(value, Moment):
                return value.brief if brief else value.shown
            return short.get(value, value) if isinstance(value, PrefixId) else value

        return [Text.assemble((printable(word(value)), style_of(value))) for value in values]

    def _paragraph(self, names: Sequence[str], row: Sequence[Text]) -> Iterator[RenderableType]:
        """Yield the first value of a row, and below it the others with their names, in as few lines as possible."""
        yield Text(row[0].plain or "-", style="bold", overflow="fold")
        line, width = Text(), self._console.width - INDENT
        for name, value in zip(names[1:], row[1:], strict=True):
            if not _says(value):
                continue
            pair = Text.assemble((f"{name} ", "dim"), value)
            if line and cell_len(line.plain) + GAP + cell_len(pair.plain) > width:
                yield Padding(line, (0, 0, 0, INDENT))
                line = Text()
            line = Text.assemble(line, " " * GAP, pair) if line else pair
            line.overflow = "fold"
        if line:
            yield Padding(line, (0, 0, 0, INDENT))

    def facts(self, facts: Facts) -> None:
        """Print names and values, one per line and in sections. Empty values are omitted."""
        plain = {name: value for name, value in facts.items() if isinstance(value, str) and value}
        sections = {
            name: {key: text for key, text in value.items() if text}
            for name, value in facts.items()
            if not isinstance(value, str)
        }
        names = [*plain, *(key for section in sections.values() for key in section)]
        width = max(map(cell_len, names), default=0)
        if plain:
            self._print(self._pairs(plain, width))
        for title, section in sections.items():
            if section:
                self._print(Text(""), Text(title.upper(), style="bold"), self._pairs(section, width))

    def _pairs(self, facts: Mapping[str, str], width: int) -> Table:
        table = Table(box=None, pad_edge=False, show_header=False, padding=(0, GAP, 0, 0))
        widest = max(self._console.width // 2 - GAP, 1)
        table.add_column(min_width=min(width, widest), max_width=widest, overflow="fold")
        table.add_column(overflow="fold")
        for name, value in facts.items():
            text = f"{value} ({value.shown})" if isinstance(value, Moment) else value
            shown = Text.assemble((printable(text), style_of(value)), overflow="fold")
            table.add_row(Text.assemble((printable(name), "bold")), shown)
        return table

    def _print(self, *parts: RenderableType) -> None:
        with self._console.capture() as capture:
            for part in parts:
                self._console.print(part)
        # Rich pads the last column with blanks.
        sys.stdout.write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))
        sys.stdout.flush()


def _says(cell: Text) -> bool:
    return cell.plain not in ("", NOTHING)
