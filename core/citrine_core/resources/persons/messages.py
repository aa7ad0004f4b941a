"""Replaces the ids of a person in messages, by their descriptors, and in JSON, by its keys.

A field that has the id of a token, and nothing else, is compared as a whole. In all other texts only ids are found that
nothing else is written like.
"""

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import orjson
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from google.protobuf.unknown_fields import UnknownFieldSet

from citrine_core.resources.persons.fields import GROUP, GROUP_OBJECTS, TOKEN, kind_of_field, kind_of_key
from citrine_core.resources.persons.pseudonyms import Person

__all__ = ["change_json", "replace_in_json", "replace_in_message", "replace_in_pairs"]

_SIGNED = "signed_meter_data"
"""Field with text of base64."""

_AMOUNT = re.compile(r"[-+]?\d+(?:\.\d+)?")
"""Amounts are texts in our own messages."""

_OURS = ("citrine.api.", "citrine.events.")

_JSON = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\Z)|[\[\]{}]', re.DOTALL)
"""A string of JSON, of which the last may be cut, or a bracket."""

_PAIR = re.compile(r"(?P<name>\w+)=(?P<value>.*?)(?=, \w+=|\Z)", re.DOTALL)

_COLON = re.compile(r"\s*:")


_TYPE = "type"
"""The field, and the key, beside an id of a token that say its type."""


def replace_in_message(message: Message, person: Person) -> bool:
    """Replace the ids of a person in a message, in place; return whether there were any.

    Fields that this release does not know are bytes, in which distinctive ids are found.
    """
    unknown = [(part, content) for part in _parts(message) if (content := _unknown_fields(part))]
    is_changed = _replace_in_fields(message, person)
    replaced = [(part, person.replace(content)) for part, content in unknown]
    if [content for _, content in replaced] == [content for _, content in unknown]:
        return is_changed
    message.DiscardUnknownFields()
    for part, content in replaced:
        part.MergeFromString(content)
    return True


def replace_in_json(text: str, person: Person) -> str:
    """Return a text of JSON, which may be cut, with the ids of a person replaced; all else stays as it is written."""
    return change_json(text, lambda keys, value, beside: _of_json(keys, value, beside.get(_TYPE, ""), person))


def replace_in_pairs(text: str, person: Person) -> str:
    """Return a text such as "station_id=CS-1, id_token=AB", which may be cut, with the ids of a person replaced."""
    beside = {one["name"]: one["value"] for one in _PAIR.finditer(text)}

    def replaced(found: re.Match[str]) -> str:
        name, value = found["name"], found["value"]
        return f"{name}={_of_json([name], value, beside.get(_TYPE, ''), person)}"

    return _PAIR.sub(replaced, text)


def change_json(text: str, change: Callable[[Sequence[str], str, Mapping[str, str]], str]) -> str:
    """Return a text of JSON, which may be cut, with its values that are strings changed.

    Args:
        text: The text.
        change: Returns the new value, given the keys that lead to it, the value, and the texts of the same object.
    """
    keys: list[str] = []
    objects: list[dict[str, str]] = [{}]
    values: list[tuple[re.Match[str], Sequence[str], str, Mapping[str, str]]] = []
    for found in _JSON.finditer(text):
        token = found[0]
        if token in "[{":
            # Elements of an array have the key of the array.
            keys.append(keys[-1] if token == "[" and keys else "")
            objects.append({})
        elif token in "]}":
            if keys:
                keys.pop()
                objects.pop()
        else:
            value = _loaded(token)
            if _COLON.match(text, found.end()):
                if keys:
                    keys[-1] = value
            else:
                objects[-1][keys[-1] if keys else ""] = value
                values.append((found, tuple(keys), value, objects[-1]))
    parts, done = [], 0
    for found, path, value, beside in values:
        if (new := change(path, value, beside)) != value:
            parts += [text[done : found.start()], orjson.dumps(new).decode()]
            done = found.end()
    return "".join([*parts, text[done:]])


def _loaded(token: str) -> str:
    try:
        return str(orjson.loads(token))
    except orjson.JSONDecodeError:
        return token.strip('"')


def _of_json(keys: Sequence[str], value: str, type_name: str, person: Person) -> str:
    kind = kind_of_key(keys)
    return str(person.replace(value) if kind is None else person.replace_id(value, kind, type_name))


def _parts(message: Message) -> Iterator[Message]:
    """Yield a message and all messages in it."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if not field.message_type.GetOptions().map_entry:
            for one in value if field.is_repeated else [value]:
                yield from _parts(one)
        elif field.message_type.fields_by_name["value"].message_type is not None:
            for one in value.values():
                yield from _parts(one)


def _unknown_fields(message: Message) -> bytes:
    """Return the fields of a message that are not in its descriptor, serialised."""
    if not UnknownFieldSet(message):
        return b""
    unknown = type(message)()
    unknown.CopyFrom(message)
    for field, _ in message.ListFields():
        unknown.ClearField(field.name)
    return unknown.SerializeToString()


def _replace_in_fields(message: Message, person: Person, *, is_group: bool = False) -> bool:
    """Replace the ids in the fields that are known.

    Args:
        message: The message.
        person: The person.
        is_group: The message is a group in the form of a token.
    """
    changed = False
    type_field = message.DESCRIPTOR.fields_by_name.get(_TYPE)
    is_typed = type_field is not None and type_field.type == FieldDescriptor.TYPE_STRING
    type_name = getattr(message, _TYPE) if is_typed else ""
    for field, value in message.ListFields():
        if field.type == FieldDescriptor.TYPE_MESSAGE:
            changed |= _replace_in_field(field, value, person)
        elif field.type == FieldDescriptor.TYPE_STRING:
            if field.is_repeated:
                for position, one in enumerate(value):
                    value[position] = _replaced(field, one, type_name, person, is_group=is_group)
                    changed |= value[position] != one
            elif (new := _replaced(field, value, type_name, person, is_group=is_group)) != value:
                setattr(message, field.name, new)
                changed = True
    return changed


def _replace_in_field(field: FieldDescriptor, value: Any, person: Person) -> bool:
    assert field.message_type is not None
    if field.message_type.GetOptions().map_entry:
        # Labels, of stations.
        return False
    changed = False
    for one in value if field.is_repeated else [value]:
        if isinstance(one, Struct | Value | ListValue):
            changed |= _replace_in_struct(one, person, (field.name,))
        else:
            changed |= _replace_in_fields(one, person, is_group=field.name in GROUP_OBJECTS)
    return changed


def _replace_in_struct(
    value: Struct | Value | ListValue, person: Person, keys: tuple[str, ...], type_name: str = ""
) -> bool:
    if isinstance(value, Struct):
        beside = value.fields[_TYPE].string_value if _TYPE in value.fields else ""
        return sum(_replace_in_struct(one, person, (*keys, key), beside) for key, one in value.fields.items()) > 0
    if isinstance(value, ListValue):
        return sum(_replace_in_struct(one, person, keys, type_name) for one in value.values) > 0
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _replace_in_struct(value.struct_value, person, keys)
    if kind == "list_value":
        return _replace_in_struct(value.list_value, person, keys, type_name)
    before = value.string_value
    if kind == "string_value":
        value.string_value = _of_json(keys, before, type_name, person)
    return value.string_value != before


def _replaced(field: FieldDescriptor, value: str, type_name: str, person: Person, *, is_group: bool) -> str:
    kind = kind_of_field(field)
    if kind is not None:
        return str(person.replace_id(value, GROUP if is_group and kind == TOKEN else kind, type_name))
    if field.name == _SIGNED:
        return _in_base64(value, person)
    assert field.containing_type is not None
    is_of_others = field.name == "id" or field.name.endswith(("_id", "_ids"))
    if is_of_others or (field.containing_type.full_name.startswith(_OURS) and _AMOUNT.fullmatch(value)):
        return value
    return str(person.replace(value))


def _in_base64(value: str, person: Person) -> str:
    try:
        # Some stations break it into lines.
        content = base64.b64decode("".join(value.split()), validate=True)
    except binascii.Error:
        return str(person.replace(value))
    replaced = person.replace(content)
    return value if replaced == content else base64.b64encode(replaced).decode()
