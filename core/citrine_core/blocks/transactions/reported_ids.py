"""Translates our ids of transactions into those of stations, if a station reused an id."""

from collections.abc import Iterator, Mapping
from typing import Any

from citrine_core.blocks.transactions.repository import TransactionRepository
from citrine_core.services import Services

__all__ = ["ReportedIds"]

_FIELD = "transactionId"


class ReportedIds:
    """Replaces ids of transactions in commands by the ids of their station."""

    def __init__(self, services: Services) -> None:
        self._unit_of_work = services.unit_of_work

    async def translate(self, tenant_id: str, station_id: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Return a payload with the station's ids of transactions. Makes no query unless it contains an id of ours."""
        ours = {found for found in _ids(payload) if "#" in found}
        if not ours:
            return payload
        async with self._unit_of_work(read_only=True) as work:
            reported = await TransactionRepository(work.session).find_reported_ids(tenant_id, station_id, ours)
        translated: dict[str, Any] = _replaced(payload, reported)
        return translated


# Any: JSON.
def _ids(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, content in value.items():
            if name == _FIELD and isinstance(content, str):
                yield content
            else:
                yield from _ids(content)
    elif isinstance(value, list):
        for content in value:
            yield from _ids(content)


def _replaced(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            name: ids.get(content, content) if name == _FIELD and isinstance(content, str) else _replaced(content, ids)
            for name, content in value.items()
        }
    return [_replaced(content, ids) for content in value] if isinstance(value, list) else value
