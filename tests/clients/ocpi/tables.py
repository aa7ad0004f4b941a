"""The tables of facts of OCPI: for each version, the fields of its objects and the values of its enums."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["DATA", "VERSIONS", "EnumValues", "FieldFact", "Tables", "tables_of"]

DATA = Path(__file__).parent / "data"

VERSIONS = ("2.2.1", "2.3.0")


@dataclass(frozen=True)
class FieldFact:
    """One field of an object."""

    object: str
    field: str
    type: str
    length: str
    """Characters of a string, digits of an integer; empty where there is no limit."""
    cardinality: str
    """1, ?, * or +."""
    decimals: str
    """Of a number."""


@dataclass(frozen=True)
class EnumValues:
    """The values of an enum."""

    is_open: bool
    values: tuple[str, ...]


@dataclass(frozen=True)
class Tables:
    """The facts of one version."""

    objects: Mapping[str, Mapping[str, FieldFact]]
    enums: Mapping[str, EnumValues]


@cache
def tables_of(version: str) -> Tables:
    """Return the facts of a version."""
    suffix = version.replace(".", "_")
    objects: dict[str, dict[str, FieldFact]] = {}
    for row in _rows(DATA / f"objects_{suffix}.csv"):
        objects.setdefault(row["object"], {})[row["field"]] = FieldFact(**row)
    values: dict[str, list[dict[str, str]]] = {}
    for row in _rows(DATA / f"enums_{suffix}.csv"):
        values.setdefault(row["enum"], []).append(row)
    enums = {
        name: EnumValues(rows[0]["open"] == "yes", tuple(row["value"] for row in rows)) for name, rows in values.items()
    }
    return Tables(objects, enums)


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))
