"""Makes open transactions due for a check when their tokens change."""

from collections.abc import Callable, Collection, Sequence

from citrine.api.v1.authorization_pb2 import LOST_AUTHORIZATION_STOP
from citrine_core.blocks.authorization import SettingsDirectory
from citrine_core.blocks.transactions.limits.repository import LimitRepository, TransactionKey, new_row
from citrine_core.db import UnitOfWork
from citrine_core.resources.tokens import lookup_of, type_of
from citrine_core.services import Services

__all__ = ["TokenWatch"]


class TokenWatch:
    """Observes new, changed and removed tokens.

    Args:
        services: Clock and settings.
        wake: Called after the commit if a transaction became due.
    """

    def __init__(self, services: Services, wake: Callable[[], None]) -> None:
        self._clock = services.clock
        self._settings = SettingsDirectory.of(services)
        self._wake = wake

    async def changed(self, work: UnitOfWork, tenant_id: str, tokens: Sequence[tuple[str, str]]) -> None:
        """Make open transactions of tokens due: those that had to stop because of their token may continue now.

        Others become due if the tenant wants them stopped without authorization.
        """
        wanted = {(lookup_of(id_token, kind), type_of(kind)) for id_token, kind in tokens}
        await self._check(work, tenant_id, await LimitRepository(work.session).open_of_tokens(tenant_id, wanted))

    async def owner_changed(self, work: UnitOfWork, tenant_id: str, party: tuple[str, str]) -> None:
        """Do the same for open transactions of tokens of a party, which is suspended, or no more."""
        await self._check(work, tenant_id, await LimitRepository(work.session).open_of_owner(tenant_id, party))

    async def _check(self, work: UnitOfWork, tenant_id: str, keys: Collection[TransactionKey]) -> None:
        limits, now = LimitRepository(work.session), self._clock()
        if not keys:
            return
        if await limits.make_unstopped_due(tenant_id, keys, now):
            work.after_commit(self._wake)
        if not self._settings.loaded:
            await self._settings.load(work.session)
        settings = self._settings.find(tenant_id)
        if settings is None or settings.lost_authorization != LOST_AUTHORIZATION_STOP:
            return
        await limits.watch_tokens([new_row(tenant_id, key, now, watches_token=True) for key in sorted(keys)])
        work.after_commit(self._wake)
