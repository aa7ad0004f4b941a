"""Hello, the first messages of an edge on a link, in pages that do not block the event loop."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from citrine.edge.v1 import link_pb2 as pb

__all__ = ["LINK_REVISION", "PAGE", "REVISION_KEY", "OpenSession", "greeting"]

LINK_REVISION = 1
"""Revision of the link's contract that this edge supports (Hello.link_revision)."""

REVISION_KEY = "citrine-link-revision"
"""Key of the initial metadata by which a core announces its revision."""

PAGE = 500
"""Sessions in one message."""

SLICE = 50
"""Sessions described before the event loop runs other tasks; they take half a millisecond."""


class OpenSession(Protocol):
    """What Hello needs of a session."""

    @property
    def description(self) -> pb.HeldSession:
        """The session as Hello lists it."""


async def greeting(hello: pb.Hello, sessions: Sequence[OpenSession], *, in_pages: bool) -> AsyncIterator[pb.Upstream]:
    """Yield Hello and its pages.

    Args:
        hello: Everything except the sessions, which are added to it.
        sessions: A snapshot of the open sessions. Those that open or close meanwhile are reported separately.
        in_pages: Whether the core supports pages. If not, Hello has all sessions, however many.
    """
    size = PAGE if in_pages else len(sessions)
    hello.has_more = len(sessions) > size
    hello.sessions.extend([description async for description in _described(sessions[:size])])
    yield pb.Upstream(hello=hello)
    for start in range(size, len(sessions), PAGE):
        page = pb.HelloPage(is_last=start + PAGE >= len(sessions))
        page.sessions.extend([description async for description in _described(sessions[start : start + PAGE])])
        yield pb.Upstream(hello_page=page)


async def _described(sessions: Sequence[OpenSession]) -> AsyncIterator[pb.HeldSession]:
    for number, session in enumerate(sessions, start=1):
        yield session.description
        if number % SLICE == 0:
            await asyncio.sleep(0)
