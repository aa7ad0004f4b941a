"""The reference of the API, written from the contract: an index, and a page of rpcs and messages for each file."""

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
)
from grpc_tools import protoc

from citrine.api.v1 import access_pb2
from tests.support.api_examples import Example, read_examples

__all__ = ["FOLDER", "INDEX", "pages", "write"]

PROTOS = Path(__file__).parents[2] / "protos"
INDEX = Path(__file__).parents[2] / "docs" / "api.md"
FOLDER = Path(__file__).parents[2] / "docs" / "api"

_PACKAGES = frozenset({"citrine.api.v1", "citrine.events.v1", "citrine.authorizer.v1"})
"""Packages that have pages. OCPP's own messages are as the specification has them."""

_MESSAGE, _ENUM, _SERVICE, _FIELD, _METHOD, _VALUE, _NESTED, _NESTED_ENUM = 4, 5, 6, 2, 2, 2, 3, 4
"""Numbers of these in the paths of FileDescriptorProto's source code info."""

_SCALARS = {
    FieldDescriptorProto.TYPE_STRING: "string",
    FieldDescriptorProto.TYPE_BOOL: "bool",
    FieldDescriptorProto.TYPE_BYTES: "bytes",
    FieldDescriptorProto.TYPE_INT32: "int32",
    FieldDescriptorProto.TYPE_INT64: "int64",
    FieldDescriptorProto.TYPE_UINT32: "uint32",
    FieldDescriptorProto.TYPE_UINT64: "uint64",
    FieldDescriptorProto.TYPE_SINT32: "sint32",
    FieldDescriptorProto.TYPE_SINT64: "sint64",
    FieldDescriptorProto.TYPE_DOUBLE: "double",
    FieldDescriptorProto.TYPE_FLOAT: "float",
}

_ABOUT = """# API

What backend teams call: `citrine.api.v1`, and `citrine.events.v1` for what happens, over gRPC. `make docs` writes this
page and those that it leads to from the [contract](../protos/citrine/api/v1), whose comments are the reference. The
[tutorial](tutorial.md) calls it step by step, and [glossary.md](glossary.md) explains its words. Messages of OCPP
(`citrine.ocpp.v2`) have the names and the fields of the specification, in [their own files](../protos/citrine/ocpp/v2).

Each rpc is shown with a call that works beside `make up`; a test makes all of them. Words in capitals stand for ids.
`citrine rpc` is one way to call, and prints what is returned as JSON:

<!-- not run: other tests make these calls -->
```sh
export PATH="$PWD/.venv/bin:$PATH" CITRINE_TENANT=demo
citrine rpc GetStation '{"station_id": "DEMO-1"}'
```

One thing has one name. A token is an IdToken wherever it is named, by its id and type; in TokensService, whose resource
it is, both are fields of their own, as the ids of all resources are. Lists have the name of the field for what they are
asked for: a TimeRange that is called `create_time` is about `create_time`, and `id_token` finds a token of any type in
any spelling. `requested_by` is the name of the key of who wanted it, `include_x` shows what is left out otherwise,
`x_only` leaves out the rest, and `x_id_prefix` is what the id begins with.

Any tool for gRPC is another one, as the core describes its services (reflection). With [buf](https://buf.build/docs/cli/):

<!-- not run: other tests make these calls -->
```sh
buf curl --protocol grpc --http2-prior-knowledge --reflect-header '*' \\
    -H "authorization: Bearer $(cat .citrine/operator.key)" -H "citrine-tenant: demo" \\
    -d '{"station_id": "DEMO-1"}' http://127.0.0.1:50051/citrine.api.v1.StationsService/GetStation
```

"""


@dataclass
class _File:
    """A file of the contract, and the comments in it by the path of what they are about."""

    proto: FileDescriptorProto
    comments: Mapping[tuple[int, ...], str]
    about: str = ""
    """What stands behind the head of the file, and about nothing in particular."""

    @property
    def page(self) -> str:
        """Name of its page."""
        package, _, name = self.proto.name.removesuffix(".proto").rpartition("/")
        if package == "citrine/api/v1" or name == "events_service":
            return name.removesuffix("_service")
        return f"{package.split('/')[1]}-{name}"


@dataclass
class _Place:
    """Where a message or an enum is documented."""

    file: _File
    name: str
    map_entry: DescriptorProto | None = field(default=None)


def pages() -> dict[Path, str]:
    """Return the text of each page by its file."""
    files, places = _contract()
    found = {FOLDER / f"{file.page}.md": "".join(_page(file, places)) for file in files}
    return {INDEX: "".join(_index(files)), **found}


def write() -> None:
    """Write the pages, and remove those of files that are no more."""
    FOLDER.mkdir(exist_ok=True)
    written = pages()
    for file in set(FOLDER.iterdir()) - written.keys():
        file.unlink()
    for file, text in written.items():
        file.write_text(text, encoding="utf-8")


@cache
def _contract() -> tuple[list[_File], dict[str, _Place]]:
    """Return the files that have pages, and the place of each type in them."""
    files = sorted(_compiled(), key=lambda one: one.proto.name)
    places: dict[str, _Place] = {}
    for file in files:
        for message in file.proto.message_type:
            _place(places, file, f".{file.proto.package}", message, "")
        for enum in file.proto.enum_type:
            places[f".{file.proto.package}.{enum.name}"] = _Place(file, enum.name)
    return files, places


def _compiled() -> Iterator[_File]:
    names = [each.relative_to(PROTOS).as_posix() for each in PROTOS.rglob("*.proto")]
    with tempfile.NamedTemporaryFile() as out:
        include = resources.files("grpc_tools") / "_proto"
        arguments = [f"-I{PROTOS}", f"-I{include}", "--include_source_info", f"--descriptor_set_out={out.name}"]
        assert protoc.main(["protoc", *arguments, *names]) == 0, "the contract compiles"
        compiled = FileDescriptorSet.FromString(Path(out.name).read_bytes())
    for proto in compiled.file:
        if proto.package in _PACKAGES:
            located = proto.source_code_info.location
            comments = {tuple(one.path): one.leading_comments for one in located if one.leading_comments}
            detached = [text for one in located for text in one.leading_detached_comments]
            yield _File(proto, comments, "\n\n".join(detached))


def _place(places: dict[str, _Place], file: _File, scope: str, message: DescriptorProto, outer: str) -> None:
    full, name = f"{scope}.{message.name}", f"{outer}{message.name}"
    places[full] = _Place(file, name, message if message.options.map_entry else None)
    for enum in message.enum_type:
        places[f"{full}.{enum.name}"] = _Place(file, f"{name}.{enum.name}")
    for nested in message.nested_type:
        _place(places, file, full, nested, f"{name}.")


# The index.


def _index(files: Sequence[_File]) -> Iterator[str]:
    yield _ABOUT
    common = next(file for file in files if file.page == "common")
    yield f"{_prose(common.about)}\n\n| service | rpcs |\n|---|---|\n"
    for file in files:
        for service in file.proto.service:
            called = ", ".join(
                f"[{each.name}](api/{file.page}.md#{_anchor('rpc ' + each.name)})" for each in service.method
            )
            yield f"| [{service.name}](api/{file.page}.md) | {called} |\n"
    others = [file for file in files if not file.proto.service]
    yield "\nMessages that several services have: "
    yield ", ".join(f"[{file.page}](api/{file.page}.md)" for file in others) + ".\n"


# A page.


def _page(file: _File, places: Mapping[str, _Place]) -> Iterator[str]:
    services = file.proto.service
    yield f"# {', '.join(each.name for each in services) or file.page}\n\n"
    source = f"[{file.proto.name}](../../protos/{file.proto.name})"
    yield f"`{file.proto.package}`, {source}; part of the [API](../api.md).\n"
    if file.about:
        yield f"\n{_prose(file.about)}\n"
    for place, service in enumerate(services):
        if len(services) > 1:
            yield f"\n## {service.name}\n"
        yield f"\n{_prose(file.comments.get((_SERVICE, place), ''))}\n"
        for position, method in enumerate(service.method):
            yield from _rpc(file, method, (_SERVICE, place, _METHOD, position), places)
    if file.proto.message_type or file.proto.enum_type:
        yield "\n## Messages\n" if services else ""
    for place, message in enumerate(file.proto.message_type):
        yield from _message(file, message, (_MESSAGE, place), "", places)
    for place, enum in enumerate(file.proto.enum_type):
        yield from _enum(file, enum, (_ENUM, place), "")


def _rpc(
    file: _File, method: MethodDescriptorProto, path: tuple[int, ...], places: Mapping[str, _Place]
) -> Iterator[str]:
    access = method.options.Extensions[access_pb2.access]
    asked, answered = (_type_link(file, name, places) for name in (method.input_type, method.output_type))
    asked, answered = (
        f"stream of {text}" if streams else text
        for text, streams in ((asked, method.client_streaming), (answered, method.server_streaming))
    )
    needs = "the operator of all tenants" if access.operator_only else f"`{access.scope}`" if access.scope else ""
    needs = "no scope" if access.any_caller else needs
    yield f"\n### rpc {method.name}\n\n{_prose(file.comments.get(path, ''))}\n\n"
    yield f"{asked} → {answered}{f'; needs {needs}' if needs else ''}\n"
    if file.proto.package in ("citrine.api.v1", "citrine.events.v1"):
        yield from _example(method.name)


@cache
def _examples() -> Mapping[str, Example]:
    """Return the example of each rpc: the first one, where there are several."""
    return {one.rpc: one for one in reversed(read_examples()[0])}


def _example(rpc: str) -> Iterator[str]:
    example, values = _examples().get(rpc), read_examples()[1]
    if example is None:
        return
    yield f"\n```sh\ncitrine rpc {rpc} '{example.request}'\n```\n"
    for name in example.names(values):
        value = values[name]
        source = f"`{value.rpc} '{value.request}'`" if value.is_listed else value.rpc
        what = f"`{value.field}` of {source}" if value.rpc else f"the text of `{value.file}`"
        yield f"\n{name} is {what}.\n"
    if example.because:
        yield f"\nBeside the demo it returns {example.returns}: {example.because}.\n"


def _message(
    file: _File, message: DescriptorProto, path: tuple[int, ...], outer: str, places: Mapping[str, _Place]
) -> Iterator[str]:
    name = f"{outer}{message.name}"
    yield f"\n### {name}\n\n{_prose(file.comments.get(path, ''))}\n"
    if message.field:
        yield "\n| field | type | meaning |\n|---|---|---|\n"
    for place, one in enumerate(message.field):
        meaning = _cell(file.comments.get((*path, _FIELD, place), ""))
        if one.HasField("oneof_index") and not one.proto3_optional:
            meaning = f"One of `{message.oneof_decl[one.oneof_index].name}`. {meaning}"
        yield f"| `{one.name}` | {_field_type(file, one, places)} | {meaning} |\n"
    for place, nested in enumerate(message.nested_type):
        if not nested.options.map_entry:
            yield from _message(file, nested, (*path, _NESTED, place), f"{name}.", places)
    for place, enum in enumerate(message.enum_type):
        yield from _enum(file, enum, (*path, _NESTED_ENUM, place), f"{name}.")


def _enum(file: _File, enum: EnumDescriptorProto, path: tuple[int, ...], outer: str) -> Iterator[str]:
    yield f"\n### {outer}{enum.name}\n\n{_prose(file.comments.get(path, ''))}\n\n| value | meaning |\n|---|---|\n"
    for place, value in enumerate(enum.value):
        yield f"| `{value.name}` | {_cell(file.comments.get((*path, _VALUE, place), ''))} |\n"


# Types and words.


def _field_type(file: _File, one: FieldDescriptorProto, places: Mapping[str, _Place]) -> str:
    kind = _SCALARS.get(one.type) or _type_link(file, one.type_name, places)
    if one.label == FieldDescriptorProto.LABEL_REPEATED:
        entry = places[one.type_name].map_entry if one.type_name in places else None
        if entry is not None:
            key, value = (_field_type(file, each, places) for each in entry.field)
            return f"map of {key} to {value}"
        return f"list of {kind}"
    return f"{kind}, optional" if one.proto3_optional else kind


def _type_link(file: _File, name: str, places: Mapping[str, _Place]) -> str:
    place = places.get(name)
    if place is None:
        return f"`{name.removeprefix('.').removeprefix('google.protobuf.')}`"
    page = "" if place.file is file else f"{place.file.page}.md"
    return f"[{place.name}]({page}#{_anchor(place.name)})"


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def _prose(comment: str) -> str:
    """Return a comment as paragraphs and lists of Markdown."""
    lines = [line.strip() for line in comment.strip().splitlines()]
    paragraphs = re.split(r"\n\n+", "\n".join(lines))
    return "\n\n".join(re.sub(r"\n(?!- )", " ", _escaped(one)).replace("\n- ", "\n\n- ", 1) for one in paragraphs)


def _cell(comment: str) -> str:
    """Return a comment as a cell of a table."""
    return re.sub(r"\s*\n\s*", " ", _escaped(comment.strip())).replace("|", "\\|")


def _escaped(text: str) -> str:
    return text.replace("<", "&lt;")
