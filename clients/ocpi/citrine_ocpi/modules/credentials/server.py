"""The endpoint of module credentials, which is the same for all roles."""

from citrine_ocpi.partners import Registration
from citrine_ocpi.transport.calls import Call, Endpoint
from citrine_ocpi.transport.envelope import Reply
from citrine_ocpi.transport.status import InterfaceRole

__all__ = ["CredentialsModule"]


class CredentialsModule:
    """Has partners register, change and end their registration.

    Args:
        registration: Does so.
    """

    def __init__(self, registration: Registration) -> None:
        self._registration = registration

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoint."""
        return [
            Endpoint(
                module="credentials",
                # The specification advises so: the role means nothing here.
                role=InterfaceRole.SENDER,
                path="",
                handlers={"GET": self._show, "POST": self._register, "PUT": self._renew, "DELETE": self._end},
                is_configuration=True,
            )
        ]

    async def _show(self, call: Call) -> Reply:
        return Reply(await self._registration.present(call))

    async def _register(self, call: Call) -> Reply:
        return Reply(await self._registration.accept(call), http_status=201)

    async def _renew(self, call: Call) -> Reply:
        return Reply(await self._registration.renew(call))

    async def _end(self, call: Call) -> Reply:
        await self._registration.end(call)
        return Reply()
