"""Reads the facts of OCPI out of its specification: `python -m tests.clients.ocpi.read_specification [--write]`.

CITRINE_OCPI_SPECIFICATION names a folder that has the AsciiDoc of each version in a folder of its own, `2.2.1` and
`2.3.0`. Without --write the tables in `data` are compared with it. Types that no file there explains are below.
"""

import csv
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import astuple, fields
from pathlib import Path

from tests.clients.ocpi.tables import DATA, VERSIONS, FieldFact

__all__ = ["VARIABLE", "compare", "enum_rows", "object_rows"]

VARIABLE = "CITRINE_OCPI_SPECIFICATION"

_FILES = (
    "credentials",
    "mod_cdrs",
    "mod_charging_profiles",
    "mod_commands",
    "mod_hub_client_info",
    "mod_locations",
    "mod_sessions",
    "mod_tariffs",
    "mod_tokens",
)
_OBJECT = re.compile(r"^=+ +_?(?P<name>\w+?)_? +(?:[Oo]bject|_class_) *$")
_ENUM = re.compile(r"^=+ +(?P<name>\w+) +_(?P<open>Open)?[Ee]num_ *$")
_LINK = re.compile(r"<<[^,>]*,([^>]*)>>")
_TYPE = re.compile(r"^(?P<name>\w+) *(?:[(\[](?P<length>\d+)[)\]])?$")
_NAMES = {"String": "string"}

# The chapters about types and about versions are not among the files.
_COMMON_OBJECTS = (
    ("DisplayText", "language", "string", "2", "1", ""),
    ("DisplayText", "text", "string", "512", "1", ""),
    ("Endpoint", "identifier", "ModuleID", "", "1", ""),
    ("Endpoint", "role", "InterfaceRole", "", "1", ""),
    ("Endpoint", "url", "URL", "255", "1", ""),
    ("Version", "version", "VersionNumber", "", "1", ""),
    ("Version", "url", "URL", "255", "1", ""),
    ("VersionDetails", "version", "VersionNumber", "", "1", ""),
    ("VersionDetails", "endpoints", "Endpoint", "", "+", ""),
)
_OTHER_OBJECTS = {
    "2.2.1": (("Price", "excl_vat", "number", "", "1", "4"), ("Price", "incl_vat", "number", "", "?", "4")),
    "2.3.0": (
        ("Price", "before_taxes", "number", "", "1", "4"),
        ("Price", "taxes", "TaxAmount", "", "*", ""),
        ("TaxAmount", "name", "string", "", "1", ""),
        ("TaxAmount", "account_number", "string", "", "?", ""),
        ("TaxAmount", "percentage", "number", "", "?", "4"),
        ("TaxAmount", "amount", "number", "", "1", "4"),
    ),
}
_MODULES = "cdrs chargingprofiles commands credentials hubclientinfo locations sessions tariffs tokens"
_COMMON_ENUMS = {
    ("InterfaceRole", "no"): "SENDER RECEIVER",
    ("ModuleID", "yes"): _MODULES,
    ("VersionNumber", "yes"): "2.0 2.1 2.1.1 2.2 2.2.1 2.3.0",
}
_ROLES = {"2.2.1": "CPO EMSP HUB NAP NSP OTHER SCSP", "2.3.0": "CPO EMSP NAP NSP OTHER SCSP"}

EnumRow = tuple[str, str, str]


def object_rows(folder: Path, version: str) -> list[FieldFact]:
    """Return the fields of all objects of a version."""
    found = {(row.object, row.field): row for name in _FILES for row in _objects(folder / version / f"{name}.asciidoc")}
    others = [FieldFact(*row) for row in (*_COMMON_OBJECTS, *_OTHER_OBJECTS[version])]
    return sorted((*found.values(), *others), key=lambda row: row.object)


def enum_rows(folder: Path, version: str) -> list[EnumRow]:
    """Return the values of all enums of a version."""
    found = [row for name in _FILES for row in _enums(folder / version / f"{name}.asciidoc")]
    common = {**_COMMON_ENUMS, ("Role", "no"): _ROLES[version]}
    others = [(name, is_open, value) for (name, is_open), values in common.items() for value in values.split()]
    return sorted((*found, *others), key=lambda row: row[0])


def _objects(file: Path) -> Iterator[FieldFact]:
    for heading, rows in _tables(file):
        match = _OBJECT.match(heading)
        if match and rows and [cell.strip() for cell in rows[0][:3]] == ["Property", "Type", "Card."]:
            for cells in rows[1:]:
                yield _field(match["name"], *cells)


def _field(name: str, property_cell: str, type_cell: str, cardinality: str, text: str) -> FieldFact:
    shown = _TYPE.match(_LINK.sub(r"\1", type_cell).strip())
    assert shown, f"the type of {name}.{property_cell} is readable: {type_cell}"
    kind = _NAMES.get(shown["name"], shown["name"])
    length = shown["length"] or {"URL": "255", "DateTime": "25"}.get(kind, "")
    decimals = "" if kind != "number" else "1" if "at most one digit fraction" in text else "4"
    field = re.sub(r"\[\[.*?\]\]", "", property_cell).strip()
    return FieldFact(name, field, kind, length, cardinality.strip(), decimals)


def _enums(file: Path) -> Iterator[EnumRow]:
    for heading, rows in _tables(file):
        match = _ENUM.match(heading)
        if match and rows and rows[0][0].strip() == "Value":
            for cells in rows[1:]:
                yield match["name"], "yes" if match["open"] else "no", re.sub(r" +a$", "", cells[0].strip())


def _tables(file: Path) -> Iterator[tuple[str, list[list[str]]]]:
    """Yield the first table below each heading of a file: its rows, of four cells at most."""
    heading, rows, inside, done = "", list[list[str]](), False, False
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("=") and not inside:
            heading, rows, done = line, [], False
        elif line.startswith("|==="):
            inside = not inside
            if not inside and not done:
                done = True
                yield heading, rows
        elif inside and not done and line.startswith("|") and len(cells := line[1:].split("|", 3)) > 1:
            rows.append([*cells, *[""] * (4 - len(cells))])
        elif inside and not done and rows:
            rows[-1][-1] += f" {line}"


def compare(folder: Path) -> list[str]:
    """Return what the tables do not say as the specification does."""
    return [
        f"{file.name}: {row}"
        for file, head, rows in _files(folder)
        for row in set(_stored(file)) ^ {",".join(head), *map(",".join, rows)}
    ]


def _stored(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def _files(folder: Path) -> Iterator[tuple[Path, tuple[str, ...], list[tuple[str, ...]]]]:
    """Yield each table: its file, its head and its rows."""
    for version in VERSIONS:
        suffix = version.replace(".", "_")
        head = tuple(one.name for one in fields(FieldFact))
        yield DATA / f"objects_{suffix}.csv", head, [astuple(row) for row in object_rows(folder, version)]
        yield DATA / f"enums_{suffix}.csv", ("enum", "open", "value"), list(enum_rows(folder, version))


def _write(folder: Path) -> None:
    for file, head, rows in _files(folder):
        with file.open("w", encoding="utf-8", newline="") as text:
            csv.writer(text, lineterminator="\n").writerows((head, *rows))


if __name__ == "__main__":
    place = Path(os.environ[VARIABLE])
    if "--write" in sys.argv:
        _write(place)
    differences = compare(place)
    print("\n".join(differences) or "The tables say what the specification says.")
    sys.exit(1 if differences else 0)
