"""Tables in Markdown."""

from collections.abc import Sequence

__all__ = ["judged", "table"]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table with aligned columns."""
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
    lines = [header, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def judged(text: str, *, is_reached: bool) -> str:
    """Return what was measured, and whether that is what must be."""
    return text if is_reached else f"{text}: **not reached**"
