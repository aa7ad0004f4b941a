"""What is asked of the table of sent tariffs, and written to it."""

from collections.abc import Collection, Sequence

from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_ocpi.db.inserts import insert_missing
from citrine_ocpi.modules.tariffs.tables import SentTariffRow

__all__ = ["SentTariffRepository"]


class SentTariffRepository:
    """The table of sent tariffs within a transaction. Of several replicas one at most makes each change."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def store(self, partner_id: str, tariff_id: str, digest: str, party: str) -> bool:
        """Store that a tariff is sent. Return False if it was already."""
        row = {"partner_id": partner_id, "tariff_id": tariff_id, "digest": digest, "party": party}
        if await insert_missing(self._session, SentTariffRow, [row], [SentTariffRow.tariff_id]):
            return True
        changed = (
            update(SentTariffRow)
            .where(SentTariffRow.partner_id == partner_id, SentTariffRow.tariff_id == tariff_id)
            .where(SentTariffRow.digest != digest)
            .values(digest=digest, party=party)
            .returning(SentTariffRow.tariff_id)
        )
        return (await self._session.execute(changed)).first() is not None

    async def remove(
        self, partner_id: str, tariff_ids: Collection[str] | None, but: Collection[str]
    ) -> Sequence[tuple[str, str]]:
        """Remove tariffs that a partner is shown no longer, and return each with the party that it was sent of.

        Args:
            partner_id: The partner.
            tariff_ids: Those that are looked at. None: all.
            but: Those that it is shown.
        """
        gone = delete(SentTariffRow).where(
            SentTariffRow.partner_id == partner_id, SentTariffRow.tariff_id.not_in([*but])
        )
        if tariff_ids is not None:
            gone = gone.where(SentTariffRow.tariff_id.in_([*tariff_ids]))
        found = await self._session.execute(gone.returning(SentTariffRow.tariff_id, SentTariffRow.party))
        return [(tariff_id, party) for tariff_id, party in found]
