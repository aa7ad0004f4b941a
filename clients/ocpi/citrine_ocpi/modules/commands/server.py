"""The endpoint of module commands: what is answered at once."""

from collections.abc import Mapping

from citrine_ocpi.models import OcpiModel, v2_2_1, v2_3_0
from citrine_ocpi.modules.commands.accepted import accepted_row, check_response_url, digest_of
from citrine_ocpi.modules.commands.executor import PATIENCE, STATION_TIMEOUT, CommandExecutor
from citrine_ocpi.modules.commands.repository import CommandRepository
from citrine_ocpi.modules.commands.reserving import remember
from citrine_ocpi.modules.commands.targets import Refusal, Targets, UnknownSession
from citrine_ocpi.published.viewers import asking_party
from citrine_ocpi.services import Services
from citrine_ocpi.transport.calls import Call, Endpoint
from citrine_ocpi.transport.envelope import Reply
from citrine_ocpi.transport.status import InterfaceRole, Version

__all__ = ["CommandsServer"]

Response = v2_2_1.CommandResponseType

_MODELS: Mapping[Version, Mapping[str, type[OcpiModel]]] = {
    Version.V2_2_1: {
        "START_SESSION": v2_2_1.StartSession,
        "STOP_SESSION": v2_2_1.StopSession,
        "RESERVE_NOW": v2_2_1.ReserveNow,
        "CANCEL_RESERVATION": v2_2_1.CancelReservation,
        "UNLOCK_CONNECTOR": v2_2_1.UnlockConnector,
    },
    Version.V2_3_0: {
        "START_SESSION": v2_3_0.StartSession,
        "STOP_SESSION": v2_2_1.StopSession,
        "RESERVE_NOW": v2_3_0.ReserveNow,
        "CANCEL_RESERVATION": v2_2_1.CancelReservation,
        "UNLOCK_CONNECTOR": v2_2_1.UnlockConnector,
    },
}


class CommandsServer:
    """Stores commands that can go to a station, and answers so. What the station says is posted to the partner later.

    A command that is repeated as it was, before its result is known or by the same request, has no second effect, and
    is answered as the first one.

    Args:
        services: What it uses.
        targets: Finds what they are about.
        executor: Sends them.
    """

    def __init__(self, services: Services, targets: Targets, executor: CommandExecutor) -> None:
        self._services = services
        self._targets = targets
        self._executor = executor

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoint."""
        return [Endpoint("commands", InterfaceRole.RECEIVER, "{command}", {"POST": self._command})]

    async def _command(self, call: Call) -> Reply:
        name = call.path["command"].upper()
        kind = _MODELS[call.version].get(name)
        if kind is None:
            return _response(Response.NOT_SUPPORTED, f"{name} is no command")
        command = call.model(kind)
        response_url = str(getattr(command, "response_url"))  # noqa: B009 (all commands have one)
        check_response_url(self._services, call, response_url)
        # Parties behind a hub may say the same.
        digest = digest_of(name, command.wire(), str(asking_party(call.partner, call.routing) or ""))
        async with self._services.database.reading() as session:
            repository = CommandRepository(session)
            if await repository.is_known(call.partner.partner_id, digest, call.trace.request_id):
                return _response(Response.ACCEPTED)
        try:
            target = await self._targets.of(call, command)
        except UnknownSession as error:
            return _response(Response.UNKNOWN_SESSION, str(error))
        except Refusal as error:
            return _response(Response.REJECTED, str(error))
        row = await accepted_row(self._services, call, name, digest, response_url, target)
        async with self._services.database.writing() as session:
            if await CommandRepository(session).add(row, row["create_time"]):
                await remember(session, call, command, row)
        self._executor.filled.set()
        return _response(Response.ACCEPTED)


def _response(result: v2_2_1.CommandResponseType, text: str = "") -> Reply:
    message = [{"language": "en", "text": text[:512]}] if text else []
    timeout = int(PATIENCE.total_seconds()) if result is Response.ACCEPTED else STATION_TIMEOUT
    return Reply(v2_2_1.CommandResponse.model_validate({"result": result, "timeout": timeout, "message": message}))
