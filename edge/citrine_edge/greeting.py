"""What an edge says first on a link, in pages that leave the event loop free."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from citrine.edge.v1 import link_pb2 as pb

__all__ = ["LINK_REVISION", "PAGE", "REVISION_KEY", "OpenSession", "greeting"]

LINK_REVISION = 1
"""What of the link's contract this edge knows (Hello.link_revision)."""

REVISION_KEY = "citrine-link-revision"
"""Key of the initial metadata in which a core says the same."""

PAGE = 500
"""Sessions in one message."""

SLICE = 50
"""Sessions that are described before others of the event loop have their turn: half a millisecond."""


class OpenSession(Protocol):
    """A session, as far as Hello is concerned."""

    @property
    def description(self) -> pb.HeldSession:
        """Describe it."""


async def greeting(hello: pb.Hello, sessions: Sequence[OpenSession], *, in_pages: bool) -> AsyncIterator[pb.Upstream]:
    """Yield Hello and its pages.

    Args:
        hello: All but the sessions. It is completed.
        sessions: Those that the edge holds now, a snapshot: what opens or closes meanwhile is reported on its own.
        in_pages: Whether the core knows pages. If not, all sessions go into Hello, which is as long as it is.
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
