"""Iteration over the pages of lists."""

from collections.abc import AsyncGenerator
from typing import Protocol, TypeVar, runtime_checkable

from google.protobuf.message import Message
from grpc.aio import UnaryUnaryMultiCallable

__all__ = ["ListRequest", "ListResponse", "pages"]


@runtime_checkable
class ListRequest(Protocol):
    """A request for one page."""

    page_token: str


@runtime_checkable
class ListResponse(Protocol):
    """One page."""

    next_page_token: str


RequestT = TypeVar("RequestT", bound=Message)
ResponseT = TypeVar("ResponseT", bound=Message)


async def pages(
    method: UnaryUnaryMultiCallable[RequestT, ResponseT], request: RequestT, *, timeout: float | None = None
) -> AsyncGenerator[ResponseT, None]:
    """Yield the pages of a list, from the page of the request's page_token to the last. The request is not modified.

    Args:
        method: A list method of a stub, e.g. `citrine.stations.ListStations`.
        request: Its request.
        timeout: Seconds for each page. None: the default of the channel.

    Raises:
        TypeError: When the method is not a List rpc.
        grpc.aio.AioRpcError: When a call fails.
    """
    token: str | None = None
    while True:
        asked = type(request)()
        asked.CopyFrom(request)
        if not isinstance(asked, ListRequest):
            raise TypeError(f"{asked.DESCRIPTOR.name} is not the request of a list")
        if token is not None:
            asked.page_token = token
        page = await method(asked, timeout=timeout)
        if not isinstance(page, ListResponse):
            raise TypeError(f"{page.DESCRIPTOR.name} is not a page of a list")
        yield page
        token = page.next_page_token
        if not token:
            return
