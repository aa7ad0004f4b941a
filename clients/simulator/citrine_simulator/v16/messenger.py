"""Sends the messages of a station in OCPP 1.6."""

from collections.abc import Callable, Mapping
from typing import Any

from citrine_simulator.messenger import Messenger
from citrine_simulator.v16.connectors import ConnectorNumbers
from citrine_simulator.v16.numbers import TransactionNumbers
from citrine_simulator.v16.requests import Request, id_token_info, request, start, stop, transaction_values

__all__ = ["Messenger16"]


class Messenger16:
    """A messenger that words messages of OCPP 2.x as those of 1.6, and their answers as those of 2.x.

    A transaction has its number from the answer to its StartTransaction on, so later messages are worded when they are
    sent, not when they are queued. What 1.6 has no message for is not sent, and counts as answered.
    """

    def __init__(self, link: Messenger, connectors: ConnectorNumbers, numbers: TransactionNumbers) -> None:
        self._link = link
        self._connectors = connectors
        self._numbers = numbers

    async def call(
        self,
        action: str,
        payload: Mapping[str, Any],
        message_id: str,
        timeout: float,
        sent: Callable[[], None] | None = None,
    ) -> dict[str, Any]:
        """Send a CALL and return the answer; see :meth:`Connection.call`."""
        worded = self._request(action, payload)
        if worded is None:
            return {}
        answer = await self._link.call(*worded, message_id, timeout, sent)
        if action == "TransactionEvent":
            return self._transaction_answer(payload, answer)
        return id_token_info(answer) if action == "Authorize" else answer

    def _request(self, action: str, payload: Mapping[str, Any]) -> Request | None:
        if action != "TransactionEvent":
            return request(action, payload, self._connectors)
        number = self._numbers.of(payload["transactionInfo"]["transactionId"])
        match payload["eventType"]:
            case "Started":
                return start(payload, self._connectors)
            case "Updated":
                return transaction_values(payload, number, self._connectors)
        return stop(payload, number)

    def _transaction_answer(self, event: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
        transaction_id = event["transactionInfo"]["transactionId"]
        match event["eventType"]:
            case "Started":
                self._numbers.assign(transaction_id, answer["transactionId"])
                return {"transactionNumber": answer["transactionId"], **id_token_info(answer)}
            case "Ended":
                self._numbers.forget(transaction_id)
        return {}
