"""The endpoint of module charging profiles: what is answered at once."""

from typing import Annotated, Any

from pydantic import Field

from citrine.api.v1.transactions_pb2 import GetTransactionRequest
from citrine_ocpi.models import OcpiModel, v2_2_1
from citrine_ocpi.models.types import Url
from citrine_ocpi.modules.charging_profiles.calls import CHANGES, CLEAR, GET, SET, ProfileCalls
from citrine_ocpi.modules.commands.accepted import accepted_row, check_response_url, digest_of
from citrine_ocpi.modules.commands.executor import PATIENCE, CommandExecutor
from citrine_ocpi.modules.commands.repository import CommandRepository
from citrine_ocpi.modules.sessions import find_session
from citrine_ocpi.published.viewers import parties_of
from citrine_ocpi.services import Services
from citrine_ocpi.transport.calls import Call, Endpoint
from citrine_ocpi.transport.envelope import Reply
from citrine_ocpi.transport.errors import InvalidParameters
from citrine_ocpi.transport.status import InterfaceRole

__all__ = ["ProfilesServer"]

Response = v2_2_1.ChargingProfileResponseType

LONGEST_SCHEDULE = 7 * 24 * 3600
"""Seconds that a partner may ask a station's plan of."""

MOST_SECONDS = 2**31 - 1
"""That OCPP can say."""


class _Clearing(OcpiModel):
    """The parameters of a DELETE."""

    response_url: Url


class _Asking(OcpiModel):
    """The parameters of a GET."""

    duration: Annotated[int, Field(gt=0, le=LONGEST_SCHEDULE)]
    response_url: Url


class _Refused(Exception):
    """A request does not go to a station."""

    def __init__(self, result: v2_2_1.ChargingProfileResponseType) -> None:
        super().__init__(result)
        self.result = result


class ProfilesServer:
    """Stores requests that can go to a station, and answers so. What the station says is posted to the partner later.

    Only one change of a session is on its way at a time, so that the last one that is accepted holds.

    Args:
        services: What it uses.
        executor: Sends what is stored.
    """

    def __init__(self, services: Services, executor: CommandExecutor) -> None:
        self._services = services
        self._executor = executor

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoint."""
        handlers = {"GET": self._get, "PUT": self._put, "DELETE": self._delete}
        return [Endpoint(ProfileCalls.module, InterfaceRole.RECEIVER, "{session_id}", handlers)]

    async def _put(self, call: Call) -> Reply:
        wanted = call.model(v2_2_1.SetChargingProfile)
        profile = wanted.charging_profile
        if not profile.charging_rate_unit.is_known:
            raise InvalidParameters("charging_profile.charging_rate_unit: must be W or A")
        if not profile.charging_profile_period:
            raise InvalidParameters("charging_profile.charging_profile_period: at least one is required")
        seconds = [profile.duration or 0, *(one.start_period for one in profile.charging_profile_period)]
        if not all(0 <= one <= MOST_SECONDS for one in seconds):
            raise InvalidParameters(f"charging_profile: duration and start_period must be 0 to {MOST_SECONDS}")
        return await self._accept(call, SET, wanted.response_url, {"profile": profile.wire()})

    async def _get(self, call: Call) -> Reply:
        asked = call.validated(_Asking, {**call.query})
        return await self._accept(call, GET, asked.response_url, {"duration": asked.duration})

    async def _delete(self, call: Call) -> Reply:
        asked = call.validated(_Clearing, {**call.query})
        return await self._accept(call, CLEAR, asked.response_url, {})

    async def _accept(self, call: Call, command: str, response_url: str, said: dict[str, Any]) -> Reply:
        check_response_url(self._services, call, response_url)
        try:
            target = {**await self._target(call), **said}
        except _Refused as refusal:
            return _response(refusal.result)
        # Setting what is set already changes nothing: only the very same request is a repetition.
        digest = digest_of(command, call.trace.request_id, response_url, target)
        row = await accepted_row(self._services, call, command, digest, response_url, target)
        async with self._services.database.writing() as session:
            repository = CommandRepository(session)
            if not await repository.is_known(call.partner.partner_id, digest, call.trace.request_id):
                waiting = await repository.waiting(call.partner.partner_id, CHANGES) if command in CHANGES else ()
                if any(_place(one.target) == _place(target) for one in waiting):
                    return _response(Response.TOO_OFTEN)
                await repository.add(row, row["create_time"])
        self._executor.filled.set()
        return _response(Response.ACCEPTED)

    async def _target(self, call: Call) -> dict[str, Any]:
        """Return where a session goes on.

        Raises:
            _Refused: When it is not known, or not the partner's, or nobody charges.
            grpc.aio.AioRpcError: When the core can't be asked.
        """
        parties = parties_of(call.partner, call.routing)
        found = await find_session(self._services.database, call.path["session_id"], parties)
        if found is None:
            raise _Refused(Response.UNKNOWN_SESSION)
        if found.is_over or not found.transaction_id:
            raise _Refused(Response.REJECTED)
        transaction = await self._services.citrine.transactions.GetTransaction(
            GetTransactionRequest(station_id=found.station_id, transaction_id=found.transaction_id)
        )
        if not transaction.evse_id:
            # A station need not say at which EVSE before the cable is there.
            raise _Refused(Response.REJECTED)
        return {
            "session_id": found.session_id,
            "station_id": found.station_id,
            "transaction_id": found.transaction_id,
            "evse_id": transaction.evse_id,
        }


def _place(target: dict[str, Any]) -> tuple[str, str]:
    return target["station_id"], target["transaction_id"]


def _response(result: v2_2_1.ChargingProfileResponseType) -> Reply:
    return Reply(v2_2_1.ChargingProfileResponse(result=result, timeout=int(PATIENCE.total_seconds())))
