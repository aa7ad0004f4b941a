"""The models have exactly the fields, types, lengths, cardinalities and values of the tables of facts."""

import typing
from collections.abc import Iterator
from dataclasses import astuple
from types import ModuleType, UnionType
from typing import Annotated, Any

import pytest
from annotated_types import Ge, Le, MaxLen
from pydantic import AfterValidator

from citrine_ocpi.models import CiString, OcpiModel, OpenEnum, v2_2_1, v2_3_0
from citrine_ocpi.models.types import DateTime, Number, Rate, Url
from tests.clients.ocpi.tables import tables_of

PACKAGES = {"2.2.1": v2_2_1, "2.3.0": v2_3_0}

_Fact = tuple[str, str, str, str]
"""Type, length, cardinality, decimals."""


def classes(package: ModuleType, kind: type) -> dict[str, Any]:
    """Return the classes of a kind that a package names."""
    named = {name: getattr(package, name) for name in package.__all__}
    return {name: one for name, one in named.items() if isinstance(one, type) and issubclass(one, kind)}


def metadata(hint: Any) -> tuple[Any, ...]:
    return tuple(hint.__metadata__) if typing.get_origin(hint) is Annotated else ()


def bare(hint: Any) -> Any:
    return typing.get_args(hint)[0] if typing.get_origin(hint) is Annotated else hint


def fact(hint: Any) -> _Fact:
    """Return what the tables would say of a field."""
    if typing.get_origin(hint) in (UnionType, typing.Union):
        (inner,) = (one for one in typing.get_args(hint) if one is not type(None))
        kind, length, _, decimals = simple(inner)
        return kind, length, "?", decimals
    if typing.get_origin(bare(hint)) is tuple:
        kind, length, _, decimals = simple(typing.get_args(bare(hint))[0])
        some = any(isinstance(one, AfterValidator) for one in metadata(hint))
        return kind, length, "+" if some else "*", decimals
    return simple(hint)


def simple(hint: Any) -> _Fact:
    known: list[tuple[Any, _Fact]] = [
        (Url, ("URL", "255", "1", "")),
        (DateTime, ("DateTime", "25", "1", "")),
        (Number, ("number", "", "1", "4")),
        (Rate, ("number", "", "1", "1")),
    ]
    for one, shown in known:
        if hint == one:
            return shown
    length = next((str(one.max_length) for one in metadata(hint) if isinstance(one, MaxLen)), "")
    kind = bare(hint)
    if kind is int:
        return "int", digits(hint), "1", ""
    if kind is str:
        assert any(isinstance(one, AfterValidator) for one in metadata(hint)), "it is made printable"
    names = {bool: "boolean", str: "string", CiString: "CiString"}
    assert kind in names or issubclass(kind, OcpiModel | OpenEnum)
    return names.get(kind, kind.__name__), length, "1", ""


def digits(hint: Any) -> str:
    limits = next((one for one in metadata(hint)), None)
    if limits is None:
        return ""
    assert any(isinstance(one, Ge) for one in limits.metadata)
    return next(str(len(str(one.le))) for one in limits.metadata if isinstance(one, Le))


def lines(package: ModuleType) -> Iterator[tuple[str, ...]]:
    for name, model in classes(package, OcpiModel).items():
        hints = typing.get_type_hints(model, include_extras=True)
        for field, info in model.model_fields.items():
            kind, length, cardinality, decimals = fact(hints[field])
            assert info.is_required() == (cardinality in "1+"), f"{name}.{field} has a default only where it may lack"
            yield name, field, kind, length, cardinality, decimals


@pytest.mark.parametrize("version", PACKAGES)
def test_a_model_has_the_fields_of_its_object(version: str) -> None:
    stated = {astuple(field) for fields in tables_of(version).objects.values() for field in fields.values()}

    assert set(lines(PACKAGES[version])) ^ stated == set()


@pytest.mark.parametrize("version", PACKAGES)
def test_an_enum_has_the_values_of_the_specification(version: str) -> None:
    modelled = {name: {one.value for one in enum} for name, enum in classes(PACKAGES[version], OpenEnum).items()}

    assert modelled == {name: set(enum.values) for name, enum in tables_of(version).enums.items()}
