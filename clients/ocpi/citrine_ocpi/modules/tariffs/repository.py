"""What is asked of the table of sent tariffs, and written to it."""

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from citrine_ocpi.db.inserts import insert_missing
from citrine_ocpi.modules.tariffs.tables import SentTariffRow

__all__ = ["SentTariffRepository"]


class SentTariffRepository:
    """The table of sent tariffs within a transaction. Of several replicas one at most makes each change."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def sent(self, partner_id: str) -> Mapping[str, tuple[str, Sequence[str]]]:
        """Return the digests of the tariffs that a hub was sent, and for whom. Nobody: for the hub as a whole."""
        columns = (SentTariffRow.tariff_id, SentTariffRow.digest, SentTariffRow.receivers)
        rows = await self._session.execute(select(*columns).where(SentTariffRow.partner_id == partner_id))
        return {tariff_id: (digest, said.split()) for tariff_id, digest, said in rows}

    async def store(self, partner_id: str, tariff_id: str, digest: str, party: str, receivers: Sequence[str]) -> bool:
        """Store that a tariff is sent. Return False if it was already, for the same parties."""
        values = {"digest": digest, "party": party, "receivers": " ".join(receivers)}
        row = {"partner_id": partner_id, "tariff_id": tariff_id, **values}
        if await insert_missing(self._session, SentTariffRow, [row], [SentTariffRow.tariff_id]):
            return True
        changed = (
            update(SentTariffRow)
            .where(SentTariffRow.partner_id == partner_id, SentTariffRow.tariff_id == tariff_id)
            .where(or_(SentTariffRow.digest != digest, SentTariffRow.receivers != values["receivers"]))
            .values(**values)
            .returning(SentTariffRow.tariff_id)
        )
        return (await self._session.execute(changed)).first() is not None

    async def remove(
        self, partner_id: str, tariff_ids: Collection[str] | None, but: Collection[str]
    ) -> Sequence[tuple[str, str, Sequence[str]]]:
        """Remove tariffs that a partner is shown no longer, and return each with the parties it was sent of and to.

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
        columns = (SentTariffRow.tariff_id, SentTariffRow.party, SentTariffRow.receivers)
        found = await self._session.execute(gone.returning(*columns))
        return [(tariff_id, party, receivers.split()) for tariff_id, party, receivers in found]
