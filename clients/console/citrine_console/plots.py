"""Plots as HTML and SVG that needs no script: lines over time, and bars by interval, each with its numbers as a table.

The drawing is stretched to whatever width there is; labels are HTML beside it, so that they stay readable on a phone.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import TypeAlias

from markupsafe import Markup

from citrine_console.formats import NOTHING
from citrine_console.texts import _

__all__ = ["Bars", "Series", "bars", "lines"]

WIDTH, HEIGHT = 1000, 300
"""Of the drawing, in units of its own."""

Y_STEPS = 4
"""Steps of the vertical axis."""

Point: TypeAlias = tuple[datetime, float | None]
"""A time and the value then. None: there is none from then on, and the line is broken."""

_LABELS = 5
"""Most labels of the horizontal axis."""

_FRAME = Markup(
    """<figure class="plot" data-plot="{marks}">
<figcaption>{title} {legend}</figcaption>
<div class="plot-y" aria-hidden="true">{levels}</div>
<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" aria-label="{title}">{grid}{drawing}</svg>
<div class="plot-x" aria-hidden="true">{ticks}</div>
<details class="plot-data"><summary>{numbers}</summary>{table}</details>
</figure>"""
)


@dataclass(frozen=True)
class Series:
    """What one line shows."""

    name: str
    points: Sequence[Point]
    unit: str = ""
    digits: int = 1
    stepped: bool = False
    """Whether a value holds until the next one, as that of a limit does."""


@dataclass(frozen=True)
class Bars:
    """What bars of one colour show, one for each interval."""

    name: str
    values: Sequence[float]
    unit: str = ""
    digits: int = 0


def ceiling(value: float) -> float:
    """Return a round number that is not below a value, so that all steps of its axis are round."""
    if value <= 0 or not math.isfinite(value):
        return float(Y_STEPS)
    unit = 10.0 ** math.floor(math.log10(value))
    return next(step * unit for step in (1, 2, 4, 6, 8, 10) if step * unit >= value * (1 - 1e-9))


def lines(title: str, series: Sequence[Series], zone: tzinfo, *, start: datetime | None = None) -> Markup:
    """Return a plot of lines over time. Lines of one unit have one scale; those of each are as high as the plot.

    Args:
        title: What it shows.
        series: The lines. Points are in the order of their times.
        zone: Time zone of the labels.
        start: Where the axis begins. None: at the first point.
    """
    drawn = [one for one in series if _values(one)]
    times = [time for one in drawn for time, _value in one.points]
    if not times:
        return _nothing(title)
    first, last = start or min(times), max(times)
    span = max((last - first).total_seconds(), 1.0)
    most: dict[str, float] = {}
    for one in drawn:
        most[one.unit] = max(most.get(one.unit, 0.0), *_values(one))
    tops = [ceiling(most[one.unit]) for one in drawn]

    def place(time: datetime) -> float:
        return (time - first).total_seconds() / span * WIDTH

    paths, marks = [], []
    for index, (one, top) in enumerate(zip(drawn, tops, strict=True)):
        parts = _parts(one, place, top)
        runs = ["M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in part) for part in parts]
        if index == 0:
            paths += [
                Markup('<path class="plot-area" d="{}L{:.1f} {}L{:.1f} {}Z"/>').format(
                    run, part[-1][0], HEIGHT, part[0][0], HEIGHT
                )
                for run, part in zip(runs, parts, strict=True)
                if len(part) > 1
            ]
        paths.append(Markup('<path class="plot-line plot-{}" d="{}"/>').format(index, "".join(runs)))
        marks += [
            [round(place(time), 1), f"{time.astimezone(zone):%H:%M:%S}  {one.name} {_value(value, one)}"]
            for time, value in _thinned(one.points)
        ]
    labels = [
        _time_label(first + timedelta(seconds=span * step / (_LABELS - 1)), zone, span) for step in range(_LABELS)
    ]
    return _figure(title, drawn, tops, Markup("").join(paths), labels, marks, _line_table(drawn, zone))


def bars(
    title: str, starts: Sequence[datetime], stacks: Sequence[Bars], zone: tzinfo, pattern: str = "%H:%M"
) -> Markup:
    """Return a plot of bars, stacked where there are several kinds.

    Args:
        title: What it shows.
        starts: When each interval begins.
        stacks: The kinds, from the bottom up, of one unit.
        zone: Time zone of the labels.
        pattern: How an interval is labelled, for `datetime.strftime`.
    """
    if not starts:
        return _nothing(title)
    top = ceiling(max(sum(one.values[place] for one in stacks) for place in range(len(starts))))
    width = WIDTH / len(starts)
    drawn, marks = [], []
    names = [f"{start.astimezone(zone):{pattern}}" for start in starts]
    for place, name in enumerate(names):
        floor = float(HEIGHT)
        for index, one in enumerate(stacks):
            height = max(one.values[place], 0) / top * HEIGHT
            floor -= height
            if height > 0:
                drawn.append(
                    Markup(
                        '<rect class="plot-bar plot-{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>'
                    ).format(index, place * width + width * 0.12, floor, width * 0.76, height)
                )
        said = ", ".join(f"{one.name} {_value(one.values[place], one)}" for one in stacks)
        marks.append([round((place + 0.5) * width, 1), f"{name}  {said}"])
    step = max(1, math.ceil(len(names) / (_LABELS + 2)))
    table = _table(
        [_("Time"), *(one.name for one in stacks)],
        [[name, *(_value(one.values[place], one) for one in stacks)] for place, name in enumerate(names)],
    )
    return _figure(title, stacks, [top] * len(stacks), Markup("").join(drawn), names[::step], marks, table)


def _values(one: Series) -> list[float]:
    return [value for _time, value in one.points if value is not None]


def _parts(one: Series, place: Callable[[datetime], float], top: float) -> list[list[tuple[float, float]]]:
    """Return the corners of a line, in parts where it is broken. What is stepped goes on until there."""
    parts: list[list[tuple[float, float]]] = [[]]
    for time, value in _thinned(one.points):
        x, part = place(time), parts[-1]
        if one.stepped and part:
            part.append((x, part[-1][1]))
        if value is not None:
            part.append((x, HEIGHT - max(min(value / top, 1.0), 0.0) * HEIGHT))
        elif part:
            parts.append([])
    return [part for part in parts if part]


def _thinned(points: Sequence[Point], most: int = 500) -> Sequence[Point]:
    """Return no more points than can be told apart: the first, the last, and the least and the most of each step.

    Where the line is broken is kept, too.
    """
    if len(points) <= most:
        return points
    steps = most // 2 - 1
    width = len(points) / steps
    chosen = {0, len(points) - 1} | {place for place, (_time, value) in enumerate(points) if value is None}
    for step in range(steps):
        values = [
            (value, place)
            for place in range(int(step * width), int((step + 1) * width))
            if (value := points[place][1]) is not None
        ]
        chosen |= {choose(values)[1] for choose in (min, max) if values}
    return [points[place] for place in sorted(chosen)]


def _value(value: float | None, one: Series | Bars) -> str:
    return NOTHING if value is None else f"{value:,.{one.digits}f} {one.unit}".strip()


def _time_label(time: datetime, zone: tzinfo, span: float) -> str:
    return f"{time.astimezone(zone):{'%H:%M:%S' if span < 600 else '%H:%M' if span < 2 * 86_400 else '%d %b'}}"


def _nothing(title: str) -> Markup:
    text = _("Nothing to plot yet.")
    return Markup('<figure class="plot plot-empty"><figcaption>{}</figcaption><p>{}</p></figure>').format(title, text)


def _figure(
    title: str,
    series: Sequence[Series | Bars],
    tops: Sequence[float],
    drawing: Markup,
    labels: Sequence[str],
    marks: Sequence[Sequence[object]],
    table: Markup,
) -> Markup:
    legend = Markup("").join(
        Markup('<span class="plot-key plot-{}">{}</span>').format(
            index, one.name if len({s.unit for s in series}) == 1 else f"{one.name} (0 to {_value(tops[index], one)})"
        )
        for index, one in enumerate(series)
    )
    levels = Markup("").join(
        Markup("<span>{}</span>").format(_level(tops[0] * step / Y_STEPS, series[0])) for step in range(Y_STEPS, -1, -1)
    )
    grid = Markup("").join(
        Markup('<line class="plot-grid" x1="0" x2="{}" y1="{}" y2="{}"/>').format(
            WIDTH, HEIGHT * step / Y_STEPS, HEIGHT * step / Y_STEPS
        )
        for step in range(Y_STEPS + 1)
    )
    ticks = Markup("").join(Markup("<span>{}</span>").format(label) for label in labels)
    return _FRAME.format(
        marks=json.dumps(marks),
        title=title,
        legend=legend if len(series) > 1 else "",
        levels=levels,
        width=WIDTH,
        height=HEIGHT,
        grid=grid,
        drawing=drawing,
        ticks=ticks,
        numbers=_("Numbers"),
        table=table,
    )


def _level(value: float, one: Series | Bars) -> str:
    digits = 0 if value == int(value) else 1 if value * 10 == int(value * 10) else 2
    return f"{value:,.{digits}f} {one.unit}".strip()


def _line_table(series: Sequence[Series], zone: tzinfo) -> Markup:
    rows = sorted((time, one.name, _value(value, one)) for one in series for time, value in _thinned(one.points, 100))
    return _table(
        [_("Time"), _("What"), _("Value")],
        [[f"{time.astimezone(zone):%H:%M:%S}", name, value] for time, name, value in rows],
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    heads = Markup("").join(Markup('<th scope="col">{}</th>').format(text) for text in head)
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(Markup("").join(Markup("<td>{}</td>").format(text) for text in row))
        for row in rows
    )
    return Markup("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(heads, body)
