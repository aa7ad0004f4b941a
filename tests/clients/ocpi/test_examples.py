"""Our own examples, which have every field, are faultless by the tables and survive reading and writing."""

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from citrine_ocpi.models import v2_2_1, v2_3_0
from tests.clients.ocpi.tables import DATA, VERSIONS, tables_of
from tests.support.emsp.validation import faults

PACKAGES = {"2.2.1": v2_2_1, "2.3.0": v2_3_0}
EXAMPLES = DATA / "examples"


def files(version: str) -> list[Path]:
    """Return the examples of a version: those that are the same in all, and its own."""
    return sorted((*EXAMPLES.glob("*.json"), *(EXAMPLES / version).glob("*.json")))


def used(value: Mapping[str, Any], name: str, version: str) -> Iterator[tuple[str, str]]:
    """Yield the fields that an object and those within it have."""
    tables = tables_of(version)
    for field, inner in value.items():
        yield name, field
        kind = tables.objects[name][field].type
        if kind in tables.objects:
            for one in inner if isinstance(inner, list) else [inner]:
                yield from used(one, kind, version)


@pytest.mark.parametrize(
    ("version", "file"),
    [(version, file) for version in VERSIONS for file in files(version)],
    ids=lambda value: getattr(value, "stem", value),
)
def test_an_example_is_faultless_and_written_as_it_was_read(version: str, file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    model = getattr(PACKAGES[version], file.stem)

    assert faults(json.loads(text, parse_float=Decimal), file.stem, version) == []
    assert model.model_validate(json.loads(text)).wire() == json.loads(text)
    assert (
        faults(json.loads(model.model_validate_json(text).model_dump_json(exclude_none=True)), file.stem, version) == []
    )


@pytest.mark.parametrize("version", VERSIONS)
def test_the_examples_have_every_field_of_every_object(version: str) -> None:
    read = {(file.stem, version): json.loads(file.read_text(encoding="utf-8")) for file in files(version)}
    found = {field for (name, _), value in read.items() for field in used(value, name, version)}
    found |= {("DisplayText", "language"), ("DisplayText", "text")}

    stated = {(name, field) for name, facts in tables_of(version).objects.items() for field in facts}
    assert stated - found == set()
