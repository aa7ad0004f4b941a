"""Routes from messages to handlers, collected from the blocks by the composition root."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from google.protobuf.message import Message

from citrine.ocpp.actions import action_of
from citrine.ocpp.v2.data_transfer_pb2 import DataTransferRequest, DataTransferResponse, DataTransferStatusEnum
from citrine_core.db import UnitOfWork
from citrine_core.dispatch.blocks import Block
from citrine_core.dispatch.calls import Call, Mark, marks_of
from citrine_process.settings import InvalidSetting

__all__ = ["Route", "Routes", "collect", "collect_served"]


@dataclass(frozen=True, slots=True)
class Route:
    """One bound handler."""

    mark: Mark
    method: Callable[..., Any]
    """Async, but for one that is marked `at_once`."""


@dataclass(frozen=True)
class Routes:
    """All bound handlers."""

    calls: Mapping[type[Message], Route]
    answers: Mapping[type[Message], Sequence[Route]]
    vendors: Mapping[tuple[str, str | None], Route] = field(default_factory=dict)
    failures: Mapping[type[Message], Sequence[Route]] = field(default_factory=dict)
    """By the request of the command."""

    @property
    def messages(self) -> frozenset[type[Message]]:
        """Messages of stations that have a handler."""
        return frozenset(self.calls)

    @property
    def actions(self) -> tuple[str, ...]:
        """OCPP actions that have a handler, sorted."""
        return tuple(sorted(action_of(message).name for message in self.calls))

    def vendor(self, vendor_id: str, message_id: str | None) -> Route | None:
        """Return the handler of a vendor's message, or of all the vendor's messages.

        For another message of a vendor that has handlers it is one that answers UnknownMessageId (P02.FR.07), and
        None for a vendor that has none.
        """
        found = self.vendors.get((vendor_id, message_id)) or self.vendors.get((vendor_id, None))
        if found is None and any(vendor == vendor_id for vendor, _ in self.vendors):
            return Route(Mark("vendor", (vendor_id, message_id)), _unknown_message_id)
        return found


async def _unknown_message_id(work: UnitOfWork, call: Call[DataTransferRequest]) -> DataTransferResponse:
    return DataTransferResponse(status=DataTransferStatusEnum.DATA_TRANSFER_STATUS_ENUM_UNKNOWN_MESSAGE_ID)


def collect(blocks: Iterable[Block]) -> Routes:
    """Return the handlers of the blocks.

    Raises:
        ValueError: When two handlers are bound to one message.
    """
    calls: dict[type[Message], Route] = {}
    vendors: dict[tuple[str, str | None], Route] = {}
    answers: dict[type[Message], list[Route]] = defaultdict(list)
    failures: dict[type[Message], list[Route]] = defaultdict(list)
    for block in blocks:
        for handler in block.handlers:
            # Any: for mypy a class has no hash.
            handler_class: Any = type(handler)
            for name, mark in _marked(handler_class):
                route = Route(mark, getattr(handler, name))
                if mark.kind in ("answer", "failure"):
                    (answers if mark.kind == "answer" else failures)[mark.message].append(route)
                    continue
                bound: dict[Any, Route] = calls if mark.kind == "call" else vendors
                if mark.message in bound:
                    raise ValueError(f"block {block.name} binds {mark.message} a second time")
                bound[mark.message] = route
    return Routes(calls, dict(answers), vendors, dict(failures))


@cache
def _marked(handler_class: type) -> tuple[tuple[str, Mark], ...]:
    """Return the names of marked methods of a class, each with its mark."""
    names = dir(handler_class)
    return tuple((name, mark) for name in names for mark in marks_of(getattr(handler_class, name, None)))


def collect_served(blocks: Sequence[Block], served: Collection[str]) -> Routes:
    """Return the handlers: of what stations send those of the served blocks, or all where none is named.

    Of answers to commands and of their failures they are all: whichever core sent a command stores its end.

    Raises:
        InvalidSetting: When there is no block of a name.
        ValueError: When two handlers are bound to one message.
    """
    unknown = set(served) - {block.name for block in blocks}
    if unknown:
        raise InvalidSetting(f"blocks: there is no block {', '.join(sorted(unknown))}")
    everything = collect(blocks)
    if not served:
        return everything
    chosen = collect([block for block in blocks if block.name in served])
    return Routes(chosen.calls, everything.answers, chosen.vendors, everything.failures)
