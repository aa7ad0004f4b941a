"""Maps of places as SVG that needs no script: Web Mercator, tiles of a server where there is one, and a graticule."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Map", "Marker", "Place", "draw_map"]

WIDTH, HEIGHT = 720, 420
"""Of the drawing, in units of its own, which are pixels of tiles."""

TILE = 256
CLOSEST, FARTHEST = 18, 1
FITTED = 13
"""How close a map of one place is."""

CELL = 26
"""Places that are closer to each other than this are shown as one."""

NAMED = 40
"""Most places whose names are on the map."""

_STEPS = (45, 30, 15, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
_LEAST_STEP = 110
_EDGE = 85.0511
"""Latitude at which the projection ends."""

_WORST = ("bad", "warn", "good", "plain")


@dataclass(frozen=True)
class Place:
    """Something that is at a point."""

    name: str
    href: str
    latitude: float
    longitude: float
    tone: str = "plain"
    text: str = ""
    """More about it, for its accessible name."""


@dataclass(frozen=True)
class Marker:
    """One or several places as they are drawn."""

    x: float
    y: float
    tone: str
    href: str
    name: str
    label: str
    count: int


@dataclass(frozen=True)
class Map:
    """All that a template draws, and the queries of the links that move it."""

    markers: Sequence[Marker]
    tiles: Sequence[tuple[int, int, int, float, float]]
    """Zoom, column, row, and where it is drawn."""
    meridians: Sequence[tuple[float, str]]
    parallels: Sequence[tuple[float, str]]
    moves: Mapping[str, str]
    """Views by the name of the move."""
    view: str
    """Latitude, longitude and zoom of its middle."""
    width: int = WIDTH
    height: int = HEIGHT
    tile: int = TILE


@dataclass(frozen=True)
class _View:
    latitude: float
    longitude: float
    zoom: int

    @classmethod
    def parse(cls, text: str) -> "_View | None":
        parts = text.split(",")
        try:
            latitude, longitude, zoom = float(parts[0]), float(parts[1]), int(parts[2])
        except (ValueError, IndexError):
            return None
        if not (math.isfinite(latitude) and math.isfinite(longitude)):
            return None
        return cls(min(max(latitude, -_EDGE), _EDGE), (longitude + 180) % 360 - 180, min(max(zoom, FARTHEST), CLOSEST))

    def __str__(self) -> str:
        return f"{self.latitude:.5f},{self.longitude:.5f},{self.zoom}"

    def moved(self, right: float, down: float, zoom: int = 0) -> str:
        """Return another view, moved by parts of its width and height."""
        x, y = _project(self.latitude, self.longitude, self.zoom)
        latitude, longitude = _unproject(x + right * WIDTH, y + down * HEIGHT, self.zoom)
        return str(_View(latitude, longitude, min(max(self.zoom + zoom, FARTHEST), CLOSEST)))


def draw_map(places: Sequence[Place], view: str, link: Callable[[str], str]) -> Map:
    """Return a map.

    Args:
        places: What is on it.
        view: Latitude, longitude and zoom, divided by commas. Empty: all places are on it.
        link: Returns the address of the page with another view.
    """
    here = _View.parse(view) or _fitting(places)
    x, y = _project(here.latitude, here.longitude, here.zoom)
    left, top = x - WIDTH / 2, y - HEIGHT / 2
    return Map(
        markers=_markers(places, here, left, top, link),
        tiles=_tiles(here.zoom, left, top),
        meridians=_meridians(here.zoom, left),
        parallels=_parallels(here.zoom, top),
        moves={
            "in": link(here.moved(0, 0, 1)),
            "out": link(here.moved(0, 0, -1)),
            "west": link(here.moved(-0.4, 0)),
            "east": link(here.moved(0.4, 0)),
            "north": link(here.moved(0, -0.4)),
            "south": link(here.moved(0, 0.4)),
            "all": link(""),
        },
        view=str(here),
    )


def _project(latitude: float, longitude: float, zoom: int) -> tuple[float, float]:
    size = TILE * 2**zoom
    held = math.radians(min(max(latitude, -_EDGE), _EDGE))
    return (longitude + 180) / 360 * size, (1 - math.asinh(math.tan(held)) / math.pi) / 2 * size


def _unproject(x: float, y: float, zoom: int) -> tuple[float, float]:
    size = TILE * 2**zoom
    latitude = math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * y / size))))
    return min(max(latitude, -_EDGE), _EDGE), (x / size * 360) % 360 - 180


def _fitting(places: Sequence[Place]) -> _View:
    if not places:
        return _View(25, 10, FARTHEST)
    south, north = min(one.latitude for one in places), max(one.latitude for one in places)
    west, east = min(one.longitude for one in places), max(one.longitude for one in places)
    for zoom in range(FITTED, FARTHEST, -1):
        left, top = _project(north, west, zoom)
        right, bottom = _project(south, east, zoom)
        if right - left <= WIDTH * 0.7 and bottom - top <= HEIGHT * 0.7:
            break
    else:
        zoom = FARTHEST
    left, top = _project(north, west, zoom)
    right, bottom = _project(south, east, zoom)
    return _View(*_unproject((left + right) / 2, (top + bottom) / 2, zoom), zoom)


def _markers(
    places: Sequence[Place], here: _View, left: float, top: float, link: Callable[[str], str]
) -> Sequence[Marker]:
    cells: dict[tuple[int, int], list[tuple[float, float, Place]]] = {}
    for one in places:
        x, y = _project(one.latitude, one.longitude, here.zoom)
        if -CELL <= x - left <= WIDTH + CELL and -CELL <= y - top <= HEIGHT + CELL:
            cells.setdefault((int(x // CELL), int(y // CELL)), []).append((x - left, y - top, one))
    found = []
    for together in cells.values():
        x = sum(one[0] for one in together) / len(together)
        y = sum(one[1] for one in together) / len(together)
        tone = min((one[2].tone for one in together), key=_WORST.index)
        first = together[0][2]
        if len(together) == 1:
            name = ", ".join(filter(None, (first.name, first.text)))
            found.append(Marker(x, y, tone, first.href, name, first.name if len(places) <= NAMED else "", 1))
        else:
            closer = str(_View(first.latitude, first.longitude, min(here.zoom + 2, CLOSEST)))
            names = ", ".join(one[2].name for one in together[:5]) + (", …" if len(together) > 5 else "")
            found.append(Marker(x, y, tone, link(closer), names, "", len(together)))
    return sorted(found, key=lambda marker: marker.y)


def _tiles(zoom: int, left: float, top: float) -> Sequence[tuple[int, int, int, float, float]]:
    many = 2**zoom
    return [
        (zoom, column % many, row, column * TILE - left, row * TILE - top)
        for column in range(math.floor(left / TILE), math.ceil((left + WIDTH) / TILE))
        for row in range(max(math.floor(top / TILE), 0), min(math.ceil((top + HEIGHT) / TILE), many))
    ]


def _step(zoom: int) -> float:
    degree = TILE * 2**zoom / 360
    return next((step for step in reversed(_STEPS) if step * degree >= _LEAST_STEP), _STEPS[0])


def _meridians(zoom: int, left: float) -> Sequence[tuple[float, str]]:
    step, degree = _step(zoom), TILE * 2**zoom / 360
    first = math.ceil((left / degree - 180) / step)
    last = math.floor(((left + WIDTH) / degree - 180) / step)
    return [
        ((place * step + 180) * degree - left, _degrees((place * step + 180) % 360 - 180, step, "E", "W"))
        for place in range(first, last + 1)
    ]


def _parallels(zoom: int, top: float) -> Sequence[tuple[float, str]]:
    step = _step(zoom)
    north, south = _unproject(0, top, zoom)[0], _unproject(0, top + HEIGHT, zoom)[0]
    return [
        (_project(place * step, 0, zoom)[1] - top, _degrees(place * step, step, "N", "S"))
        for place in range(math.ceil(south / step), math.floor(north / step) + 1)
    ]


def _degrees(value: float, step: float, positive: str, negative: str) -> str:
    digits = max(0, -math.floor(math.log10(step)))
    return f"{abs(value):.{digits}f}° {positive if value >= 0 else negative}"
