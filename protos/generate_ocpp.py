"""Writes citrine/ocpp/v2/*.proto from the JSON schemas of OCPP 2.0.1 and 2.1.

The schemas are those in the installed ``ocpp`` package. The written files are committed, and they are the contract: a
second run reads them first and keeps the number of every field and enum value. What is new gets the next free number,
and what has vanished leaves its number and name reserved. Only options.proto beside them is written by hand.
"""

import importlib.resources
import json
import re
import sys
import tempfile
import textwrap
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from google.protobuf import descriptor_pb2
from grpc_tools import protoc

__all__ = ["Schemas", "generate", "load_schemas", "main"]

Schema: TypeAlias = dict[str, Any]

Schemas: TypeAlias = Mapping[str, Mapping[str, Schema]]
"""JSON schemas by OCPP version ("2.0.1", "2.1") and message name."""

VERSIONS = {"2.0.1": "v201", "2.1": "v21"}
"""OCPP versions, oldest first, and where the ocpp package has their schemas."""

PACKAGE = "citrine.ocpp.v2"
ROOT = Path(__file__).parent
ACTIONS = ROOT / "ocpp_actions.toml"
OPTIONS = "options"
"""The file that is written by hand."""

HEADER = f"""\
// Written by generate_ocpp.py from the JSON schemas of OCPP 2.0.1 and 2.1. Numbers never change.

syntax = "proto3";

package {PACKAGE};
"""
GO_PACKAGE = 'option go_package = "github.com/citrine-csms/citrine/gen/go/citrine/ocpp/v2;ocppv2";\n'

CUSTOM_DATA = "CustomData"

SCALARS = {
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    "int32": descriptor_pb2.FieldDescriptorProto.TYPE_INT32,
    "double": descriptor_pb2.FieldDescriptorProto.TYPE_DOUBLE,
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
}

WELL_KNOWN = {
    "google.protobuf.Timestamp": "google/protobuf/timestamp.proto",
    "google.protobuf.Struct": "google/protobuf/struct.proto",
    "google.protobuf.Value": "google/protobuf/struct.proto",
}

OLDER = {"MeasurandEnumType": ("RPM", "Temperature")}
"""Values of OCPP 1.6 that later versions lack: their schemas refuse them, the contract can say them."""

UNUSUAL_CASE = {
    "15118": "_15118",
    "EMAIDs": "Emaids",
    "IKEv2": "Ikev2",
    "IPSec": "Ipsec",
    "RoCoF": "Rocof",
    "SoC": "Soc",
    "SoH": "Soh",
    "TIme": "Time",
    "V2G": "V2g",
    "V2X": "V2x",
    "soC": "soc",
    "soH": "soh",
    "v2X": "v2x",
}
"""Spellings whose words the rule of upper-case letters would not find."""


@dataclass
class Field:
    """A field of a message, or an alternative of an envelope."""

    name: str
    type: str
    repeated: bool = False
    optional: bool = False
    json_name: str = ""
    comment: str = ""


@dataclass
class Message:
    """A message to be written."""

    name: str
    comment: str
    fields: list[Field] = field(default_factory=list)
    action: str = ""
    oneof: str = ""
    versions: tuple[str, ...] = ()


@dataclass
class EnumValue:
    """A value of an enum, without its number."""

    name: str
    comment: str
    spelling: str = ""


@dataclass
class Enum:
    """An enum to be written."""

    name: str
    comment: str
    values: list[EnumValue]


@dataclass(frozen=True)
class Action:
    """An action of the table."""

    name: str
    sender: str
    block: str


def load_schemas() -> Schemas:
    """Return the schemas of the installed ocpp package."""
    root = importlib.resources.files("ocpp")
    return {
        version: {
            path.name.removesuffix(".json"): json.loads(path.read_text(encoding="utf-8-sig"))
            for path in sorted((root / folder / "schemas").iterdir(), key=lambda path: path.name)
            if path.name.endswith(".json")
        }
        for version, folder in VERSIONS.items()
    }


def generate(schemas: Schemas, root: Path = ROOT) -> dict[str, str]:
    """Return the text of each proto file by its path below root, with the numbers of the files that are there."""
    numbers = _Numbers(root)
    messages, enums = _types(schemas)
    actions = _actions(schemas, messages)
    _add_envelopes(messages, actions)
    places = _places(messages, enums, actions)
    files: dict[str, list[str]] = {}
    for name in sorted(places, key=_order):
        thing = messages.get(name) or enums[name]
        text = (
            _write_message(thing, numbers, actions, schemas)
            if isinstance(thing, Message)
            else _write_enum(thing, numbers)
        )
        files.setdefault(places[name], []).append(text)
    return {_path(stem): "\n".join([HEADER, _head(stem, messages, places), *texts]) for stem, texts in files.items()}


def _path(stem: str) -> str:
    return f"{PACKAGE.replace('.', '/')}/{stem}.proto"


def _order(name: str) -> tuple[int, str]:
    """Messages of an action first, requests before responses, then the types they use."""
    for suffix in ("Request", "Response"):
        if name.endswith(suffix):
            return 0, name
    return 1, name


# Names


def _snake(name: str) -> str:
    """Return an OCPP spelling in snake case."""
    for spelling, replacement in UNUSUAL_CASE.items():
        name = name.replace(spelling, replacement)
    name = re.sub(r"[^A-Za-z0-9]+", "_", name)
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    name = re.sub(r"([A-Z])([A-Z][a-z])", r"\1_\2", name)
    return re.sub(r"_+", "_", name).strip("_").lower()


def _default_json_name(name: str) -> str:
    return re.sub(r"_(.)", lambda found: found[1].upper(), name)


def _type_name(definition: str) -> str:
    return definition.removesuffix("Type")


# From schemas to types


def _types(schemas: Schemas) -> tuple[dict[str, Message], dict[str, Enum]]:
    definitions: dict[str, dict[str, Schema]] = {}
    for version, files in schemas.items():
        for file, schema in files.items():
            for name, definition in [*schema.get("definitions", {}).items(), (file, schema)]:
                known = definitions.setdefault(name, {}).setdefault(version, definition)
                if _shape(known) != _shape(definition):
                    raise SystemExit(f"{name} differs within OCPP {version}")
    messages: dict[str, Message] = {}
    enums: dict[str, Enum] = {}
    for name, by_version in definitions.items():
        thing: Message | Enum = (
            _enum(name, by_version)
            if any("enum" in definition for definition in by_version.values())
            else _message(name, by_version, definitions)
        )
        if thing.name in messages or thing.name in enums:
            raise SystemExit(f"two definitions are called {thing.name}")
        if isinstance(thing, Message):
            messages[thing.name] = thing
        else:
            enums[thing.name] = thing
    return messages, enums


def _shape(schema: Any) -> Any:
    if isinstance(schema, dict):
        skipped = ("description", "comment", "$id", "$schema", "javaType", "definitions")
        return {key: _shape(value) for key, value in schema.items() if key not in skipped}
    if isinstance(schema, list):
        return sorted(schema) if all(isinstance(item, str) for item in schema) else [_shape(item) for item in schema]
    return schema


def _enum(name: str, by_version: Mapping[str, Schema]) -> Enum:
    # buf takes a prefix for right that has no break after a digit.
    prefix = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", _type_name(name)).upper()
    in_versions: dict[str, list[str]] = {}
    for version, definition in by_version.items():
        for spelling in definition["enum"]:
            in_versions.setdefault(spelling, []).append(version)
    values = [EnumValue(f"{prefix}_UNSPECIFIED", "Not said.")]
    for spelling, versions in in_versions.items():
        value = EnumValue(f"{prefix}_{_snake(spelling).upper()}", f"{spelling}.", spelling)
        if len(by_version) > 1:
            value.comment += _only(versions)
        values.append(value)
    values += [EnumValue(f"{prefix}_{each.upper()}", f"{each}. OCPP 1.6 only.", each) for each in OLDER.get(name, ())]
    if len({value.name for value in values}) != len(values):
        raise SystemExit(f"two values of {name} have the same name")
    return Enum(_type_name(name), _mirrors(name, tuple(by_version)), values)


def _message(name: str, by_version: Mapping[str, Schema], definitions: Mapping[str, Mapping[str, Schema]]) -> Message:
    message = Message(_type_name(name), _mirrors(name, tuple(by_version)), versions=tuple(by_version))
    if message.name == CUSTOM_DATA:
        message.fields = [
            Field("vendor_id", "string", comment="Required. Who defined the data. At most 255 characters."),
            Field("data", "google.protobuf.Struct", comment="Every other member that the vendor put in the object."),
        ]
        return message
    # The order only matters for numbers that are given the first time.
    names = dict.fromkeys(
        key for version in reversed(list(by_version)) for key in by_version[version].get("properties", {})
    )
    for key in names:
        properties = {
            version: definition["properties"][key]
            for version, definition in by_version.items()
            if key in definition.get("properties", {})
        }
        required = {version: key in by_version[version].get("required", []) for version in by_version}
        message.fields.append(_field(key, properties, required, definitions))
    message.fields.sort(key=lambda each: (each.type == CUSTOM_DATA, not each.comment.startswith("Required.")))
    return message


def _field(
    key: str,
    properties: Mapping[str, Schema],
    required: Mapping[str, bool],
    definitions: Mapping[str, Mapping[str, Schema]],
) -> Field:
    types = {_field_type(schema.get("items", schema)) for schema in properties.values()}
    repeated = {schema.get("type") == "array" for schema in properties.values()}
    if len(repeated) != 1:
        raise SystemExit(f"{key} is an array in one version only")
    proto_type = types.pop() if len(types) == 1 else _wider(key, types, definitions)
    always = all(required.values())
    name = _snake(key)
    presence = not always and (proto_type in SCALARS or proto_type.endswith("Enum"))
    return Field(
        name=name,
        type=proto_type,
        repeated=True in repeated,
        optional=presence and True not in repeated,
        json_name=key if _default_json_name(name) != key else "",
        comment=_describe(properties, required, definitions),
    )


def _field_type(schema: Schema) -> str:
    match schema:
        case {"$ref": str(reference)}:
            return _type_name(reference.rpartition("/")[2])
        case {"type": "string", "format": "date-time"}:
            return "google.protobuf.Timestamp"
        case {"type": "string"}:
            return "string"
        case {"type": "integer"}:
            return "int32"
        case {"type": "number"}:
            return "double"
        case {"type": "boolean"}:
            return "bool"
        case _ if "type" not in schema:
            return "google.protobuf.Value"
    raise SystemExit(f"no proto type for {schema}")


def _wider(key: str, types: set[str], definitions: Mapping[str, Mapping[str, Schema]]) -> str:
    if types == {"int32", "double"}:
        return "double"
    # An enum that the newer version opened to any string is a string.
    others = types - {"string"}
    if len(others) == 1 and "enum" in next(iter(definitions[f"{next(iter(others))}Type"].values())):
        return "string"
    raise SystemExit(f"{key} has types that nothing holds both of: {types}")


# Comments


def _mirrors(name: str, versions: tuple[str, ...]) -> str:
    return f"{_type_name(name)} mirrors {name} of OCPP {' and '.join(versions)}."


def _only(versions: Iterable[str]) -> str:
    versions = list(versions)
    return f" OCPP {versions[0]} only." if len(versions) == 1 else ""


def _describe(
    properties: Mapping[str, Schema],
    required: Mapping[str, bool],
    definitions: Mapping[str, Mapping[str, Schema]],
) -> str:
    always = all(required.values())
    facts = {version: list(_facts(schema, definitions, version)) for version, schema in properties.items()}
    newest = list(facts)[-1]
    newest_type = _field_type(properties[newest].get("items", properties[newest]))
    sentences = ["Required." if always else "Optional."]
    sentences += facts[newest]
    if len(properties) < len(required):
        sentences.append(f"OCPP {newest} only.")
    for version, schema in properties.items():
        older = [fact for fact in facts[version] if fact not in facts[newest]]
        if _field_type(schema.get("items", schema)) != newest_type:
            older.insert(0, "An integer." if schema.get("type") == "integer" else "One of a few fixed values.")
        if required[version] and not always:
            older.insert(0, "Required.")
        if older:
            sentences.append(f"In OCPP {version}: {' '.join(older)[0].lower()}{' '.join(older)[1:]}")
    return " ".join(sentences)


def _facts(schema: Schema, definitions: Mapping[str, Mapping[str, Schema]], version: str) -> Iterator[str]:
    if "minItems" in schema or "maxItems" in schema:
        low, high = schema.get("minItems", 0), schema.get("maxItems")
        yield (
            f"{low} or more items."
            if high is None
            else f"{low} item."
            if low == high == 1
            else f"{low} to {high} items."
        )
    item, each = (schema["items"], " each") if "items" in schema else (schema, "")
    if "maxLength" in item:
        yield f"At most {item['maxLength']} characters{each}."
    low, high = item.get("minimum"), item.get("maximum")
    if low is not None and high is not None:
        yield f"From {low:g} to {high:g}{each}."
    elif low is not None:
        yield f"At least {low:g}{each}."
    elif high is not None:
        yield f"At most {high:g}{each}."
    default = item.get("default")
    if default is None and "$ref" in item:
        default = definitions[item["$ref"].rpartition("/")[2]].get(version, {}).get("default")
    if default is not None:
        yield f"Default {json.dumps(default).strip(chr(34))}."


# Actions and envelopes


def _actions(schemas: Schemas, messages: dict[str, Message]) -> dict[str, Action]:
    table = tomllib.loads(ACTIONS.read_text(encoding="utf-8"))
    places = {
        name: Action(name, sender, block)
        for block, senders in table.items()
        for sender, names in senders.items()
        for name in names
    }
    requests = {
        name: name.removesuffix("Request")
        for files in schemas.values()
        for name in files
        if not name.endswith("Response")
    }
    if unknown := sorted(set(requests.values()) - places.keys()):
        raise SystemExit(f"{ACTIONS.name} says nothing of {', '.join(unknown)}")
    by_message = {request: places[name] for request, name in requests.items()}
    for request, action in by_message.items():
        messages[request].action = action.name
        only = _only(messages[request].versions)
        is_send = f"{action.name}Response" not in messages
        messages[
            request
        ].comment = f"{request} is the request of {action.name}, sent by {_SENDERS[action.sender]}.{only}"
        if is_send:
            messages[
                request
            ].comment = (
                f"{request} is sent by {_SENDERS[action.sender]} as SEND (message type 6), which nobody answers.{only}"
            )
        else:
            messages[f"{action.name}Response"].comment = f"{action.name}Response answers {request}.{only}"
    return by_message


_SENDERS = {"station": "the charging station", "csms": "the CSMS", "both": "either side"}


def _add_envelopes(messages: dict[str, Message], actions: Mapping[str, Action]) -> None:
    request = Message("Request", "Request holds one request message, of any action and either direction.")
    response = Message("Response", "Response holds one response message, of any action and either direction.")
    for name, action in sorted(actions.items(), key=lambda item: item[1].name):
        only = _only(messages[name].versions)
        alternative = _snake(action.name)
        request.fields.append(
            Field(alternative, name, comment=f"{action.name}, sent by {_SENDERS[action.sender]}.{only}")
        )
        answer = f"{action.name}Response"
        if answer in messages:
            response.fields.append(Field(alternative, answer, comment=f"The answer to {action.name}.{only}"))
    for envelope in (request, response):
        envelope.oneof = "message"
        messages[envelope.name] = envelope


def _places(
    messages: Mapping[str, Message], enums: Mapping[str, Enum], actions: Mapping[str, Action]
) -> dict[str, str]:
    """Return the file of each type that a message needs."""
    blocks: dict[str, set[str]] = {}

    def visit(name: str, block: str) -> None:
        if block in blocks.setdefault(name, set()):
            return
        blocks[name].add(block)
        for each in messages[name].fields if name in messages else ():
            if each.type in messages or each.type in enums:
                visit(each.type, block)

    for request, action in actions.items():
        visit(request, action.block)
        if f"{action.name}Response" in messages:
            visit(f"{action.name}Response", action.block)
    places = {name: blocks[name].copy().pop() if len(blocks[name]) == 1 else "types" for name in blocks}
    return {**places, "Request": "messages", "Response": "messages"}


# From types to text


class _Numbers:
    """The numbers in use, read from the proto files below a root."""

    def __init__(self, root: Path) -> None:
        self.messages: dict[str, descriptor_pb2.DescriptorProto] = {}
        self.enums: dict[str, descriptor_pb2.EnumDescriptorProto] = {}
        for file in _compile(root):
            if file.package == PACKAGE:
                self.messages.update({message.name: message for message in file.message_type})
                self.enums.update({enum.name: enum for enum in file.enum_type})

    def of_message(self, message: Message) -> tuple[dict[str, int], set[int], set[str]]:
        """Return the number of each field, and the numbers and names to reserve."""
        known = self.messages.get(message.name, descriptor_pb2.DescriptorProto())
        fields = {each.name: each for each in message.fields}
        kept = {old.name: old.number for old in known.field if old.name in fields and _same_type(old, fields[old.name])}
        reserved = {number for span in known.reserved_range for number in range(span.start, span.end)}
        reserved |= {old.number for old in known.field} - set(kept.values())
        names = {*known.reserved_name, *(old.name for old in known.field)} - fields.keys()
        return _fill(kept, fields, reserved, first=1), reserved, names

    def of_enum(self, enum: Enum) -> tuple[dict[str, int], set[int], set[str]]:
        """Return the number of each value, and the numbers and names to reserve."""
        known = self.enums.get(enum.name, descriptor_pb2.EnumDescriptorProto())
        values = {each.name: each for each in enum.values}
        kept = {old.name: old.number for old in known.value if old.name in values}
        # The end of an enum's reserved range is part of it, other than that of a message.
        reserved = {number for span in known.reserved_range for number in range(span.start, span.end + 1)}
        reserved |= {old.number for old in known.value} - set(kept.values())
        names = {*known.reserved_name, *(old.name for old in known.value)} - values.keys()
        return _fill(kept, values, reserved, first=0), reserved, names


def _fill(kept: dict[str, int], names: Iterable[str], reserved: set[int], first: int) -> dict[str, int]:
    numbers = dict(kept)
    following = max([first - 1, *kept.values(), *reserved]) + 1
    for name in names:
        if name not in numbers:
            # 19000 to 19999 belong to protobuf; no message of OCPP comes near.
            numbers[name], following = following, following + 1
    return dict(sorted(numbers.items(), key=lambda item: item[1]))


def _same_type(old: descriptor_pb2.FieldDescriptorProto, new: Field) -> bool:
    if (old.label == old.LABEL_REPEATED) != new.repeated:
        return False
    if new.type in SCALARS:
        return old.type == SCALARS[new.type]
    return old.type_name.rpartition(".")[2] == new.type.rpartition(".")[2]


def _compile(root: Path) -> list[descriptor_pb2.FileDescriptorProto]:
    files = [str(path) for path in sorted((root / PACKAGE.replace(".", "/")).glob("*.proto"))]
    if not files:
        return []
    with (
        importlib.resources.as_file(importlib.resources.files("grpc_tools") / "_proto") as include,
        tempfile.NamedTemporaryFile(suffix=".binpb") as out,
    ):
        if protoc.main(["protoc", f"-I{root}", f"-I{include}", f"--descriptor_set_out={out.name}", *files]):
            raise SystemExit("protoc refuses the present proto files")
        content = Path(out.name).read_bytes()
    return list(descriptor_pb2.FileDescriptorSet.FromString(content).file)


def _comment(text: str, indent: str = "") -> str:
    return textwrap.fill(text, 100, initial_indent=f"{indent}// ", subsequent_indent=f"{indent}// ")


def _reserved(numbers: set[int], names: set[str]) -> list[str]:
    lines = []
    if numbers:
        lines.append(f"  reserved {', '.join(map(str, sorted(numbers)))};")
    if names:
        lines.append("  reserved " + ", ".join(f'"{name}"' for name in sorted(names)) + ";")
    return lines


def _write_message(message: Message, numbers: _Numbers, actions: Mapping[str, Action], schemas: Schemas) -> str:
    by_name, reserved, names = numbers.of_message(message)
    fields = {each.name: each for each in message.fields}
    lines = [_comment(message.comment), f"message {message.name} {{"]
    if message.name in actions:
        lines += _write_options(message, actions[message.name], schemas)
    lines += _reserved(reserved, names)
    indent = "  "
    if message.oneof:
        lines += [_comment("The message; unset only where the sender knows an action that the reader does not.", "  ")]
        lines += [f"  oneof {message.oneof} {{"]
        indent = "    "
    for name, number in by_name.items():
        each = fields[name]
        label = "repeated " if each.repeated else "optional " if each.optional else ""
        options = f' [json_name = "{each.json_name}"]' if each.json_name else ""
        lines.append(_comment(each.comment, indent))
        lines.append(f"{indent}{label}{each.type} {name} = {number}{options};")
    if message.oneof:
        lines.append("  }")
    if lines[-1].endswith("{"):
        return "\n".join([*lines[:-1], lines[-1] + "}", ""])
    return "\n".join([*lines, "}", ""])


def _write_options(message: Message, action: Action, schemas: Schemas) -> list[str]:
    entries = [f'name: "{action.name}"', f"sender: SENDER_{action.sender.upper()}", f'block: "{action.block}"']
    if message.name in schemas["2.0.1"]:
        entries.append("in_v201: true")
    if not message.name.endswith("Request"):
        entries.append("is_send: true")
    return ["  option (action) = {", *(f"    {entry}" for entry in entries), "  };"]


def _write_enum(enum: Enum, numbers: _Numbers) -> str:
    by_name, reserved, names = numbers.of_enum(enum)
    values = {each.name: each for each in enum.values}
    lines = [_comment(enum.comment), f"enum {enum.name} {{", *_reserved(reserved, names)]
    for name, number in by_name.items():
        option = f' [(spelling) = "{values[name].spelling}"]' if values[name].spelling else ""
        lines.append(_comment(values[name].comment, "  "))
        lines.append(f"  {name} = {number}{option};")
    return "\n".join([*lines, "}", ""])


def _head(stem: str, messages: Mapping[str, Message], places: Mapping[str, str]) -> str:
    here = [name for name, place in places.items() if place == stem]
    paths = set()
    for name in here:
        message = messages.get(name)
        if message is None or message.action:
            paths.add(_path(OPTIONS))
        for each in message.fields if message else ():
            if each.type in WELL_KNOWN:
                paths.add(WELL_KNOWN[each.type])
            elif each.type in places and places[each.type] != stem:
                paths.add(_path(places[each.type]))
    return "".join(f'import "{path}";\n' for path in sorted(paths)) + f"\n{GO_PACKAGE}"


def main(root: Path = ROOT) -> int:
    """Write the proto files below root, and remove those that nothing needs any more."""
    texts = generate(load_schemas(), root)
    keep = {*texts, _path(OPTIONS)}
    for path in (root / PACKAGE.replace(".", "/")).glob("*.proto"):
        if path.relative_to(root).as_posix() not in keep:
            path.unlink()
    for name, text in texts.items():
        (root / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
