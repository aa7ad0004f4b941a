"""The reference of fleet files and reports in the page of the simulator, written from their classes."""

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from citrine_simulator.fail_on import DEFAULT_FAIL_ON, FAIL_ON
from citrine_simulator.fleets.faults import fault_classes
from citrine_simulator.fleets.model import BEHAVIOURS, CsmsTable, FleetFile, StationGroup
from citrine_simulator.fleets.report import parts

__all__ = ["DOCUMENT", "page"]

DOCUMENT = Path(__file__).parents[2] / "docs" / "simulator.md"

BEGIN, END = "<!-- written by make docs -->\n", "<!-- end -->\n"

_KEYS = "| key | form | default | meaning |\n|---|---|---|---|\n"


def page() -> str:
    """Return the page as it should be: its own words, and the reference between the marks."""
    before, _, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{''.join(_reference())}\n{END}{after}"


def _reference() -> Iterator[str]:
    yield "### The file\n\n" + _table(FleetFile)
    yield "\n### `[csms]`\n\n" + _table(CsmsTable)
    yield "\n### `[[stations]]`\n\n" + _table(StationGroup)
    for title, classes in (("`[stations.behaviour]`", BEHAVIOURS), ("`[[stations.faults]]`", fault_classes())):
        yield f"\n### {title}\n"
        for cls in classes:
            yield f'\n#### `kind = "{_kind(cls)}"`\n\n{_text(cls.__doc__)}\n\n{_table(cls)}'
    yield "\n### What makes a run fail\n\n| `--fail-on` | by default | when |\n|---|---|---|\n"
    for name, when in FAIL_ON.items():
        yield f"| `{name}` | {'yes' if name in DEFAULT_FAIL_ON else ''} | {when} |\n"
    yield "\n### The report\n"
    for part in parts():
        yield f"\n#### {part.__name__}\n\n{_text(part.__doc__)}\n\n| key | form | meaning |\n|---|---|---|\n"
        for name, field in part.model_fields.items():
            yield f"| `{name}` | {_form(field.annotation, field)} | {_text(field.description)} |\n"


def _kind(cls: type[BaseModel]) -> str:
    return str(get_args(cls.model_fields["kind"].annotation)[0])


def _table(cls: type[BaseModel]) -> str:
    own = {name: field for name, field in cls.model_fields.items() if name != "kind"}
    rows = (
        f"| `{name}` | {_form(field.annotation, field)} | {_default(field)} | {_text(field.description)} |\n"
        for name, field in sorted(own.items(), key=lambda one: not one[1].is_required())
    )
    return _KEYS + "".join(rows) if own else "It has no further keys.\n"


def _text(text: str | None) -> str:
    assert text, "it has no description"
    return " ".join(re.sub(r"``(.+?)``", r"`\1`", text).split()).replace("|", r"\|")


def _form(annotation: Any, field: FieldInfo | None = None) -> str:
    if field is not None and any("_seconds" in repr(one) for one in field.metadata):
        return "duration"
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return "duration" if any("_seconds" in repr(one) for one in arguments[1:]) else _form(arguments[0])
    if origin is Literal:
        return ", ".join(f"`{one}`" for one in arguments)
    if origin in (Union, UnionType):
        forms = [_form(one) for one in arguments if one is not type(None)]
        return "table" if "table" in forms else " or ".join(dict.fromkeys(forms))
    if origin in (list, set, frozenset):
        return f"list of {_form(arguments[0])}".replace("list of table", "tables")
    if origin is dict:
        return f"table of {_form(arguments[1])}".replace("table of table of", "tables of")
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        module = annotation.__module__
        return f"[{annotation.__name__}](#{annotation.__name__.lower()})" if module.endswith(".report") else "table"
    return _NAMES[annotation]


_NAMES = {
    datetime: "time",
    str: "text",
    int: "whole number",
    float: "number",
    bool: "`true`, `false`",
    Path: "path",
    Any: "anything",
}


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.default
    if default is None or default in ([], {}):
        return ""
    if isinstance(default, BaseModel):
        return f'`kind = "{_kind(type(default))}"`' if "kind" in type(default).model_fields else ""
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, list):
        return f"`[{', '.join(_toml(one) for one in default)}]`"
    return f"`{_toml(default)}`"


def _toml(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else str(value)
