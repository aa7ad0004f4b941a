"""Each rpc has an example in the reference of the API, and it does beside a demo what is said there."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from citrine_sdk import Citrine, methods
from tests.support.api_examples import Example, Value, read_examples
from tests.support.documents_runner import Demo, demo
from tests.support.waiting import WAIT

METHODS = {method.name: method for method in methods()}

PERMANENT = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INTERNAL)


class Reader:
    """One who makes the calls of the reference, one after the other."""

    def __init__(self, citrine: Citrine, directory: Path, values: Mapping[str, Value]) -> None:
        self._citrine = citrine
        self._directory = directory
        self._values = values
        self._returned: dict[str, Message | None] = {}

    async def follow(self, examples: Sequence[Example]) -> list[str]:
        """Make all calls, and return what went wrong."""
        problems = [(example, await self._problem(example)) for example in examples]
        return [f"{example.rpc} {example.request}\n{problem}" for example, problem in problems if problem]

    async def _problem(self, example: Example) -> str:
        end = asyncio.get_running_loop().time() + WAIT
        while True:
            try:
                found = {name: await self._value(self._values[name]) for name in example.names(self._values)}
                self._returned[example.rpc] = await self._call(example.rpc, example.filled(found))
                status, said = "OK", ""
            except (LookupError, TypeError) as error:
                status, said = "no value", repr(error)
            except grpc.aio.AioRpcError as error:
                status, said = error.code().name, error.details() or ""
                if error.code() in PERMANENT and status != example.returns:
                    return f"{status}: {said}"
            if status == example.returns:
                return ""
            if asyncio.get_running_loop().time() > end:
                return f"{status} in place of {example.returns}: {said}"
            await asyncio.sleep(0.1)

    async def _value(self, value: Value) -> str | int:
        if value.file:
            return (self._directory / value.file).read_text()
        message = await self._call(value.rpc, value.request) if value.is_listed else self._returned[value.rpc]
        assert message is not None
        found: Any = MessageToDict(message, preserving_proto_field_name=True)
        for part in value.field.split("."):
            found = found[int(part)] if isinstance(found, list) else found[part]
        assert isinstance(found, str | int)
        return found

    async def _call(self, rpc: str, request: str) -> Message | None:
        method = METHODS[rpc]
        stub: Any = getattr(getattr(self._citrine, method.attribute), rpc)
        content = json.loads(request)
        values = content if method.streams_requests else [content]
        requests = [ParseDict(value, GetMessageClass(method.request)()) for value in values]
        if not method.streams:
            answer: Message = await stub(requests[0])
            return answer
        stream = stub(iter(requests) if method.streams_requests else requests[0])
        try:
            # What does not end by itself is not read any further.
            async for message in stream:
                first: Message = message
                return first
            return None
        finally:
            stream.cancel()


def test_each_rpc_has_an_example_that_is_called_by_a_name_of_its_own() -> None:
    examples, values = read_examples()
    named = [method.name for method in methods()]

    assert {example.rpc for example in examples} == METHODS.keys(), "each rpc needs one in docs/api-examples.toml"
    assert len(named) == len(set(named)), "the examples, and `citrine rpc`, name an rpc without its service"
    used = {name for example in examples for name in example.names(values)}
    assert used == values.keys()
    assert all(example.because for example in examples if example.returns != "OK")


async def follow(running: Demo) -> list[str]:
    examples, values = read_examples()
    async with Citrine(running.core, key=running.key, tenant="demo") as citrine:
        return await Reader(citrine, running.directory, values).follow(examples)


@pytest.mark.timeout(600)
def test_examples_of_the_reference_do_what_it_says(tmp_path: Path, commands: Path) -> None:
    with demo(tmp_path, commands) as running:
        problems = asyncio.run(follow(running))

    assert not problems, "\n\n".join(problems)
