"""The endpoints of module versions."""

from collections.abc import Sequence

from citrine_ocpi.models import v2_2_1
from citrine_ocpi.transport.calls import Call, Endpoint, Handler
from citrine_ocpi.transport.envelope import Reply
from citrine_ocpi.transport.server import BASE, endpoint_path
from citrine_ocpi.transport.status import InterfaceRole, Version

__all__ = ["VersionsModule"]

MODULE = "versions"


class VersionsModule:
    """Says what else there is.

    Args:
        public_url: Where partners reach us.
        others: Endpoints of all other modules.
    """

    def __init__(self, public_url: str, others: Sequence[Endpoint]) -> None:
        self._public_url = public_url
        self._others = others

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints: the list of versions, and the details of each."""
        return [
            # The list is of no version; it is there once.
            _endpoint("/versions", self._list, Version.V2_2_1),
            *(_endpoint(f"/{version}", self._show, version) for version in Version),
        ]

    async def _list(self, call: Call) -> Reply:
        return Reply(
            [
                v2_2_1.Version.model_validate({"version": str(one), "url": f"{self._public_url}{BASE}/{one}"})
                for one in Version
            ]
        )

    async def _show(self, call: Call) -> Reply:
        places = {
            (one.module, one.role): f"{self._public_url}{endpoint_path(one, call.version)}"
            for one in self._others
            if call.version in one.versions
        }
        endpoints = [{"identifier": module, "role": role, "url": url} for (module, role), url in places.items()]
        return Reply(v2_2_1.VersionDetails.model_validate({"version": str(call.version), "endpoints": endpoints}))


def _endpoint(path: str, handler: Handler, version: Version) -> Endpoint:
    return Endpoint(
        module=MODULE,
        role=InterfaceRole.SENDER,
        path="",
        handlers={"GET": handler},
        versions=frozenset({version}),
        is_configuration=True,
        absolute_path=path,
    )
