"""Stations that number no events, name no types of tokens, and leave the id of a transaction to the core."""

from datetime import UTC
from typing import Any

from google.protobuf.message import Message

from citrine.edge.v1.link_pb2 import ConnectorDetail, Supplement
from citrine.ocpp.v2.availability_pb2 import ConnectorStatusEnum, StatusNotificationRequest
from citrine.ocpp.v2.transactions_pb2 import TransactionEventRequest
from citrine.ocpp.v2.types_pb2 import IdToken
from tests.support.charging import at, ended, sampled, started, updated
from tests.support.fake_edge import FakeSession

__all__ = ["UNNUMBERED", "UnnumberedStation"]

UNNUMBERED = Supplement(unnumbered=True)
STARTS = Supplement(unnumbered=True, wants_transaction_number=True)


class UnnumberedStation:
    """What an edge says of such a station. Times are minutes after the beginning of `charging`."""

    def __init__(self, session: FakeSession) -> None:
        self.session = session
        self.calls: list[int] = []
        """Ids of the calls so far."""

    async def start(self, minutes: float = 0, wh: float = 1000, *, received: float | None = None, **fields: Any) -> int:
        """Begin a transaction, and return its number; `received` is when that arrives, in minutes."""
        await self._send(self.start_of(minutes, wh, **fields), STARTS, received)
        number = await self.session.edge.number_in(self.calls[-1])
        assert number is not None
        return number

    async def update(self, number: int | str, minutes: float, wh: float, **fields: Any) -> Any:
        """Report a reading."""
        return await self._send(
            updated(1, wh, minutes=minutes, transaction_id=str(number), **{"evse": (1, 1), **fields}), UNNUMBERED
        )

    async def stop(
        self,
        number: int | str,
        minutes: float,
        wh: float,
        *,
        id_token: str | None = None,
        received: float | None = None,
        **fields: Any,
    ) -> Any:
        """End a transaction; `received` is when that arrives, in minutes."""
        reading = sampled(wh, context="TRANSACTION_END")
        message = ended(2, reading, minutes=minutes, transaction_id=str(number), trigger="UNSPECIFIED", **fields)
        return await self._send(_untyped(message, id_token), UNNUMBERED, received)

    async def status(self, status: str, minutes: float, *, evse_id: int = 1, **detail: Any) -> None:
        """Report the status of a connector."""
        message = StatusNotificationRequest(
            timestamp=at(minutes),
            connector_status=ConnectorStatusEnum.Value(f"CONNECTOR_STATUS_ENUM_{status}"),
            evse_id=evse_id,
            connector_id=1 if evse_id else 0,
        )
        state = ConnectorDetail.State.Value(f"STATE_{detail.pop('state', 'UNSPECIFIED')}")
        given = ConnectorDetail(state=state, **detail)
        await self._send(message, Supplement(connector_detail=given), minutes)

    def start_of(
        self, minutes: float = 0, wh: float = 1000, *, id_token: str = "CARD", evse_id: int = 1, **fields: Any
    ) -> TransactionEventRequest:
        """Return the message that begins a transaction."""
        reading = sampled(wh, context="TRANSACTION_BEGIN")
        message = started(
            0, reading, minutes=minutes, transaction_id="", trigger="UNSPECIFIED", evse=(evse_id, 1), **fields
        )
        return _untyped(message, id_token)

    def put_start(self, message: TransactionEventRequest) -> int:
        """Queue a message that begins a transaction, and return the id of the call."""
        return self.session.edge.put_call(self.session.ref, message, supplement=STARTS)

    async def _send(self, message: Message, supplement: Supplement, received: float | None = None) -> Any:
        time = None if received is None else at(received).ToDatetime(UTC)
        call_id = self.session.edge.put_call(self.session.ref, message, receive_time=time, supplement=supplement)
        self.calls.append(call_id)
        return await self.session.edge.answer_to(call_id)


def _untyped(message: TransactionEventRequest, id_token: str | None) -> TransactionEventRequest:
    if id_token is not None:
        message.id_token.CopyFrom(IdToken(id_token=id_token))
    return message
