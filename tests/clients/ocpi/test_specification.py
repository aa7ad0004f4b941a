"""The tables of facts and the models compared with the specification, where CITRINE_OCPI_SPECIFICATION names it."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from citrine_ocpi.models import OcpiModel, v2_2_1, v2_3_0
from tests.clients.ocpi.read_specification import VARIABLE, compare
from tests.clients.ocpi.tables import tables_of
from tests.clients.ocpi.test_examples import files

FOLDER = Path(os.environ[VARIABLE])
PACKAGES = {"2.2.1": v2_2_1, "2.3.0": v2_3_0}

# What an example is of, by the beginning of its name; the first that fits.
OBJECTS = {
    "cdr_example": "CDR",
    "credentials_example": "Credentials",
    "location_energymix": "EnergyMix",
    "location_hours": "Hours",
    "location_regularhours": "Hours",
    "location_patch_example_location": "Location",
    "location_patch_example_remove_evse": "EVSE",
    "location_patch_example_status": "EVSE",
    "location_patch_example_tariff": "Connector",
    "location_put_example_add_evse": "EVSE",
    "location_example": "Location",
    "session_": "Session",
    "tariff": "Tariff",
    "token_": "Token",
    "transport_and_format_get_token": "Token",
    "transport_and_format_version_details": "VersionDetails",
    "transport_and_format_version_info": "Version",
    "type_displaytext": "DisplayText",
    "version_details": "VersionDetails",
    "versions_info": "Version",
}

OTHER_MODULES = ("payment_",)
"""Examples of modules that Citrine does not have."""

FAULTS: dict[str, tuple[str, ...]] = {
    # A tariff of 2.3.0 says whether its prices include taxes.
    "2.3.0/cdr_example": ("tariffs.0.tax_included: Field required",),
    **{
        f"{version}/location_put_example_add_evse": (
            *(f"connectors.0.{name}: Field required" for name in ("last_updated", "max_amperage", "max_voltage")),
            "connectors.0.power_type: Field required",
            "physical_reference: Input should be a valid string",
        )
        for version in PACKAGES
    },
    # A tariff that is put is whole.
    **{f"{version}/tariff_put_example": ("last_updated: Field required",) for version in PACKAGES},
}
"""What is wrong with an example by the specification's own tables, by the example."""


def examples() -> Iterator[tuple[str, Path]]:
    for version in PACKAGES:
        for file in sorted((FOLDER / version / "examples").glob("*.json")):
            if not file.name.startswith(OTHER_MODULES):
                yield version, file


def objects(file: Path) -> list[dict[str, Any]]:
    """Return the objects of an example, without what surrounds them."""
    value = json.loads(file.read_text(encoding="utf-8"))
    if isinstance(value, dict):
        value = value.get("data", value)
    if isinstance(value, dict) and value.keys() <= {"opening_times", "energy_mix"}:
        (value,) = value.values()
    return value if isinstance(value, list) else [value]


def differences(version: str, file: Path) -> list[str]:
    """Return why objects of an example can't be read, or how they are written otherwise than they were."""
    name = next(name for beginning, name in OBJECTS.items() if file.name.startswith(beginning))
    model: type[OcpiModel] = getattr(PACKAGES[version], name)
    found = []
    for value in objects(file):
        try:
            written = model.checked_changes(value) if "_patch_" in file.name else model.model_validate(value).wire()
        except ValueError as error:
            found += [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]  # type: ignore[attr-defined]
        else:
            found += [f"{key}: is written otherwise" for key in value if written.get(key) != value[key]]
    return found


def test_the_tables_say_what_the_specification_says() -> None:
    assert compare(FOLDER) == []


@pytest.mark.parametrize(("version", "file"), list(examples()), ids=lambda value: getattr(value, "stem", value))
def test_an_example_is_read_and_written(version: str, file: Path) -> None:
    assert sorted(differences(version, file)) == sorted(FAULTS.get(f"{version}/{file.stem}", ()))


@cache
def our_shapes(version: str) -> Mapping[str, Sequence[frozenset[str]]]:
    """Return by object the fields that each of our examples of it has, also of those within others."""
    found: dict[str, list[frozenset[str]]] = {}

    def walk(value: Mapping[str, Any], name: str) -> None:
        found.setdefault(name, []).append(frozenset(shape(value)))
        facts = tables_of(version).objects
        for field, inner in value.items():
            kind = facts[name][field].type
            for one in (inner if isinstance(inner, list) else [inner]) if kind in facts else ():
                walk(one, kind)

    for file in files(version):
        walk(json.loads(file.read_text(encoding="utf-8")), file.stem)
    return found


def shape(value: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """Yield the fields of an object and of those within it, as evses.connectors.standard."""
    for name, inner in value.items():
        yield place + name
        for one in inner if isinstance(inner, list) else [inner]:
            if isinstance(one, dict):
                yield from shape(one, f"{place}{name}.")


@pytest.mark.parametrize(("version", "file"), list(examples()), ids=lambda value: getattr(value, "stem", value))
def test_one_of_our_examples_has_all_fields_of_an_example(version: str, file: Path) -> None:
    """So ours, which are handed on with the project, prove as much."""
    name = next(name for beginning, name in OBJECTS.items() if file.name.startswith(beginning))
    for value in objects(file):
        known = our_shapes(version)[name]
        missing = min(({*shape(value)} - one for one in known), key=len)
        # One has a field that the specification does not.
        assert missing <= {"floor"}
