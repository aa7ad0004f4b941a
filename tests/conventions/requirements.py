"""The page from the requirements of OCPP to where they are met.

A requirement is cited as `B07.FR.14` in code, docstrings and comments, and as `B07_FR_14` in names of tests.
"""

import re
from collections import defaultdict
from pathlib import Path

__all__ = ["DOCUMENT", "page"]

ROOT = Path(__file__).parents[2]

DOCUMENT = ROOT / "docs" / "requirements.md"

_CITATION = re.compile(r"(?<![A-Za-z0-9])([A-S]\d\d)[._]FR[._](\d+)")

_PLACES = (
    ("code", ("core", "edge", "clients", "protos")),
    ("tests", ("tests",)),
)

_HEAD = """# Requirements

Where requirements of OCPP 2.x are cited, by their ids in part 2 of the specification: `make docs` writes it.
What certification asks of a CSMS is in [conformance.md](conformance.md), case by case. Paths of code begin in
`core/citrine_core`, `edge/citrine_edge`, `clients` or `protos/citrine`, those of tests in `tests`.

| requirement | code | tests |
|---|---|---|
"""

_SHORTENED = ("core/citrine_core/", "edge/citrine_edge/", "clients/", "protos/citrine/", "tests/")


def page() -> str:
    """Return the page as it should be."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: {kind: set() for kind, _ in _PLACES})
    for kind, folders in _PLACES:
        for folder in folders:
            for path in sorted((ROOT / folder).rglob("*")):
                if path.suffix not in (".py", ".proto") or path.stem.endswith(("_pb2", "_pb2_grpc")):
                    continue
                for block, number in _CITATION.findall(path.read_text(encoding="utf-8")):
                    found[f"{block}.FR.{number}"][kind].add(_shortened(path))
    rows = (
        f"| {name} | {_cell(found[name]['code'])} | {_cell(found[name]['tests'])} |"
        for name in sorted(found, key=_order)
    )
    return _HEAD + "\n".join(rows) + "\n"


def _order(name: str) -> tuple[str, int]:
    block, _, number = name.split(".")
    return block, int(number)


def _shortened(path: Path) -> str:
    name = path.relative_to(ROOT).as_posix()
    for prefix in _SHORTENED:
        if name.startswith(prefix):
            return name.removeprefix(prefix)
    return name


def _cell(names: set[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))
