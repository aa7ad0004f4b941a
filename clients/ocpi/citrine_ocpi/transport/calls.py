"""What modules of OCPI are made of: endpoints, and the calls that partners make on them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from citrine_ocpi.partner import Partner
from citrine_ocpi.transport.envelope import Reply, parse_json
from citrine_ocpi.transport.errors import InvalidJson, InvalidParameters
from citrine_ocpi.transport.paging import PageRequest, reply_page
from citrine_ocpi.transport.routing import Routing, TraceIds
from citrine_ocpi.transport.status import InterfaceRole, Version

__all__ = ["Call", "Endpoint", "Handler"]

ModelT = TypeVar("ModelT", bound=BaseModel)

MOST_FAULTS = 5
"""Faults of a body that are answered at most."""


@dataclass(frozen=True)
class Call:
    """A request of a partner."""

    partner: Partner
    version: Version
    method: str
    url: str
    """As the partner knows it, without parameters."""
    path: Mapping[str, str] = field(default_factory=dict)
    """What stands in the places of the endpoint's path: {"location_id": "LOC1"}."""
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    routing: Routing = field(default_factory=Routing)
    trace: TraceIds = field(default_factory=TraceIds)
    presented_token: str = field(default="", repr=False)
    """The credentials token that the partner called with."""
    largest_page: int = 100

    def json(self) -> Any:
        """Return the body.

        Raises:
            InvalidJson: When it is no JSON.
        """
        try:
            return parse_json(self.body)
        except ValueError:
            raise InvalidJson("the body is no JSON") from None

    def model(self, kind: type[ModelT]) -> ModelT:
        """Return the body as an object of OCPI.

        Raises:
            InvalidJson: When it is no JSON.
            InvalidParameters: When it is no such object; with the fields that are wrong.
        """
        return self.validated(kind, self.json())

    def validated(self, kind: type[ModelT], value: object) -> ModelT:
        """Return a value as an object of OCPI.

        Raises:
            InvalidParameters: When it is no such object; with the fields that are wrong.
        """
        try:
            return kind.model_validate(value)
        except ValidationError as error:
            faults = (f"{'.'.join(map(str, one['loc'])) or 'body'}: {one['msg']}" for one in error.errors())
            raise InvalidParameters("; ".join([*faults][:MOST_FAULTS])) from None

    def page(self) -> PageRequest:
        """Return which part of a list is asked for.

        Raises:
            InvalidParameters: When a parameter of it is none.
        """
        return PageRequest.of(self.query, self.largest_page)

    def reply_page(self, items: Sequence[object], total: int) -> Reply:
        """Return the answer with a page of a list, of `total` objects on all pages."""
        return reply_page(items, total, self.page(), self.url, self.query, self.largest_page)


Handler = Callable[[Call], Awaitable[Reply]]


@dataclass(frozen=True)
class Endpoint:
    """A path of a module, with what is done by each method."""

    module: str
    """As OCPI identifies it: "locations"."""
    role: InterfaceRole
    path: str
    """Below the module's URL, with places in braces, as "{location_id}/{evse_uid}". Empty: the module's URL itself."""
    handlers: Mapping[str, Handler]
    """By method of HTTP."""
    versions: frozenset[Version] = frozenset(Version)
    is_configuration: bool = False
    """Whether it belongs to no party, so that it has no routing, and is there before the registration."""
    absolute_path: str = ""
    """Where it is in place of a path made of version, role and module. Empty: there."""
